//! Hooks of charts as real Jobs and Pods: what a failure says, what runs anew, what runs on the way back, and that a server
//! that dies runs nothing twice.

use crate::ground::{Ground, ask, disowned, lab, lab_is_up, name, one, own_chart};
use crate::helm::Helm;
use crate::killed::{Server, operation};
use crate::watched::Watched;
use models::OperationState;
use orchestrator::ops::OperationView;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Fails with words until somebody makes the ConfigMap `mended`.
const LOCKED: &str = "test \"$MENDED\" = yes && exit 0; echo looking at the tables; echo the schema is locked; exit 3";

async fn ground() -> Option<Ground> {
    let ground = Ground::new().await?;
    ground.shelve(&[own_chart("hooked")]).await;
    Some(ground)
}

async fn place(ground: &Ground, slice: &str) -> (String, String) {
    let (slice, _) = ground.slices.get(&name("default"), &name(slice)).await.unwrap();
    (slice.namespace(), format!("it-{}", slice.uid))
}

fn kubectl(namespace: &str, words: &[&str]) -> String {
    lab(&[&["kubectl", "edge", "--", "-n", namespace], words].concat())
}

fn is(view: &OperationView, state: OperationState) {
    assert_eq!(view.operation.state, state, "{:?}", view.operation.error);
}

fn job(name: &str, on: &str, run: &str) -> Value {
    json!({"kind": "Job", "name": name, "on": on, "run": run})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_says_its_last_words_at_once_and_runs_anew_when_its_cause_is_mended() {
    let Some(ground) = ground().await else { return };
    let watched = Watched::new("edge");
    for (slice, kind) in [("failing", "Job"), ("failpod", "Pod")] {
        let hook = json!({"kind": kind, "name": "migrate", "on": "pre-install", "run": LOCKED});
        let started = Instant::now();
        let view = ground.reach(&ask(slice, one("hooked", json!({"hooks": [hook]})))).await;
        is(&view, OperationState::FailedTemp);
        assert!(started.elapsed() < Duration::from_secs(45), "at once, not after its 90 s: {:?}", started.elapsed());
        let error = view.operation.error.clone().unwrap();
        let (namespace, release) = place(&ground, slice).await;
        assert_eq!(error.code, "hook-failed");
        let hook = format!("hook pre-install {kind}/{release}-migrate");
        for word in [hook.as_str(), "looking at the tables", "the schema is locked"] {
            assert!(error.message.contains(word), "{word}: {}", error.message);
        }
        let retry = format!("sliceway operation retry {}", view.operation.id);
        assert!(error.next.contains(&retry), "{}", error.next);
        assert_eq!(kubectl(&namespace, &["get", "configmap", "-l", "sliceway.io/function=it", "-o", "name"]), "");
        kubectl(&namespace, &["create", "configmap", "mended", "--from-literal=word=yes"]);
        ground.engine.retry(&name("default"), &view.operation.id).await.unwrap();
        is(&ground.wait(&view.operation.id).await, OperationState::Completed);
        assert_eq!(watched.made(&namespace, (kind, &format!("{release}-migrate"))), 2, "it ran anew");
        ground.remove(slice).await;
    }
}

/// What ran well before it, and would have gone with its moment, is not in the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_is_mended_by_a_new_file() {
    let Some(ground) = ground().await else { return };
    let first = json!({"kind": "Job", "name": "first", "on": "pre-install", "weight": -1, "goes": "hook-succeeded"});
    let wish = |run: &str| {
        let hooks =
            json!([first, {"kind": "Job", "name": "then", "on": "pre-install", "run": run, "goes": "hook-failed"}]);
        ask("mended", one("hooked", json!({"hooks": hooks})))
    };
    is(&ground.reach(&wish("exit 1")).await, OperationState::FailedTemp);
    let (namespace, release) = place(&ground, "mended").await;
    assert_eq!(kubectl(&namespace, &["get", "jobs", "-o", "name"]).trim(), format!("job.batch/{release}-first"));
    is(&ground.reach(&wish("exit 0")).await, OperationState::Completed);
    assert_eq!(kubectl(&namespace, &["get", "jobs", "-o", "name"]).trim(), format!("job.batch/{release}-then"));
    ground.remove("mended").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_upgrade_goes_back_through_the_charts_rollback_hooks_and_not_without_them() {
    let Some(ground) = ground().await else { return };
    let watched = Watched::new("edge");
    let migrate = job("migrate", "pre-upgrade", "true");
    let failing = job("check", "post-upgrade", "echo it does not answer; exit 1");
    let (before, after) = (job("back", "pre-rollback", "true"), job("done", "post-rollback", "true"));
    for (slice, hooks) in [
        ("answered", vec![migrate.clone(), failing.clone(), before, after]),
        ("silent", vec![migrate.clone(), failing.clone()]),
    ] {
        let wish = |word: &str| ask(slice, one("hooked", json!({"word": word, "hooks": hooks})));
        is(&ground.reach(&wish("one")).await, OperationState::Completed);
        let (namespace, release) = place(&ground, slice).await;
        let view = ground.reach(&wish("two")).await;
        is(&view, OperationState::FailedTemp);
        let back = ground.engine.rollback(&name("default"), &view.operation.id).await;
        let helm = Helm::new("edge", &namespace);
        if slice == "silent" {
            let refused = back.unwrap_err().to_string();
            assert!(refused.contains("migrate") && refused.contains("no rollback hook"), "{refused}");
        } else {
            back.unwrap();
            is(&ground.wait(&view.operation.id).await, OperationState::RolledBack);
            let word =
                kubectl(&namespace, &["get", "configmap", &format!("{release}-word"), "-o", "jsonpath={.data.word}"]);
            assert_eq!(word, "one");
            let story = watched.story(&namespace, &release);
            let runs: Vec<&str> = story.iter().filter_map(|word| word.strip_prefix("+Job ")).collect();
            assert_eq!(runs, ["rel-migrate", "rel-check", "rel-back", "rel-done"], "{story:?}");
        }
        assert_eq!(helm.history(&release).last().map(|last| (last.0, last.1.clone())), Some((1, "deployed".into())));
        ground.remove(slice).await;
    }
}

/// A quota and a LimitRange stand in the namespace before any hook runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pods_of_hooks_find_room_in_the_slices_own_quota() {
    let Some(ground) = ground().await else { return };
    let large = json!({"requests": {"cpu": "300m", "memory": "64Mi"}, "limits": {"cpu": "400m", "memory": "64Mi"}});
    let hooks = json!([
        {"kind": "Job", "name": "large", "on": "pre-install,post-upgrade", "takes": large},
        {"kind": "Pod", "name": "plain", "on": "pre-install,post-install"},
    ]);
    for word in ["one", "two"] {
        let view = ground.reach(&ask("roomy", one("hooked", json!({"word": word, "hooks": hooks})))).await;
        is(&view, OperationState::Completed);
    }
    let (namespace, release) = place(&ground, "roomy").await;
    let hard = kubectl(&namespace, &["get", "resourcequota", "sliceway", "-o", "jsonpath={.spec.hard.requests\\.cpu}"]);
    assert_eq!(hard, "300m", "the largest hook, and nothing else runs");
    let plain = format!("{release}-plain");
    let limits = "jsonpath={.spec.containers[0].resources.limits.memory}";
    assert_ne!(kubectl(&namespace, &["get", "pod", &plain, "-o", limits]), "", "the LimitRange gave it limits");
    ground.remove("roomy").await;
}

