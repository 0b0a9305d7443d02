//! `If-Match` and `If-None-Match` (RFC 9110 13.1): a write happens on what its writer saw, or not at all.

use crate::server::{Server, factory, words};
use reqwest::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

type Condition<'a> = (&'a str, &'a str);

async fn send(server: &Server, (method, path): (&str, &str), (condition, body): (Condition<'_>, &str)) -> Response {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&server.token);
    request.header(condition.0, condition.1).body(body.to_owned()).send().await.unwrap()
}

async fn etag(server: &Server, path: &str) -> String {
    let response = server.send("GET", path, (Some(&server.token), Value::Null)).await;
    assert_eq!(response.status(), 200, "{path}");
    response.headers().get("etag").unwrap_or_else(|| panic!("{path} has an ETag")).to_str().unwrap().to_owned()
}

/// Path and two bodies of everything that is put.
fn puts(server: &Server) -> Vec<(&'static str, String, String)> {
    let charts = crate::server::root().join("labs/charts");
    let _ = server;
    let chart = |names: &[&str]| {
        use base64::Engine as _;
        let pack = |name: &&str| {
            let archive = adapters::helm::pack_folder(&charts.join(name)).unwrap();
            json!({"name": name, "archive": base64::engine::general_purpose::STANDARD.encode(archive)})
        };
        json!({"charts": names.iter().map(pack).collect::<Vec<_>>()}).to_string()
    };
    vec![
        ("/api/v1/tenants/x", "{}".into(), json!({"description": "second"}).to_string()),
        (
            "/api/v1/clusters/x",
            json!({"spec": {"sim": {}}}).to_string(),
            json!({"spec": {"sim": {}}, "labels": {"a": "b"}}).to_string(),
        ),
        ("/api/v1/repositories/x", chart(&["mqtt-server"]), chart(&["mqtt-server", "mqtt-gateway"])),
    ]
}

#[tokio::test]
async fn if_match_star_on_what_is_not_there_is_412_and_makes_nothing() {
    let server = Server::start().with_lab().await;
    for (path, body, _) in puts(&server) {
        for method in ["PUT", "DELETE"] {
            let answer = send(&server, (method, path), (("If-Match", "*"), &body)).await;
            assert_eq!(answer.status(), 412, "{method} {path}");
            let body: Value = answer.json().await.unwrap();
            assert!(body["detail"].as_str().unwrap().contains("does not exist"), "{body}");
        }
        assert_eq!(server.admin("GET", path, Value::Null).await.0, 404, "{path}");
    }
    let slice = std::fs::read_to_string(factory()).unwrap();
    assert_eq!(send(&server, ("POST", "/api/v1/slices"), (("If-Match", "*"), &slice)).await.status(), 412);
    assert_eq!(send(&server, ("DELETE", "/api/v1/slices/factory-7"), (("If-Match", "*"), "")).await.status(), 412);
    assert_eq!(server.admin("GET", "/api/v1/operations", Value::Null).await.1["items"], json!([]));
}

#[tokio::test]
async fn a_put_and_a_deletion_happen_only_on_the_revision_that_was_seen() {
    let server = Server::start();
    for (path, one, two) in puts(&server) {
        let made = send(&server, ("PUT", path), (("If-None-Match", "*"), &one)).await;
        assert_eq!(made.status(), 200, "{path}");
        let first = made.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(send(&server, ("PUT", path), (("If-None-Match", "*"), &two)).await.status(), 412, "{path}");
        let changed = send(&server, ("PUT", path), (("If-Match", &first), &two)).await;
        assert_eq!(changed.status(), 200, "{path}");
        let second = etag(&server, path).await;
        assert_ne!(first, second);
        for method in ["PUT", "DELETE"] {
            assert_eq!(send(&server, (method, path), (("If-Match", &first), &one)).await.status(), 412, "{path}");
        }
        assert_eq!(etag(&server, path).await, second, "{path}");
        let either = format!("{first}, {second}");
        assert_eq!(send(&server, ("PUT", path), (("If-Match", &either), &one)).await.status(), 200, "{path}");
        let weak = format!("W/{}", etag(&server, path).await);
        assert_eq!(send(&server, ("DELETE", path), (("If-Match", &weak), "")).await.status(), 412, "{path}");
        let now = etag(&server, path).await;
        assert_eq!(send(&server, ("DELETE", path), (("If-Match", &now), "")).await.status(), 204, "{path}");
    }
}

#[tokio::test]
async fn of_two_writers_with_the_same_etag_exactly_one_wins() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/x", json!({})).await;
    for _ in 0..10 {
        let seen = etag(&server, "/api/v1/tenants/x").await;
        let put = || send(&server, ("PUT", "/api/v1/tenants/x"), (("If-Match", &seen), "{}"));
        let (one, two) = tokio::join!(put(), put());
        let mut answers = [one.status().as_u16(), two.status().as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 412]);
    }
}

