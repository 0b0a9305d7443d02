//! A server clears away what is old by itself.

use crate::server::{Server, factory, words};
use orchestrator::store::{Clock, Kind, Options, Query, Sqlite, Store, Txn};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Puts the time of every document back by years; says how many have one.
async fn age(data: &Path, kind: Kind, field: &str) -> usize {
    let store = Sqlite::open(data, Options::new(Clock::system())).unwrap();
    let mut aged = 0;
    for mut object in store.list(&Query::all(kind)).await.unwrap() {
        if object.doc.get(field).is_some_and(Value::is_string) {
            object.doc[field] = json!("2020-01-01T00:00:00Z");
            store.commit(Txn::new().put(object.key, object.doc)).await.unwrap();
            aged += 1;
        }
    }
    aged
}

async fn operations(server: &Server) -> usize {
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    operations["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_server_that_starts_clears_away_what_is_old_and_still_works() {
    let server = Server::start().with_lab().await;
    let shown = words(&server.cli(&["plan", "-f", &factory()]));
    let id = shown.split_once("--plan ").unwrap().1.split_whitespace().next().unwrap().to_owned();
    for args in [
        vec!["apply", "-f", &factory(), "--wait"],
        vec!["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"],
    ] {
        let output = server.cli(&args);
        assert!(output.status.success(), "{}", words(&output));
    }
    assert_eq!(operations(&server).await, 2);

    let folder = server.killed();
    let data = folder.path().join("data");
    assert_eq!(age(&data, Kind::Operation, "ended").await, 2);
    assert_eq!(age(&data, Kind::Plan, "shown_at").await, 1, "a shown plan says when it was shown");
    let server = Server::start_on(folder);
    let deadline = Instant::now() + Duration::from_secs(30);
    while operations(&server).await > 0 {
        assert!(Instant::now() < deadline, "they are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while server.cli(&["apply", "-f", &factory(), "--plan", &id]).status.code() != Some(3) {
        assert!(Instant::now() < deadline, "the plan is still there");
    }
    let again = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(again.status.success(), "{}", words(&again));
}

#[test]
fn a_time_of_nothing_is_refused_by_its_key() {
    for key in ["operations_days", "plans_days", "blobs_hours"] {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("server.toml");
        std::fs::write(&file, format!("[housekeeping]\n{key} = 0\n")).unwrap();
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"))
            .args(["serve", "--config", file.to_str().unwrap(), "--data"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&out.stderr).contains(key), "{out:?}");
    }
}
