//! Charts that make a service together: the descriptor of the service, and the archives that OSM takes.

use super::bench::{self, Made, build, chart, faults};
use flate2::read::GzDecoder;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;

fn built(more: &[&str]) -> Made {
    let charts = ["kitchen", "postgres"].map(|name| chart(name).into_os_string());
    let words = ["--service", "dinner", "--provider", "acme"].into_iter().chain(more.iter().copied());
    let made = build(charts.into_iter().chain(words.map(OsString::from)));
    assert_eq!(made.code, Some(0), "{}", made.words);
    made
}

/// The files of an archive by their paths.
fn entries(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert!(found.insert(path.clone(), bytes).is_none(), "{path} twice");
    }
    found
}

fn archive(made: &Made, name: &str) -> BTreeMap<String, Vec<u8>> {
    entries(&std::fs::read(made.folder.path().join(name)).unwrap())
}

fn yaml(bytes: &[u8]) -> Value {
    serde_saphyr::from_slice(bytes).unwrap()
}

#[test]
fn what_one_chart_reaches_in_another_is_a_link_and_a_dependency() {
    let made = built(&[]);
    let nsd = made.yaml("dinner-nsd.yaml");
    if let Some(modules) = bench::modules() {
        assert_eq!(faults(&modules, &nsd), "");
        for name in ["kitchen", "postgres"] {
            assert_eq!(faults(&modules, &made.yaml(&format!("{name}-vnfd.yaml"))), "", "{name}");
        }
    }
    let nsd = &nsd["etsi-nfv-nsd:nsd"]["nsd"][0];
    let links: Vec<&str> =
        nsd["virtual-link-desc"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap()).collect();
    assert_eq!(links, ["mgmt", "postgres-postgres-main"]);
    let on = |member: usize| nsd["df"][0]["vnf-profile"][member]["virtual-link-connectivity"][1].clone();
    assert_eq!(on(0)["constituent-cpd-id"][0]["constituent-cpd-id"], "mgmt-ext");
    assert_eq!(on(1)["constituent-cpd-id"][0]["constituent-cpd-id"], "postgres-main-ext");
    let ids =
        ["kitchen", "postgres"].map(|name| made.yaml(&format!("{name}-vnfd.yaml"))["etsi-nfv-vnfd:vnfd"]["id"].clone());
    let needs = &nsd["df"][0]["dependencies"][0];
    assert_eq!((&needs["primary-vnf-profile"], &needs["secondary-vnf-profile"]), (&ids[1], &ids[0]));
    let found = made.yaml("kitchen-report.yaml")["needs"].clone();
    let edge = found.as_array().unwrap().iter().find(|edge| edge["to"] == "postgres-main").unwrap();
    assert_eq!(edge["found"], "postgres-main of postgres");
    assert!(!made.words.contains("needs postgres-main"), "{}", made.words);
}

/// Names with their modules, as a strict reader wants them: OSM writes none.
fn named(document: &Value) -> Value {
    let augmented = |name: &str| match name {
        "kdu" | "k8s-cluster" | "k8s-cluster-net" => Some("kdu"),
        "mgmt-cp" => Some("mgmt-interface"),
        "mgmt-network" => Some("ns-vld"),
        _ => None,
    };
    match document {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| {
                let value = if name == "mgmt-network" { json!(value == "true") } else { named(value) };
                let listed = (name == "constituent-cpd-id" && value.is_array()).then_some("ns-vld");
                match listed.or(augmented(name)) {
                    Some(module) => (format!("{module}:{name}"), value),
                    None => (name.clone(), value),
                }
            });
            Value::Object(fields.collect())
        }
        Value::Array(list) => list.iter().map(named).collect(),
        Value::Number(number) => json!(number),
        other => other.clone(),
    }
}

fn strict(document: &Value) -> Value {
    let (name, body) = document.as_object().unwrap().iter().next().unwrap();
    let mut body = rates(named(body));
    // OSM's own word; of a service no module of it says so.
    let top = match name.as_str() {
        "vnfd" => &mut body,
        _ => &mut body["nsd"][0],
    };
    let description = top.as_object_mut().unwrap().remove("description").filter(|_| name == "vnfd");
    top.as_object_mut().unwrap().extend(description.map(|text| ("additional-info:description".to_owned(), text)));
    let mut whole = Map::new();
    whole.insert(format!("etsi-nfv-{name}:{name}"), body);
    Value::Object(whole)
}

