//! What a newer version wrote is not taken for something else, even where all its fields have known names: it stops in
//! words, nobody else is stopped, and nothing of it is written over.

use crate::deletions::{cluster, edit, repository, slice, until, within};
use crate::server::Server;
use orchestrator::store::{Clock, Kind, Options, Query, Sqlite, Store};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn at_rest() -> Server {
    let server = Server::start();
    cluster(&server, "edge").await;
    repository(&server, "charts").await;
    assert_eq!(server.admin("POST", "/api/v1/slices", slice("x", "edge", "charts")).await.0, 202);
    until(&server, ("default", "x"), Some("Ready")).await;
    server
}

/// Another slice is made and removed.
async fn others_work(server: &Server) {
    let (status, body) = server.admin("POST", "/api/v1/slices", slice("y", "edge", "charts")).await;
    assert_eq!(status, 202, "{body}");
    until(server, ("default", "y"), Some("Ready")).await;
    assert_eq!(server.admin("DELETE", "/api/v1/slices/y", Value::Null).await.0, 202);
    until(server, ("default", "y"), None).await;
}

fn newer(mut doc: Value) -> Option<Value> {
    doc["format"] = json!(99);
    Some(doc)
}

/// Every document of a kind, as it is on disk.
async fn stored(server: Server, kind: Kind) -> (Server, Vec<Value>) {
    let folder = server.killed();
    let store = Sqlite::open(&folder.path().join("data"), Options::new(Clock::system())).unwrap();
    let all = store.list(&Query::all(kind)).await.unwrap().into_iter().map(|object| object.doc).collect();
    drop(store);
    (Server::start_on(folder), all)
}

fn says_so((status, body): &(u16, Value)) {
    assert_eq!((*status, &body["title"]), (500, &json!("unreadable")), "{body}");
    assert!(body["next"].as_str().unwrap().contains("install the version that wrote it"), "{body}");
}

#[tokio::test]
async fn a_slice_of_a_newer_format_is_neither_shown_nor_changed() {
    let server = edit(at_rest().await, Kind::Slice, newer).await;
    others_work(&server).await;
    let (_, list) = server.admin("GET", "/api/v1/slices", Value::Null).await;
    assert_eq!(list["items"], json!([]));
    for (method, path, body) in [
        ("GET", "/api/v1/slices/x", Value::Null),
        ("POST", "/api/v1/slices", slice("x", "edge", "charts")),
        ("DELETE", "/api/v1/slices/x", Value::Null),
    ] {
        says_so(&server.admin(method, path, body).await);
    }
    let (_, slices) = stored(server, Kind::Slice).await;
    assert_eq!(slices[0]["format"], 99);
}

#[tokio::test]
async fn records_of_a_newer_format_stop_what_rests_on_them() {
    let server = edit(at_rest().await, Kind::Resource, newer).await;
    others_work(&server).await;
    for (method, path, body) in
        [("POST", "/api/v1/slices", slice("x", "edge", "charts")), ("DELETE", "/api/v1/slices/x", Value::Null)]
    {
        says_so(&server.admin(method, path, body).await);
    }
    let (_, records) = stored(server, Kind::Resource).await;
    assert!(records.iter().all(|record| record["format"] == 99), "{records:?}");
}

#[tokio::test]
async fn a_plan_of_a_newer_format_is_not_applied() {
    let server = at_rest().await;
    let mut other = slice("x", "edge", "charts");
    other["metadata"]["labels"] = json!({"a": "b"});
    let (status, plan) = server.admin("POST", "/api/v1/slices:plan", other.clone()).await;
    assert_eq!(status, 200, "{plan}");
    let mark = |doc: Value| if doc["shown_at"].is_string() { newer(doc) } else { Some(doc) };
    let server = edit(server, Kind::Plan, mark).await;
    let path = format!("/api/v1/slices?plan={}", plan["id"].as_str().unwrap());
    says_so(&server.admin("POST", &path, other.clone()).await);
    let (status, body) = server.admin("POST", "/api/v1/slices", other).await;
    assert_eq!(status, 202, "a new plan is made: {body}");
}

#[tokio::test]
async fn a_bundle_of_a_newer_format_is_not_reused() {
    let server = edit(at_rest().await, Kind::Bundle, newer).await;
    others_work(&server).await;
    says_so(&server.admin("POST", "/api/v1/slices", slice("x", "edge", "charts")).await);
}

/// The operation waits; the documents are changed while no server runs.
async fn waiting(kind: Kind) -> (Server, String) {
    let server = at_rest().await;
    let mut large = slice("z", "edge", "charts");
    large["spec"]["functions"][0]["values"] = json!({"cpu": "3"});
    assert_eq!(server.admin("POST", "/api/v1/slices", large.clone()).await.0, 202);
    until(&server, ("default", "z"), Some("Ready")).await;
    // Its cluster has no room for what it is told to become.
    let small = json!({"labels": {"name": "edge"}, "spec": {"sim": {"cpu": "1"}}});
    assert_eq!(server.admin("PUT", "/api/v1/clusters/edge", small).await.0, 200);
    let (status, body) = server.admin("POST", "/api/v1/slices", large).await;
    assert_eq!(status, 202, "{body}");
    let id = body["operation"]["id"].as_str().unwrap().to_owned();
    let open = |doc: Value| if doc["ended"].is_null() { newer(doc) } else { Some(doc) };
    (edit(server, kind, open).await, id)
}

async fn stops_in_words(kind: Kind) {
    let (server, id) = waiting(kind).await;
    let large = json!({"labels": {"name": "edge"}, "spec": {"sim": {}}});
    assert_eq!(server.admin("PUT", "/api/v1/clusters/edge", large).await.0, 200);
    let path = format!("/api/v1/operations/{id}");
    let deadline = Instant::now() + Duration::from_secs(20);
    let operation = loop {
        let (_, operation) = server.admin("GET", &path, Value::Null).await;
        if operation["state"] == "FAILED_TEMP" {
            break operation;
        }
        assert!(Instant::now() < deadline, "{kind}: {operation}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(operation["error"]["code"], "unreadable", "{kind}: {operation}");
    assert!(operation["error"]["message"].as_str().unwrap().contains("newer"), "{kind}: {operation}");
    let (status, body) = within(&server, ("default", &[]), ("POST", &format!("{path}:fail"), json!(null))).await;
    assert_eq!((status, &body["state"]), (202, &json!("FAILED")), "{kind}: {body}");
}

#[tokio::test]
async fn an_open_operation_of_a_newer_format_waits_for_an_operator_with_words() {
    stops_in_words(Kind::Operation).await;
}

#[tokio::test]
async fn an_open_operation_with_changes_of_a_newer_format_waits_for_an_operator_with_words() {
    stops_in_words(Kind::Change).await;
}
