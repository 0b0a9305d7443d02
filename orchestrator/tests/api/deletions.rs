//! Deleting a tenant, a cluster or a repository: never under something that stands on it, and nothing of it stays.

use crate::server::Server;
use base64::Engine as _;
use orchestrator::store::{Clock, Kind, Options, Query, Sqlite, Store, Txn};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// With a pod where `cpu` is given.
const TEMPLATE: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: it}
---
{{- if .Values.cpu }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: it}
spec:
  selector: {matchLabels: {app: it}}
  template:
    metadata: {labels: {app: it}}
    spec:
      containers:
        - {name: it, image: "example.org/it:1", resources: {requests: {cpu: {{ .Values.cpu | quote }}, memory: 1Mi}}}
{{- end }}
"#;

pub async fn repository(server: &Server, name: &str) {
    let folder = server.path("chart-of-one");
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: one\nversion: 0.1.0\n").unwrap();
    std::fs::write(folder.join("templates/it.yaml"), TEMPLATE).unwrap();
    let archive = base64::engine::general_purpose::STANDARD.encode(adapters::helm::pack_folder(&folder).unwrap());
    let body = json!({"charts": [{"name": "one", "archive": archive}]});
    let (status, body) = server.admin("PUT", &format!("/api/v1/repositories/{name}"), body).await;
    assert_eq!(status, 200, "{body}");
}

pub async fn cluster(server: &Server, name: &str) {
    let body = json!({"labels": {"name": name}, "spec": {"sim": {}}});
    let (status, body) = server.admin("PUT", &format!("/api/v1/clusters/{name}"), body).await;
    assert_eq!(status, 200, "{body}");
}

pub fn slice(name: &str, cluster: &str, repository: &str) -> Value {
    json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name}, "spec": {
        "sites": {"edge": {"cluster": cluster}},
        "functions": [{"name": "it", "site": "edge", "chart": {"repository": repository, "name": "one"}}]}})
}

/// As the administrator in a tenant, with more headers.
pub async fn within(
    server: &Server,
    (tenant, headers): (&str, &[(&str, &str)]),
    (method, path, body): (&str, &str, Value),
) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&server.token);
    request = request.header("Sliceway-Tenant", tenant);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn apply(server: &Server, tenant: &str, body: Value) -> (u16, Value) {
    within(server, (tenant, &[]), ("POST", "/api/v1/slices?timeout=5", body)).await
}

