//! Every endpoint of the table: 401 without a token, 403 without the right, 404 in a foreign tenant.

use crate::server::Server;
use models::tenant::Role;
use orchestrator::api::{Endpoint, endpoints};
use serde_json::{Value, json};

/// A path that the endpoint matches.
pub fn path(endpoint: &Endpoint) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, verb)) => format!("nothing{verb}"),
        None => part.to_owned(),
    };
    endpoint.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn without_a_token_every_endpoint_is_401_and_says_how_to_get_in() {
    let server = Server::start();
    for endpoint in endpoints() {
        for token in [None, Some("slw_nonsense"), Some("other")] {
            let response = server.send(endpoint.method.as_str(), &path(endpoint), (token, Value::Null)).await;
            assert_eq!(response.status(), 401, "{} {}", endpoint.method.as_str(), endpoint.path);
            assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }
}

#[tokio::test]
async fn without_the_right_every_endpoint_is_403() {
    let server = Server::start();
    for (role, name) in [(Role::Viewer, "viewer"), (Role::Operator, "operator")] {
        let token = server.token(name, "default").await;
        for endpoint in endpoints().filter(|endpoint| endpoint.role > role) {
            let response = server.send(endpoint.method.as_str(), &path(endpoint), (Some(&token), Value::Null)).await;
            assert_eq!(response.status(), 403, "{name}: {} {}", endpoint.method.as_str(), endpoint.path);
        }
    }
}

#[tokio::test]
async fn a_foreign_tenant_is_404_on_every_endpoint() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let token = server.token("operator", "default").await;
    for endpoint in endpoints().filter(|endpoint| endpoint.role < Role::Admin) {
        for tenant in ["acme", "nobody"] {
            let method = reqwest::Method::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
            let request = server.http.request(method, format!("{}{}", server.url, path(endpoint)));
            let response = request.bearer_auth(&token).header("Sliceway-Tenant", tenant).send().await.unwrap();
            assert_eq!(response.status(), 404, "{tenant}: {} {}", endpoint.method.as_str(), endpoint.path);
        }
    }
}

#[tokio::test]
async fn a_slice_and_an_operation_of_a_foreign_tenant_are_404() {
    let server = Server::start().with_lab().await;
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let applied = server.cli(&["apply", "-f", &crate::server::factory(), "--wait"]);
    assert!(applied.status.success(), "{}", crate::server::words(&applied));
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let id = operations["items"][0]["id"].as_str().unwrap().to_owned();
    let stranger = server.token("operator", "acme").await;
    for (method, path) in [
        ("GET", "/api/v1/slices/factory-7".to_owned()),
        ("DELETE", "/api/v1/slices/factory-7".to_owned()),
        ("GET", "/api/v1/slices/factory-7/description".to_owned()),
        ("POST", "/api/v1/devices/thermo-1:credentials".to_owned()),
        ("GET", format!("/api/v1/operations/{id}")),
        ("POST", format!("/api/v1/operations/{id}:cancel")),
    ] {
        let response = server.send(method, &path, (Some(&stranger), Value::Null)).await;
        assert_eq!(response.status(), 404, "{method} {path}");
    }
}

#[tokio::test]
async fn a_revoked_token_and_one_whose_end_has_come_are_refused() {
    let server = Server::start();
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer"})).await;
    let (token, id) = (made["token"].as_str().unwrap(), made["record"]["id"].as_str().unwrap());
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(token), Value::Null)).await.status(), 200);
    let (_, list) = server.admin("GET", "/api/v1/tokens", Value::Null).await;
    assert!(!list.to_string().contains(token), "a list never shows a token");
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.0, 204);
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(token), Value::Null)).await.status(), 401);
    let begun = std::time::Instant::now();
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(500);
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer", "ends": ends})).await;
    let token = made["token"].as_str().unwrap();
    while server.send("GET", "/api/v1/whoami", (Some(token), Value::Null)).await.status() != 401 {
        assert!(begun.elapsed().as_secs() < 10, "its end has come");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