/// The server is killed while the Job runs, as its end is looked at, and while what it left is taken away.
#[test]
fn a_server_that_is_killed_while_hooks_run_runs_none_twice() {
    if !lab_is_up() {
        return;
    }
    let watched = Watched::new("edge");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    disowned();
    let mut server = Server::start(folder);
    let kubeconfig = lab(&["kubeconfig", "edge"]);
    server.good(folder, &["cluster", "add", "edge", "--kubeconfig", kubeconfig.trim()]);
    let charts = own_chart("hooked");
    server.good(folder, &["repository", "add", "shelf", "--path", charts.parent().unwrap().to_str().unwrap()]);
    let hooks = json!([
        {"kind": "Job", "name": "slow", "on": "pre-install", "run": "sleep 3", "goes": "hook-succeeded"},
        {"kind": "Pod", "name": "pod", "on": "pre-install", "weight": 1, "run": "sleep 1"},
        {"kind": "Job", "name": "after", "on": "post-install", "run": "sleep 1", "goes": "hook-succeeded"},
    ]);
    let chart = json!({"repository": "shelf", "name": "hooked"});
    let function = json!({"name": "it", "site": "edge", "chart": chart, "values": {"hooks": hooks}});
    let spec = json!({"sites": {"edge": {"cluster": "edge"}}, "functions": [function]});
    let slice = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "twice"}, "spec": spec});
    let file = folder.join("slice.yaml");
    std::fs::write(&file, slice.to_string()).unwrap();
    server.good(folder, &["apply", "-f", file.to_str().unwrap()]);
    let mut kills = 0;
    while operation(&server, folder)["state"].as_str().unwrap().contains("PROCESSING") {
        let alive_until = Instant::now() + Duration::from_millis(350 + 150 * kills);
        while Instant::now() < alive_until {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        kills += 1;
        server = Server::start(folder);
        assert!(kills < 60, "it does not come to an end: {}", operation(&server, folder));
    }
    assert!(kills > 3, "it was over before it was killed often: {kills}");
    let done = operation(&server, folder);
    assert_eq!(done["state"], "COMPLETED", "{done}");
    let uid = done["uid"].as_str().unwrap();
    let (namespace, release) = (format!("sw-twice-{uid}"), format!("it-{uid}"));
    for (kind, name) in [("Job", "slow"), ("Pod", "pod"), ("Job", "after")] {
        assert_eq!(watched.made(&namespace, (kind, &format!("{release}-{name}"))), 1, "{kind} {name}");
    }
    server.good(folder, &["delete", "slice", "twice", "--wait"]);
}
