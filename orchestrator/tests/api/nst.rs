//! Slices of several services: OSM's template of a slice (NST) is on-boarded after its services, and is made, changed and
//! ended as one service.

use crate::server::Server;
use crate::services::onboarded;
use serde_json::{Value, json};

/// A service of one function, which one of its connection points has on the link that the access point leads to.
fn service(server: &Server, (id, function, point): (&str, &str, &str)) {
    let text = format!(
        "nsd: {{nsd: [{{id: {id}, name: {id}, designer: acme, version: '1.0', vnfd-id: [{function}_knf], sapd: [{{id: lan-sap, \
         virtual-link-desc: lan}}], virtual-link-desc: [{{id: lan}}], df: [{{id: d, vnf-profile: [{{id: {function}, \
         vnfd-id: {function}_knf, virtual-link-connectivity: [{{virtual-link-profile-id: lan, constituent-cpd-id: \
         [{{constituent-base-element-id: {function}, constituent-cpd-id: {point}}}]}}]}}]}}]}}]}}\n"
    );
    added(server, id, &text);
}

fn added(server: &Server, name: &str, text: &str) -> String {
    server.done(&["package", "add", &written(server, name, text), "--name", name])
}

fn written(server: &Server, name: &str, text: &str) -> String {
    let file = server.path(&format!("{name}.yaml"));
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn nst(sap: &str, kind: &str) -> String {
    format!(
        "nst:
- id: plant
  name: plant
  SNSSAI-identifier: {{slice-service-type: {kind}, slice-differentiator: '00000a'}}
  quality-of-service: {{id: 5, packet-delay-budget: 100}}
  netslice-subnet:
  - {{id: front, description: the front, is-shared-nss: 'false', nsd-ref: front}}
  - {{id: back, description: the back, is-shared-nss: 'true', nsd-ref: back}}
  netslice-vld:
  - id: wire
    name: wire
    type: ELAN
    nss-connection-point-ref:
    - {{nss-ref: front, nsd-connection-point-ref: lan-sap}}
    - {{nss-ref: back, nsd-connection-point-ref: {sap}}}
    - {{nss-ref: bakc, nsd-connection-point-ref: lan-sap}}
  - id: open
    name: open
    nss-connection-point-ref: [{{nss-ref: back, nsd-connection-point-ref: {sap}}}]
  netslice-connection-point: [{{name: outside, netslice-vld-id-ref: open}}]
"
    )
}

#[tokio::test]
async fn a_template_of_osm_is_a_slice_of_its_services_joined_by_its_links() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "osm");
    service(&server, ("front", "web", "mgmt-ext"));
    // Its services come first.
    let file = written(&server, "plant", &nst("lan-sap", "mMTC"));
    server.refused(&["package", "add", &file], &["plant.yaml", "no package describes back, the service back"]);
    service(&server, ("back", "db", "db-ext"));
    let said = added(&server, "plant", &nst("lan-sap", "mMTC"));
    assert!(said.contains("package plant: NST plant"), "{said}");
    for warning in ["service back may be shared", "link wire: no service is called bakc"] {
        assert!(said.contains(warning), "{said}");
    }
    server.refused(&["delete", "package", "back"], &["package plant"]);
    let said = ["--at", "front-web=edge", "--at", "back-db=cloud", "--set", "front-web.limit=20"];
    server.done(&[&["ns", "instantiate", "one", "--package", "plant", "--wait"], &said[..]].concat());
    let slice = server.json(&["get", "slice", "one"]);
    assert_eq!(slice["placed"], json!({"front-web": "edge", "back-db": "cloud"}));
    // Over the slice's link, by way of the services' own; from outside only where the slice has an access point.
    let rule = |from: &str| json!({"from": from, "to": "back-db", "ports": ["15432/tcp"]});
    assert_eq!(slice["spec"]["access"], json!([rule("devices"), rule("front-web")]));
    assert_eq!(slice["spec"]["quality"], json!({"sst": 3, "sd": "00000a", "latency": "100ms"}));
    // A newer version of a service beside it changes nothing here, and does not free the one that is used.
    let newer = std::fs::read_to_string(server.path("back.yaml")).unwrap().replace("'1.0'", "'2.0'");
    added(&server, "back-2", &newer);
    server.refused(&["delete", "package", "back"], &["package plant"]);
    server.done(&["delete", "package", "back-2"]);
    assert!(server.done(&["ns", "update", "one", "--newest"]).contains("unchanged"));
    server.done(&["ns", "update", "one", "--set", "back-db.log=loud", "--wait"]);
    server.done(&["ns", "scale", "one", "front-web", "--out", "1", "--wait"]);
    let slice = server.json(&["get", "slice", "one"]);
    let values = |name: &str| {
        let all = slice["spec"]["functions"].as_array().unwrap();
        all.iter().find(|function| function["name"] == name).unwrap()["values"].clone()
    };
    assert_eq!(values("back-db"), json!({"log": "loud"}));
    assert_eq!(values("front-web"), json!({"limit": 20, "replicas": {"min": 2}}));
    server.refused(&["delete", "package", "plant"], &["slice one"]);
    // It is a template too.
    server.done(&["template", "instantiate", "plant", "two", "--set", "front-web.limit=30", "--wait"]);
    server.done(&["ns", "terminate", "one", "--wait"]);
    server.done(&["ns", "terminate", "two", "--wait"]);
    for name in ["one", "two"] {
        server.done(&["delete", "ns", name]);
    }
    for name in ["plant", "back", "front"] {
        server.done(&["delete", "package", name]);
    }
    assert_eq!(server.json(&["get", "slices"]), json!([]));
}