async fn at_rest(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, slice) = server.admin("GET", "/api/v1/slices/factory-7", Value::Null).await;
        if slice["phase"] == "Ready" {
            return;
        }
        assert!(Instant::now() < deadline, "{slice}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn of_two_changes_of_a_slice_with_the_same_etag_exactly_one_begins() {
    let server = Server::start().with_lab().await;
    let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let slice = std::fs::read_to_string(factory()).unwrap();
    for round in 0..6 {
        at_rest(&server).await;
        let seen = etag(&server, "/api/v1/slices/factory-7").await;
        let change = |writer: &str| {
            let labels = format!("labels: {{customer: {writer}-{round}}}");
            let body = slice.replace("labels: {customer: acme}", &labels);
            assert_ne!(body, slice);
            body
        };
        let (a, b) = (change("a"), change("b"));
        // Who may take over from what runs would otherwise end the other's change.
        let path = if round % 2 == 0 { "/api/v1/slices?supersede=any" } else { "/api/v1/slices" };
        let post = |body| send(&server, ("POST", path), (("If-Match", &seen), body));
        let (one, two) = tokio::join!(post(&a), post(&b));
        let mut answers = [one.status().as_u16(), two.status().as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [202, 412], "round {round}");
    }
}

#[tokio::test]
async fn an_old_etag_neither_changes_nor_deletes_a_slice_nor_ends_what_runs() {
    let server = Server::start().with_lab().await;
    let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let slice = std::fs::read_to_string(factory()).unwrap();
    let old = etag(&server, "/api/v1/slices/factory-7").await;
    let changed = slice.replace("persistence: 1Gi", "persistence: 2Gi");
    assert_eq!(send(&server, ("POST", "/api/v1/slices"), (("If-Match", &old), &changed)).await.status(), 202);
    let path = "/api/v1/slices?supersede=any";
    assert_eq!(send(&server, ("POST", path), (("If-Match", &old), &slice)).await.status(), 412);
    let path = "/api/v1/slices/factory-7?supersede=any&allowDataLoss=store";
    assert_eq!(send(&server, ("DELETE", path), (("If-Match", &old), "")).await.status(), 412);
    at_rest(&server).await;
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let states: Vec<&Value> = operations["items"].as_array().unwrap().iter().map(|o| &o["state"]).collect();
    assert_eq!(states, ["COMPLETED", "COMPLETED"]);
}

#[tokio::test]
async fn a_condition_where_there_is_nothing_to_compare_is_400() {
    let server = Server::start();
    for (method, path) in
        [("POST", "/api/v1/tokens"), ("POST", "/api/v1/operations/x:retry"), ("POST", "/api/v1/slices:plan")]
    {
        let answer = send(&server, (method, path), (("If-Match", "\"3\""), "")).await;
        assert_eq!(answer.status(), 400, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert!(body["detail"].as_str().unwrap().contains("If-Match"), "{body}");
    }
    let both = server.http.put(format!("{}/api/v1/tenants/x", server.url)).bearer_auth(&server.token);
    let both = both.header("If-Match", "*").header("If-None-Match", "*").body("{}").send().await.unwrap();
    assert_eq!(both.status(), 400);
}

#[tokio::test]
async fn if_none_match_star_on_a_slice_that_exists_is_412_and_begins_nothing() {
    let server = Server::start().with_lab().await;
    let slice = std::fs::read_to_string(factory()).unwrap();
    let post = || send(&server, ("POST", "/api/v1/slices"), (("If-None-Match", "*"), &slice));
    assert_eq!(post().await.status(), 202);
    at_rest(&server).await;
    assert_eq!(post().await.status(), 412);
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    assert_eq!(operations["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_operation_has_an_etag_that_moves_with_its_steps() {
    let server = Server::start().with_lab().await;
    let slice = std::fs::read_to_string(factory()).unwrap();
    let answer = send(&server, ("POST", "/api/v1/slices"), (("If-None-Match", "*"), &slice)).await;
    assert_eq!(answer.status(), 202);
    let started: Value = answer.json().await.unwrap();
    let path = format!("/api/v1/operations/{}", started["operation"]["id"].as_str().unwrap());
    let first = etag(&server, &path).await;
    at_rest(&server).await;
    let last = etag(&server, &path).await;
    assert_ne!(first, last);
    assert_eq!(etag(&server, &path).await, last, "what does not change keeps its ETag");
}
