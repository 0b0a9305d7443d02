//! What a chart may not bring into a slice: each is refused with words before anything happens.

use crate::server::{Server, words};
use std::path::Path;

/// A repository with one chart of one template.
fn chart(folder: &Path, template: &str) -> String {
    let chart = folder.join("charts/odd");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: odd\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("templates/it.yaml"), template).unwrap();
    folder.join("charts").display().to_string()
}

const SLICE: &str = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: odd}\nspec:\n  sites: {edge: {cluster: edge}}\n  \
                     functions:\n    - {name: it, site: edge, chart: {repository: odd, name: odd}}\n";

/// Applies the slice of the chart; the exit code and the words.
async fn apply(template: &str) -> (i32, String) {
    let server = Server::start().with_lab().await;
    let charts = chart(&server.path("x"), template);
    let added = server.cli(&["repository", "add", "odd", "--path", &charts]);
    assert!(added.status.success(), "{}", words(&added));
    let file = server.path("odd.yaml");
    std::fs::write(&file, SLICE).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    let left = words(&server.cli(&["get", "operations", "-o", "json"]));
    let code = out.status.code().unwrap();
    assert!(code == 0 || left.trim() == "[]", "nothing was begun: {left}");
    (code, words(&out))
}

async fn refused(template: &str, says: &str) {
    let (code, said) = apply(template).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(says) && said.contains("odd.yaml:7:"), "{said}");
}

#[tokio::test]
async fn an_ordinary_chart_is_taken() {
    let (code, said) = apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n").await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_chart_with_a_hook_is_refused() {
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n";
    refused(hook, "pre-install hook").await;
}

#[tokio::test]
async fn a_cluster_scoped_object_is_refused() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: []\n";
    refused(role, "belongs to the whole cluster").await;
}

#[tokio::test]
async fn an_object_for_another_namespace_is_refused() {
    refused(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: kube-system}\n",
        "wants namespace kube-system",
    )
    .await;
}

#[tokio::test]
async fn a_label_of_ours_is_refused() {
    let label = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {sliceway.io/slice: mine}}\n";
    refused(label, "sliceway.io/slice").await;
}

#[tokio::test]
async fn an_object_with_a_name_of_ours_is_refused() {
    refused("apiVersion: v1\nkind: Secret\nmetadata: {name: sliceway-it-tls}\n", "has a name of ours").await;
}

/// A Secret that a chart brings is kept sealed: its value stands nowhere in the data folder or in an answer.
#[tokio::test]
async fn a_secret_of_a_chart_is_sealed_at_rest_and_never_shown() {
    let server = Server::start().with_lab().await;
    let charts = chart(
        &server.path("x"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {word: {{ printf \"open-%s-please\" \"sesame\" }}}\n",
    );
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    std::fs::write(&file, SLICE).unwrap();
    let file = file.to_str().unwrap();
    let plan = words(&server.cli(&["plan", "-f", file, "-o", "json"]));
    assert!(plan.contains("\"name\": \"s\"") && !plan.contains("open-sesame-please"), "{plan}");
    let applied = server.cli(&["apply", "-f", file, "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let id = words(&server.cli(&["get", "operations", "-o", "json"]));
    assert!(!id.contains("open-sesame-please"));
    for entry in crate::rules::walk(&server.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(18).any(|window| window == b"open-sesame-please");
        assert!(!found, "{} holds the secret in the clear", entry.display());
    }
}
