//! The real Helm agrees with what Sliceway deployed, and what somebody does with it behind our back is found, explained and
//! put back.

use crate::ground::{Ground, ask, lab, name, one, own_chart};
use crate::helm::Helm;
use models::OperationState;
use orchestrator::plan::Plan;
use orchestrator::slices::{Ask, Started};
use serde_json::{Value, json};

/// A slice with one release of the chart `told`, and the real Helm beside it.
struct Told {
    ground: Ground,
    slice: &'static str,
    release: String,
    namespace: String,
    helm: Helm,
}

impl Told {
    async fn new(slice: &'static str, values: Value) -> Option<Self> {
        let ground = Ground::new().await?;
        ground.shelve(&[own_chart("told")]).await;
        let view = ground.reach(&ask(slice, one("told", values))).await;
        assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
        let (found, _) = ground.slices.get(&name("default"), &name(slice)).await.unwrap();
        let (release, namespace) = (format!("it-{}", found.uid), found.namespace());
        let helm = Helm::new("edge", &namespace);
        Some(Self { ground, slice, release, namespace, helm })
    }

    fn ask(&self, values: Value) -> Ask {
        ask(self.slice, one("told", values))
    }

    async fn plan(&self, values: Value) -> Plan {
        self.ground.slices.plan(&name("default"), &self.ask(values)).await.unwrap()
    }

    async fn apply(&self, values: Value) {
        let view = self.ground.reach(&self.ask(values)).await;
        assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    }

    async fn is_unchanged(&self, values: Value) {
        let again = self.ground.slices.start(&name("default"), &self.ask(values)).await.unwrap();
        assert!(matches!(&again, Started::Unchanged { warnings, .. } if warnings.is_empty()), "{again:?}");
    }

    fn statuses(&self) -> Vec<(u64, String)> {
        self.helm.history(&self.release).into_iter().map(|(revision, status, _)| (revision, status)).collect()
    }

    /// The one release of `helm ls`: revision, status, chart, version of what it runs.
    fn listed(&self) -> [String; 4] {
        let all = self.helm.json(&["ls"]);
        assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
        assert_eq!((&all[0]["name"], &all[0]["namespace"]), (&json!(self.release), &json!(self.namespace)));
        ["revision", "status", "chart", "app_version"].map(|key| all[0][key].as_str().unwrap().to_owned())
    }

    /// The word in the live ConfigMap, and the Deployment's size.
    fn live(&self) -> (String, String) {
        let get = |what: &str, path: &str| {
            let object = format!("{what}/{}", self.release);
            let path = format!("jsonpath={path}");
            lab(&["kubectl", "edge", "--", "-n", &self.namespace, "get", &object, "-o", &path])
        };
        let word = format!("configmap/{}-word", self.release);
        let path = "jsonpath={.data.word}";
        let word = lab(&["kubectl", "edge", "--", "-n", &self.namespace, "get", &word, "-o", path]);
        (word, get("deployment", "{.spec.replicas}"))
    }

    async fn warned(&self, values: Value, words: &[&str]) {
        let plan = self.plan(values).await;
        let said = plan.warnings.join("\n");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
        assert!(!plan.is_empty());
    }
}

