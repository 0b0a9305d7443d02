//! Lists: pages, filters, and what is said of a query that means nothing.

use crate::auth::path;
use crate::server::Server;
use orchestrator::api::{Method, TABLE, endpoints};
use serde_json::{Value, json};

async fn refused(server: &Server, path: &str, (parameter, says): (&str, &str)) -> Value {
    let (status, body) = server.admin("GET", path, Value::Null).await;
    assert_eq!(status, 400, "{path}: {body}");
    assert_eq!(body["parameter"], parameter, "{path}: {body}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(parameter) && detail.contains(says), "{path}: {detail}");
    body
}

/// The path and query of `Link: <…>; rel="next"` (RFC 8288).
async fn next(server: &Server, path: &str) -> Option<String> {
    let response = server.send("GET", path, (Some(&server.token), Value::Null)).await;
    assert_eq!(response.status(), 200, "{path}");
    let link = response.headers().get("link")?.to_str().unwrap().to_owned();
    let (target, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(rest, "; rel=\"next\"");
    Some(target.to_owned())
}

async fn names(server: &Server, path: &str) -> Vec<String> {
    let (_, body) = server.admin("GET", path, Value::Null).await;
    body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_filters_and_the_limit() {
    let server = Server::start();
    for (name, description) in [("a", "x & y"), ("b", "other"), ("c", "x & y"), ("d", "x & y"), ("e", "x & y")] {
        server.admin("PUT", &format!("/api/v1/tenants/{name}"), json!({"description": description})).await;
    }
    let mut path = "/api/v1/tenants?limit=2&field=description%3Dx%20%26+y".to_owned();
    let mut found = names(&server, &path).await;
    while let Some(target) = next(&server, &path).await {
        assert!(target.contains("limit=2") && target.contains("field="), "{target}");
        path = target;
        found.extend(names(&server, &path).await);
    }
    assert_eq!(found, ["a", "c", "d", "e"]);
}

#[tokio::test]
async fn a_limit_outside_of_its_bounds_is_400_with_the_bounds() {
    let server = Server::start();
    for limit in ["0", "501", "-1", "ten", "99999999999999999999"] {
        refused(&server, &format!("/api/v1/tenants?limit={limit}"), ("limit", "1 to 500")).await;
    }
    for limit in ["1", "500"] {
        assert_eq!(server.admin("GET", &format!("/api/v1/tenants?limit={limit}"), Value::Null).await.0, 200);
    }
}

#[tokio::test]
async fn a_limit_that_stands_twice_is_400() {
    let server = Server::start();
    refused(&server, "/api/v1/operations?limit=2&limit=3", ("limit", "stands once")).await;
}

#[tokio::test]
async fn a_marker_that_is_not_of_this_list_is_400() {
    let server = Server::start();
    for name in ["a", "b", "c"] {
        server.admin("PUT", &format!("/api/v1/tenants/{name}"), json!({})).await;
    }
    let (_, first) = server.admin("GET", "/api/v1/tenants?limit=1", Value::Null).await;
    let marker = first["next"].as_str().unwrap();
    let mut bent: String = marker.chars().rev().collect();
    for wrong in ["", "YQ", "zz", "*", bent.as_str()] {
        refused(&server, &format!("/api/v1/tenants?marker={wrong}"), ("marker", "the page before")).await;
    }
    bent.clear();
    refused(&server, &format!("/api/v1/tokens?marker={marker}"), ("marker", "the page before")).await;
    let filtered = format!("/api/v1/tenants?field=name=b&marker={marker}");
    refused(&server, &filtered, ("marker", "the page before")).await;
    assert_eq!(names(&server, &format!("/api/v1/tenants?limit=2&marker={marker}")).await, ["b", "c"]);
}

#[tokio::test]
async fn an_unknown_query_parameter_is_400_on_every_endpoint_with_what_is_allowed() {
    let server = Server::start();
    // Lists of the standard take attributes' names.
    for endpoint in endpoints().filter(|endpoint| !endpoint.query.iter().any(|(name, _)| *name == "filter")) {
        let path = path(endpoint);
        let (status, body) = server.admin(endpoint.method.as_str(), &format!("{path}?colour=red"), Value::Null).await;
        assert_eq!(status, 400, "{} {path}: {body}", endpoint.method.as_str());
        assert_eq!(body["parameter"], "colour");
        let allowed: Vec<&str> = endpoint.query.iter().map(|(name, _)| *name).collect();
        assert_eq!(body["allowed"], json!(allowed), "{path}");
        for name in allowed {
            assert!(body["detail"].as_str().unwrap().contains(name), "{body}");
        }
        assert!(!body["next"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_misspelt_parameter_or_word_gets_the_nearest_valid_one() {
    let server = Server::start();
    let body = refused(&server, "/api/v1/slices?lmit=3", ("lmit", "did you mean \"limit\"?")).await;
    assert_eq!(body["nearest"], "limit");
    let body = refused(&server, "/api/v1/slices?watch=ture", ("watch", "did you mean \"true\"?")).await;
    assert_eq!(body["allowed"], json!(["true", "false"]));
    let (status, body) = server.admin("DELETE", "/api/v1/slices/x?supersede=nevr", Value::Null).await;
    assert_eq!((status, body["nearest"].clone()), (400, json!("never")), "{body}");
    refused(&server, "/api/v1/slices?label=region", ("label", "label=name=value")).await;
    refused(&server, "/api/v1/slices?limit=1&limit=2", ("limit", "once")).await;
    refused(&server, "/api/v1/slices?revision=3", ("revision", "watch=true")).await;
    refused(&server, "/api/v1/slices?watch=true&limit=3", ("limit", "watch")).await;
    assert_eq!(server.admin("GET", "/api/v1/slices?watch=false", Value::Null).await.0, 200);
}

#[tokio::test]
async fn every_list_takes_a_limit_a_marker_and_a_field() {
    for endpoint in TABLE.iter().filter(|endpoint| endpoint.method == Method::Get) {
        let takes = |name: &str| endpoint.query.iter().any(|(known, _)| *known == name);
        let is_list =
            endpoint.path.starts_with("/api/v1/") && !endpoint.path.contains('{') && endpoint.path != "/api/v1/whoami";
        assert_eq!(takes("limit") && takes("marker") && takes("field"), is_list, "{}", endpoint.path);
    }
}
