//! What is said of packages that somebody brings: our own of every form, those that OSM took, and ones that are wrong.

use super::bench::{Made, build, chart, modules};
use serde_json::{Value, json};
use sol005::archive::{Tar, Zip};
use sol005::onboarding::ChartSource;
use sol005::signature::Trust;
use std::ffi::OsString;
use std::process::Command;

pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub words: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.words))
    }
}

/// `sliceway package validate` with no server, no place to write to, and one GB to be in.
pub fn validate(arguments: &[&str]) -> Said {
    let out = Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_sliceway"), "package", "validate"])
        .args(arguments)
        .env_remove("SLICEWAY_SERVER")
        .env("TMPDIR", "/nowhere")
        .output()
        .expect("sliceway runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: out.status.code(), out: text(out.stdout), words: text(out.stderr) }
}

/// Bytes as a file of that name.
pub fn brought(name: &str, bytes: &[u8]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let said = validate(&[path.to_str().unwrap()]);
    let plain = |text: &str| text.replace(&format!("{}/", folder.path().display()), "");
    Said { code: said.code, out: plain(&said.out), words: plain(&said.words) }
}

fn dinner(format: &str) -> Made {
    let charts = ["kitchen", "postgres"].map(|name| chart(name).into_os_string());
    let words = ["--service", "dinner", "--provider", "acme", "--format", format].map(OsString::from);
    let made = build(charts.into_iter().chain(words));
    assert_eq!(made.code, Some(0), "{}", made.words);
    made
}

fn read(made: &Made, name: &str) -> Vec<u8> {
    std::fs::read(made.folder.path().join(name)).unwrap()
}

fn told(made: &Made, name: &str) -> Value {
    let said = validate(&[made.folder.path().join(name).to_str().unwrap(), "-o", "json"]);
    assert_eq!(said.code, Some(0), "{name}: {}{}", said.out, said.words);
    said.json()
}

#[test]
fn what_is_built_here_is_valid_in_every_form() {
    let chart_digest = |verdict: &Value| verdict["charts"][0]["digest"].as_str().unwrap().to_owned();
    for (format, function, service) in [
        ("sol001", "kitchen.csar", "dinner_ns.csar"),
        ("osm", "kitchen_knf.tar.gz", "dinner_ns.tar.gz"),
        ("osm-r8", "kitchen_knf.tar.gz", "dinner_ns.tar.gz"),
    ] {
        let made = dinner(format);
        let verdict = told(&made, function);
        let of = &verdict["descriptor"];
        assert_eq!(
            (&of["kind"], &of["form"], &of["provider"]),
            (&json!("VNFD"), &json!(format), &json!("acme")),
            "{verdict}"
        );
        let chart = &verdict["charts"][0];
        assert_eq!((&chart["name"], &chart["version"]), (&json!("kitchen"), &json!("2.1.0")), "{verdict}");
        assert_eq!(chart_digest(&verdict).len(), "sha256:".len() + 64);
        let verdict = told(&made, service);
        let functions = verdict["descriptor"]["functions"].as_array().unwrap();
        assert_eq!((&verdict["descriptor"]["kind"], functions.len()), (&json!("NSD"), 2), "{verdict}");
    }
}

#[test]
fn a_document_of_sol006_travels_with_its_chart_in_any_archive() {
    let made = dinner("sol006");
    let (yaml, json) = (read(&made, "kitchen-vnfd.yaml"), read(&made, "kitchen-vnfd.json"));
    let chart = read(&made, "charts/kitchen-2.1.0.tgz");
    let (mut tar, mut zip) = (Tar::default(), Zip::default());
    tar.file("kitchen-vnfd.yaml", &yaml).unwrap();
    tar.file("charts/kitchen-2.1.0.tgz", &chart).unwrap();
    zip.file("kitchen-vnfd.json", &json).unwrap();
    zip.file("charts/kitchen-2.1.0.tgz", &chart).unwrap();
    for (name, bytes) in [("kitchen.tgz", tar.gzipped().unwrap()), ("kitchen.zip", zip.finished().unwrap())] {
        let said = brought(name, &bytes);
        assert_eq!(said.code, Some(0), "{}", said.words);
        assert!(
            said.out.starts_with(&format!("{name}: valid: VNFD kitchen 2.1.0 by acme (sol006), id ")),
            "{}",
            said.out
        );
        assert!(said.out.contains("charts/kitchen-2.1.0.tgz: kitchen 2.1.0 sha256:"), "{}", said.out);
    }
    // Alone it names a chart that nobody sees.
    let said = brought("kitchen-vnfd.yaml", &yaml);
    assert_eq!(said.code, Some(2));
    assert!(said.words.contains("the chart kitchen of kitchen is not in the package"), "{}", said.words);
    assert!(said.words.contains("pack it with the descriptor"), "{}", said.words);
    let said = brought("dinner-nsd.yaml", &read(&made, "dinner-nsd.yaml"));
    assert_eq!(said.code, Some(0), "{}", said.words);
}

#[test]
fn a_file_that_is_not_there_keeps_no_other_from_being_judged() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.yaml");
    std::fs::write(&good, "nsd: {nsd: [{id: a, vnfd-id: [f], df: [{id: d, vnf-profile: [{id: one, vnfd-id: f}]}]}]}\n")
        .unwrap();
    let said = validate(&["/nowhere.csar", good.to_str().unwrap()]);
    assert_eq!(said.code, Some(2));
    assert!(said.out.contains("good.yaml: valid: NSD a"), "{}", said.out);
    assert!(said.words.contains("/nowhere.csar: No such file"), "{}", said.words);
}