fn revisions(expect: &[(u64, &str)]) -> Vec<(u64, String)> {
    expect.iter().map(|(revision, status)| (*revision, (*status).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_helm_finds_what_was_deployed_and_what_was_before() {
    let Some(told) = Told::new("recorded", json!({"word": "one"})).await else { return };
    let (helm, release) = (&told.helm, told.release.as_str());
    assert_eq!(told.listed(), ["1", "deployed", "told-1.2.3", "7.1"]);
    assert_eq!(helm.history(release), [(1, "deployed".into(), "Install complete".into())]);
    let status = helm.json(&["status", release]);
    assert_eq!((&status["version"], &status["info"]["status"]), (&json!(1), &json!("deployed")));
    let notes = format!("The word of {release} is one.");
    assert!(helm.says(&["status", release]).contains(&notes));
    assert!(helm.says(&["get", "notes", release]).contains(&notes));
    assert_eq!(helm.json(&["get", "values", release]), json!({"word": "one"}));
    assert_eq!(helm.json(&["get", "values", release, "--all"]), json!({"word": "one", "size": 1, "more": false}));
    let manifest = helm.says(&["get", "manifest", release]);
    assert!(manifest.contains("kind: Deployment") && manifest.contains("word: \"one\""), "{manifest}");
    assert!(!manifest.contains("helm.sh/hook"), "{manifest}");
    let hooks = helm.says(&["get", "hooks", release]);
    assert!(hooks.contains(&format!("{release}-after")), "{hooks}");
    let metadata = helm.json(&["get", "metadata", release]);
    assert_eq!(
        (&metadata["chart"], &metadata["version"], &metadata["appVersion"], &metadata["revision"]),
        (&json!("told"), &json!("1.2.3"), &json!("7.1"), &json!(1)),
        "{metadata}"
    );
    assert!(helm.says(&["get", "all", release]).contains(&notes));

    told.apply(json!({"word": "two"})).await;
    let (first, second) =
        ((1, "superseded".into(), "Install complete".into()), (2, "deployed".into(), "Upgrade complete".into()));
    assert_eq!(helm.history(release), [first, second]);
    assert_eq!(told.listed(), ["2", "deployed", "told-1.2.3", "7.1"]);
    assert_eq!(helm.json(&["get", "values", release, "--revision", "1"]), json!({"word": "one"}));
    helm.says(&["rollback", release, "1", "--dry-run=server"]);
    helm.deploys(&["upgrade", release, "--dry-run=server"], (&own_chart("told"), &json!({"word": "three"})));
    assert_eq!(told.live(), ("two".into(), "1".into()), "a dry run changes nothing");
    told.is_unchanged(json!({"word": "two"})).await;
    told.ground.remove(told.slice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_did_with_helm_is_explained_and_put_back() {
    let wish = json!({"word": "ours"});
    let Some(told) = Told::new("behind", wish.clone()).await else { return };
    let (helm, release, chart) = (&told.helm, told.release.as_str(), own_chart("told"));

    helm.deploys(&["upgrade", release], (&chart, &json!({"word": "theirs", "size": 2, "more": true})));
    assert_eq!(told.live(), ("theirs".into(), "2".into()));
    told.warned(wish.clone(), &["somebody changed release", release, "revision 2 is deployed", "as revision 3"]).await;
    told.apply(wish.clone()).await;
    assert_eq!(told.live(), ("ours".into(), "1".into()));
    assert_eq!(told.statuses(), revisions(&[(1, "superseded"), (3, "deployed")]));
    assert_eq!(helm.json(&["get", "values", release]), wish);
    let more = lab(&["kubectl", "edge", "--", "-n", &told.namespace, "get", "configmaps", "-o", "name"]);
    assert!(!more.contains("-more") && more.contains("-word"), "what their values added is gone: {more}");
    told.is_unchanged(wish.clone()).await;

    helm.says(&["rollback", release, "1"]);
    told.warned(wish.clone(), &["somebody changed release", "revision 4 is deployed", "as revision 5"]).await;
    told.apply(wish.clone()).await;
    assert_eq!(told.statuses(), revisions(&[(1, "superseded"), (3, "superseded"), (5, "deployed")]));
    told.is_unchanged(wish.clone()).await;

    let refused = helm.tries(&["upgrade", release], (&chart, &json!({"size": -1})));
    assert!(!refused.status.success(), "no API server takes it");
    told.warned(wish.clone(), &["somebody changed release", "revision 6 is failed", "as revision 7"]).await;
    told.apply(wish.clone()).await;
    assert_eq!(told.statuses()[2..], revisions(&[(5, "superseded"), (7, "deployed")]));
    told.is_unchanged(wish.clone()).await;

    helm.says(&["uninstall", release]);
    assert_eq!(helm.json(&["ls"]), json!([]));
    told.warned(wish.clone(), &["somebody uninstalled release", release, "it is installed again"]).await;
    told.apply(wish.clone()).await;
    assert_eq!(told.live(), ("ours".into(), "1".into()));
    assert_eq!(told.statuses(), revisions(&[(1, "deployed")]));

    // Uninstalled, and installed again under our name by somebody else's hand.
    helm.says(&["uninstall", release]);
    helm.deploys(&["install", release], (&chart, &json!({"word": "theirs"})));
    told.warned(wish.clone(), &["helm"]).await;
    told.apply(wish.clone()).await;
    assert_eq!(told.live(), ("ours".into(), "1".into()));
    assert_eq!(told.statuses().last(), Some(&(2, "deployed".to_owned())));
    told.is_unchanged(wish).await;
    told.ground.remove(told.slice).await;
}

/// Words that no packing makes shorter.
fn noise(length: usize, mut state: u64) -> String {
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}

/// No Secret holds its manifest, and it is deployed all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_larger_than_a_secret_is_applied_and_helm_still_lists_it() {
    let Some(ground) = Ground::new().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("heavy");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::create_dir_all(chart.join("data")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: heavy\nversion: 0.1.0\n").unwrap();
    for part in 1..=4 {
        std::fs::write(chart.join(format!("data/{part}")), noise(700_000, 88_172_645_463_325_252 + part)).unwrap();
    }
    let template = "{{- range $path, $_ := .Files.Glob \"data/*\" }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: \
                    {name: {{ $.Release.Name }}-{{ base $path }}}\ndata: {word: {{ $.Values.word | quote }}, noise: {{ \
                    $.Files.Get $path | quote }}}\n{{- end }}\n";
    std::fs::write(chart.join("templates/maps.yaml"), template).unwrap();
    ground.shelve(std::slice::from_ref(&chart)).await;
    for word in ["one", "two"] {
        let view = ground.reach(&ask("heavy", one("heavy", json!({"word": word})))).await;
        assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    }
    let (slice, _) = ground.slices.get(&name("default"), &name("heavy")).await.unwrap();
    let (helm, release) = (Helm::new("edge", &slice.namespace()), format!("it-{}", slice.uid));
    assert_eq!(helm.json(&["ls"])[0]["revision"], "2");
    assert_eq!(helm.history(&release).len(), 2);
    assert_eq!(helm.json(&["status", &release])["info"]["status"], "deployed");
    assert_eq!(helm.json(&["get", "values", &release]), json!({"word": "two"}));
    let manifest = helm.says(&["get", "manifest", &release]);
    assert!(manifest.contains("does not fit into one Secret"), "{}", &manifest[..manifest.len().min(200)]);
    ground.remove("heavy").await;
}
