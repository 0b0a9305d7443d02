//! What a person reads of a cause in every place where it is told: while it is waited for, when waiting has ended, and
//! beside the slice.

use crate::ground::{disowned, lab, lab_is_up, root};
use crate::killed::Server;
use tempfile::TempDir;

const FILE: &str = r#"
apiVersion: sliceway/v1
kind: Slice
metadata: {name: said}
spec:
  sites: {edge: {cluster: edge}}
  functions:
    - name: f
      site: edge
      chart: {repository: own, name: probe}
      values: {image: "lab.local/nothing:1"}
"#;

#[test]
fn a_cause_is_told_by_apply_get_and_describe_with_the_next_step() {
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
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let applied = server.cli(folder, &["apply", "-f", file, "--wait", "--timeout", "15s"]);
    let told = String::from_utf8(applied.stderr).unwrap();
    assert_eq!(applied.status.code(), Some(6), "it waits for a person: {told}");
    let cause = "container sleep: image lab.local/nothing:1 cannot be had";
    let waiting = told.lines().find(|line| line.starts_with("waiting: ") && line.contains(cause));
    let waiting = waiting.unwrap_or_else(|| panic!("{told}"));
    assert!(
        waiting.contains(" on edge: pod ")
            && waiting.contains("what helps: see that the node reaches registry lab.local"),
        "{told}"
    );
    let error = told.lines().find(|line| line.starts_with("error: ")).unwrap();
    let next = told.lines().find(|line| line.starts_with("next: ")).unwrap();
    assert!(error.contains("waited 15 s") && error.contains(cause), "{told}");
    assert!(next.contains("sliceway operation retry ") && next.contains("sliceway apply -f FILE"), "{told}");
    let list = server.good(folder, &["get", "operations", "-o", "wide"]);
    assert!(list.contains(cause) && list.contains("or name an image of another one"), "{list}");
    let described = server.good(folder, &["describe", "slice", "said"]);
    assert!(described.contains(cause) && described.contains("what helps: "), "{described}");
    server.good(folder, &["delete", "slice", "said", "--wait"]);
}
