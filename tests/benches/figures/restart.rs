//! P8: a server that starts on what a killed one left: 100,000 objects and 1,000 operations that were open. P10: what an
//! operation takes beside ten times as many objects.

use crate::begun::{name, object, open, plan, recorded, slice};
use crate::idle::answers;
use crate::ours::{Ours, program};
use crate::row::{Row, Table, median, millis, root};
use orchestrator::store::{Clock, Key, Kind, Options, Sqlite, Store, Txn};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const OBJECTS: usize = 100_000;
const OPEN: usize = 1_000;
/// Of a slice at rest.
const EACH: usize = 100;
/// Changes of an open operation.
const CHANGES: usize = 5;

pub async fn measure(table: &mut Table) {
    let folder = folder();
    fill(folder.path(), OBJECTS).await;
    begin(folder.path()).await;
    let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let began = Instant::now();
    let mut child = serve(folder.path(), &at.to_string());
    while !answers(at) {
        std::thread::sleep(Duration::from_millis(1));
        assert!(began.elapsed() < Duration::from_secs(60), "the server does not answer");
    }
    let serving = began.elapsed();
    let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let resumed = loop {
        let url = format!("http://{at}/api/v1/operations?limit=1&field=state%3DPROCESSING");
        let said: Value = http.get(url).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
        if said["items"].as_array().is_some_and(Vec::is_empty) {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "not all ended: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let row = |id, what, value, unit, against: &str, bound: f64| Row {
        id,
        what,
        value,
        unit,
        against: against.into(),
        ratio: Some(value / bound),
    };
    table.add(row(
        "P8",
        "100,000 objects, 1,000 open operations: to the first answer",
        millis(serving),
        "ms",
        "<= 500 ms: part of it",
        500.0,
    ));
    table.add(row(
        "P8.resumed",
        "the same, until all of them have ended",
        resumed.as_secs_f64(),
        "s",
        "<= 5 s until all go on: part of it",
        5.0,
    ));
}

/// The latency of one apply, with a tenth of the objects and with all, in turns.
pub async fn growth(table: &mut Table) {
    let (few, many) = (folder(), folder());
    fill(few.path(), OBJECTS / 10).await;
    fill(many.path(), OBJECTS).await;
    let servers = [Ours::start_on(few), Ours::start_on(many)];
    let mut took = [Vec::new(), Vec::new()];
    for ours in &servers {
        ours.charts();
    }
    for n in 0..12 {
        for (ours, took) in servers.iter().zip(&mut took) {
            let slice = format!("p10-{n}");
            let began = Instant::now();
            let operation = ours.begin(&slice).await;
            ours.completed(&operation).await;
            if n > 1 {
                took.push(began.elapsed());
            }
        }
    }
    let [few, many] = took.map(|mut took| millis(median(&mut took)));
    table.add(Row {
        id: "P10",
        what: "one slice beside 100,000 objects: times what it takes beside 10,000",
        value: many / few,
        unit: "times",
        against: format!("<= 1.5; {many:.1} ms beside {few:.1} ms, p50"),
        ratio: None,
    });
}

fn folder() -> TempDir {
    TempDir::new_in(root().join("target")).unwrap()
}

fn serve(folder: &Path, listen: &str) -> Child {
    let mut command = Command::new(program("sliceway"));
    command
        .args(["serve", "--listen", listen, "--data"])
        .arg(folder.join("data"))
        .env("SLICEWAY_CONFIG", folder.join("cli.toml"));
    command.stderr(Stdio::null()).spawn().unwrap()
}

/// A server that made itself a data folder, two simulated clusters, and records of slices at rest.
async fn fill(folder: &Path, objects: usize) {
    let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut first = serve(folder, &at.to_string());
    let end = Instant::now() + Duration::from_secs(30);
    while !answers(at) {
        assert!(Instant::now() < end, "the server does not answer");
        std::thread::sleep(Duration::from_millis(5));
    }
    let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for cluster in ["edge", "cloud"] {
        let body =
            json!({"labels": {"region": cluster}, "spec": {"sim": {"nodes": 100, "cpu": "64", "memory": "256Gi"}}});
        let request = http.put(format!("http://{at}/api/v1/clusters/{cluster}")).bearer_auth(&token);
        assert!(request.body(body.to_string()).send().await.unwrap().status().is_success());
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let store = Sqlite::open(&folder.join("data"), Options::new(Clock::system())).unwrap();
    for n in 0..objects / EACH {
        let slice = models::Slice { phase: models::slice::Phase::Ready, ..slice(n) };
        let mut txn = Txn::new().put(Key::new(Kind::Slice, "default", slice.name.as_str()), json!(slice));
        for o in 0..EACH {
            let resource = object(&slice, ("cloud", o));
            let key = Key::new(Kind::Resource, "default", format!("{}/{}", slice.uid, resource.id()));
            txn = txn.put(key, json!(recorded(resource)));
        }
        store.commit(txn).await.unwrap();
    }
}

/// Operations as a server leaves them that is killed when it has accepted them.
async fn begin(folder: &Path) {
    let store = Sqlite::open(&folder.join("data"), Options::new(Clock::system())).unwrap();
    for n in 0..OPEN {
        let slice = slice(10_000_000 + n);
        let (operation, changes) = open(&slice, ("edge", CHANGES));
        let id = operation.operation.id.clone();
        assert_eq!(plan(&slice, ("edge", CHANGES)).changes.len(), changes.len());
        let mut txn = Txn::new()
            .put(Key::new(Kind::Operation, "default", id.clone()), json!(operation))
            .put(Key::new(Kind::Slice, "default", slice.name.as_str()), json!(slice))
            .put(Key::new(Kind::Claim, "default", format!("slice/{}", slice.name)), json!({"holder": id}));
        for change in changes {
            let key = Key::new(Kind::Change, name("default").as_str(), format!("{id}/{:05}", change.record.change.seq));
            txn = txn.put(key, json!(change));
        }
        store.commit(txn).await.unwrap();
    }
}