#[test]
fn packages_that_osm_took_are_valid() {
    let Some(modules) = modules() else { return };
    let folder = modules.join("../../reference/osm-packages/iotslice");
    for (name, kind, chart) in [
        ("edgex_knf.tar.gz", "VNFD", Some("iml/edgex")),
        ("mainflux_knf.tar.gz", "VNFD", Some("iml/mainflux")),
        ("edgex_ns.tar.gz", "NSD", None),
        ("mainflux_ns.tar.gz", "NSD", None),
        ("iot_slice_nst.yaml", "NST", None),
    ] {
        let said = validate(&[folder.join(name).to_str().unwrap(), "-o", "json"]);
        assert_eq!(said.code, Some(0), "{name}: {}", said.words);
        let verdict = said.json();
        assert_eq!(verdict["descriptor"]["kind"], kind);
        assert_eq!(verdict["charts"][0]["place"].as_str(), chart);
    }
    let strict = modules.join("../../reference/osm-packages/strict");
    for path in ["edgex_knf/edgex_vnfd.yaml", "edgex_ns/edgex_nsd.yaml"] {
        let said = validate(&[strict.join(path).to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{path}: {}", said.words);
    }
}

const WRONG: &str = "vnfd:
  id: web
  provider: acme
  prodct-name: web
  version: 1.10
  ext-cpd:
  - id: mgmt
    vip-cpd: nothing
  - id: mgmt
  kdu:
  - name: web
    helm-chart: iml/web
  - name: lamp
    juju-bundle: lamp
  df:
  - id: default-df
    vdu-profile:
    - id: web
      min-number-of-instances: 3
      max-number-of-instances: 2
";

#[test]
fn all_that_is_wrong_is_told_at_once_with_line_and_mend() {
    let said = brought("web.yaml", WRONG.as_bytes());
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    for expected in [
        "web.yaml:4:16: vnfd.prodct-name: \"prodct-name\" is not known here; did you mean product-name?",
        "external connection point mgmt is there twice; name them apart",
        "external connection point mgmt leads to nothing, which is not described",
        "web.yaml:13:5: vnfd.kdu[1]: lamp is a Juju bundle",
        "at least 3 are more than at most 2",
    ] {
        assert!(said.words.contains(expected), "{expected}: {}", said.words);
    }
    // The same in an archive names the file in it.
    let mut tar = Tar::default();
    tar.file("web/web_vnfd.yaml", WRONG.as_bytes()).unwrap();
    let said = brought("web.tar.gz", &tar.gzipped().unwrap());
    assert!(said.words.contains("web.tar.gz: web/web_vnfd.yaml:4:16: vnfd.prodct-name"), "{}", said.words);
    assert!(said.words.ends_with("next:  mend the package, and validate it again\n"), "{}", said.words);
}

#[test]
fn what_is_no_descriptor_or_refers_to_nothing_is_told_where_it_stands() {
    let service = "nsd: {nsd: [{id: a, vnfd-id: [w], df: [{id: d, dependencies: [{primary-vnf-profile: x, secondary-vnf-profile: '1'}],
  vnf-profile: [{id: '1', vnfd-id: w, virtual-link-connectivity: [{virtual-link-profile-id: net}]}]}]}]}";
    for (text, expected) in [
        ("", "it is empty"),
        ("a: [1", "a.yaml:1:4: cannot be read"),
        ("vnfd: 3", "a.yaml:1:7: vnfd: the number 3 stands where a map is wanted"),
        ("vnfd: [{id: a}]", "vnfd: a list stands where a map is wanted"),
        ("vnfd: {id: a, df: 1}", "vnfd.df: the number 1 stands where a list is wanted"),
        (service, "virtual-link-connectivity[0]: virtual link net is not described"),
        (service, "dependencies[0]: no function is called x; name a vnf-profile"),
        (
            "nsd: {nsd: [{id: a, df: [{id: d, vnf-profile: [{id: '1', vnfd-id: w}]}]}]}",
            "function 1 is w, which vnfd-id does not name",
        ),
        ("tosca_definitions_version: tosca_simple_yaml_1_3", "topology_template is missing"),
        ("a: 1\n---\nb: 2", "there are several documents in one file"),
        (
            "vnfd: {id: a, kdu: [{name: a, helm-chart: ../b}], df: [{id: d}]}",
            "the chart ../b of a is not in the package",
        ),
    ] {
        let said = brought("a.yaml", text.as_bytes());
        assert_eq!(said.code, Some(2), "{text}");
        assert!(said.words.contains(expected), "{expected}: {}", said.words);
    }
}

