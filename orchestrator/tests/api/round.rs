//! The corpus of charts, there and back: each chart becomes descriptors, those are on-boarded and instantiated, and what
//! would be written on the cluster is, byte for byte, what applying the chart itself would write; and what is refused is
//! refused with the same words.

use crate::server::{Server, code, stdout, words};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/tests/corpus")
}

struct Case {
    chart: String,
    values: String,
}

fn cases() -> Vec<Case> {
    let table: Value = serde_json::from_str(&std::fs::read_to_string(corpus().join("cases.json")).unwrap()).unwrap();
    let case = |entry: &Value| Case {
        chart: entry["chart"].as_str().unwrap().to_owned(),
        values: entry["cluster"]["values"].as_str().unwrap().to_owned(),
    };
    table["charts"].as_array().unwrap().iter().map(case).collect()
}

/// As a descriptor spells the values: by paths, with a backslash before a dot inside a name.
fn parameters(value: &Value, path: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = key.replace('\\', "\\\\").replace('.', "\\.");
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                parameters(value, &path, found);
            }
        }
        _ if path.is_empty() => {}
        leaf => drop(found.insert(path.to_owned(), leaf.clone())),
    }
}

impl Case {
    fn values(&self) -> Value {
        match self.values.trim() {
            "" => json!({}),
            text => serde_saphyr::from_str(text).unwrap(),
        }
    }

    /// What applying the chart would do: the changes, or the words of the refusal.
    fn directly(&self, server: &Server, function: &str) -> Result<Value, String> {
        let chart = &self.chart;
        let spec = json!({
            "sites": {(function): {"cluster": "edge"}},
            "functions": [{"name": function, "site": function, "chart": {"repository": "corpus", "name": chart}, "values": self.values()}],
        });
        let document =
            json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "round"}, "spec": spec});
        let file = server.path("round.json");
        std::fs::write(&file, document.to_string()).unwrap();
        planned(&server.cli(&["plan", "-f", file.to_str().unwrap(), "-o", "json"]))
    }

    /// The same through descriptors in one form.
    fn by_descriptors(&self, server: &Server, form: &str) -> (String, Result<Value, String>) {
        let (chart, made) = (corpus().join("charts").join(&self.chart), server.path(&format!("{}-{form}", self.chart)));
        let file = server.path("values.yaml");
        std::fs::write(&file, &self.values).unwrap();
        let words = ["--service", "round", "--provider", "corpus", "--format", form, "-f", file.to_str().unwrap()];
        let paths = ["package", "build", chart.to_str().unwrap(), "--dir", made.to_str().unwrap()];
        server.done(&[&paths[..], &words[..]].concat());
        let mut archives: Vec<PathBuf> = std::fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().path()).collect();
        archives.retain(|path| path.extension().is_some_and(|end| end == "csar" || end == "gz"));
        archives.sort_by_key(|path| path.display().to_string().contains("_ns"));
        for (archive, name) in archives.iter().zip(["part", "round"]) {
            server.done(&["package", "add", archive.to_str().unwrap(), "--name", name]);
        }
        let package = server.json(&["get", "package", "round"]);
        let function = package["descriptor"]["functions"][0]["name"].as_str().unwrap().to_owned();
        let mut said = Map::new();
        parameters(&self.values(), "", &mut said);
        let functions = json!({"functions": {(function.clone()): {"cluster": "edge", "parameters": said}}});
        std::fs::write(&file, functions.to_string()).unwrap();
        server.done(&["ns", "create", "round", "--package", "round"]);
        let words = ["ns", "instantiate", "round", "-f", file.to_str().unwrap(), "--plan", "-o", "json"];
        let plan = planned(&server.cli(&words));
        for (noun, name) in [("service", "round"), ("package", "round"), ("package", "part")] {
            server.done(&["delete", noun, name]);
        }
        (function, plan)
    }
}

fn planned(output: &std::process::Output) -> Result<Value, String> {
    match code(output) {
        0 => Ok(serde_json::from_str::<Value>(&stdout(output)).unwrap()["changes"].take()),
        _ => {
            // Where it stands differs: a file there, a service here.
            let said = words(output);
            let lines = said.lines().filter(|line| line.contains(": ") && !line.starts_with("next"));
            let mut lines: Vec<String> =
                lines.map(|line| line.rsplit_once("/templates/").map_or(line, |(_, rest)| rest).to_owned()).collect();
            lines.sort();
            Err(lines.join("\n"))
        }
    }
}

async fn there_and_back(form: &str) {
    let server = Server::start().with_lab().await;
    server.done(&["repository", "add", "corpus", "--path", corpus().join("charts").to_str().unwrap()]);
    let (mut wrong, mut equal) = (Vec::new(), 0);
    for case in cases() {
        let (function, there) = case.by_descriptors(&server, form);
        match (there, case.directly(&server, &function)) {
            (Ok(there), Ok(direct)) if there == direct => equal += 1,
            (Err(there), Err(direct)) if there == direct => {}
            // OSM's form declares nothing, and this chart cannot be drawn without a value that it has no default of.
            (Err(there), Ok(_)) if form == "osm" && case.chart == "demanding" => {
                assert!(there.contains("demanding_knf declares no property \"owner\""), "{there}");
            }
            (there, direct) => {
                wrong.push(format!("{}\n  through descriptors: {there:?}\n  directly: {direct:?}", case.chart))
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(equal > 20, "{equal}");
}

#[tokio::test]
async fn a_chart_through_csars_is_what_the_chart_itself_is() {
    there_and_back("sol001").await;
}

#[tokio::test]
async fn a_chart_through_packages_of_osm_is_what_the_chart_itself_is() {
    there_and_back("osm").await;
}
