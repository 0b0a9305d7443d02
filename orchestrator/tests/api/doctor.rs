//! `cluster doctor`: what it says of a simulated cluster, of one that is away, and to whom it speaks.

use crate::server::{Server, code, stdout, words};
use serde_json::{Value, json};

/// Nothing listens there.
const AWAY: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "x.eyJleHAiOjEwMDAwMDAwMDB9.y"}}]}"#;

#[tokio::test]
async fn a_simulated_cluster_says_that_it_is_one_and_claims_nothing() {
    let server = Server::start().with_slice().await;
    let (status, body) = server.admin("GET", "/api/v1/clusters/edge/doctor", Value::Null).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["simulated"], &body["state"]), (&json!(true), &json!("UNKNOWN")), "{body}");
    let shown = server.cli(&["cluster", "doctor", "edge"]);
    assert_eq!(code(&shown), 0, "{}", words(&shown));
    assert!(stdout(&shown).contains("says nothing about a real cluster"), "{}", words(&shown));
}

#[tokio::test]
async fn a_cluster_that_is_away_fails_with_what_is_known_and_the_exit_code_says_so() {
    let server = Server::start();
    let body = json!({"kubeconfig": AWAY, "spec": {}});
    let (status, body) = server.admin("PUT", "/api/v1/clusters/far", body).await;
    assert_eq!(status, 200, "{body}");
    let shown = server.cli(&["cluster", "doctor", "far"]);
    assert_eq!(code(&shown), 1, "{}", words(&shown));
    for part in [
        "FAILED   version",
        "far cannot be reached",
        "token: ended at 2001-09-09",
        "UNKNOWN  capacity",
        "next: give a new one: sliceway cluster set far",
    ] {
        assert!(stdout(&shown).contains(part), "{part}: {}", words(&shown));
    }
    for form in ["json", "yaml"] {
        let shown = server.cli(&["cluster", "doctor", "far", "-o", form]);
        assert_eq!(code(&shown), 1);
        let read: Value = serde_saphyr::from_str(&stdout(&shown)).unwrap();
        assert_eq!((&read["state"], &read["simulated"]), (&json!("FAILED"), &json!(false)), "{form}");
        let version = read["checks"].as_array().unwrap().iter().find(|check| check["name"] == "version").unwrap();
        assert_eq!(version["state"], "FAILED", "{form}");
    }
}

#[tokio::test]
async fn a_look_is_for_administrators_and_for_clusters_that_exist() {
    let server = Server::start().with_lab().await;
    let operator = server.token("operator", "default").await;
    let answer = server.send("GET", "/api/v1/clusters/edge/doctor", (Some(&operator), Value::Null)).await;
    assert_eq!(answer.status().as_u16(), 403);
    let shown = server.cli(&["cluster", "doctor", "nowhere"]);
    assert_eq!(code(&shown), 3, "{}", words(&shown));
}
