//! A slice's file, or a template's, as descriptors: the service's in each form, and OSM's templates of slices.

use super::bench::{self, Made, build, faults};
use super::csar::parsed;
use serde_json::{Value, json};
use sol005::descriptor::Nsd;
use sol005::onboarding::{Descriptor, onboard};
use sol005::signature::Trust;
use std::ffi::OsString;
use std::path::Path;
use tempfile::TempDir;

const SPEC: &str = "  sites: {edge: {select: {}, apart: [cloud]}, cloud: {select: {}}}
  servers:
  - {name: store, site: cloud, chart: {repository: lab, name: mqtt-server}, platform: mqtt}
  - {name: audit, site: cloud, chart: {repository: lab, name: mqtt-server}, platform: mqtt}
  gateways:
  - {name: gw, site: edge, chart: {repository: lab, name: mqtt-gateway}, platform: mqtt, server: store}
  devices:
  - {name: thermo, gateway: gw, protocol: mqtt, resources: [{name: temperature, type: float64}]}
  access:
  - {from: gw, to: audit, ports: [8883/tcp]}
";

fn slice() -> String {
    format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: factory}}\nspec:\n  quality: {{sst: 3, sd: \"0000A1\", latency: 50ms, \
         uplink: 5Mbps}}\n{SPEC}"
    )
}

fn template(default: &str) -> String {
    let spec: String = SPEC.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: sliceway/v1\nkind: Template\nmetadata: {{name: factory}}\nspec:\n  version: \"2.0\"\n  parameters:\n  - {{name: level, \
         type: text{default}}}\n  profiles:\n    \"2\": {{sst: 2, latency: 5ms}}\n    3-0000A1: {{sst: 3, sd: \"0000A1\"}}\n    \
         \"200\": {{sst: 200}}\n  slice:\n{}",
        spec.replace("name: mqtt-gateway}", "name: mqtt-gateway}, values: {log: \"${level}\"}")
    )
}

/// Charts of the lab with that file, in a form.
fn built(text: &str, form: &str) -> (Made, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slice.yaml");
    std::fs::write(&file, text).unwrap();
    let charts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/charts");
    let charts = ["mqtt-gateway", "mqtt-server"].map(|name| charts.join(name).into_os_string());
    let words = ["--provider", "acme", "--format", form, "--slice"].map(OsString::from);
    (build(charts.into_iter().chain(words).chain([file.into_os_string()])), folder)
}

fn service(made: &Made, name: &str) -> Nsd {
    let bytes = std::fs::read(made.folder.path().join(name)).unwrap();
    let read = onboard(name, &bytes, &Trust::default()).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    match read.descriptor {
        Descriptor::Service(nsd) => *nsd,
        other => panic!("{name}: {other:?}"),
    }
}

fn connected(nsd: &Nsd, member: &str) -> Vec<String> {
    let found = nsd.members.iter().find(|known| known.id == member).unwrap();
    let mut links: Vec<String> = found.connections.iter().map(|(link, _)| link.clone()).collect();
    links.sort();
    links
}

#[test]
fn a_slice_is_the_same_service_in_each_form_and_read_again() {
    let of = |form: &str, name: &str| {
        let (made, _folder) = built(&slice(), form);
        assert_eq!(made.code, Some(0), "{form}: {}", made.words);
        (service(&made, name), made)
    };
    let (sol006, made) = of("sol006", "factory-nsd.yaml");
    if let Some(modules) = bench::modules() {
        assert_eq!(faults(&modules, &made.yaml("factory-nsd.yaml")), "");
    }
    let (sol001, made) = of("sol001", "factory_ns.csar");
    if let Some(words) = parsed(&made.folder.path().join("factory_ns.csar")) {
        assert_eq!(words, "");
    }
    let (osm, _) = of("osm", "factory_ns.tar.gz");
    let (osm8, _) = of("osm-r8", "factory_ns.tar.gz");
    for nsd in [&sol006, &sol001, &osm, &osm8] {
        let mut members: Vec<&str> = nsd.members.iter().map(|member| member.id.as_str()).collect();
        members.sort_unstable();
        assert_eq!(members, ["audit", "gw", "store"]);
        assert_eq!(connected(nsd, "gw"), ["mgmt", "to-audit", "to-gw", "to-store"]);
        assert_eq!(connected(nsd, "store"), ["mgmt", "to-store"]);
        assert_eq!(connected(nsd, "audit"), ["mgmt", "to-audit"]);
    }
    // Two functions of one chart are of one descriptor.
    let of = |nsd: &Nsd, id: &str| nsd.members.iter().find(|member| member.id == id).unwrap().vnfd.clone();
    assert_eq!(of(&osm, "store"), "mqtt_server_knf");
    assert_eq!(of(&osm, "audit"), "mqtt_server_knf");
    // Sites are groups; OSM has no word for them.
    for nsd in [&sol006, &sol001] {
        let mut groups: Vec<(&str, bool)> =
            nsd.groups.iter().map(|group| (group.id.as_str(), group.together)).collect();
        groups.sort_unstable();
        assert_eq!(groups, [("cloud", true), ("edge-cloud-apart", false)]);
        let needs = [("gw".to_owned(), "store".to_owned())];
        assert_eq!(nsd.dependencies, needs);
        assert!(nsd.saps.iter().any(|(_, link)| link == "to-gw"), "{:?}", nsd.saps);
    }
}

