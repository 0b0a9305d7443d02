//! `cluster doctor` over the lab's real clusters, by the CLI of a real server.

use crate::ground::{Credentials, disowned, kubeconfig, lab, lab_is_up, root};
use crate::killed::Server;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// The state and the words of one check.
fn check<'c>(checkup: &'c Value, name: &str) -> (&'c str, String) {
    let all = checkup["checks"].as_array().unwrap();
    let one = all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {checkup}"));
    (one["state"].as_str().unwrap(), one.to_string())
}

fn looked(server: &Server, folder: &Path, cluster: &str) -> (i32, Value) {
    let out = server.cli(folder, &["cluster", "doctor", cluster, "-o", "json"]);
    let read = serde_json::from_slice(&out.stdout);
    (out.status.code().unwrap(), read.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr))))
}

#[test]
fn a_real_cluster_is_looked_at_and_its_network_is_told_by_what_runs() {
    if !lab_is_up() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    disowned();
    let server = Server::start(folder);
    let admin = lab(&["kubeconfig", "edge"]);
    server.good(folder, &["cluster", "add", "edge", "--kubeconfig", admin.trim()]);
    let (code, checkup) = looked(&server, folder, "edge");
    assert_ne!(checkup["state"], "FAILED", "{checkup}");
    assert_eq!((code, &checkup["simulated"]), (0, &Value::from(false)), "{checkup}");
    for (name, state, words) in [
        ("version", "OK", "v1.36"),
        ("clock", "OK", "agrees with ours within"),
        ("rights", "OK", "may do everything"),
        (
            "network policy",
            "OK",
            "kube-network-policies (DaemonSet kube-system/policies) is known to enforce policies, and runs on 1 of 1",
        ),
        ("storage", "OK", "default local-path"),
        ("runtime classes", "OK", ""),
        ("deprecations", "OK", "no slice stands here"),
    ] {
        let (found, all) = check(&checkup, name);
        assert!(found == state && all.contains(words), "{name}: {all}");
    }
    for words in ["client certificate: ends at", "server certificate: ends at", "CA of the kubeconfig: ends at"] {
        assert!(check(&checkup, "certificates").1.contains(words), "{checkup}");
    }
    let (_, capacity) = check(&checkup, "capacity");
    assert!(capacity.contains("allocatable") && capacity.contains("free"), "{capacity}");
    let shown = String::from_utf8(server.cli(folder, &["cluster", "doctor", "edge"]).stdout).unwrap();
    assert!(shown.contains("OK       version          v1.36"), "{shown}");
}

#[test]
fn a_cordoned_node_and_a_user_without_rights_are_found() {
    if !lab_is_up() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    disowned();
    let server = Server::start(folder);
    let nobody = Credentials { common_name: "nobody-doctor", organization: None, ends: 2100 };
    let file = folder.join("nobody.kubeconfig");
    std::fs::write(&file, nobody.kubeconfig(&kubeconfig("edge").unwrap())).unwrap();
    server.good(folder, &["cluster", "add", "few", "--kubeconfig", file.to_str().unwrap()]);
    let (code, checkup) = looked(&server, folder, "few");
    assert_eq!((code, &checkup["state"]), (1, &Value::from("FAILED")), "{checkup}");
    let (state, rights) = check(&checkup, "rights");
    assert!(
        state == "FAILED" && rights.contains("create, patch, delete on namespaces: no slice works without it"),
        "{rights}"
    );
    let (state, network) = check(&checkup, "network policy");
    assert!(state == "UNKNOWN" && network.contains("cannot list"), "{network}");

    let admin = lab(&["kubeconfig", "cloud"]);
    server.good(folder, &["cluster", "add", "cloud", "--kubeconfig", admin.trim()]);
    let node = lab(&["kubectl", "cloud", "--", "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
    lab(&["kubectl", "cloud", "--", "cordon", &node]);
    let (code, checkup) = looked(&server, folder, "cloud");
    lab(&["kubectl", "cloud", "--", "uncordon", &node]);
    let (state, capacity) = check(&checkup, "capacity");
    assert!(code == 1 && state == "FAILED" && capacity.contains("takes no pods: it is cordoned"), "{capacity}");
}

const DATED: &str = r#"
apiVersion: sliceway/v1
kind: Slice
metadata: {name: dated}
spec:
  sites: {edge: {cluster: edge}}
  functions:
    - name: f
      site: edge
      chart: {repository: own, name: raw}
      values: {objects: [{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: old}, spec: {}}]}
"#;

#[test]
fn what_a_slice_uses_and_the_cluster_does_not_serve_is_named_with_who_uses_it() {
    if !lab_is_up() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    disowned();
    let server = Server::start(folder);
    let admin = lab(&["kubeconfig", "edge"]);
    server.good(folder, &["cluster", "add", "edge", "--kubeconfig", admin.trim()]);
    let charts = root().join("orchestrator/tests/real/charts");
    server.good(folder, &["repository", "add", "own", "--path", charts.to_str().unwrap()]);
    let file = folder.join("slice.yaml");
    std::fs::write(&file, DATED).unwrap();
    let applied = server.cli(folder, &["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert_eq!(applied.status.code(), Some(6), "{}", String::from_utf8_lossy(&applied.stderr));
    let (code, checkup) = looked(&server, folder, "edge");
    let (state, words) = check(&checkup, "deprecations");
    let told = "batch/v1beta1/CronJob is not served since 1.25; batch/v1/CronJob takes its place; used by CronJob old of slice dated (tenant default)";
    assert!(code == 1 && state == "FAILED" && words.contains(told), "{words}");
    server.good(folder, &["delete", "slice", "dated", "--wait"]);
    let (_, checkup) = looked(&server, folder, "edge");
    assert_eq!(check(&checkup, "deprecations").0, "OK", "{checkup}");
}
