//! Clusters on their way out while others act: what a user does meanwhile stands, and nothing of it is told to strangers.

use crate::programs::{credential, kubeconfig, program, until};
use crate::server::{Server, code, root, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_change_of_a_cluster_loses_no_drain_that_was_acknowledged_meanwhile() {
    let server = Server::start_with("[clusters]\nallow_exec = true\nlook_every_s = 600\n");
    let begun = server.path("begun");
    let text = format!("touch {}\nsleep 1\n{}", begun.display(), credential(""));
    let slow = program(&server, "slow.sh", &text);
    let body = || kubeconfig(&slow, &[], json!([]));
    assert_eq!(server.admin("PUT", "/api/v1/clusters/real", body()).await.0, 200);
    until(&server, "/api/v1/clusters/real", |body| body["health"]["state"] == "Unreachable").await;
    std::fs::remove_file(&begun).unwrap();
    let put = server.admin("PUT", "/api/v1/clusters/real", body());
    let drained = async {
        // The change looks at the cluster, and is not written yet.
        let end = Instant::now() + Duration::from_secs(20);
        while !begun.exists() {
            assert!(Instant::now() < end, "the change never looked at its cluster");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (status, said) = server.admin("DELETE", "/api/v1/clusters/real?drain=true", Value::Null).await;
        assert_eq!(status, 202, "{said}");
    };
    let (put, ()) = tokio::join!(put, drained);
    let (status, now) = server.admin("GET", "/api/v1/clusters/real", Value::Null).await;
    // Refused, or drained (and gone by now); never as if nobody had asked for a drain.
    assert!(put.0 == 409 || put.0 == 412 || status == 404 || now["draining"].is_object(), "{put:?} {now}");
}

pub fn mobile(name: &str, labels: Value) -> Value {
    let chart = json!({"repository": "lab", "name": "mqtt-gateway"});
    let spec = json!({"sites": {"field": {"select": {"labels": {"region": "field"}}}},
        "gateways": [{"name": "gw", "site": "field", "chart": chart, "platform": "mqtt"}]});
    json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

const SLICES: usize = 30;

/// Slices on a cluster that is being drained: the move of the first has begun, the last stands where it stood.
async fn draining() -> (Server, String) {
    let server = Server::start_with("[clusters]\nlook_every_s = 1\n");
    let charts = root().join("labs/charts");
    let added = server.cli(&["repository", "add", "lab", "--path", charts.to_str().unwrap()]);
    assert_eq!(code(&added), 0, "{}", words(&added));
    let big = json!({"labels": {"region": "field"}, "spec": {"sim": {"nodes": 50}}});
    assert_eq!(server.admin("PUT", "/api/v1/clusters/edge", big.clone()).await.0, 200);
    for n in 0..SLICES {
        let (status, said) = server.admin("POST", "/api/v1/slices", mobile(&format!("m{n:02}"), json!({}))).await;
        assert_eq!(status, 202, "{said}");
    }
    for n in 0..SLICES {
        until(&server, &format!("/api/v1/slices/m{n:02}"), |body| body["phase"] == "Ready").await;
    }
    assert_eq!(server.admin("PUT", "/api/v1/clusters/other", big).await.0, 200);
    assert_eq!(server.admin("DELETE", "/api/v1/clusters/edge?drain=true", Value::Null).await.0, 202);
    until(&server, "/api/v1/slices/m00", |body| body["placed"]["gw"] == "other").await;
    (server, format!("/api/v1/slices/m{:02}", SLICES - 1))
}

async fn ended(server: &Server, said: &Value) {
    let id = said["operation"]["id"].as_str().unwrap();
    let end = until(server, &format!("/api/v1/operations/{id}"), |body| !body["ended"].is_null()).await;
    assert_eq!(end["state"], "COMPLETED", "{end}");
}

#[tokio::test]
async fn a_slice_that_is_deleted_while_its_cluster_is_drained_does_not_come_back() {
    let (server, last) = draining().await;
    let (status, said) = server.admin("DELETE", &last, Value::Null).await;
    assert_eq!(status, 202, "{said}");
    ended(&server, &said).await;
    until(&server, "/api/v1/clusters/edge", |body| body["status"] == 404).await;
    let (status, back) = server.admin("GET", &last, Value::Null).await;
    assert_eq!(status, 404, "nobody asked for it: {back}");
}

#[tokio::test]
async fn what_a_user_changes_while_a_cluster_is_drained_stays_changed() {
    let (server, last) = draining().await;
    let name = last.rsplit('/').next().unwrap();
    let (status, said) = server.admin("POST", "/api/v1/slices", mobile(name, json!({"by": "user"}))).await;
    assert_eq!(status, 202, "{said}");
    ended(&server, &said).await;
    until(&server, "/api/v1/clusters/edge", |body| body["status"] == 404).await;
    let now = until(&server, &last, |body| body["phase"] == "Ready").await;
    assert_eq!(now["labels"]["by"], "user", "{now}");
}

#[tokio::test]
async fn a_cluster_whose_drain_was_ended_stays() {
    let server = Server::start_with("[clusters]\nlook_every_s = 1\n");
    let name = |n: usize| format!("/api/v1/clusters/e{n:02}");
    for n in 0..40 {
        assert_eq!(server.admin("PUT", &name(n), json!({"spec": {"sim": {}}})).await.0, 200);
    }
    for n in 0..40 {
        assert_eq!(server.admin("DELETE", &format!("{}?drain=true", name(n)), Value::Null).await.0, 202);
    }
    let mut kept = Vec::new();
    for n in (0..40).rev() {
        let (status, said) = server.admin("POST", &format!("{}:uncordon", name(n)), Value::Null).await;
        if status == 200 && said["draining"].is_null() {
            kept.push(n);
        }
    }
    assert!(!kept.is_empty());
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for n in &kept {
            assert_eq!(
                server.admin("GET", &name(*n), Value::Null).await.0,
                200,
                "e{n:02} was uncordoned, and is deleted"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn nobody_reads_of_another_tenants_slices_what_a_cluster_waits_for() {
    let server = Server::start_with("[clusters]\nlook_every_s = 1\n").with_lab().await;
    let (status, said) = server.admin("POST", "/api/v1/slices", mobile("secret-project", json!({}))).await;
    assert_eq!(status, 202, "{said}");
    until(&server, "/api/v1/slices/secret-project", |body| body["phase"] == "Ready").await;
    assert_eq!(server.admin("PUT", "/api/v1/tenants/rival", json!({})).await.0, 200);
    let rival = server.token("viewer", "rival").await;
    assert_eq!(server.admin("DELETE", "/api/v1/clusters/edge?drain=true", Value::Null).await.0, 202);
    until(&server, "/api/v1/clusters/edge", |body| body.pointer("/draining/waits_for/0").is_some()).await;
    let answer = server.send("GET", "/api/v1/clusters/edge", (Some(&rival), Value::Null)).await;
    let text = answer.text().await.unwrap();
    assert!(!text.contains("secret-project"), "{text}");
}

#[tokio::test]
async fn what_was_forgotten_with_its_cluster_holds_nothing_of_a_cluster_that_comes_in_its_place() {
    let server = Server::start_with("[clusters]\nlook_every_s = 1\n");
    let chart = server.path("charts/wide");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: wide\nversion: 0.1.0\n").unwrap();
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: []\n";
    std::fs::write(chart.join("templates/it.yaml"), role).unwrap();
    let added = server.cli(&["repository", "add", "odd", "--path", server.path("charts").to_str().unwrap()]);
    assert_eq!(code(&added), 0, "{}", words(&added));
    let edge = async |away: bool| {
        let body = json!({"spec": {"sim": {"away": away}}});
        assert_eq!(server.admin("PUT", "/api/v1/clusters/edge", body).await.0, 200);
    };
    let slice = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "one"}, "spec":
        {"sites": {"edge": {"cluster": "edge"}}, "functions": [{"name": "it", "site": "edge", "chart": {"repository": "odd", "name": "wide"}}]}});
    edge(false).await;
    assert_eq!(server.admin("POST", "/api/v1/slices", slice.clone()).await.0, 202);
    until(&server, "/api/v1/slices/one", |body| body["phase"] == "Ready").await;
    edge(true).await;
    assert_eq!(server.admin("DELETE", "/api/v1/slices/one", Value::Null).await.0, 202);
    until(&server, "/api/v1/slices/one", |body| body["status"] == 404).await;
    assert_eq!(server.admin("DELETE", "/api/v1/clusters/edge?drain=true&forget=true", Value::Null).await.0, 202);
    until(&server, "/api/v1/clusters/edge", |body| body["status"] == 404).await;
    assert_eq!(server.admin("POST", "/api/v1/orphans:remove", Value::Null).await.0, 202);
    edge(false).await;
    let (status, said) = server.admin("POST", "/api/v1/slices", slice).await;
    assert_eq!(status, 202, "a slice that is gone holds it for ever: {said}");
}
