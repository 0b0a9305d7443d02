//! Simulated clusters and the end of the server's process: what stands on them is there again.

use crate::server::{Server, factory, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn good(server: &Server, args: &[&str]) -> String {
    let output = server.cli(args);
    assert!(output.status.success(), "{args:?}: {}", words(&output));
    words(&output)
}

async fn description(server: &Server) -> Value {
    let (status, body) = server.admin("GET", "/api/v1/slices/factory-7/description", Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// What pods request on a cluster; setting a cluster has it looked at.
async fn requested_milli(server: &Server, cluster: &str, region: &str) -> u64 {
    let body = json!({"labels": {"region": region}, "spec": {"sim": {}}});
    let (status, cluster) = server.admin("PUT", &format!("/api/v1/clusters/{cluster}"), body).await;
    assert_eq!(status, 200, "{cluster}");
    cluster["facts"]["nodes"].as_array().unwrap().iter().map(|n| n["requested_cpu_milli"].as_u64().unwrap()).sum()
}

fn is_ready(description: &Value) -> bool {
    let ready = |function: &Value| function["ready"] == true;
    let there = |resource: &Value| resource["state"] == "ready";
    description["functions"].as_array().unwrap().iter().all(ready)
        && description["resources"].as_array().unwrap().iter().all(there)
}

#[tokio::test]
async fn a_slice_on_simulated_clusters_is_what_it_was_after_the_server_was_killed() {
    let server = Server::start().with_lab().await;
    good(&server, &["apply", "-f", &factory(), "--wait"]);
    let before = description(&server).await;
    assert!(is_ready(&before), "{before}");
    let requested = requested_milli(&server, "cloud", "eu").await;
    assert!(requested > 0);

    let server = server.killed_and_started_again();
    assert_eq!(description(&server).await, before);
    assert_eq!(requested_milli(&server, "cloud", "eu").await, requested);
    let again = good(&server, &["apply", "-f", &factory(), "--wait"]);
    assert!(again.contains("slice factory-7 unchanged"), "{again}");

    good(&server, &["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"]);
    for (cluster, region) in [("edge", "field"), ("cloud", "eu")] {
        assert_eq!(requested_milli(&server, cluster, region).await, 0, "{cluster}");
    }
    let server = server.killed_and_started_again();
    assert_eq!(requested_milli(&server, "cloud", "eu").await, 0, "what was deleted does not come back");
}

/// The newest operation, with how far it is.
async fn newest(server: &Server) -> Value {
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let id = operations["items"][0]["id"].as_str().unwrap();
    server.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await.1
}

async fn until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let operation = newest(server).await;
        if holds(&operation) {
            return operation;
        }
        assert!(Instant::now() < deadline, "{what}: {operation}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_operation_on_simulated_clusters_goes_on_where_the_server_was_killed() {
    let mut server = Server::start().with_lab().await;
    let mut met_open = 0;
    for (verb, args) in [
        ("create", vec!["apply", "-f", &factory()]),
        ("delete", vec!["delete", "slice", "factory-7", "--allow-data-loss", "store"]),
    ] {
        good(&server, &args);
        // Each new process does some of it, and the last one the rest.
        for least in [1, 8, 16] {
            let far =
                |operation: &Value| operation["done"].as_u64() >= Some(least) || operation["state"] == "COMPLETED";
            met_open += u32::from(until(&server, verb, far).await["state"] == "PROCESSING");
            server = server.killed_and_started_again();
        }
        until(&server, verb, |operation| operation["state"] == "COMPLETED").await;
        if verb == "create" {
            let now = description(&server).await;
            assert!(is_ready(&now), "{now}");
            let again = good(&server, &["apply", "-f", &factory(), "--wait"]);
            assert!(again.contains("slice factory-7 unchanged"), "{again}");
        }
    }
    assert!(met_open > 0, "every operation was over before its server was killed");
    for (cluster, region) in [("edge", "field"), ("cloud", "eu")] {
        assert_eq!(requested_milli(&server, cluster, region).await, 0, "{cluster}");
    }
}

#[tokio::test]
async fn a_simulated_cluster_takes_another_shape_at_once_and_keeps_what_stands_on_it() {
    let server = Server::start().with_lab().await;
    good(&server, &["apply", "-f", &factory(), "--wait"]);
    let body = json!({"labels": {"region": "eu"}, "spec": {"sim": {"nodes": 3, "cpu": "2"}}});
    let (status, cluster) = server.admin("PUT", "/api/v1/clusters/cloud", body).await;
    assert_eq!(status, 200, "{cluster}");
    let nodes = cluster["facts"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().map(|node| node["cpu_milli"].as_u64().unwrap()).collect::<Vec<_>>(), [2000; 3]);
    assert!(is_ready(&description(&server).await));
}