/// Waits until the slice of that name is as it should be; `None`: it is gone.
pub async fn until(server: &Server, (tenant, name): (&str, &str), phase: Option<&str>) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, slice) = within(server, (tenant, &[]), ("GET", &format!("/api/v1/slices/{name}"), json!(null))).await;
        if slice["phase"].as_str() == phase {
            return;
        }
        assert!(Instant::now() < deadline, "{slice}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Of a start and a deletion that race exactly one happens.
async fn race(server: &Server, thing: &str, (tenant, body): (&str, Value), late: u64) {
    let delete = async {
        tokio::time::sleep(Duration::from_millis(late)).await;
        server.admin("DELETE", thing, Value::Null).await
    };
    let (applied, deleted) = tokio::join!(apply(server, tenant, body), delete);
    assert!(!(applied.0 == 202 && deleted.0 == 204), "{thing} was deleted under a slice: {applied:?} {deleted:?}");
    assert!(matches!(deleted.0, 204 | 409), "{thing}: {deleted:?}");
    assert!(deleted.0 == 204 || applied.0 == 202, "{thing}: neither happened: {applied:?} {deleted:?}");
}

#[tokio::test]
async fn a_tenant_is_never_deleted_under_a_slice_that_begins() {
    let server = Server::start();
    cluster(&server, "edge").await;
    repository(&server, "charts").await;
    for k in 0..25 {
        let tenant = format!("t{k}");
        server.admin("PUT", &format!("/api/v1/tenants/{tenant}"), json!({})).await;
        race(&server, &format!("/api/v1/tenants/{tenant}"), (&tenant, slice("x", "edge", "charts")), k).await;
    }
}

#[tokio::test]
async fn a_cluster_and_a_repository_are_never_deleted_under_a_slice_that_begins() {
    let server = Server::start();
    cluster(&server, "edge").await;
    repository(&server, "charts").await;
    for k in 0..20 {
        let (one, other) = (format!("c{k}"), format!("r{k}"));
        cluster(&server, &one).await;
        let body = slice(&format!("c{k}"), &one, "charts");
        race(&server, &format!("/api/v1/clusters/{one}"), ("default", body), k).await;
        repository(&server, &other).await;
        let body = slice(&format!("r{k}"), "edge", &other);
        race(&server, &format!("/api/v1/repositories/{other}"), ("default", body), k).await;
    }
}

/// Changes stored documents of a server that is killed meanwhile; without one, the object goes.
pub async fn edit(server: Server, kind: Kind, change: impl Fn(Value) -> Option<Value>) -> Server {
    let folder = server.killed();
    let store = Sqlite::open(&folder.path().join("data"), Options::new(Clock::system())).unwrap();
    let all = store.list(&Query::all(kind)).await.unwrap();
    assert!(!all.is_empty());
    for object in all {
        let txn = match change(object.doc) {
            Some(doc) => Txn::new().put(object.key, doc),
            None => Txn::new().delete(object.key),
        };
        store.commit(txn).await.unwrap();
    }
    drop(store);
    Server::start_on(folder)
}

#[tokio::test]
async fn a_cluster_is_in_use_while_a_record_or_an_open_operation_says_so() {
    let server = Server::start();
    for name in ["edge", "other"] {
        cluster(&server, name).await;
    }
    repository(&server, "charts").await;
    assert_eq!(apply(&server, "default", slice("x", "edge", "charts")).await.0, 202);
    until(&server, ("default", "x"), Some("Ready")).await;
    let refused = async |server: &Server, word: &str| {
        let (status, body) = server.admin("DELETE", "/api/v1/clusters/edge", Value::Null).await;
        assert_eq!(status, 409, "{body}");
        assert!(body["users"].to_string().contains(word), "{body}");
    };
    // What is stored while a move is under way: the goal.
    let moved = |mut slice: Value| {
        slice["placed"] = json!({"it": "other"});
        Some(slice)
    };
    let server = edit(server, Kind::Slice, moved).await;
    refused(&server, "slice x of tenant default").await;
    let server = edit(server, Kind::Resource, |_| None).await;
    let open = |mut operation: Value| {
        operation["state"] = json!("FAILED_TEMP");
        operation["ended"] = Value::Null;
        Some(operation)
    };
    let server = edit(server, Kind::Operation, open).await;
    refused(&server, "operation ").await;
}

#[tokio::test]
async fn a_tenant_that_is_made_again_meets_nothing_of_the_old_one() {
    let server = Server::start();
    cluster(&server, "edge").await;
    repository(&server, "charts").await;
    let make = async || assert_eq!(server.admin("PUT", "/api/v1/tenants/acme", json!({})).await.0, 200);
    let key: &[(&str, &str)] = &[("Idempotency-Key", "first")];
    make().await;
    let request = ("POST", "/api/v1/slices", slice("x", "edge", "charts"));
    let (status, first) = within(&server, ("acme", key), request.clone()).await;
    assert_eq!(status, 202, "{first}");
    until(&server, ("acme", "x"), Some("Ready")).await;
    within(&server, ("acme", &[]), ("POST", "/api/v1/slices:plan", slice("shown", "edge", "charts"))).await;
    let gone = within(&server, ("acme", &[]), ("DELETE", "/api/v1/slices/x", json!(null))).await;
    assert_eq!(gone.0, 202, "{}", gone.1);
    until(&server, ("acme", "x"), None).await;
    assert_eq!(server.admin("DELETE", "/api/v1/tenants/acme", Value::Null).await.0, 204);
    make().await;
    let (_, operations) = within(&server, ("acme", &[]), ("GET", "/api/v1/operations", json!(null))).await;
    assert_eq!(operations["items"], json!([]));
    let (status, again) = within(&server, ("acme", key), request).await;
    assert_eq!(status, 202, "{again}");
    assert_ne!(again["operation"]["id"], first["operation"]["id"], "the old answer is not given again");
    assert_ne!(again["operation"]["uid"], first["operation"]["uid"], "a name never meets its predecessor");
    let request = server.http.get(format!("{}/api/v1/slices?watch=true&revision=0", server.url));
    let watch = request.bearer_auth(&server.token).header("Sliceway-Tenant", "acme").send().await.unwrap();
    let told = crate::watching::until(watch, "\"Ready\"").await;
    assert!(!told.contains(first["operation"]["uid"].as_str().unwrap()), "{told}");
}
