//! Watches: what they show, from where, and when they end.

use crate::server::{Server, factory, words};
use futures::StreamExt;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

async fn open(server: &Server, path: &str, token: &str) -> Response {
    let response = server.http.get(format!("{}{path}", server.url)).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

/// Everything that is told until the watch ends; within a bound.
async fn to_the_end(response: Response) -> String {
    let mut stream = response.bytes_stream();
    let mut told = String::new();
    let all = async {
        while let Some(piece) = stream.next().await {
            told.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    assert!(ended.is_ok(), "the watch goes on: {told}");
    told
}

/// What is told until a text is in it.
pub async fn until(response: Response, text: &str) -> String {
    let mut stream = response.bytes_stream();
    let mut told = String::new();
    let all = async {
        while !told.contains(text) {
            let Some(piece) = stream.next().await else { return };
            told.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    };
    let found = tokio::time::timeout(PATIENCE, all).await;
    assert!(found.is_ok() && told.contains(text), "{text:?} is not told: {told}");
    told
}

/// The problem of the error event that a watch ends with.
fn last(told: &str) -> Value {
    let (_, data) = told.rsplit_once("event: error\ndata: ").unwrap();
    serde_json::from_str(data.trim()).unwrap()
}

#[tokio::test]
async fn a_watch_ends_with_words_when_its_token_is_revoked() {
    let server = Server::start();
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer"})).await;
    let (token, id) = (made["token"].as_str().unwrap(), made["record"]["id"].as_str().unwrap());
    let watch = open(&server, "/api/v1/slices?watch=true", token).await;
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.0, 204);
    let problem = last(&to_the_end(watch).await);
    assert_eq!(problem["status"], 401);
    assert!(problem["detail"].as_str().unwrap().contains("revoked"), "{problem}");
    assert!(problem["next"].as_str().unwrap().contains("sliceway"), "{problem}");
}

#[tokio::test]
async fn a_watch_ends_with_words_when_the_end_of_its_token_comes() {
    let server = Server::start();
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer", "ends": ends})).await;
    let begun = Instant::now();
    let watch = open(&server, "/api/v1/slices?watch=true", made["token"].as_str().unwrap()).await;
    let problem = last(&to_the_end(watch).await);
    assert!(problem["detail"].as_str().unwrap().contains("end of its token has come"), "{problem}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it does not wait for a heartbeat");
}

#[tokio::test]
async fn a_watch_ends_with_words_when_its_tenant_is_deleted() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let own = open(&server, "/api/v1/slices?watch=true", &server.token("viewer", "acme").await).await;
    let request = server.http.get(format!("{}/api/v1/slices?watch=true", server.url)).bearer_auth(&server.token);
    let acting = request.header("Sliceway-Tenant", "acme").send().await.unwrap();
    assert_eq!(server.admin("DELETE", "/api/v1/tenants/acme", Value::Null).await.0, 204);
    for watch in [own, acting] {
        let problem = last(&to_the_end(watch).await);
        assert!(problem["detail"].as_str().unwrap().contains("tenant acme was deleted"), "{problem}");
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_server_ends() {
    let mut server = Server::start();
    let watch = open(&server, "/api/v1/slices?watch=true", &server.token.clone()).await;
    let begun = Instant::now();
    server.terminate();
    assert!(to_the_end(watch).await.contains("the server ends"));
    server.wait();
    assert!(begun.elapsed() < Duration::from_secs(8), "nobody waits for a watcher: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_list_says_the_revision_to_watch_from_without_a_gap() {
    let server = Server::start();
    let (_, list) = server.admin("GET", "/api/v1/tenants", Value::Null).await;
    server.admin("PUT", "/api/v1/tenants/between", json!({})).await;
    let path = format!("/api/v1/tenants?watch=true&revision={}", list["revision"]);
    let told = until(open(&server, &path, &server.token).await, "between").await;
    assert!(told.contains("event: put"), "{told}");
    let id: u64 = told.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().parse().unwrap();
    server.admin("DELETE", "/api/v1/tenants/between", Value::Null).await;
    let request = server.http.get(format!("{}{path}", server.url)).bearer_auth(&server.token);
    let again = request.header("Last-Event-ID", id.to_string()).send().await.unwrap();
    let told = until(again, "between").await;
    assert!(told.contains("event: deleted") && !told.contains("event: put"), "it goes on after the event: {told}");
}

#[tokio::test]
async fn a_watch_from_what_is_not_kept_or_not_yet_there_is_410_with_what_to_do() {
    let server = Server::start();
    let (_, list) = server.admin("GET", "/api/v1/tenants", Value::Null).await;
    let newest = list["revision"].as_u64().unwrap();
    let (status, body) =
        server.admin("GET", &format!("/api/v1/tenants?watch=true&revision={}", newest + 1_000), Value::Null).await;
    assert_eq!(status, 410);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("revision {}", newest + 1_000)), "{detail}");
    assert!(detail.contains(&format!("newest is {newest}")), "{detail}");
    assert!(!detail.contains("or later"), "nothing between is promised: {detail}");
    assert!(body["next"].as_str().unwrap().contains("\"revision\""), "{body}");
}

#[tokio::test]
async fn a_watch_has_the_filters_of_the_list_and_tells_what_leaves_it() {
    let server = Server::start();
    let put = async |labels: Value| {
        let body = json!({"labels": labels, "spec": {"sim": {}}});
        assert_eq!(server.admin("PUT", "/api/v1/clusters/one", body).await.0, 200);
    };
    let (_, list) = server.admin("GET", "/api/v1/clusters", Value::Null).await;
    server.admin("PUT", "/api/v1/clusters/other", json!({"spec": {"sim": {}}})).await;
    put(json!({"region": "eu"})).await;
    put(json!({"region": "field"})).await;
    let path = format!("/api/v1/clusters?watch=true&label=region=eu&revision={}", list["revision"]);
    let told = until(open(&server, &path, &server.token).await, "event: left\ndata: {\"id\":\"one\"}").await;
    assert!(told.contains("event: put"), "{told}");
    let puts: Vec<&str> = told.split("\n\n").filter(|event| event.contains("event: put")).collect();
    assert!(puts.iter().all(|event| event.contains("\"region\":\"eu\"")), "{told}");
}

#[tokio::test]
async fn an_operation_is_watched_as_it_is_listed() {
    let server = Server::start().with_lab().await;
    let watch = open(&server, "/api/v1/operations?watch=true", &server.token).await;
    let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let told = until(watch, "COMPLETED").await;
    for event in told.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(event).unwrap();
        assert!(event.get("before").is_none() && event.get("after").is_none(), "{event}");
    }
}