/// Names of a template's own lead nowhere into its services.
#[tokio::test]
async fn a_services_own_link_is_no_link_of_the_slice_whatever_that_is_called() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "osm");
    service(&server, ("front", "web", "mgmt-ext"));
    service(&server, ("back", "db", "db-ext"));
    let text = nst("lan-sap", "eMBB").replace("id: wire\n", "id: back/lan\n");
    // Only the front is on it; the back's own link of that name is another.
    let text = text.replace("    - {nss-ref: back, nsd-connection-point-ref: lan-sap}\n", "");
    let text = text
        .replace("{name: outside, netslice-vld-id-ref: open}", "{name: outside, netslice-vld-id-ref: back/nowhere}");
    let said = added(&server, "plant", &text);
    assert!(said.contains("access point outside: no link is called back/nowhere"), "{said}");
    server.done(&["ns", "instantiate", "one", "--package", "plant", "--wait"]);
    assert_eq!(server.json(&["get", "slice", "one"])["spec"]["access"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_in_one_is_told_with_its_place() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "osm");
    service(&server, ("front", "web", "mgmt-ext"));
    service(&server, ("back", "db", "db-ext"));
    let file = written(&server, "wrong", &nst("lan-sap", "MIoT").replace("id: wire\n", "id: wire\n    nmae: x\n"));
    let words =
        ["wrong.yaml:4:", "MIoT is no type of a slice", "eMBB, URLLC or mMTC", "wrong.yaml:11:", "did you mean name?"];
    server.refused(&["package", "add", &file], &words);
    // An access point that the service has not is known when it is made: nothing is.
    added(&server, "plant", &nst("lan-spa", "eMBB"));
    let words = ["in template plant: service back has no access point \"lan-spa\"", "did you mean lan-sap?"];
    server.refused(&["ns", "instantiate", "one", "--package", "plant"], &words);
    assert_eq!(server.json(&["get", "ns"]), json!([]));
    // A slice says its own quality, in its file.
    server.done(&["delete", "package", "plant"]);
    added(&server, "plant", &nst("lan-sap", "eMBB"));
    let text = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: one}\nspec: {service: {package: plant}, quality: {sst: 2}}\n";
    server.done(&["apply", "-f", &written(&server, "one", text), "--wait"]);
    let slice: Value = server.json(&["get", "slice", "one"]);
    assert_eq!(slice["spec"]["quality"], json!({"sst": 2}));
}
