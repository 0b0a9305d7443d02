//! What belongs to a whole cluster, beside the real Helm: the same definitions and rights stand after it and after us; who
//! shares a definition, and what a chart wants kept.

use crate::ground::{Ground, ask, lab, name, one, root};
use crate::helm::Helm;
use crate::settled::settled;
use models::labels::Labels;
use models::{OperationState, SliceSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn chart(name: &str) -> PathBuf {
    root().join("adapters/tests/corpus/charts").join(name)
}

fn kubectl(words: &[&str]) -> String {
    lab(&[&["kubectl", "edge", "--"], words].concat())
}

const OWN: &str = "serviceaccounts,roles,rolebindings,configmaps";
const WIDE: &str = "customresourcedefinitions,clusterroles,clusterrolebindings";
const GROUP: &str = "corpus.sliceway.invalid";

/// What a chart made, by kind and name: of its namespace, and of the whole cluster.
fn live((namespace, release): (&str, &str)) -> BTreeMap<String, Value> {
    let mut texts = vec![kubectl(&["-n", namespace, "get", OWN, "-o", "json"]), kubectl(&["get", WIDE, "-o", "json"])];
    if definitions().iter().any(|definition| definition.starts_with("meters")) {
        texts.push(kubectl(&["-n", namespace, "get", "meters", "-o", "json"]));
    }
    let mut all = BTreeMap::new();
    for text in texts {
        let list: Value = serde_json::from_str(&text.replace(release, "rel").replace(namespace, "space")).unwrap();
        for object in list["items"].as_array().unwrap() {
            let named = object["metadata"]["name"].as_str().unwrap();
            if named.contains("rel-") || named.ends_with(GROUP) {
                all.insert(format!("{}/{named}", object["kind"].as_str().unwrap()), settled(object.clone()));
            }
        }
    }
    all
}

fn definitions() -> Vec<String> {
    let all = kubectl(&["get", "customresourcedefinitions", "-o", "name"]);
    let own = all.lines().filter_map(|line| line.split_once('/')).map(|(_, name)| name.to_owned());
    own.filter(|name| name.ends_with(GROUP)).collect()
}

fn without_definitions() {
    for definition in definitions() {
        kubectl(&["delete", "customresourcedefinition", &definition]);
    }
}

fn by_helm(chart_name: &str, values: &Value) -> BTreeMap<String, Value> {
    let namespace = format!("theirs-{chart_name}");
    kubectl(&["create", "namespace", &namespace]);
    let helm = Helm::new("edge", &namespace);
    helm.deploys(&["install", "wide-rel"], (&chart(chart_name), values));
    let found = live((&namespace, "wide-rel"));
    helm.says(&["uninstall", "wide-rel"]);
    kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    found
}

async fn made(ground: &Ground, slice: &str, of: (Labels, SliceSpec)) -> (String, String) {
    let view = ground.reach(&ask(slice, of)).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{slice}: {:?}", view.operation.error);
    let (slice, _) = ground.slices.get(&name("default"), &name(slice)).await.unwrap();
    (slice.namespace(), format!("it-{}", slice.uid))
}

/// One after another: definitions are one cluster's, and others than ours stand there too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_the_cluster_stands_as_after_helm_and_is_shared_and_kept() {
    let Some(ground) = Ground::new().await else { return };
    let charts = ["definitions", "definition-kept", "rights", "keeps"];
    ground.shelve(&charts.map(chart)).await;
    without_definitions();
    for (chart, values) in
        [("definitions", json!({})), ("definition-kept", json!({})), ("rights", json!({"cluster": true}))]
    {
        let theirs = by_helm(chart, &values);
        assert!(theirs.len() > 1, "{chart}: {theirs:?}");
        // Helm leaves definitions of crds/ behind, and those that a chart wants kept.
        without_definitions();
        let at = made(&ground, chart, one(chart, values)).await;
        assert_eq!(live((&at.0, &at.1)), theirs, "{chart}");
        ground.remove(chart).await;
        let left: Vec<String> = live((&at.0, &at.1)).into_keys().collect();
        let kept = ["CustomResourceDefinition/pumps.corpus.sliceway.invalid"];
        assert_eq!(left, if chart == "definition-kept" { &kept[..] } else { &[] }, "{chart}");
        without_definitions();
    }
    shared(&ground).await;
    kept(&ground).await;
}

/// The definitions go with the last slice that brings them.
async fn shared(ground: &Ground) {
    let wish = || one("definitions", json!({}));
    let (_, other) = (made(ground, "sharing-one", wish()).await, made(ground, "sharing-two", wish()).await);
    ground.remove("sharing-one").await;
    assert_eq!(definitions().len(), 3, "the other slice uses them");
    let meter = kubectl(&["-n", &other.0, "get", "meters", "-o", "name"]);
    assert!(meter.contains(&other.1), "{meter}");
    ground.remove("sharing-two").await;
    assert_eq!(definitions(), Vec::<String>::new());
}

/// What a chart wants kept stays, without our marks, when its function leaves the slice.
async fn kept(ground: &Ground) {
    let function = |name: &str, chart: &str| json!({"name": name, "site": "edge", "chart": {"repository": "shelf", "name": chart}});
    let spec = |functions: Value| {
        let spec = json!({"sites": {"edge": {"cluster": "edge"}}, "functions": functions});
        (Labels::new(), serde_json::from_value(spec).unwrap())
    };
    let both = json!([function("it", "keeps"), function("f", "rights")]);
    let (namespace, release) = made(ground, "keeping", spec(both)).await;
    made(ground, "keeping", spec(json!([function("f", "rights")]))).await;
    let what = "persistentvolumeclaims,secrets,configmaps";
    let left = kubectl(&["-n", &namespace, "get", what, "-o", "name"]);
    for (object, stays) in [("persistentvolumeclaim", "data"), ("secret", "kept")] {
        assert!(left.contains(&format!("{object}/{release}-{stays}")), "{left}");
    }
    assert!(!left.contains("-goes"), "{left}");
    let marked = kubectl(&["-n", &namespace, "get", what, "-l", "sliceway.io/slice", "-o", "name"]);
    assert!(!marked.contains(&release), "{marked}");
    ground.remove("keeping").await;
}
