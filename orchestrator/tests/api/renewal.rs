//! Certificates are renewed before they end, by an operation that everybody can see, and nothing else changes.

use crate::server::{Server, factory, words};
use serde_json::Value;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_certificate_is_renewed_before_its_end_by_an_operation_of_its_slice() {
    let server = Server::start_with("[certificates]\nlife_s = 12\n").with_lab().await;
    let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let end = Instant::now() + Duration::from_secs(60);
    let renewal = loop {
        let (_, list) = server.admin("GET", "/api/v1/operations", Value::Null).await;
        let operations = list["items"].as_array().cloned().unwrap_or_default();
        let done = |operation: &&Value| operation["kind"] == "change-slice" && operation["state"] == "COMPLETED";
        if let Some(found) = operations.iter().find(done) {
            break found["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "{list}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let (_, operation) = server.admin("GET", &format!("/api/v1/operations/{renewal}"), Value::Null).await;
    let steps = operation["steps"].as_array().unwrap();
    let of = |id: &str| steps.iter().find(|step| step["change"]["id"]["name"].as_str().unwrap().ends_with(id));
    let certificate = of("certificate/store").unwrap_or_else(|| panic!("{operation}"));
    assert_eq!(certificate["change"]["reason"], "changed: a new one before the old one ends");
    let kinds: Vec<&str> = steps.iter().map(|step| step["change"]["id"]["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"apps/v1/Deployment") || kinds.contains(&"apps/v1/StatefulSet"), "pods roll: {kinds:?}");
    assert!(!kinds.contains(&"v1/PersistentVolumeClaim") && !kinds.contains(&"v1/Namespace"), "{kinds:?}");
    let (_, slice) = server.admin("GET", "/api/v1/slices/factory-7", Value::Null).await;
    assert!(slice["phase"] == "Ready" || slice["phase"] == "Changing", "{slice}");
}
