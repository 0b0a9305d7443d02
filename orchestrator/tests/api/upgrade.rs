//! A server was killed with operations open, and today's server is started on what it left: a folder of every stored
//! format (`tests/stored`). All of it ends well, or waits for an operator and can be moved to its end (ENGINE.md 4).

use crate::leaving::{cluster, states, until};
use crate::server::{Server, words};
use crate::stored;
use orchestrator::store::{Clock, Kind, Options, Query, Sqlite, Store};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;

/// The operations that were open, with their slices.
async fn opened(data: &Path) -> Vec<(String, String)> {
    let store = Sqlite::open(data, Options::new(Clock::system())).unwrap();
    let all = store.list(&Query::all(Kind::Operation)).await.unwrap();
    let open = all.into_iter().filter(|object| object.doc["ended"].is_null());
    open.map(|object| (object.doc["subject"].as_str().unwrap().to_owned(), object.key.id)).collect()
}

fn good(server: &Server, args: &[&str]) -> String {
    let output = server.cli(args);
    assert!(output.status.success(), "{args:?}: {}", words(&output));
    words(&output)
}

fn rests(operation: &Value) -> bool {
    ["FAILED_TEMP", "COMPLETED", "ROLLED_BACK", "FAILED", "PARTIALLY_COMPLETED"]
        .map(Value::from)
        .contains(&operation["state"])
}

/// It ends by itself, or says why not, and an operator's move ends it.
async fn end(server: &Server, id: &str, moves: &[&str]) -> String {
    let mut operation = until(server, id, rests).await;
    for word in moves {
        if operation["state"] != "FAILED_TEMP" {
            break;
        }
        let error = &operation["error"];
        assert_ne!(error["code"], "unreadable", "{operation}");
        let told = |field: &str| error[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(told("message") && told("next"), "{operation}");
        let (status, said) = server.admin("POST", &format!("/api/v1/operations/{id}:{word}"), Value::Null).await;
        assert_eq!(status, 202, "{word}: {said}");
        operation = until(server, id, rests).await;
    }
    operation["state"].as_str().unwrap().to_owned()
}

/// What is at rest is not touched, and the tokens of then are good.
async fn rest(server: &Server, stored: &Path) {
    let file = stored.join("factory-7.yaml");
    let again = good(server, &["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(again.contains("slice factory-7 unchanged"), "{again}");
    let (_, description) = server.admin("GET", "/api/v1/slices/factory-7/description", Value::Null).await;
    let ready = |resource: &Value| resource["state"] == "ready";
    assert!(description["resources"].as_array().unwrap().iter().all(ready), "{description}");
    let viewer = std::fs::read_to_string(stored.join("viewer.token")).unwrap();
    let asked = server.send("GET", "/api/v1/slices", (Some(viewer.trim()), Value::Null)).await;
    assert_eq!(asked.status(), StatusCode::OK);
    let refused = server.send("PUT", "/api/v1/tenants/x", (Some(viewer.trim()), json!({}))).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

/// The plan that was shown then is carried out exactly, or the difference is said.
fn shown(server: &Server, (stored, data): (&Path, &str)) {
    let file = std::fs::read_to_string(stored.join("factory-7.yaml")).unwrap();
    let other = server.path("other.yaml");
    std::fs::write(&other, file.replace("customer: acme", "customer: other")).unwrap();
    let output = server.cli(&["apply", "-f", other.to_str().unwrap(), "--plan", data, "--wait"]);
    let said = words(&output);
    assert!(output.status.success() || said.contains("the world has changed since the plan was shown"), "{said}");
}

async fn taken_over(stored: &Path) {
    let folder = stored::load(stored);
    let data = folder.path().join("data");
    let open = opened(&data).await;
    let plan = plan_id(&data).await;
    assert!(open.len() >= 5, "{open:?}");
    let server = Server::start_on(folder);
    rest(&server, stored).await;
    // What they wait for comes.
    cluster(&server, ("narrow", "narrow"), "2").await;
    cluster(&server, ("small", "small"), "2").await;
    for (slice, id) in &open {
        let (moves, wanted) = match slice.as_str() {
            "stuck" => (["retry", "rollback"].as_slice(), "ROLLED_BACK"),
            "back" => (["rollback", "rollback"].as_slice(), "ROLLED_BACK"),
            _ => (["retry", "retry"].as_slice(), "COMPLETED"),
        };
        assert_eq!(end(&server, id, moves).await, wanted, "{slice}");
    }
    shown(&server, (stored, &plan));
    for slice in ["factory-7", "first", "waits", "back", "queued", "midway"] {
        let loss: &[&str] = if slice == "factory-7" { &["--allow-data-loss", "store"] } else { &[] };
        good(&server, &[&["delete", "slice", slice, "--wait"], loss].concat());
    }
    for (name, region) in [("edge", "field"), ("cloud", "eu"), ("narrow", "narrow"), ("small", "small")] {
        cluster(&server, (name, region), "4").await;
        let (_, cluster) = server.admin("GET", &format!("/api/v1/clusters/{name}"), Value::Null).await;
        assert_eq!(cluster["facts"]["nodes"][0]["requested_cpu_milli"], 0, "{cluster}");
    }
    let folder = server.killed();
    let store = Sqlite::open(&folder.path().join("data"), Options::new(Clock::system())).unwrap();
    assert_eq!(states(&store).await, []);
    let left = store.list(&Query::all(Kind::Resource)).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

async fn plan_id(data: &Path) -> String {
    let store = Sqlite::open(data, Options::new(Clock::system())).unwrap();
    let shown = store.list(&Query::all(Kind::Plan).prefix("shown/")).await.unwrap();
    shown[0].doc["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn operations_that_an_earlier_version_left_open_end_well() {
    let all = stored::all();
    assert!(!all.is_empty());
    for stored in all {
        eprintln!("{}", stored.display());
        taken_over(&stored).await;
    }
}

#[test]
fn every_stored_format_has_a_folder() {
    let now = stored::formats();
    let read = |stored: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(stored.join("formats.json")).unwrap()).unwrap()
    };
    let known: Vec<Value> = stored::all().iter().map(|stored| read(stored)).collect();
    assert!(known.contains(&now), "make stored-format NAME=… with the code from before the change; now: {now}");
}
