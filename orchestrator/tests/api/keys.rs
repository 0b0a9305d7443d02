//! `Idempotency-Key`: what is kept of an answer.

use crate::server::Server;
use serde_json::{Value, json};

async fn keyed(server: &Server, (method, path): (&str, &str), (key, body): (&str, Value)) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&server.token);
    let response = request.header("Idempotency-Key", key).body(body.to_string()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_deletion_that_is_sent_again_with_its_key_is_answered_as_before() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    for _ in 0..3 {
        let (status, body) = keyed(&server, ("DELETE", "/api/v1/tenants/acme"), ("gone", Value::Null)).await;
        assert_eq!((status, body), (204, Value::Null));
    }
    assert_eq!(server.admin("DELETE", "/api/v1/tenants/acme", Value::Null).await.0, 404);
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    assert_eq!(keyed(&server, ("DELETE", "/api/v1/tenants/acme"), ("gone", Value::Null)).await.0, 204);
    assert_eq!(
        server.admin("GET", "/api/v1/tenants/acme", Value::Null).await.0,
        200,
        "the answer is given, not the work"
    );
}

#[tokio::test]
async fn a_token_that_is_asked_for_twice_by_one_key_is_made_once_and_its_value_is_not_kept() {
    let server = Server::start();
    let wish = json!({"role": "viewer", "description": "twice"});
    let (status, made) = keyed(&server, ("POST", "/api/v1/tokens"), ("t", wish.clone())).await;
    assert_eq!(status, 201);
    let (status, again) = keyed(&server, ("POST", "/api/v1/tokens"), ("t", wish)).await;
    assert_eq!(status, 409, "{again}");
    assert!(again["detail"].as_str().unwrap().contains("not kept"), "{again}");
    assert!(again["next"].as_str().unwrap().contains("sliceway token list"), "{again}");
    let (_, list) = server.admin("GET", "/api/v1/tokens?field=description=twice", Value::Null).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let value = made["token"].as_str().unwrap();
    for file in crate::rules::walk(&server.data()).into_iter().filter(|file| !file.ends_with("admin.token")) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "{}", file.display());
    }
}
