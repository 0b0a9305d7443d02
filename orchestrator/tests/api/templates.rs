//! Templates: an operator offers a slice with typed parameters, tenants make slices of it within bounds and quotas, and they
//! are moved to newer versions when somebody says so.

use crate::server::{Server, stdout};
use serde_json::{Value, json};

const BASIC: &str = r#"apiVersion: sliceway/v1
kind: Template
metadata: {name: basic}
spec:
  version: "1.9"
  description: a broker in the cloud and one at the edge
  parameters:
    - {name: at, type: name, help: the cluster of the gateway, change: once}
    - {name: size, type: memory, default: 1Gi, minimum: 512Mi, maximum: 4Gi, help: of the volume}
    - {name: tag, type: text, default: quiet, choices: [quiet, loud]}
    - {name: limit, type: integer, default: 5, minimum: 1, maximum: 50, unit: devices}
    - {name: image, type: text, default: "lab.local/mosquitto:1", change: never}
  profiles:
    "1": {sst: 1, latency: 20ms}
    3-0000A1: {sst: 3, sd: "0000A1", uplink: 1Mbps}
  quota: {slices: 2, tenants: {acme: 1}}
  slice:
    sites: {edge: {cluster: "${at}"}, cloud: {cluster: cloud}}
    servers:
      - {name: store, site: cloud, chart: {repository: lab, name: mqtt-server}, platform: mqtt, values: {persistence: "${size}", images: {broker: "${image}", senml: "lab.local/senml:${limit}"}}}
    gateways:
      - {name: gw, site: edge, chart: {repository: lab, name: mqtt-gateway}, platform: mqtt, server: store}
"#;

