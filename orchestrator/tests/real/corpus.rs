//! Charts on a real cluster, through the whole life of a release: the real Helm installs, upgrades and uninstalls; Sliceway
//! makes, changes and removes a slice with the same chart beside it. Hooks come and go in the same order, and the same
//! objects stand.

use crate::ground::{Ground, ask, lab, name, one, own_chart, root};
use crate::helm::Helm;
use crate::settled::settled;
use crate::watched::Watched;
use models::OperationState;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KINDS: &str = "configmaps,secrets,serviceaccounts,roles,rolebindings,services,deployments,jobs,pods";

#[derive(Clone)]
struct Case {
    chart: PathBuf,
    first: Value,
    then: Value,
}

fn cases() -> Vec<(&'static str, Case)> {
    let corpus = |chart: &str| root().join("adapters/tests/corpus/charts").join(chart);
    let case = |chart: PathBuf, first: Value, then: Value| Case { chart, first, then };
    vec![
        ("lifecycle", case(corpus("lifecycle"), json!({}), json!({"steps": ["two", "one"]}))),
        ("prepared", case(corpus("prepared"), json!({}), json!({"word": "shut"}))),
        ("trial", case(corpus("trial"), json!({}), json!({"more": 1}))),
        ("asking", case(corpus("asking"), json!({}), json!({"password": "other"}))),
        ("hooked", case(own_chart("hooked"), every("one"), every("two"))),
    ]
}

/// Jobs and Pods at every moment, by weights and names, with each policy.
fn every(word: &str) -> Value {
    let all = "pre-install,post-install,pre-upgrade,post-upgrade";
    let hook = |kind: &str, name: &str, on: &str, (weight, goes): (i64, &str)| json!({"kind": kind, "name": name, "on": on, "weight": weight, "goes": goes});
    let hooks = [
        hook("Pod", "b", "pre-install,pre-upgrade", (0, "before-hook-creation")),
        hook("Job", "b", "pre-install,pre-upgrade", (0, "before-hook-creation")),
        hook("Job", "a", "pre-install,post-upgrade", (0, "hook-succeeded")),
        hook("Pod", "last", "post-install,post-upgrade", (30, "hook-succeeded,hook-failed")),
        hook("Job", "first", "post-install", (-7, "")),
        hook("Job", "each", all, (3, "")),
        hook("Pod", "bye", "pre-delete", (0, "hook-succeeded")),
        hook("Job", "bye", "pre-delete,post-delete", (-1, "hook-succeeded,before-hook-creation")),
    ];
    json!({"word": word, "hooks": hooks})
}

fn kubectl(words: &[&str]) -> String {
    lab(&[&["kubectl", "edge", "--"], words].concat())
}

/// What charts made in a namespace, by kind and name, without what a cluster or Sliceway adds.
fn live(namespace: &str, release: &str) -> BTreeMap<String, Value> {
    let text = kubectl(&["-n", namespace, "get", KINDS, "-o", "json"]);
    let all: Value = serde_json::from_str(&text.replace(release, "rel").replace(namespace, "space")).unwrap();
    let marked = |object: &&Value| {
        let has = |key: &str| object.pointer("/metadata/annotations").and_then(|all| all.get(key)).is_some();
        has("helm.sh/hook") || has("meta.helm.sh/release-name")
    };
    let items = all["items"].as_array().unwrap().iter().filter(marked);
    let each = items.map(|object| {
        let name = format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        (name, bare(settled(object.clone())))
    });
    each.collect()
}

/// Without the identity that a slice's pods have, and what admission gives to pods by it.
fn bare(mut object: Value) -> Value {
    fn walk(map: &mut Map<String, Value>) {
        map.retain(|key, value| {
            let identity = ["serviceAccount", "serviceAccountName"].contains(&key.as_str());
            !(identity && (value == "default" || value == "sliceway-it"))
        });
        for value in map.values_mut() {
            match value {
                Value::Object(inner) => walk(inner),
                Value::Array(list) => list.iter_mut().filter_map(Value::as_object_mut).for_each(walk),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
    // Where a Job has no label, as ours always has, it gets its template's.
    if object["kind"] == "Job"
        && let Some(labels) = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut)
    {
        labels.retain(|key, _| !key.ends_with("job-name"));
    }
    if object["kind"] == "Pod" {
        for pointer in ["/spec", "/spec/containers/0"] {
            if let Some(map) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
                map.retain(|key, _| !["volumes", "volumeMounts", "resources", "nodeName"].contains(&key.as_str()));
            }
        }
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubernetes.io/limit-ranger");
        }
    }
    if let Some(map) = object.as_object_mut() {
        walk(map);
    }
    if object.pointer("/metadata/labels") == Some(&json!({})) {
        object["metadata"].as_object_mut().unwrap().remove("labels");
    }
    object
}

