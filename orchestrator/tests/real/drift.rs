//! What somebody changes by hand on a real cluster is heard of, told, and put back where the slice says so.

use crate::ground::{Ground, ask, lab, name, one, own_chart};
use models::{Alarm, Drift, OperationState, SliceSpec};
use serde_json::json;
use std::time::{Duration, Instant};

/// A slice of one ConfigMap `it` with `data.a`.
fn wish(heal: bool) -> (models::labels::Labels, SliceSpec) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"a": "1"}});
    let (labels, spec) = one("raw", json!({"objects": [object]}));
    (labels, SliceSpec { heal, ..spec })
}

fn kubectl(namespace: &str, words: &[&str]) -> String {
    let mut all = vec!["kubectl", "edge", "--", "-n", namespace];
    all.extend(words);
    lab(&all)
}

fn data(namespace: &str) -> String {
    kubectl(namespace, &["get", "configmap", "it", "--ignore-not-found", "-o", "jsonpath={.data.a}"])
}

fn meddle(namespace: &str, value: &str) {
    let patch = json!({"data": {"a": value}}).to_string();
    kubectl(namespace, &["patch", "configmap", "it", "--type", "merge", "-p", &patch]);
}

async fn alarms(ground: &Ground, is: impl Fn(&[Alarm]) -> bool) -> Vec<Alarm> {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let all = ground.alarms().await;
        if is(&all) {
            return all;
        }
        assert!(Instant::now() < end, "{all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !is() {
        assert!(Instant::now() < end, "{what}: not within 40 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn made(slice: &str, heal: bool) -> Option<(Ground, String)> {
    let ground = Ground::new().await?;
    ground.shelve(&[own_chart("raw")]).await;
    let view = ground.reach(&ask(slice, wish(heal))).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    let namespace = ground.slices.get(&name("default"), &name(slice)).await.unwrap().0.namespace();
    Some((ground, namespace))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_is_an_alarm_with_its_place_until_it_is_put_back() {
    let Some((ground, namespace)) = made("told", false).await else { return };
    let stop = ground.assured();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ground.alarms().await.is_empty(), "what it made stands as it was left");
    meddle(&namespace, "2");
    let all = alarms(&ground, |all| all.iter().any(|alarm| alarm.drift == Drift::Changed)).await;
    assert_eq!((all.len(), all[0].id.name.as_str(), all[0].places.as_slice()), (1, "it", &["data.a".to_owned()][..]));
    assert!(all[0].next.contains("heal: true"), "{}", all[0].next);
    assert_eq!(data(&namespace), "2", "nobody asked to put it back");
    let view = ground.reach(&ask("told", wish(false))).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    alarms(&ground, <[Alarm]>::is_empty).await;
    assert_eq!(data(&namespace), "1");
    kubectl(&namespace, &["delete", "configmap", "it"]);
    alarms(&ground, |all| all.iter().any(|alarm| alarm.drift == Drift::Gone)).await;
    // A slice that goes takes its alarms along.
    ground.remove("told").await;
    alarms(&ground, <[Alarm]>::is_empty).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_that_heals_is_put_back_by_an_operation_until_its_budget_is_used_up() {
    let Some((ground, namespace)) = made("heals", true).await else { return };
    let stop = ground.assured();
    kubectl(&namespace, &["delete", "configmap", "it"]);
    until("it is made again", || data(&namespace) == "1").await;
    alarms(&ground, <[Alarm]>::is_empty).await;
    for value in ["2", "3"] {
        meddle(&namespace, value);
        until("it is put back", || data(&namespace) == "1").await;
        alarms(&ground, <[Alarm]>::is_empty).await;
    }
    let heals = ground.engine.list(&name("default")).await.unwrap();
    let heals = heals.iter().filter(|(operation, _)| operation.kind == models::OperationKind::HealSlice);
    assert!(heals.clone().all(|(operation, _)| operation.state == OperationState::Completed));
    assert_eq!(heals.count(), 3);
    meddle(&namespace, "4");
    let all = alarms(&ground, |all| !all.is_empty()).await;
    assert!(all[0].next.contains("put back 3 times within an hour"), "{}", all[0].next);
    assert_eq!(data(&namespace), "4");
    // A user's word is always carried out.
    let view = ground.reach(&ask("heals", wish(true))).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(data(&namespace), "1");
    ground.remove("heals").await;
    stop.cancel();
}
