//! A server that is killed in the middle of its work, so that the next version has something to take over: the story of
//! every folder in `tests/stored`. `make stored-format NAME=format-2` tells it once more with the code as it is, and that
//! is done before the first change of a stored form.

use crate::server::{Server, root};
use crate::stored;
use adapters::helm::pack_folder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orchestrator::store::{Clock, Kind, Options, Query, Sqlite, Store};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the folder goes.
const INTO: &str = "SLICEWAY_TEST_STORED";

/// One ConfigMap, as many more as the values say, a Deployment where they say how large, and hooks of the way back.
const ODD: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {word: "{{ .Values.word }}"}
{{- range $n := until (int .Values.more) }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ $.Release.Name }}-{{ $n }}"}
{{- end }}
{{- if .Values.cpu }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: "{{ .Values.app }}"}}
  template:
    metadata: {labels: {app: it}, annotations: {word: "{{ .Values.word }}"}}
    spec:
      containers:
        - {name: it, image: "example.org/it:1", resources: {requests: {cpu: "{{ .Values.cpu }}", memory: 1Mi}}}
{{- end }}
{{- if .Values.answers }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-back"
  annotations: {helm.sh/hook: pre-rollback, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: it, image: "example.org/it:1", resources: {requests: {cpu: "{{ .Values.cpu }}", memory: 1Mi}}}
{{- end }}
"#;
const VALUES: &str = "word: one\nmore: 0\ncpu: \"\"\napp: it\nanswers: false\n";

/// The clusters; `narrow` has no room for a while.
const CLUSTERS: [(&str, &str, &str); 4] =
    [("edge", "field", "4"), ("cloud", "eu", "4"), ("narrow", "narrow", "2"), ("small", "small", "1")];

pub async fn cluster(server: &Server, (name, region): (&str, &str), cpu: &str) {
    let body = json!({"labels": {"region": region}, "spec": {"sim": {"nodes": 1, "cpu": cpu}}});
    let (status, body) = server.admin("PUT", &format!("/api/v1/clusters/{name}"), body).await;
    assert_eq!(status, 200, "{body}");
}

pub fn factory() -> PathBuf {
    root().join("labs/slices/factory-7.yaml")
}

fn slice(name: &str, cluster: &str, values: Value) -> Value {
    json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name}, "spec": {
        "sites": {"at": {"cluster": cluster}},
        "functions": [{"name": "it", "site": "at", "chart": {"repository": "lab", "name": "odd"}, "values": values}]}})
}

async fn apply(server: &Server, query: &str, body: Value) -> String {
    let (status, said) = server.admin("POST", &format!("/api/v1/slices{query}"), body).await;
    assert_eq!(status, 202, "{said}");
    said["operation"]["id"].as_str().unwrap().to_owned()
}

pub async fn operation(server: &Server, id: &str) -> Value {
    server.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await.1
}