#[test]
fn of_several_files_each_is_told_and_a_version_keeps_its_spelling() {
    let right = "vnfd: {id: a, version: 1.10, kdu: [{name: a, helm-chart: iml/a}], df: [{id: d}]}";
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (write("right.yaml", right), write("wrong.yaml", "a: 1"));
    let said = validate(&[&right, &wrong, "-o", "json"]);
    assert_eq!(said.code, Some(2));
    let verdicts = said.json();
    assert_eq!((&verdicts[0]["valid"], &verdicts[0]["descriptor"]["version"]), (&json!(true), &json!("1.10")));
    assert_eq!(verdicts[1]["valid"], false);
    let message = verdicts[1]["problems"][0]["message"].as_str().unwrap();
    assert_eq!(message, "it is no descriptor that is known");
    let said = validate(&[&right, "/nowhere/b.yaml"]);
    assert!(said.code == Some(2) && said.words.contains("/nowhere/b.yaml: No such file"), "{}", said.words);
}

/// The package with one of its files as `change` leaves it; `None` leaves it out.
fn changed(bytes: &[u8], name: &str, change: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let files = sol005::archive::read(bytes, sol005::archive::Limits::default()).unwrap();
    assert!(files.contains_key(name), "{:?}", files.keys());
    let mut zip = Zip::default();
    for (path, bytes) in &files {
        let text = (path == name).then(|| change(std::str::from_utf8(bytes).unwrap()));
        match text {
            None => zip.file(path, bytes).unwrap(),
            Some(Some(text)) => zip.file(path, text.as_bytes()).unwrap(),
            Some(None) => {}
        }
    }
    zip.finished().unwrap()
}

