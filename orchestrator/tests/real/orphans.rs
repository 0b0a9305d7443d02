//! What a real cluster holds that nobody wants: left there while it was cut off, or found under our label.

use crate::ground::{Ground, ask, lab, name, probes};
use adapters::Discovery;
use adapters::helm::Lookup;
use models::{OperationState, OrphanCause};
use orchestrator::slices::{Ask, AskOptions, Goal, Picked};
use serde_json::json;

async fn labelled(ground: &Ground, cluster: &str, uid: &str) -> usize {
    ground.clusters[cluster].scan(&ground.call(uid), Some(uid)).await.unwrap().len()
}

async fn exists(ground: &Ground, (namespace, name): (&str, &str)) -> bool {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let lookup = Lookup { api_version: "v1".into(), kind: "ConfigMap".into(), namespace, name };
    ground.clusters["edge"].find(&ground.call(""), &lookup).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_on_a_cluster_that_is_cut_off_leaves_a_tombstone_that_is_carried_out_when_it_returns() {
    let Some(ground) = Ground::new().await else { return };
    let made = ground.reach(&ask("tomb", probes(json!({})))).await;
    assert_eq!(made.operation.state, OperationState::Completed, "{:?}", made.operation.error);
    let uid = made.operation.uid.clone();
    ground.cut_edge(true);
    let view = ground.reach(&Ask { name: name("tomb"), goal: Goal::Delete, options: AskOptions::default() }).await;
    let ledger = ground.slices.orphans(&name("default"), &Picked::default()).await.unwrap();
    ground.cut_edge(false);
    assert_eq!(view.operation.state, OperationState::PartiallyCompleted, "{:?}", view.operation.error);
    assert_eq!(labelled(&ground, "cloud", &uid).await, 0);
    assert!(ledger.len() > 3 && ledger.iter().all(|orphan| orphan.cause == OrphanCause::Unreachable), "{ledger:?}");
    assert!(labelled(&ground, "edge", &uid).await > 3);
    assert_eq!(ground.slices.clear_orphans().await.unwrap(), 1);
    let operations = ground.engine.list(&name("default")).await.unwrap();
    let view = ground.wait(&operations[0].0.id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(labelled(&ground, "edge", &uid).await, 0);
    assert!(ground.slices.orphans(&name("default"), &Picked::default()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_carries_our_label_and_stands_in_no_record_is_found_and_goes_or_is_taken_back() {
    let Some(ground) = Ground::new().await else { return };
    let made = ground.reach(&ask("found", probes(json!({})))).await;
    assert_eq!(made.operation.state, OperationState::Completed, "{:?}", made.operation.error);
    let (slice, _) = ground.slices.get(&name("default"), &name("found")).await.unwrap();
    let namespace = slice.namespace();
    let edge = Picked { clusters: vec![name("edge")], ..Picked::default() };
    let tenant = name("default");
    assert_eq!(ground.slices.scan(&edge).await.unwrap().found, 0, "everything that it made is recorded");
    for late in ["late-1", "late-2"] {
        lab(&["kubectl", "edge", "--", "create", "configmap", late, "-n", &namespace]);
        let label = format!("sliceway.io/slice={}", slice.uid);
        lab(&["kubectl", "edge", "--", "label", "configmap", late, "-n", &namespace, &label]);
    }
    let scan = ground.slices.scan(&edge).await.unwrap();
    assert_eq!((scan.found, scan.unread.len()), (2, 0), "{scan:?}");
    let ledger = ground.slices.orphans(&tenant, &edge).await.unwrap();
    let id = |late: &str| ledger.iter().find(|orphan| orphan.id.name == late).unwrap().id.to_string();
    let only = |late: &str| Picked { ids: vec![id(late)], ..Picked::default() };

    let removal = ground.slices.remove_orphans(&tenant, (&only("late-1"), false)).await.unwrap();
    let view = ground.wait(&removal.operations[0].id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert!(!exists(&ground, (&namespace, "late-1")).await);
    ground.slices.adopt_orphans(&tenant, &only("late-2")).await.unwrap();
    assert!(ground.slices.orphans(&tenant, &edge).await.unwrap().is_empty());
    assert!(exists(&ground, (&namespace, "late-2")).await);
    // The file does not want it: now that it is the slice's, the next apply takes it away.
    let view = ground.reach(&ask("found", probes(json!({})))).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert!(!exists(&ground, (&namespace, "late-2")).await);

    // What somebody else took away meanwhile is no orphan any more.
    lab(&["kubectl", "edge", "--", "create", "configmap", "late-3", "-n", &namespace]);
    let label = format!("sliceway.io/slice={}", slice.uid);
    lab(&["kubectl", "edge", "--", "label", "configmap", "late-3", "-n", &namespace, &label]);
    assert_eq!(ground.slices.scan(&edge).await.unwrap().found, 1);
    lab(&["kubectl", "edge", "--", "delete", "configmap", "late-3", "-n", &namespace]);
    assert_eq!(ground.slices.scan(&edge).await.unwrap().gone, 1);
    ground.remove("found").await;
}