/// RFC 7951: a number of 64 bits is a text.
fn rates(document: Value) -> Value {
    match document {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("root", Value::Number(number)) => (name, json!(number.to_string())),
                (_, value) => (name, rates(value)),
            })
            .collect(),
        Value::Array(list) => list.into_iter().map(rates).collect(),
        other => other,
    }
}

#[test]
fn archives_for_osm_have_one_folder_one_descriptor_sums_and_the_chart() {
    let made = built(&["--format", "osm"]);
    let files = archive(&made, "kitchen_knf.tar.gz");
    let top: Vec<&String> = files.keys().filter(|path| path.matches('/').count() == 1).collect();
    assert_eq!(top, ["kitchen_knf/checksums.txt", "kitchen_knf/kitchen_vnfd.yaml"]);
    let charts = "kitchen_knf/helm-chart-v3s/kitchen/";
    for name in ["Chart.yaml", "values.yaml", "templates/web.yaml"] {
        assert!(files.contains_key(&format!("{charts}{name}")), "{name}: {:?}", files.keys());
    }
    let sums = String::from_utf8(files["kitchen_knf/checksums.txt"].clone()).unwrap();
    assert_eq!(sums.lines().count(), files.len() - 1);
    for line in sums.lines() {
        let (sum, path) = line.split_once('\t').unwrap();
        assert_eq!(sum, format!("{:x}", Md5::digest(&files[path])), "{path}");
    }
    let vnfd = yaml(&files["kitchen_knf/kitchen_vnfd.yaml"]);
    let services: Vec<&Value> =
        vnfd["vnfd"]["kdu"][0]["service"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(services, ["kitchen-web"]);
    assert!(vnfd["vnfd"].get("vdu").is_none(), "OSM would make machines of them");
    let nsd = yaml(&archive(&made, "dinner_ns.tar.gz")["dinner_ns/dinner_nsd.yaml"]);
    assert_eq!(nsd["nsd"]["nsd"][0]["vnfd-id"], json!(["kitchen_knf", "postgres_knf"]));
    if let Some(modules) = bench::modules() {
        assert_eq!(faults(&modules, &strict(&vnfd)), "");
        assert_eq!(faults(&modules, &strict(&nsd)), "");
    }
    assert_eq!(made.files(), built(&["--format", "osm"]).files());
}

#[test]
fn a_chart_in_a_repository_is_named_and_does_not_travel() {
    let made = built(&["--format", "osm", "--repository", "iml"]);
    let files = archive(&made, "postgres_knf.tar.gz");
    assert_eq!(files.len(), 2);
    let vnfd = yaml(&files["postgres_knf/postgres_vnfd.yaml"]);
    assert_eq!(
        vnfd["vnfd"]["kdu"],
        json!([{"name": "postgres", "helm-chart": "iml/postgres",
        "service": [{"name": "postgres-main", "external-connection-point-ref": "postgres-main-ext"}]}])
    );
}

#[test]
fn release_eight_has_catalogues() {
    let made = built(&["--format", "osm-r8"]);
    let vnfd = yaml(&archive(&made, "postgres_knf.tar.gz")["postgres_knf/postgres_vnfd.yaml"]);
    let vnfd = &vnfd["vnfd-catalog"]["vnfd"][0];
    assert_eq!((&vnfd["id"], &vnfd["mgmt-interface"]["cp"]), (&json!("postgres_knf"), &json!("mgmt-ext")));
    let nsd = yaml(&archive(&made, "dinner_ns.tar.gz")["dinner_ns/dinner_nsd.yaml"]);
    let link = &nsd["nsd-catalog"]["nsd"][0]["vld"][1];
    let on: Vec<&Value> = link["vnfd-connection-point-ref"]
        .as_array()
        .unwrap()
        .iter()
        .map(|on| &on["vnfd-connection-point-ref"])
        .collect();
    assert_eq!(on, ["mgmt-ext", "postgres-main-ext"]);
}

/// The descriptors that a real OSM took are read by the same strict reader, so that it asks for no more than OSM does.
#[test]
fn descriptors_that_osm_took_are_valid_too() {
    let Some(modules) = bench::modules() else { return };
    let folder = modules.join("../../reference/osm-packages/iotslice");
    let mut read = 0;
    for name in ["edgex_knf/edgex_vnfd", "edgex_ns/edgex_nsd", "mainflux_knf/mainflux_vnfd", "mainflux_ns/mainflux_nsd"]
    {
        let Ok(bytes) = std::fs::read(folder.join(format!("{name}.yaml"))) else { continue };
        assert_eq!(faults(&modules, &strict(&yaml(&bytes))), "", "{name}");
        read += 1;
    }
    assert!(read == 4 || !folder.is_dir(), "{read}");
}
