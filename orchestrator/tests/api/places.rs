//! A slice that fits nowhere now: its operation waits, says for what, and every way out of the wait ends well.

use crate::server::{Server, stdout, words};
use orchestrator::store::{Clock, Key, Kind, Options, Sqlite, Store as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: it}
spec:
  replicas: 1
  selector: {matchLabels: {app: it}}
  template:
    metadata: {labels: {app: it}}
    spec:
      containers:
        - {name: it, image: "example.org/it:1", resources: {requests: {cpu: {{ .Values.cpu | quote }}, memory: 1Mi}}}
"#;

/// One simulated cluster of one node with a CPU, and a chart that asks for as much as its values say.
async fn small() -> Server {
    let server = Server::start();
    let cluster = json!({"labels": {"region": "field"}, "spec": {"sim": {"nodes": 1, "cpu": "1", "memory": "1Gi"}}});
    let (status, said) = server.admin("PUT", "/api/v1/clusters/edge", cluster).await;
    assert_eq!(status, 200, "{said}");
    let chart = server.path("charts/odd");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: odd\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "cpu: 100m\n").unwrap();
    std::fs::write(chart.join("templates/it.yaml"), DEPLOYMENT).unwrap();
    let added = server.cli(&["repository", "add", "odd", "--path", server.path("charts").to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    server
}

fn slice(name: &str, cpu: &str) -> Value {
    let chart = json!({"repository": "odd", "name": "odd"});
    let function = json!({"name": "it", "site": "edge", "chart": chart, "values": {"cpu": cpu}});
    let spec = json!({"sites": {"edge": {"select": {"labels": {"region": "field"}}}}, "functions": [function]});
    json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name}, "spec": spec})
}

/// Applies it; the operation's id.
async fn apply(server: &Server, name: &str, (cpu, query): (&str, &str)) -> String {
    let (status, said) = server.admin("POST", &format!("/api/v1/slices{query}"), slice(name, cpu)).await;
    assert_eq!(status, 202, "{said}");
    said["operation"]["id"].as_str().unwrap().to_owned()
}

async fn until(server: &Server, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, operation) = server.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await;
        if is(&operation) {
            return operation;
        }
        assert!(Instant::now() < end, "{operation}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn in_state(state: &'static str) -> impl Fn(&Value) -> bool {
    move |operation| operation["state"] == state
}

fn waits(operation: &Value) -> bool {
    operation["waiting_for"].as_str().is_some_and(|text| text.contains("no cluster can carry site edge"))
}

/// The cluster is full of the first slice, and the second waits for a place.
async fn full() -> (Server, String) {
    let server = small().await;
    let first = apply(&server, "first", ("600m", "")).await;
    until(&server, &first, in_state("COMPLETED")).await;
    let second = apply(&server, "second", ("700m", "")).await;
    let operation = until(&server, &second, waits).await;
    assert_eq!(operation["state"], "PROCESSING");
    assert!(operation["waiting_until"].is_string(), "{operation}");
    (server, second)
}

async fn make_room(server: &Server) {
    let (status, said) = server.admin("DELETE", "/api/v1/slices/first", Value::Null).await;
    assert_eq!(status, 202, "{said}");
}

#[tokio::test]
async fn a_slice_without_a_place_waits_visibly_and_goes_on_when_there_is_room() {
    let (server, id) = full().await;
    let told = words(&server.cli(&["operation", "get", &id, "-o", "wide"]));
    assert!(told.contains("CPU") && told.contains("edge"), "{told}");
    let (_, waiting) = server.admin("GET", "/api/v1/slices/second", Value::Null).await;
    assert_eq!(waiting["phase"], "Creating", "{waiting}");
    make_room(&server).await;
    let done = until(&server, &id, in_state("COMPLETED")).await;
    assert!(done["changes"].as_u64().unwrap() > 3, "{done}");
    let (_, slice) = server.admin("GET", "/api/v1/slices/second", Value::Null).await;
    assert_eq!((&slice["phase"], &slice["placed"]["it"]), (&json!("Ready"), &json!("edge")));
    let again = server.admin("POST", "/api/v1/slices", self::slice("second", "700m")).await;
    assert_eq!((again.0, &again.1["unchanged"]), (200, &json!(true)), "{}", again.1);
}