#[test]
fn a_digest_that_is_not_the_files_is_told_with_its_line_in_the_manifest() {
    let csar = read(&dinner("sol001"), "postgres.csar");
    let descriptor = "Definitions/postgres_vnfd.yaml";
    let said = brought("a.csar", &changed(&csar, descriptor, |text| Some(text.replace("acme", "evil"))));
    assert_eq!(said.code, Some(2));
    assert!(
        said.words.contains("a.csar: postgres.mf:") && said.words.contains(&format!("{descriptor} has the digest")),
        "{}",
        said.words
    );
    let said = brought("a.csar", &changed(&csar, descriptor, |_| None));
    assert!(said.words.contains("Entry-Definitions names"), "{}", said.words);
    assert!(said.words.contains("postgres.mf:") && said.words.contains("is not in the package"), "{}", said.words);
    let said = brought("a.csar", &changed(&csar, "postgres.mf", |text| Some(text.replace("SHA-256", "MD5"))));
    assert!(said.words.contains("MD5 is no digest that is taken; SHA-256 or SHA-512"), "{}", said.words);
    // OSM's sums too, at which OSM itself does not look.
    let made = dinner("osm");
    let package = read(&made, "dinner_ns.tar.gz");
    let files = sol005::archive::read(&package, sol005::archive::Limits::default()).unwrap();
    let mut tar = Tar::default();
    for (path, bytes) in &files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        tar.file(path, if path.ends_with("yaml") { text.replace("acme", "evil") } else { text }.as_bytes()).unwrap();
    }
    let said = brought("a.tar.gz", &tar.gzipped().unwrap());
    assert_eq!(said.code, Some(2));
    assert!(said.words.contains("dinner_ns/checksums.txt:1: dinner_ns/dinner_nsd.yaml has the sum"), "{}", said.words);
}

#[test]
fn a_csar_without_metadata_has_its_descriptor_and_manifest_at_the_top() {
    let csar = read(&dinner("sol001"), "postgres.csar");
    let files = sol005::archive::read(&csar, sol005::archive::Limits::default()).unwrap();
    let text = String::from_utf8(files["Definitions/postgres_vnfd.yaml"].clone()).unwrap();
    let mut zip = Zip::default();
    zip.file("postgres.yaml", text.replace("../Artifacts/", "Artifacts/").as_bytes()).unwrap();
    zip.file("postgres.mf", b"metadata:\n  vnf_product_name: postgres\n").unwrap();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("Artifacts/")) {
        zip.file(path, bytes).unwrap();
    }
    let said = brought("postgres.zip", &zip.finished().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.words);
    assert!(said.out.contains("(sol001)"), "{}", said.out);
    assert!(said.words.contains("warning: postgres.yaml stands in no manifest"), "{}", said.words);
}

#[test]
fn every_chart_of_the_corpus_is_on_boarded_as_it_was_described() {
    for case in super::corpus::cases() {
        for (format, end) in [("sol001", ".csar"), ("osm", "_knf.tar.gz")] {
            let made = super::corpus::made_as(&case, format);
            let (name, bytes) = made.files().into_iter().find(|(name, _)| name.ends_with(end)).unwrap();
            let onboarded = sol005::onboarding::onboard(&name, &bytes, &Trust::default());
            let onboarded = onboarded.unwrap_or_else(|problems| panic!("{} as {format}: {problems:?}", case.name));
            let chart = &onboarded.charts[0];
            assert_eq!((onboarded.charts.len(), chart.digest.len()), (1, 64), "{}", case.name);
            assert!(matches!(&chart.source, ChartSource::Archive(_) | ChartSource::Folder(_)), "{:?}", chart.source);
        }
    }
}