type Lives = [BTreeMap<String, Value>; 2];

/// The life of the release by the real Helm, and what stood after the first two moments.
fn by_helm(chart: &'static str, case: &Case) -> Lives {
    let namespace = format!("theirs-{chart}");
    kubectl(&["create", "namespace", &namespace]);
    let helm = Helm::new("edge", &namespace);
    helm.deploys(&["install", "rel"], (&case.chart, &case.first));
    let first = live(&namespace, "rel");
    helm.deploys(&["upgrade", "rel"], (&case.chart, &case.then));
    let then = live(&namespace, "rel");
    if chart == "trial" {
        helm.says(&["test", "rel"]);
    }
    helm.says(&["uninstall", "rel"]);
    [first, then]
}

async fn by_sliceway(ground: &Ground, chart: &'static str, case: &Case) -> (Lives, String, String) {
    let mut lives = Vec::new();
    let mut found = (String::new(), String::new());
    for values in [&case.first, &case.then] {
        let view = ground.reach(&ask(chart, one(chart, values.clone()))).await;
        assert_eq!(view.operation.state, OperationState::Completed, "{chart}: {:?}", view.operation.error);
        let (slice, _) = ground.slices.get(&name("default"), &name(chart)).await.unwrap();
        found = (slice.namespace(), format!("it-{}", slice.uid));
        lives.push(live(&found.0, &found.1));
    }
    if chart == "trial" {
        let test = ground.slices.test(&name("default"), &name(chart), (vec![], Some(90))).await.unwrap();
        assert_eq!(ground.wait(&test.id).await.operation.state, OperationState::Completed);
    }
    ground.remove(chart).await;
    (lives.try_into().unwrap(), found.0, found.1)
}

/// What differs, if anything does.
fn compared(chart: &str, (theirs, ours): (&Lives, &Lives)) -> Vec<String> {
    let mut wrong = Vec::new();
    for (moment, theirs, ours) in [("install", &theirs[0], &ours[0]), ("upgrade", &theirs[1], &ours[1])] {
        for name in theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name))) {
            let (theirs, ours) = (theirs.get(name), ours.get(name));
            // A slice's namespace is not there yet when the slice is planned first.
            let early = (moment, name.as_str()) == ("install", "ConfigMap/rel-seen");
            if theirs != ours && !early {
                wrong.push(format!("{chart} after {moment}: {name}\ntheirs {theirs:?}\nours   {ours:?}"));
            }
        }
    }
    wrong
}

/// As Helm's, and then what Helm leaves goes with the namespace.
fn same_story(theirs: &[String], ours: &[String]) -> bool {
    let left = ours.strip_prefix(theirs);
    left.is_some_and(|rest| rest.iter().all(|word| word.starts_with('-')))
}

async fn both(ground: Arc<Ground>, watched: Arc<Watched>, (chart, case): (&'static str, Case)) -> Vec<String> {
    let copy = case.clone();
    let theirs = tokio::task::spawn_blocking(move || by_helm(chart, &copy));
    let (ours, namespace, release) = by_sliceway(&ground, chart, &case).await;
    let theirs = theirs.await.unwrap();
    let mut wrong = compared(chart, (&theirs, &ours));
    let stories = || (watched.story(&format!("theirs-{chart}"), "rel"), watched.story(&namespace, &release));
    // A watch may be a moment late.
    let end = Instant::now() + Duration::from_secs(5);
    let mut told = stories();
    while !same_story(&told.0, &told.1) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
        told = stories();
    }
    if !same_story(&told.0, &told.1) {
        wrong.push(format!("{chart}\ntheirs {:#?}\nours   {:#?}", told.0, told.1));
    }
    kubectl(&["delete", "namespace", &format!("theirs-{chart}"), "--wait=false"]);
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn helm_and_sliceway_run_the_same_hooks_in_the_same_order_and_leave_the_same_objects() {
    let Some(ground) = Ground::new().await else { return };
    let (ground, watched) = (Arc::new(ground), Arc::new(Watched::new("edge")));
    let cases = cases();
    ground.shelve(&cases.iter().map(|(_, case)| case.chart.clone()).collect::<Vec<_>>()).await;
    let both = |case| tokio::spawn(both(Arc::clone(&ground), Arc::clone(&watched), case));
    let all = futures::future::join_all(cases.into_iter().map(both)).await;
    let wrong = all.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
