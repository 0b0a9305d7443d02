//! Troubles of real clusters: each has its own message, leaves the other cluster's work alone, and ends well when the
//! cause is gone.

use crate::ground::{Credentials, Ground, ask, factory, lab, name, probes, tried};
use models::resource::Target;
use models::{ChangeState, OperationState};
use orchestrator::ops::OperationView;
use orchestrator::plan::names::slice_uid;
use orchestrator::slices::{Ask, AskError, AskOptions, Started};
use serde_json::json;
use std::time::{Duration, Instant};

fn quick(slice: &str, wish: (models::labels::Labels, models::SliceSpec)) -> Ask {
    let mut ask = ask(slice, wish);
    ask.options.timeout_s = Some(8);
    ask
}

/// Everything of the cloud is done.
fn cloud_is_done(view: &OperationView) -> bool {
    let cloud = Target::Cluster(name("cloud"));
    let mut steps = view.steps.iter().filter(|step| step.record.change.id.target == cloud);
    steps.all(|step| step.record.state == ChangeState::Done)
}

fn error(view: &OperationView) -> (String, String) {
    let error = view.operation.error.clone().expect("it says why");
    assert!(error.next.contains("sliceway"), "what to type next: {error:?}");
    (error.code, error.message)
}

fn next(view: &OperationView) -> String {
    view.operation.error.clone().expect("it says why").next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_64_cpus_is_waited_for_with_figures_and_mended_by_a_new_file() {
    let Some(ground) = Ground::new().await else { return };
    let large = Ask {
        options: AskOptions { timeout_s: Some(2), ..AskOptions::default() },
        ..quick("big", probes(json!({"cpu": "64"})))
    };
    let shown = ground.slices.plan(&name("default"), &large).await;
    let Err(AskError::NoPlace { message, passing, .. }) = shown else { panic!("{shown:?}") };
    assert!(message.contains("64") && message.contains("edge") && passing, "{message}");
    let view = ground.reach(&large).await;
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    let (code, message) = error(&view);
    assert!(code == "no-place" && message.contains("needs 64 CPU"), "{code}: {message}");
    assert!(view.steps.is_empty(), "nothing was begun");
    let mended = ground.reach(&ask("big", probes(json!({})))).await;
    assert_eq!(mended.operation.state, OperationState::Completed, "{:?}", mended.operation.error);
    ground.remove("big").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_does_not_render_names_its_file_and_line() {
    let Some(ground) = Ground::new().await else { return };
    let refused = ground.slices.start(&name("default"), &quick("unrendered", probes(json!({"broken": true})))).await;
    let Err(AskError::Problems(problems)) = refused else { panic!("{refused:?}") };
    let said = problems[0].to_string();
    assert!(said.contains("templates/pod.yaml:1") && said.contains("broken by its values"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_does_not_exist_is_waited_for_then_named_and_mended_by_a_new_file() {
    let Some(ground) = Ground::new().await else { return };
    let view = ground.reach(&quick("image", probes(json!({"image": "lab.local/nothing:1"})))).await;
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    let (code, message) = error(&view);
    assert_eq!(code, "timeout");
    assert!(message.contains("lab.local/nothing:1 cannot be had"), "{message}");
    assert!(cloud_is_done(&view), "the cloud's work goes on");
    let mended = ground.reach(&ask("image", probes(json!({})))).await;
    assert_eq!(mended.operation.state, OperationState::Completed, "{:?}", mended.operation.error);
    assert_eq!(ground.view(&view.operation.id).await.operation.state, OperationState::Failed);
    ground.remove("image").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_of_somebody_else_is_not_touched_and_retry_goes_on_when_it_is_gone() {
    let Some(ground) = Ground::new().await else { return };
    let taken = format!("sw-taken-{}", slice_uid("", (&name("default"), &name("taken")), 1));
    lab(&["kubectl", "edge", "--", "create", "namespace", &taken]);
    let view = ground.reach(&ask("taken", probes(json!({})))).await;
    let (code, message) = error(&view);
    assert_eq!((view.operation.state, code.as_str()), (OperationState::FailedTemp, "foreign"));
    assert!(message.contains(&taken) && message.contains("somebody else"), "{message}");
    let labels = lab(&["kubectl", "edge", "--", "get", "namespace", &taken, "-o", "jsonpath={.metadata.labels}"]);
    assert!(!labels.contains("sliceway"), "{labels}");
    lab(&["kubectl", "edge", "--", "delete", "namespace", &taken, "--timeout=60s"]);
    retried(&ground, &view).await;
    ground.remove("taken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_client_certificate_is_told_with_its_end() {
    let expired = Credentials { common_name: "old", organization: Some("system:masters"), ends: 2021 };
    let Some(ground) = Ground::reaching_edge_by(Some(expired)).await else { return };
    let view = ground.reach(&quick("expired", probes(json!({})))).await;
    let (code, message) = error(&view);
    assert_eq!((view.operation.state, code.as_str()), (OperationState::FailedTemp, "unauthorized"));
    assert!(message.contains("2021-01-01"), "{message}");
    assert!(next(&view).contains("sliceway cluster set edge --kubeconfig F"), "{}", next(&view));
    ground.renew_edge();
    retried(&ground, &view).await;
    ground.remove("expired").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_verb_is_told_with_verb_and_resource() {
    let nobody = Credentials { common_name: "nobody", organization: None, ends: 2100 };
    let Some(ground) = Ground::reaching_edge_by(Some(nobody)).await else { return };
    let view = ground.reach(&quick("forbidden", probes(json!({})))).await;
    let (code, message) = error(&view);
    assert_eq!((view.operation.state, code.as_str()), (OperationState::FailedTemp, "forbidden"));
    assert!(message.contains("resource \"namespaces\"") && message.contains("User \"nobody\" cannot"), "{message}");
    assert!(next(&view).starts_with("grant patch on namespaces to nobody on edge"), "{}", next(&view));
    lab(&[
        "kubectl",
        "edge",
        "--",
        "create",
        "clusterrolebinding",
        "nobody",
        "--clusterrole=cluster-admin",
        "--user=nobody",
    ]);
    retried(&ground, &view).await;
    ground.remove("forbidden").await;
    lab(&["kubectl", "edge", "--", "delete", "clusterrolebinding", "nobody"]);
}

/// The cause is gone: retry reaches the goal.
async fn retried(ground: &Ground, view: &OperationView) {
    ground.engine.retry(&name("default"), &view.operation.id).await.unwrap();
    let view = ground.wait(&view.operation.id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_off_the_network_is_waited_for_while_the_other_is_finished() {
    let Some(ground) = Ground::new().await else { return };
    lab(&["wan", "cut", "edge"]);
    let id = ground.start(&ask("away", probes(json!({})))).await;
    let waits = |view: &OperationView| view.operation.waiting_for.as_ref().is_some_and(|text| text.contains("edge"));
    let view = ground.until(&id, |view| cloud_is_done(view) && waits(view)).await;
    assert_eq!(view.operation.state, OperationState::Processing);
    lab(&["wan", "restore", "edge"]);
    let view = ground.wait(&id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    lab(&["wan", "cut", "edge"]);
    let again = ground.slices.start(&name("default"), &ask("away", probes(json!({})))).await;
    lab(&["wan", "restore", "edge"]);
    // Nothing is said of what could not be read.
    let Ok(Started::Unchanged { unread, warnings, .. }) = again else { panic!("{again:?}") };
    assert_eq!(unread, [name("edge")]);
    assert!(warnings.iter().any(|text| text.contains("edge could not be read")), "{warnings:?}");
    ground.remove("away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_killed_in_the_middle_is_waited_for() {
    let Some(ground) = Ground::new().await else { return };
    let id = ground.start(&ask("killed", factory())).await;
    ground.until(&id, |view| view.operation.done > 8).await;
    lab(&["restart", "cloud", "kube-apiserver"]);
    let view = ground.wait(&id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    ground.remove("killed").await;
}

/// What an API server leaves that is killed after it charged the quota for a volume and before it stored the volume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_was_left_charged_for_a_volume_is_counted_again_and_the_volume_is_made() {
    let Some(ground) = Ground::new().await else { return };
    let wish = ask("charged", factory());
    assert_eq!(ground.reach(&wish).await.operation.state, OperationState::Completed);
    let (slice, _) = ground.slices.get(&name("default"), &name("charged")).await.unwrap();
    let namespace = slice.namespace();
    let kubectl = |words: &[&str]| lab(&[&["kubectl", "cloud", "--", "-n", &namespace], words].concat());
    kubectl(&["delete", "deployment,persistentvolumeclaim", "-l", "sliceway.io/function=store", "--timeout=60s"]);
    let used = ["get", "resourcequota", "sliceway", "-o", "jsonpath={.status.used.persistentvolumeclaims}"];
    within_a_minute("the quota counts no volume", || kubectl(&used) == "0");
    let charge = "{\"status\":{\"used\":{\"persistentvolumeclaims\":\"1\"}}}";
    kubectl(&["patch", "resourcequota", "sliceway", "--subresource=status", "--type=merge", "-p", charge]);
    let trial = "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"trial\"},\"spec\":\
                 {\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Ki\"}}}}";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), trial).unwrap();
    let path = file.path().to_str().unwrap();
    let refused = || {
        let out = tried(&["kubectl", "cloud", "--", "-n", &namespace, "create", "--dry-run=server", "-f", path]);
        String::from_utf8_lossy(&out.stderr).contains("exceeded quota")
    };
    within_a_minute("the quota refuses", refused);
    let view = ground.reach(&wish).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    let lines: Vec<&str> = view.steps.iter().flat_map(|step| &step.record.log).map(|line| line.text.as_str()).collect();
    assert!(lines.iter().any(|line| line.contains("counts what is not there")), "{lines:?}");
    ground.remove("charged").await;
}

fn within_a_minute(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < end, "not within a minute: {what}");
    }
}
