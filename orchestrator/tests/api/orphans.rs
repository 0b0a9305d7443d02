//! Clusters that cannot be reached: nobody waits for them, and what was left there goes when they return.

use crate::draining::mobile;
use crate::server::{Server, code, factory, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const QUICK: &str = "[clusters]\nlook_every_s = 1\n";

async fn server() -> Server {
    Server::start_with(QUICK).with_slice().await
}

/// Cuts a cluster off, or brings it back.
async fn away(server: &Server, name: &str, away: bool) {
    let region = if name == "cloud" { "eu" } else { "field" };
    let body = json!({"labels": {"region": region}, "spec": {"sim": {"away": away}}});
    let (status, said) = server.admin("PUT", &format!("/api/v1/clusters/{name}"), body).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["health"]["state"], if away { "Unreachable" } else { "Reachable" }, "{said}");
}

async fn get(server: &Server, path: &str) -> Value {
    server.admin("GET", path, Value::Null).await.1
}

async fn until(server: &Server, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let body = get(server, path).await;
        if is(&body) {
            return body;
        }
        assert!(Instant::now() < end, "{path}: {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn count(body: &Value) -> usize {
    body["items"].as_array().unwrap().len()
}

async fn delete(server: &Server, query: &str) -> Value {
    let before = Instant::now();
    let (status, said) =
        server.admin("DELETE", &format!("/api/v1/slices/factory-7?allowDataLoss=store{query}"), Value::Null).await;
    assert_eq!(status, 202, "{said}");
    // A cluster that is asked and does not answer is waited for 5 s.
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    let id = said["operation"]["id"].as_str().unwrap();
    until(server, &format!("/api/v1/operations/{id}"), |body| !body["ended"].is_null()).await
}

#[tokio::test]
async fn a_slice_on_a_cluster_that_is_away_is_deleted_at_once_and_its_rest_goes_when_that_returns() {
    let server = server().await;
    away(&server, "edge", true).await;
    let planned = server.cli(&["delete", "slice", "factory-7", "--dry-run", "--allow-data-loss", "store"]);
    assert!(words(&planned).contains("to delete when their cluster returns"), "{}", words(&planned));
    let operation = delete(&server, "").await;
    assert_eq!(operation["state"], "PARTIALLY_COMPLETED", "{operation}");
    assert_eq!(server.admin("GET", "/api/v1/slices/factory-7", Value::Null).await.0, 404);
    let left = get(&server, "/api/v1/orphans").await;
    assert!(count(&left) > 5);
    for orphan in left["items"].as_array().unwrap() {
        assert_eq!((&orphan["cluster"], &orphan["cause"]), (&json!("edge"), &json!("unreachable")), "{orphan}");
    }
    assert_eq!(count(&get(&server, "/api/v1/orphans?cluster=cloud").await), 0);
    let (status, said) = server.admin("DELETE", "/api/v1/clusters/edge", Value::Null).await;
    assert_eq!(status, 409, "{said}");
    // The name is free, and what comes under it meets nothing of its predecessor.
    let again = server.cli(&["apply", "-f", &factory()]);
    assert_eq!(code(&again), 0, "{}", words(&again));
    away(&server, "edge", false).await;
    until(&server, "/api/v1/orphans", |body| count(body) == 0).await;
    until(&server, "/api/v1/slices/factory-7", |body| body["phase"] == "Ready").await;
    let operations = get(&server, "/api/v1/operations").await;
    let removal = operations["items"].as_array().unwrap().iter().find(|one| one["kind"] == "remove-orphans").unwrap();
    assert_eq!(removal["state"], "COMPLETED", "{removal}");
    assert_eq!(delete(&server, "").await["state"], "COMPLETED");
}

#[tokio::test]
async fn a_restart_keeps_the_ledger() {
    let server = server().await;
    away(&server, "edge", true).await;
    delete(&server, "").await;
    let before = count(&get(&server, "/api/v1/orphans").await);
    let server = server.killed_and_started_again();
    assert_eq!(count(&get(&server, "/api/v1/orphans").await), before);
    away(&server, "edge", false).await;
    until(&server, "/api/v1/orphans", |body| count(body) == 0).await;
}

#[tokio::test]
async fn what_is_forgotten_is_reported_and_found_again_when_its_cluster_returns() {
    let server = server().await;
    away(&server, "edge", true).await;
    let operation = delete(&server, "&forget=true").await;
    assert_eq!(operation["state"], "COMPLETED", "{operation}");
    let residue = operation["residue"].as_array().unwrap().len();
    let ledger = get(&server, "/api/v1/orphans").await;
    assert!(residue > 5 && count(&ledger) == residue, "{ledger}");
    assert!(ledger["items"].as_array().unwrap().iter().all(|orphan| orphan["cause"] == "forgotten"));
    away(&server, "edge", false).await;
    let removed = server.cli(&["orphans", "--remove", "--wait"]);
    assert_eq!(code(&removed), 0, "{}", words(&removed));
    assert_eq!(count(&get(&server, "/api/v1/orphans").await), 0);
    let scanned = server.cli(&["orphans", "--scan"]);
    assert!(words(&scanned).contains("0 found"), "{}", words(&scanned));
}

#[tokio::test]
async fn a_cluster_that_is_away_is_drained_and_forgotten_and_its_slice_moves() {
    let server = Server::start_with(QUICK).with_lab().await;
    let body = json!({"labels": {"region": "field"}, "spec": {"sim": {}}});
    let (status, said) = server.admin("POST", "/api/v1/slices", mobile("mobile", json!({}))).await;
    assert_eq!(status, 202, "{said}");
    until(&server, "/api/v1/slices/mobile", |body| body["phase"] == "Ready").await;
    let (status, said) = server.admin("PUT", "/api/v1/clusters/other", body).await;
    assert_eq!(status, 200, "{said}");
    away(&server, "edge", true).await;
    let before = Instant::now();
    let (status, said) = server.admin("DELETE", "/api/v1/clusters/edge?drain=true&forget=true", Value::Null).await;
    assert_eq!(status, 202, "{said}");
    assert!(before.elapsed() < Duration::from_secs(4));
    until(&server, "/api/v1/clusters/edge", |body| body["status"] == 404).await;
    let slice = get(&server, "/api/v1/slices/mobile").await;
    assert_eq!(slice["placed"]["gw"], "other", "{slice}");
    let ledger = get(&server, "/api/v1/orphans").await;
    assert!(count(&ledger) > 3 && ledger["items"][0]["cause"] == "forgotten", "{ledger}");
    // The cluster is gone for good: its lines are struck out on demand.
    let (status, said) = server.admin("POST", "/api/v1/orphans:remove", Value::Null).await;
    assert_eq!((status, said["struck"].as_u64().unwrap() > 3), (202, true), "{said}");
    assert_eq!(count(&get(&server, "/api/v1/orphans").await), 0);
}

#[tokio::test]
async fn a_drain_that_cannot_go_on_says_why_and_can_be_ended() {
    let server = server().await;
    let drained = server.cli(&["cluster", "delete", "edge", "--drain"]);
    assert_eq!(code(&drained), 0, "{}", words(&drained));
    let waits = |body: &Value| body.pointer("/draining/waits_for/0").is_some();
    let cluster = until(&server, "/api/v1/clusters/edge", waits).await;
    let why = cluster["draining"]["waits_for"][0]["what"].as_str().unwrap();
    assert!(why.contains("slice factory-7"), "{why}");
    let kept = server.cli(&["cluster", "uncordon", "edge"]);
    assert_eq!(code(&kept), 0, "{}", words(&kept));
    let cluster = get(&server, "/api/v1/clusters/edge").await;
    assert!(cluster.get("draining").is_none(), "{cluster}");
    let again = server.cli(&["apply", "-f", &factory()]);
    assert!(words(&again).contains("unchanged"), "{}", words(&again));
}

#[tokio::test]
async fn a_drain_that_had_nowhere_to_go_goes_on_when_another_cluster_fits() {
    let server = Server::start_with(QUICK).with_lab().await;
    let (status, said) = server.admin("POST", "/api/v1/slices", mobile("mobile", json!({}))).await;
    assert_eq!(status, 202, "{said}");
    until(&server, "/api/v1/slices/mobile", |body| body["phase"] == "Ready").await;
    let (status, said) = server.admin("DELETE", "/api/v1/clusters/edge?drain=true", Value::Null).await;
    assert_eq!(status, 202, "{said}");
    let waits = |body: &Value| body.pointer("/draining/waits_for/0").is_some();
    let cluster = until(&server, "/api/v1/clusters/edge", waits).await;
    let why = cluster["draining"]["waits_for"][0]["what"].as_str().unwrap();
    assert!(why.contains("slice mobile of tenant default"), "{why}");
    let body = json!({"labels": {"region": "field"}, "spec": {"sim": {}}});
    let (status, said) = server.admin("PUT", "/api/v1/clusters/other", body).await;
    assert_eq!(status, 200, "{said}");
    until(&server, "/api/v1/clusters/edge", |body| body["status"] == 404).await;
    assert_eq!(get(&server, "/api/v1/slices/mobile").await["placed"]["gw"], "other");
}

#[tokio::test]
async fn a_look_at_a_list_does_not_wait_for_a_cluster_that_is_away() {
    let server = server().await;
    away(&server, "edge", true).await;
    let before = Instant::now();
    let slice = get(&server, "/api/v1/slices/factory-7?state=true").await;
    // A cluster that is asked and does not answer is waited for 5 s.
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_eq!(slice["state"]["word"], "unknown", "{slice}");
}

#[tokio::test]
async fn an_orphan_that_is_not_there_is_404_and_a_wrong_id_says_what_one_looks_like() {
    let server = Server::start();
    let (status, said) = server.admin("POST", "/api/v1/orphans:remove?slice=nobody", Value::Null).await;
    assert_eq!(status, 404, "{said}");
    let (status, said) = server.admin("POST", "/api/v1/orphans:remove?id=x", Value::Null).await;
    assert_eq!((status, &said["parameter"]), (400, &json!("id")), "{said}");
    let (status, said) = server.admin("DELETE", "/api/v1/clusters/edge?forget=true", Value::Null).await;
    assert_eq!((status, &said["parameter"]), (400, &json!("forget")), "{said}");
}
