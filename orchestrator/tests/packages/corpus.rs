//! The corpus and the lab's charts: each becomes a descriptor that is valid, that tells of every object, and that is the
//! same each time.

use super::bench::{self, Made, build, faults};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Case {
    pub chart: PathBuf,
    pub name: String,
    values: String,
    kube_version: Option<String>,
    apis: Vec<String>,
}

/// Each chart with each of its values that it takes.
pub fn cases() -> Vec<Case> {
    let text = fs::read_to_string(bench::corpus().join("cases.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for entry in told["charts"].as_array().unwrap() {
        let name = entry["chart"].as_str().unwrap();
        for render in entry["renders"].as_array().unwrap().iter().filter(|render| render.get("refused").is_none()) {
            found.push(Case {
                chart: bench::corpus().join("charts").join(name),
                name: name.to_owned(),
                values: render["values"].as_str().unwrap().to_owned(),
                kube_version: render["kube_version"].as_str().map(str::to_owned),
                apis: render["api_versions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|api| api.as_str().unwrap().to_owned())
                    .collect(),
            });
        }
    }
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/charts");
    for name in ["mqtt-server", "mqtt-gateway"] {
        let (chart, name) = (labs.join(name), name.to_owned());
        found.push(Case { chart, name, values: String::new(), kube_version: None, apis: vec![] });
    }
    found
}

fn made(case: &Case) -> Made {
    made_as(case, "sol006")
}

pub fn made_as(case: &Case, format: &str) -> Made {
    let values = tempfile::NamedTempFile::new().unwrap();
    fs::write(values.path(), &case.values).unwrap();
    let mut arguments = vec![case.chart.display().to_string(), "-f".into(), values.path().display().to_string()];
    if let Some(version) = &case.kube_version {
        arguments.extend(["--kube-version".to_owned(), version.clone()]);
    }
    arguments.extend(["--format".to_owned(), format.to_owned()]);
    arguments.extend(case.apis.iter().flat_map(|api| ["--api-version".to_owned(), api.clone()]));
    build(arguments)
}

#[test]
fn every_chart_becomes_a_valid_descriptor_that_tells_of_every_object() {
    let modules = bench::modules();
    let cases = cases();
    assert!(cases.len() > 50, "{}", cases.len());
    for case in cases {
        let what = format!("{} with {:?}", case.name, case.values);
        let made = made(&case);
        assert_eq!(made.code, Some(0), "{what}: {}", made.words);
        let document: Value = serde_json::from_str(&made.read(&format!("{}-vnfd.json", case.name))).unwrap();
        assert_eq!(made.yaml(&format!("{}-vnfd.yaml", case.name)), document, "{what}");
        if let Some(modules) = &modules {
            assert_eq!(faults(modules, &document), "", "{what}");
        }
        for object in made.yaml(&format!("{}-report.yaml", case.name))["objects"].as_array().unwrap() {
            let told =
                [&object["as"], &object["not_represented"]].iter().any(|list| !list.as_array().unwrap().is_empty());
            assert!(told, "{what}: {object}");
        }
    }
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    for case in
        cases().iter().filter(|case| ["web", "stateful", "mqtt-server", "outward"].contains(&case.name.as_str()))
    {
        assert_eq!(made(case).files(), made(case).files(), "{}", case.name);
    }
}

/// The checker finds what it should: a document without what the standard wants.
#[test]
fn a_broken_document_is_found() {
    let Some(modules) = bench::modules() else { return };
    let made = build([bench::chart("kitchen")]);
    let whole: Value = serde_json::from_str(&made.read("kitchen-vnfd.json")).unwrap();
    for field in ["provider", "df", "ext-cpd"] {
        let mut broken = whole.clone();
        broken["etsi-nfv-vnfd:vnfd"].as_object_mut().unwrap().remove(field);
        assert!(!faults(&modules, &broken).is_empty(), "{field}");
    }
}
