//! The rules of HTTP that clients lean on: preconditions, repeated requests, pages, watches, slow bodies.

use crate::server::{Server, factory};
use futures::StreamExt;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;

async fn with(server: &Server, (method, path): (&str, &str), (header, value): (&str, &str)) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&server.token);
    request.header(header, value).body("{}").send().await.unwrap()
}

async fn etag(server: &Server, path: &str) -> String {
    let response = server.send("GET", path, (Some(&server.token), Value::Null)).await;
    response.headers()["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn if_match_of_anything_makes_nothing() {
    let server = Server::start();
    for path in ["/api/v1/tenants/acme", "/api/v1/clusters/edge", "/api/v1/repositories/lab"] {
        assert_eq!(with(&server, ("PUT", path), ("If-Match", "*")).await.status(), 412, "{path}");
        assert_eq!(server.admin("GET", path, Value::Null).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn tenants_and_repositories_are_written_only_at_the_revision_that_was_named() {
    let server = Server::start().with_lab().await;
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    for path in ["/api/v1/tenants/acme", "/api/v1/repositories/lab"] {
        let old = etag(&server, path).await;
        assert_eq!(with(&server, ("DELETE", path), ("If-Match", "\"1\"")).await.status(), 412, "{path}");
        assert_eq!(with(&server, ("DELETE", path), ("If-Match", &old)).await.status(), 204, "{path}");
    }
}

/// Two writers that read the same slice: one of them wins.
#[tokio::test]
async fn of_two_changes_of_one_revision_of_a_slice_one_is_refused() {
    let server = Server::start().with_lab().await;
    assert!(server.cli(&["apply", "-f", &factory(), "--wait"]).status.success());
    let old = etag(&server, "/api/v1/slices/factory-7").await;
    let text = std::fs::read_to_string(factory()).unwrap();
    let change = |size: &str| {
        let body = text.replace("persistence: 1Gi", &format!("persistence: {size}"));
        let request = server.http.post(format!("{}/api/v1/slices", server.url)).bearer_auth(&server.token);
        request.header("If-Match", old.clone()).body(body).send()
    };
    let (one, other) = tokio::join!(change("2Gi"), change("3Gi"));
    let mut answers = [one.unwrap().status().as_u16(), other.unwrap().status().as_u16()];
    answers.sort_unstable();
    assert!(answers == [202, 412] || answers == [202, 409], "{answers:?}");
}

#[tokio::test]
async fn a_deletion_that_is_sent_again_with_its_key_gets_its_answer_again() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    for _ in 0..2 {
        let answer = with(&server, ("DELETE", "/api/v1/tenants/acme"), ("Idempotency-Key", "gone")).await;
        assert_eq!(answer.status(), 204);
    }
    assert_eq!(server.admin("DELETE", "/api/v1/tenants/acme", Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_filters() {
    let server = Server::start();
    for name in ["a", "b", "c"] {
        server.admin("PUT", &format!("/api/v1/tenants/{name}"), json!({"description": "x & y"})).await;
    }
    let path = "/api/v1/tenants?limit=2&field=description%3Dx+%26+y";
    let first = server.send("GET", path, (Some(&server.token), Value::Null)).await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let (_, second) = server.admin("GET", next, Value::Null).await;
    let names: Vec<&Value> = second["items"].as_array().unwrap().iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["c"], "{link}");
}

#[tokio::test]
async fn a_parameter_that_is_wrong_or_unknown_is_400_and_says_which() {
    let server = Server::start();
    let (_, tenants) = server.admin("GET", "/api/v1/tenants?limit=1", Value::Null).await;
    assert_eq!(tenants["next"], Value::Null);
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let (_, tenants) = server.admin("GET", "/api/v1/tenants?limit=1", Value::Null).await;
    let foreign = format!("/api/v1/tokens?marker={}", tenants["next"].as_str().unwrap());
    for (path, says) in [
        ("/api/v1/tenants?limit=0", "limit: \"0\" is no number from 1 to 500"),
        ("/api/v1/tenants?limit=501", "limit: \"501\""),
        ("/api/v1/tenants?marker=abc", "marker:"),
        (foreign.as_str(), "marker:"),
        ("/api/v1/slices?lable=a%3Db", "did you mean \"label\"?"),
    ] {
        let (status, said) = server.admin("GET", path, Value::Null).await;
        assert_eq!(status, 400, "{path}: {said}");
        assert!(said["detail"].as_str().unwrap().contains(says), "{path}: {said}");
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_token() {
    let server = Server::start();
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer", "tenant": "default"})).await;
    let (token, id) = (made["token"].as_str().unwrap(), made["record"]["id"].as_str().unwrap());
    let request = server.http.get(format!("{}/api/v1/slices?watch=true", server.url)).bearer_auth(token);
    let mut stream = request.send().await.unwrap().bytes_stream();
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.0, 204);
    let mut said = String::new();
    while let Some(piece) = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap() {
        said.push_str(&String::from_utf8_lossy(&piece.unwrap()));
    }
    assert!(said.contains("event: error") && said.contains("revoked"), "{said}");
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let server = Server::start_with("[limits]\nbody_deadline_s = 1\n");
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut slow = std::net::TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "PUT /api/v1/tenants/acme HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        server.token
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut said = [0; 64];
    let read = slow.read(&mut said).unwrap();
    assert!(String::from_utf8_lossy(&said[..read]).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
}