#[tokio::test]
async fn a_plan_alone_does_not_wait() {
    let (server, _) = full().await;
    let (status, said) = server.admin("POST", "/api/v1/slices:plan", slice("third", "900m")).await;
    assert_eq!((status, &said["title"], &said["passing"]), (409, &json!("no place"), &json!(true)), "{said}");
}

#[tokio::test]
async fn a_wait_outlives_a_killed_server() {
    let (server, id) = full().await;
    let server = server.killed_and_started_again();
    make_room(&server).await;
    until(&server, &id, in_state("COMPLETED")).await;
}

#[tokio::test]
async fn patience_ends_with_the_reason_and_retry_goes_on() {
    let (server, _) = full().await;
    let id = apply(&server, "third", ("900m", "?timeout=1")).await;
    let stuck = until(&server, &id, in_state("FAILED_TEMP")).await;
    assert_eq!(stuck["error"]["code"], "no-place", "{stuck}");
    assert!(stuck["error"]["next"].as_str().unwrap().contains(&format!("operation retry {id}")), "{stuck}");
    let told = words(&server.cli(&["operation", "retry", &id, "--plan"]))
        + &stdout(&server.cli(&["operation", "retry", &id, "--plan"]));
    assert!(told.contains("it is planned again, and waits for a place"), "{told}");
    let refused = server.cli(&["operation", "continue", &id]);
    assert!(words(&refused).contains("it has no plan yet"), "{}", words(&refused));
    for slice in ["first", "second"] {
        let gone = words(&server.cli(&["delete", "slice", slice, "--wait", "--supersede"]));
        assert!(gone.contains("COMPLETED"), "{gone}");
    }
    assert!(server.cli(&["operation", "retry", &id]).status.success());
    until(&server, &id, in_state("COMPLETED")).await;
}