fn offer(server: &Server, text: &str) -> String {
    let file = server.path("template.yaml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

async fn with_basic() -> Server {
    let server = Server::start().with_lab().await;
    let file = offer(&server, BASIC);
    server.done(&["template", "create", "-f", &file]);
    server
}

#[tokio::test]
async fn a_slice_of_a_template_lives_within_what_is_offered() {
    let server = with_basic().await;
    let shown = server.done(&["template", "show", "basic"]);
    for line in [
        "--set at=  name, must be said: the cluster of the gateway; only when it is made",
        "--set size=  memory, 512Mi to 4Gi, default 1Gi: of the volume",
        "--set limit=  integer, 1 to 50, default 5, devices",
        "--profile 3-0000A1",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let said =
        ["--set", "size=8Gi", "--set", "tag=shrill", "--set", "limit=many", "--set", "imgae=x", "--set", "image=y"];
    let says = [
        "set.at: is missing: the cluster of the gateway; say a name",
        "set.size: 8Gi is more than the most; write at most 4Gi",
        "set.tag: shrill is no choice; write one of quiet, loud",
        "set.limit: \"many\" does not fit; write a whole number",
        "set.imgae: template basic 1.9 has no parameter \"imgae\"; did you mean image?",
        "set.image: is the operator's to say",
        "profile: is missing; write one of 1, 3-0000A1",
    ];
    server.refused(&[&["template", "instantiate", "basic", "one"], &said[..]].concat(), &says);
    assert_eq!(server.json(&["get", "slices"]), json!([]));
    let said = ["--set", "at=edge", "--set", "size=2Gi", "--profile", "3-0000A1"];
    let plan = server.done(&[&["template", "instantiate", "basic", "one", "--plan"], &said[..]].concat());
    assert!(plan.contains("gw on edge"), "{plan}");
    server.done(&[&["template", "instantiate", "basic", "one", "--wait"], &said[..]].concat());
    let spec = server.json(&["get", "slice", "one"])["spec"].take();
    assert_eq!(spec["servers"][0]["values"]["persistence"], "2Gi");
    assert_eq!(spec["servers"][0]["values"]["images"]["senml"], "lab.local/senml:5");
    assert_eq!(spec["quality"], json!({"sst": 3, "sd": "0000A1", "uplink": "1Mbps"}));
    let used = json!({"name": "basic", "version": "1.9", "profile": "3-0000A1", "set": {"at": "edge", "size": "2Gi"}});
    assert_eq!(spec["template"], used);
    server.refused(
        &["template", "change", "one", "--set", "at=cloud"],
        &["set.at: is \"edge\" since the slice was made"],
    );
    assert!(server.done(&["template", "change", "one", "--set", "tag=quiet"]).contains("changes"));
    server.done(&["template", "change", "one", "--set", "limit=6", "--set", "tag=", "--wait"]);
    let spec = server.json(&["get", "slice", "one"])["spec"].take();
    assert_eq!(spec["servers"][0]["values"]["images"]["senml"], "lab.local/senml:6");
    assert_eq!(spec["template"]["set"], json!({"at": "edge", "size": "2Gi", "limit": 6}));
    // What is printed of it is taken again; another file is not.
    let file = server.path("one.yaml");
    std::fs::write(&file, stdout(&server.cli(&["slice", "export", "one", "-o", "yaml"]))).unwrap();
    assert!(server.done(&["apply", "-f", file.to_str().unwrap()]).contains("unchanged"));
    let other = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: one}\nspec: {sites: {edge: {cluster: edge}}}\n";
    std::fs::write(&file, other).unwrap();
    server.refused(&["apply", "-f", file.to_str().unwrap()], &["is of template basic", "sliceway template change one"]);
    server.refused(&["delete", "template", "basic"], &["slice one of tenant default"]);
}

#[tokio::test]
async fn a_quota_holds_whoever_comes_at_once() {
    let server = with_basic().await;
    let body = |slice: &str| json!({"slice": slice, "profile": "1", "set": {"at": "edge"}});
    let path = "/api/v1/templates/basic:instantiate";
    let file = |slice: &str| {
        let used = json!({"name": "basic", "profile": "1", "set": {"at": "edge"}});
        json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": slice}, "spec": {"template": used}})
    };
    // By the template's own way and by files.
    let all = ["a", "b"].map(|slice| server.admin("POST", path, body(slice)));
    let files = ["c", "d"].map(|slice| server.admin("POST", "/api/v1/slices", file(slice)));
    let (mut answers, more) = tokio::join!(futures::future::join_all(all), futures::future::join_all(files));
    answers.extend(more);
    let begun = answers.iter().filter(|(status, _)| *status == 202).count();
    assert_eq!(begun, 2, "{answers:?}");
    let refused = answers.iter().find(|(status, _)| *status == 422).unwrap();
    assert!(
        refused.1["detail"].as_str().unwrap().contains("has 2 slices of template basic, and may have 2"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn running_slices_keep_their_version_until_they_are_moved_in_waves() {
    let server = with_basic().await;
    let acme = server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    assert_eq!(acme.0, 200, "{acme:?}");
    for (tenant, slice) in [("default", "one"), ("default", "two"), ("acme", "three")] {
        let words =
            ["template", "instantiate", "basic", slice, "--tenant", tenant, "--set", "at=edge", "--profile", "1"];
        server.done(&[&words[..], &["--wait"]].concat());
    }
    let newer = BASIC.replace("\"1.9\"", "\"1.10\"").replace("default: 5", "default: 7");
    let file = offer(&server, &newer);
    server.done(&["apply", "-f", &file]);
    let file = offer(&server, &newer.replace("default: 7", "default: 8"));
    server.refused(&["apply", "-f", &file], &["template.yaml:5:", "with other words, and a version never changes"]);
    let all = server.json(&["get", "templates"]);
    let versions: Vec<&str> =
        all.as_array().unwrap().iter().map(|of| of["spec"]["version"].as_str().unwrap()).collect();
    assert_eq!(versions.len(), 2);
    assert_eq!(server.json(&["get", "template", "basic"])["spec"]["version"], "1.10");
    assert!(server.done(&["template", "change", "one"]).contains("unchanged"));
    let plan = server.done(&["template", "upgrade", "basic", "--plan"]);
    assert!(plan.contains("3 of 3 slices to move") && plan.contains("acme/three: 1.9 -> 1.10"), "{plan}");
    let moved = server.done(&["template", "upgrade", "basic", "--wave", "2"]);
    assert!(moved.contains("wave 2: ") && moved.contains("every slice is in 1.10"), "{moved}");
    for (tenant, slice) in [("default", "one"), ("default", "two"), ("acme", "three")] {
        let spec = server.json(&["get", "slice", slice, "--tenant", tenant])["spec"].take();
        assert_eq!(spec["template"]["version"], "1.10");
        assert_eq!(spec["servers"][0]["values"]["images"]["senml"], "lab.local/senml:7");
    }
    assert!(server.done(&["template", "upgrade", "basic"]).contains("0 of 3 slices to move"));
    // What nobody is of any more may go.
    let (status, _) = server.admin("DELETE", "/api/v1/templates/basic?version=1.9", Value::Null).await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn a_template_that_can_become_no_slice_is_refused_with_the_place() {
    let server = Server::start().with_lab().await;
    let wrong = BASIC
        .replace("${at}", "${ta}")
        .replace("minimum: 512Mi", "minimum: small")
        .replace("default: quiet", "default: mute")
        .replace("name: limit", "name: size");
    let says = [
        "template.yaml:9:",
        "minimum wants a number or a quantity",
        "mute is no choice",
        "size is there twice",
        "${ta} is no parameter; did you mean ${at}?",
    ];
    server.refused(&["template", "create", "-f", &offer(&server, &wrong)], &says);
    let wrong = BASIC.replace("site: cloud", "site: clod");
    server.refused(&["template", "create", "-f", &offer(&server, &wrong)], &["no site is called \"clod\""]);
    let wrong = BASIC.replace("3-0000A1:", "3-A1:").replace("type: memory", "type: size");
    server.refused(&["template", "create", "-f", &offer(&server, &wrong)], &["\"3-A1\" is not a S-NSSAI", "type"]);
    assert_eq!(server.json(&["get", "templates"]), json!([]));
}