#[test]
fn a_slice_is_a_template_of_osm_with_its_type_and_latency() {
    let (made, _folder) = built(&slice(), "osm");
    assert_eq!(made.code, Some(0), "{}", made.words);
    let wanted = json!({"nst": [{
        "id": "factory_nst",
        "name": "factory_nst",
        "netslice-subnet": [{"id": "factory", "description": "the service factory", "is-shared-nss": "false", "nsd-ref": "factory_ns"}],
        "netslice-vld": [
            {"id": "slice-mgmt", "name": "slice-mgmt", "type": "ELAN", "mgmt-network": "true",
                "nss-connection-point-ref": [{"nss-ref": "factory", "nsd-connection-point-ref": "mgmt-sap"}]},
            {"id": "slice-to-gw", "name": "slice-to-gw", "type": "ELAN", "mgmt-network": "false",
                "nss-connection-point-ref": [{"nss-ref": "factory", "nsd-connection-point-ref": "to-gw-sap"}]},
        ],
        "netslice-connection-point": [{"name": "to-gw-sap", "netslice-vld-id-ref": "slice-to-gw"}],
        "SNSSAI-identifier": {"slice-service-type": "mMTC", "slice-differentiator": "0000A1"},
        "quality-of-service": {"packet-delay-budget": 50},
    }]});
    assert_eq!(made.yaml("factory_nst.yaml"), wanted);
    let text = made.read("factory_nst.yaml");
    let read = onboard("factory_nst.yaml", text.as_bytes(), &Trust::default()).unwrap();
    let Descriptor::Slice(nst) = read.descriptor else { panic!("{read:?}") };
    assert_eq!((nst.snssai, nst.latency_us), (Some((3, Some("0000A1".to_owned()))), Some(50_000)));
}

#[test]
fn a_template_has_one_for_each_of_its_profiles() {
    let (made, _folder) = built(&template(", default: info"), "osm");
    assert_eq!(made.code, Some(0), "{}", made.words);
    let kind = |name: &str| made.yaml(name)["nst"][0]["SNSSAI-identifier"].clone();
    assert_eq!(kind("factory_2_nst.yaml"), json!({"slice-service-type": "URLLC"}));
    let massive = json!({"slice-service-type": "mMTC", "slice-differentiator": "0000A1"});
    assert_eq!(kind("factory_3_0000A1_nst.yaml"), massive);
    assert_eq!(made.yaml("factory_2_nst.yaml")["nst"][0]["quality-of-service"], json!({"packet-delay-budget": 5}));
    // OSM has no word for it: it is said, and not written.
    assert_eq!(kind("factory_200_nst.yaml"), Value::Null);
    assert!(made.words.contains("not represented in the NST: slice/service type 200"), "{}", made.words);
    // A service of several qualities promises none on its links.
    let (made, _folder) = built(&template(", default: info"), "sol006");
    assert!(!made.read("factory-nsd.yaml").contains("latency"), "{}", made.read("factory-nsd.yaml"));
}

#[test]
fn what_cannot_become_one_is_told_with_its_place_and_nothing_is_written() {
    let refused = |text: &str, words: &[&str]| {
        let (made, _folder) = built(text, "osm");
        assert_eq!(made.code, Some(2), "{}", made.words);
        for word in words {
            assert!(made.words.contains(word), "{word}: {}", made.words);
        }
        assert_eq!(made.files(), []);
    };
    let words = ["slice.yaml:7", "spec.parameters[0].default", "level has no default", "give it a default"];
    refused(&template(""), &words);
    let text = slice().replace("name: mqtt-gateway", "name: mqtt-gatway");
    refused(&text, &["spec.gateways[0].chart", "\"mqtt-gatway\", which is not given", "did you mean mqtt-gateway?"]);
    let text = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: shop}\nspec: {service: {package: shop-ns}}\n";
    refused(text, &["package shop-ns has its descriptor already"]);
    refused(
        "apiVersion: sliceway/v1\nkind: Tenant\nmetadata: {name: t}\n",
        &["holds a Tenant, not a Slice or a Template"],
    );
}