#[tokio::test]
async fn a_cancelled_wait_rolls_back_to_nothing() {
    let (server, id) = full().await;
    assert!(server.cli(&["operation", "cancel", &id]).status.success());
    until(&server, &id, in_state("FAILED_TEMP")).await;
    assert!(server.cli(&["operation", "rollback", &id]).status.success());
    until(&server, &id, in_state("ROLLED_BACK")).await;
    let (status, _) = server.admin("GET", "/api/v1/slices/second", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_change_that_fits_nowhere_waits_and_a_smaller_file_takes_over() {
    let server = small().await;
    let first = apply(&server, "first", ("600m", "")).await;
    until(&server, &first, in_state("COMPLETED")).await;
    let large = apply(&server, "first", ("64", "?timeout=1")).await;
    let stuck = until(&server, &large, in_state("FAILED_TEMP")).await;
    assert!(stuck["error"]["message"].as_str().unwrap().contains("64 CPU"), "{stuck}");
    let mended = apply(&server, "first", ("500m", "")).await;
    until(&server, &mended, in_state("COMPLETED")).await;
    let (_, old) = server.admin("GET", &format!("/api/v1/operations/{large}"), Value::Null).await;
    assert_eq!((&old["state"], &old["successor"]), (&json!("FAILED"), &json!(mended)));
}

/// What was broken before an operation is not called ready by undoing it.
#[tokio::test]
async fn a_rollback_to_a_slice_that_was_broken_says_so() {
    let (server, id) = full().await;
    assert!(server.cli(&["operation", "cancel", &id]).status.success());
    let next = apply(&server, "second", ("800m", "")).await;
    until(&server, &next, waits).await;
    assert!(server.cli(&["operation", "cancel", &next]).status.success());
    assert!(server.cli(&["operation", "rollback", &next]).status.success());
    until(&server, &next, in_state("ROLLED_BACK")).await;
    let (_, slice) = server.admin("GET", "/api/v1/slices/second", Value::Null).await;
    assert_eq!(slice["phase"], "Broken", "{slice}");
}

async fn shape(server: &Server, cpu: &str) {
    let cluster = json!({"labels": {"region": "field"}, "spec": {"sim": {"nodes": 1, "cpu": cpu, "memory": "1Gi"}}});
    let (status, said) = server.admin("PUT", "/api/v1/clusters/edge", cluster).await;
    assert_eq!(status, 200, "{said}");
}

/// However often a file is applied: what does not run is not called unchanged, completed or ready.
#[tokio::test]
async fn applying_again_what_does_not_run_waits_for_it_again() {
    let server = small().await;
    let first = apply(&server, "first", ("600m", "")).await;
    until(&server, &first, in_state("COMPLETED")).await;
    shape(&server, "100m").await;
    for _ in 0..2 {
        let again = apply(&server, "first", ("600m", "?timeout=1")).await;
        let stuck = until(&server, &again, in_state("FAILED_TEMP")).await;
        assert!(stuck["error"]["message"].as_str().unwrap().contains("fits on none"), "{stuck}");
        let (_, slice) = server.admin("GET", "/api/v1/slices/first", Value::Null).await;
        assert_eq!(slice["phase"], "Broken");
    }
    let (_, told) = server.admin("GET", "/api/v1/slices/first/description", Value::Null).await;
    assert_eq!(told["state"]["word"], "not ready", "{told}");
    let table = words(&server.cli(&["get", "slices", "-o", "wide"]));
    assert!(table.contains("not ready") && table.contains("fits on none"), "{table}");
    shape(&server, "1").await;
    let mended = apply(&server, "first", ("600m", "")).await;
    until(&server, &mended, in_state("COMPLETED")).await;
}

/// Requests at one moment are answered one after the other where it counts.
#[tokio::test]
async fn two_slices_at_one_moment_are_not_given_the_same_room() {
    let server = small().await;
    let names = ["a", "b", "c", "d"];
    let all = names.map(|name| {
        let server = &server;
        async move { apply(server, name, ("600m", "")).await }
    });
    let ids = futures::future::join_all(all).await;
    let mut placed = Vec::new();
    for (name, id) in names.iter().zip(&ids) {
        let settled = until(&server, id, |operation| operation["state"] == "COMPLETED" || waits(operation)).await;
        placed.extend((settled["state"] == "COMPLETED").then_some(*name));
    }
    let [holder] = placed[..] else { panic!("{placed:?}") };
    let said = format!("room on edge is held by slice {holder}");
    for (_, id) in names.iter().zip(&ids).filter(|(name, _)| **name != holder) {
        let told = |operation: &Value| operation["waiting_for"].as_str().is_some_and(|text| text.contains(&said));
        until(&server, id, told).await;
    }
}

/// The second fits beside the first exactly: what the first was given counts once, be it read or only known of.
#[tokio::test]
async fn what_stopped_a_moment_ago_is_counted_once() {
    let server = small().await;
    for (name, cpu) in [("a", "300m"), ("b", "300m"), ("c", "400m")] {
        let id = apply(&server, name, (cpu, "")).await;
        until(&server, &id, in_state("COMPLETED")).await;
    }
    let more = apply(&server, "d", ("1m", "")).await;
    until(&server, &more, waits).await;
}

/// What waits was given nothing: it keeps nobody from what is free.
#[tokio::test]
async fn a_change_that_waits_holds_no_room() {
    let server = small().await;
    let first = apply(&server, "a", ("300m", "")).await;
    until(&server, &first, in_state("COMPLETED")).await;
    let large = apply(&server, "a", ("2", "")).await;
    until(&server, &large, waits).await;
    let other = apply(&server, "b", ("500m", "")).await;
    until(&server, &other, in_state("COMPLETED")).await;
}

#[tokio::test]
async fn a_waiting_slice_is_explained_by_what_each_candidate_lacks() {
    let (server, _) = full().await;
    let (_, told) = server.admin("GET", "/api/v1/slices/second/explanation", Value::Null).await;
    let candidate = &told["choices"][0]["candidates"][0];
    assert_eq!((&candidate["cluster"], &candidate["accepted"]), (&json!("edge"), &json!(false)), "{told}");
    let said = words(&server.cli(&["explain", "slice", "second"]));
    assert!(said.contains("needs 0.7 CPU"), "{said}");
}

#[tokio::test]
async fn a_request_that_is_no_quantity_is_refused() {
    let server = small().await;
    let (status, said) = server.admin("POST", "/api/v1/slices", slice("first", "much")).await;
    assert_eq!(status, 422, "{said}");
    assert!(said["detail"].as_str().unwrap().contains("\"much\" is no quantity"), "{said}");
}

/// Two names of two tenants whose uids are the same: 32 bits are found again by trying.
fn clash(installation: &str) -> (String, String) {
    use orchestrator::plan::names::slice_uid;
    let mut seen = std::collections::HashMap::new();
    let (one, other): (models::Name, models::Name) = ("default".parse().unwrap(), "evil".parse().unwrap());
    for n in 0..400_000 {
        let name: models::Name = format!("v{n}").parse().unwrap();
        seen.insert(slice_uid(installation, (&one, &name), 1), name.to_string());
    }
    let found = (0..400_000).find_map(|n| {
        let name: models::Name = format!("e{n}").parse().unwrap();
        Some((seen.get(&slice_uid(installation, (&other, &name), 1))?.clone(), name.to_string()))
    });
    found.expect("among so many pairs there is one")
}

/// What stands in the world is found by the uid: nobody gets one that another slice has.
#[tokio::test]
async fn no_slice_gets_the_uid_of_another() {
    let folder = small().await.killed();
    let installation = {
        let data = folder.path().join("data");
        let store = Sqlite::open(&data, Options::new(Clock::system())).unwrap();
        let known = store.get(&Key::installation(Kind::Meta, "instance")).await.unwrap().unwrap();
        known.doc["id"].as_str().unwrap().to_owned()
    };
    let server = Server::start_on(folder);
    let (mine, theirs) = tokio::task::spawn_blocking(move || clash(&installation)).await.unwrap();
    let first = apply(&server, &mine, ("100m", "")).await;
    let first = until(&server, &first, in_state("COMPLETED")).await;
    assert_eq!(server.admin("PUT", "/api/v1/tenants/evil", json!({})).await.0, 200);
    let evil = server.token("operator", "evil").await;
    let answer = server.send("POST", "/api/v1/slices", (Some(&evil), slice(&theirs, "100m"))).await;
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().await.unwrap();
    assert_ne!(answer["operation"]["uid"], first["uid"]);
}

/// A function whose data is in claim templates is guarded by what stands, not by what is wanted now.
#[tokio::test]
async fn volumes_of_a_stateful_set_do_not_go_unasked() {
    let server = small().await;
    let chart = server.path("charts/odd/templates/it.yaml");
    let set = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet").replace(
        "  selector:",
        "  serviceName: it\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], \
         resources: {requests: {storage: 1Mi}}}}]\n  selector:",
    );
    std::fs::write(chart, set).unwrap();
    let added = server.cli(&["repository", "add", "odd", "--path", server.path("charts").to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    let first = apply(&server, "first", ("100m", "")).await;
    until(&server, &first, in_state("COMPLETED")).await;
    let (status, said) = server.admin("DELETE", "/api/v1/slices/first", Value::Null).await;
    assert_eq!(status, 409, "{said}");
    let mut without = slice("first", "100m");
    without["spec"]["functions"][0]["name"] = json!("other");
    let (status, said) = server.admin("POST", "/api/v1/slices", without).await;
    assert_eq!(status, 409, "{said}");
    assert_eq!(server.admin("DELETE", "/api/v1/slices/first?allowDataLoss=it", Value::Null).await.0, 202);
}

#[tokio::test]
async fn a_wrong_cluster_and_a_missing_chart_are_told_at_once() {
    let server = small().await;
    let mut wrong = slice("first", "100m");
    wrong["spec"]["sites"]["edge"] = json!({"cluster": "egde"});
    wrong["spec"]["functions"][0]["chart"]["name"] = json!("ood");
    let (status, said) = server.admin("POST", "/api/v1/slices", wrong).await;
    assert_eq!(status, 422, "{said}");
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean edge?") && detail.contains("odd"), "{detail}");
}