pub async fn until(server: &Server, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let operation = operation(server, id).await;
        if is(&operation) {
            return operation;
        }
        assert!(Instant::now() < deadline, "{operation}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn done(server: &Server, id: &str) {
    until(server, id, |operation| operation["state"] == "COMPLETED").await;
}

fn waits(operation: &Value) -> bool {
    operation["waiting_for"].is_string()
}

/// Charts are given as archives: a folder's path would be one of this machine.
async fn charts(server: &Server) {
    let odd = server.path("odd");
    std::fs::create_dir_all(odd.join("templates")).unwrap();
    std::fs::write(odd.join("Chart.yaml"), "apiVersion: v2\nname: odd\nversion: 0.1.0\n").unwrap();
    std::fs::write(odd.join("values.yaml"), VALUES).unwrap();
    std::fs::write(odd.join("templates/it.yaml"), ODD).unwrap();
    let lab = ["mqtt-server", "mqtt-gateway"].map(|name| (name, root().join("labs/charts").join(name)));
    let folders = lab.into_iter().chain([("odd", odd)]);
    let archive = |folder: &Path| STANDARD.encode(pack_folder(folder).unwrap());
    let charts = folders.map(|(name, folder)| json!({"name": name, "archive": archive(&folder)}));
    let charts: Vec<Value> = charts.collect();
    let (status, said) = server.admin("PUT", "/api/v1/repositories/lab", json!({"charts": charts})).await;
    assert_eq!(status, 200, "{said}");
}

/// What is at rest: a whole slice, one that fills its cluster, and two that are changed later.
async fn at_rest(server: &Server) {
    let made = server.cli(&["apply", "-f", factory().to_str().unwrap(), "--wait"]);
    assert!(made.status.success(), "{}", crate::server::words(&made));
    for (name, cluster, values) in [
        ("first", "small", json!({"cpu": "600m"})),
        ("waits", "narrow", json!({"cpu": "600m"})),
        ("back", "narrow", json!({"cpu": "400m", "answers": true})),
    ] {
        let id = apply(server, "", slice(name, cluster, values)).await;
        done(server, &id).await;
    }
    let plan = json!({"metadata": {"labels": {"customer": "other"}}});
    let mut shown: Value = serde_saphyr::from_str(&std::fs::read_to_string(factory()).unwrap()).unwrap();
    shown["metadata"]["labels"] = plan["metadata"]["labels"].clone();
    let (status, said) = server.admin("POST", "/api/v1/slices:plan", shown).await;
    assert_eq!(status, 200, "{said}");
}

/// What is open when the server dies; the last of them is in the middle of its work.
async fn open(server: &Server) {
    let stuck = apply(server, "", slice("stuck", "edge", json!({"cpu": "100m", "app": "other"}))).await;
    until(server, &stuck, |operation| operation["state"] == "FAILED_TEMP").await;
    let queued = apply(server, "?timeout=3600", slice("queued", "small", json!({"cpu": "700m"}))).await;
    until(server, &queued, waits).await;

    cluster(server, ("narrow", "narrow"), "100m").await;
    let back = json!({"cpu": "400m", "answers": true, "word": "two"});
    let back = apply(server, "?timeout=1", slice("back", "narrow", back)).await;
    until(server, &back, |operation| operation["state"] == "FAILED_TEMP").await;
    let (status, said) = server.admin("POST", &format!("/api/v1/operations/{back}:rollback"), Value::Null).await;
    assert_eq!(status, 202, "{said}");
    let rolls = |operation: &Value| operation["state"] == "ROLLING_BACK";
    until(server, &back, rolls).await;
    let change = slice("waits", "narrow", json!({"cpu": "600m", "word": "two"}));
    let change = apply(server, "?timeout=3600", change).await;
    until(server, &change, |operation| operation["state"] == "PROCESSING" && waits(operation)).await;

    let midway = apply(server, "?timeout=3600", slice("midway", "edge", json!({"more": 40, "cpu": "100m"}))).await;
    until(server, &midway, |operation| operation["done"].as_u64() >= Some(1)).await;
}

/// The state of each open operation by its slice, as it is on disk.
pub async fn states(store: &dyn Store) -> Vec<(String, String)> {
    let mut states = Vec::new();
    for object in store.list(&Query::all(Kind::Operation)).await.unwrap() {
        let text = |field: &str| object.doc[field].as_str().unwrap_or_default().to_owned();
        if object.doc["ended"].is_null() {
            states.push((text("subject"), text("state")));
        }
    }
    states.sort();
    states
}

#[tokio::test]
#[ignore = "a child process of `make stored-format`"]
async fn child_that_makes_a_stored_format() {
    let into = PathBuf::from(std::env::var_os(INTO).expect("run by make stored-format"));
    assert!(!into.exists(), "{} is there already, and never changes", into.display());
    // Its certificates are not due when a test meets them years later.
    let server = Server::start_with("[certificates]\nlife_s = 4000000000\n");
    for (name, region, cpu) in CLUSTERS {
        cluster(&server, (name, region), cpu).await;
    }
    charts(&server).await;
    server.admin("PUT", "/api/v1/tenants/acme", json!({})).await;
    let viewer = server.token("viewer", "acme").await;
    at_rest(&server).await;
    open(&server).await;
    let folder = server.killed();
    let data = folder.path().join("data");
    let store = Sqlite::open(&data, Options::new(Clock::system())).unwrap();
    let wanted = [
        ("back", "ROLLING_BACK"),
        ("midway", "PROCESSING"),
        ("queued", "PROCESSING"),
        ("stuck", "FAILED_TEMP"),
        ("waits", "PROCESSING"),
    ];
    let wanted = wanted.map(|(slice, state)| (slice.to_owned(), state.to_owned()));
    assert_eq!(states(&store).await, wanted, "the kill came too late: run it again");
    let changes = store.list(&Query::all(Kind::Change)).await.unwrap();
    let begun = changes.iter().filter(|change| change.doc["state"] == "doing").count();
    assert!(begun > 3, "the kill met nothing between intent and result: run it again");
    drop(store);
    stored::dump(&data, &into);
    std::fs::write(into.join("viewer.token"), viewer).unwrap();
    std::fs::copy(factory(), into.join("factory-7.yaml")).unwrap();
}
