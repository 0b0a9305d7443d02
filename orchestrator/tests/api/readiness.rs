//! `/readyz` tells whether a write would work now, and a server that lost its data folder writes nothing any more.

use crate::server::Server;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn ready(server: &Server) -> (u16, Value) {
    let response = server.send("GET", "/readyz", (None, Value::Null)).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn until(server: &Server, status: u16) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (now, body) = ready(server).await;
        if now == status {
            return body;
        }
        assert!(Instant::now() < deadline, "{now} {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn beside(server: &Server) -> Connection {
    Connection::open(server.data().join("sliceway.db")).unwrap()
}

#[tokio::test]
async fn readyz_says_no_with_the_reason_while_no_write_works() {
    let server = Server::start();
    let other = beside(&server);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = until(&server, 503).await;
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("locked") || detail.contains("longer"), "{body}");
    other.execute_batch("ROLLBACK").unwrap();
    until(&server, 200).await;
}

#[tokio::test]
async fn a_server_that_lost_its_data_folder_writes_no_tenant_no_cluster_and_no_token() {
    let server = Server::start();
    assert_eq!(ready(&server).await.0, 200);
    let taken = "UPDATE object SET rev = rev + 1000000 WHERE kind = 'meta' AND id = 'epoch'";
    assert_eq!(beside(&server).execute(taken, []).unwrap(), 1);
    for (method, path, body) in [
        ("PUT", "/api/v1/tenants/x", json!({})),
        ("PUT", "/api/v1/clusters/x", json!({"spec": {"sim": {}}})),
        ("POST", "/api/v1/tokens", json!({"role": "viewer"})),
    ] {
        let (status, body) = server.admin(method, path, body).await;
        assert_eq!(status, 503, "{path}: {body}");
        assert!(body["detail"].as_str().unwrap().contains("another server"), "{body}");
    }
    assert_eq!(server.admin("GET", "/api/v1/tenants/x", Value::Null).await.0, 404);
    let body = until(&server, 503).await;
    assert!(body["detail"].as_str().unwrap().contains("another server"), "{body}");
}
