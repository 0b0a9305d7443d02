//! One stored document that cannot be read stops nobody else, and is told where it is asked for.

use crate::deletions::{cluster, edit, repository, slice, until, within};
use crate::server::Server;
use orchestrator::store::Kind;
use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq)]
enum Acme {
    Ready,
    /// Another one has its place.
    Waits,
}

fn large(name: &str) -> Value {
    let mut body = slice(name, "edge", "charts");
    body["spec"]["functions"][0]["values"] = json!({"cpu": "3"});
    body
}

/// Two tenants; `acme` has a slice `x`.
async fn two(acme: Acme) -> Server {
    let server = Server::start();
    cluster(&server, "edge").await;
    repository(&server, "charts").await;
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let body = match acme {
        Acme::Ready => slice("x", "edge", "charts"),
        Acme::Waits => {
            assert_eq!(server.admin("POST", "/api/v1/slices", large("full")).await.0, 202);
            until(&server, ("default", "full"), Some("Ready")).await;
            large("x")
        }
    };
    let (status, body) = within(&server, ("acme", &[]), ("POST", "/api/v1/slices", body)).await;
    assert_eq!(status, 202, "{body}");
    if acme == Acme::Ready {
        until(&server, ("acme", "x"), Some("Ready")).await;
    }
    server
}

/// The other tenant makes a slice and removes it.
async fn the_other_works(server: &Server) {
    let (status, body) = server.admin("POST", "/api/v1/slices", slice("y", "edge", "charts")).await;
    assert_eq!(status, 202, "{body}");
    until(server, ("default", "y"), Some("Ready")).await;
    let (status, body) = server.admin("DELETE", "/api/v1/slices/y", Value::Null).await;
    assert_eq!(status, 202, "{body}");
    until(server, ("default", "y"), None).await;
}

#[tokio::test]
async fn a_slice_that_cannot_be_read_is_left_out_of_lists_and_told_by_its_name() {
    let strange = |mut slice: Value| {
        slice["phase"] = json!("Dreaming");
        Some(slice)
    };
    let server = edit(two(Acme::Ready).await, Kind::Slice, strange).await;
    the_other_works(&server).await;
    let (status, list) = within(&server, ("acme", &[]), ("GET", "/api/v1/slices", json!(null))).await;
    assert_eq!((status, &list["items"]), (200, &json!([])));
    let (status, one) = within(&server, ("acme", &[]), ("GET", "/api/v1/slices/x", json!(null))).await;
    assert_eq!((status, &one["title"]), (500, &json!("unreadable")), "{one}");
    for path in ["/api/v1/clusters/edge", "/api/v1/repositories/charts", "/api/v1/tenants/acme"] {
        let (status, body) = server.admin("DELETE", path, Value::Null).await;
        assert_eq!(status, 409, "{path}: {body}");
        assert!(body["users"].to_string().contains("slice x of tenant acme"), "{body}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_no_other_tenant_and_counts_as_a_use() {
    let server = edit(two(Acme::Ready).await, Kind::Resource, |_| Some(json!({"format": "strange"}))).await;
    the_other_works(&server).await;
    let (status, body) = server.admin("DELETE", "/api/v1/clusters/edge", Value::Null).await;
    assert_eq!(status, 409, "{body}");
}

#[tokio::test]
async fn an_open_operation_that_cannot_be_read_waits_for_an_operator_with_words() {
    let strange = |mut operation: Value| {
        if operation["state"] == "PROCESSING" {
            operation["state"] = json!("DREAMING");
        }
        Some(operation)
    };
    let server = edit(two(Acme::Waits).await, Kind::Operation, strange).await;
    the_other_works(&server).await;
    let (_, list) = within(&server, ("acme", &[]), ("GET", "/api/v1/operations", json!(null))).await;
    let operation = &list["items"][0];
    assert_eq!(operation["state"], "FAILED_TEMP", "{list}");
    assert_eq!(operation["error"]["code"], "unreadable");
    assert!(operation["error"]["message"].as_str().unwrap().contains("DREAMING"), "{operation}");
    let path = format!("/api/v1/operations/{}:fail", operation["id"].as_str().unwrap());
    let (status, body) = within(&server, ("acme", &[]), ("POST", &path, json!(null))).await;
    assert_eq!((status, &body["state"]), (202, &json!("FAILED")), "{body}");
}

#[tokio::test]
async fn an_ended_operation_that_cannot_be_read_is_left_alone_and_told_by_its_id() {
    let strange = |mut operation: Value| {
        operation["state"] = json!("DREAMING");
        Some(operation)
    };
    let server = two(Acme::Ready).await;
    let (_, list) = within(&server, ("acme", &[]), ("GET", "/api/v1/operations", json!(null))).await;
    let path = format!("/api/v1/operations/{}", list["items"][0]["id"].as_str().unwrap());
    let server = edit(server, Kind::Operation, strange).await;
    let (status, list) = within(&server, ("acme", &[]), ("GET", "/api/v1/operations", json!(null))).await;
    assert_eq!((status, &list["items"]), (200, &json!([])));
    let (status, one) = within(&server, ("acme", &[]), ("GET", &path, json!(null))).await;
    assert_eq!((status, &one["title"]), (500, &json!("unreadable")), "{one}");
    the_other_works(&server).await;
}
