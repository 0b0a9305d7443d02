//! A release of the real Helm becomes a slice without a pod's noticing it, is changed and put back as one, and is handed
//! back to the real Helm, which goes on with it.

use crate::ground::{Ground, ask, lab, name, own_chart};
use crate::helm::Helm;
use models::change::Verb;
use models::{OperationState, SliceSpec};
use orchestrator::ops::OperationView;
use orchestrator::plan::Plan;
use orchestrator::slices::{Adoption, AskError, HelmRelease, Started};
use serde_json::{Value, json};
use std::path::PathBuf;

const RELEASE: &str = "broker";

/// A namespace with a release of two revisions and something of somebody else.
struct Taken {
    ground: Ground,
    slice: &'static str,
    helm: Helm,
    chart: PathBuf,
}

impl Taken {
    async fn new(slice: &'static str) -> Option<Self> {
        let ground = Ground::new().await?;
        let chart = own_chart("told");
        ground.shelve(std::slice::from_ref(&chart)).await;
        lab(&["kubectl", "edge", "--", "create", "namespace", slice]);
        lab(&["kubectl", "edge", "--", "-n", slice, "create", "configmap", "theirs", "--from-literal", "a=b"]);
        let helm = Helm::new("edge", slice);
        helm.deploys(&["install", RELEASE, "--wait"], (&chart, &json!({"word": "one"})));
        helm.deploys(&["upgrade", RELEASE, "--wait"], (&chart, &json!({"word": "two"})));
        Some(Self { ground, slice, helm, chart })
    }

    fn adoption(&self) -> Adoption {
        let release = HelmRelease {
            release: RELEASE.into(),
            function: name("it"),
            repository: name("shelf"),
            chart: None,
            version: None,
        };
        let (name, cluster, namespace) = (name(self.slice), name("edge"), self.slice.to_owned());
        Adoption { name, cluster, namespace, releases: vec![release], timeout_s: Some(90) }
    }

    async fn plan(&self) -> Result<Plan, AskError> {
        self.ground.slices.plan_adoption(&name("default"), &self.adoption()).await
    }

    async fn take(&self) {
        let operation = self.ground.slices.adopt(&name("default"), &self.adoption()).await.unwrap();
        completed(&self.ground.wait(&operation.id).await);
    }

    fn kubectl(&self, words: &[&str]) -> String {
        lab(&[&["kubectl", "edge", "--", "-n", self.slice], words].concat())
    }

    /// Of every pod: it would be another one had anything been rolled.
    fn pods(&self) -> String {
        self.kubectl(&["get", "pods", "-l", "told=broker", "-o", "jsonpath={.items[*].metadata.uid}"])
    }

    fn managers(&self) -> String {
        let path = "jsonpath={range .items[*]}{.metadata.name}={.metadata.managedFields[*].manager};{end}";
        self.kubectl(&["get", "configmaps,deployments", "-l", "app.kubernetes.io/managed-by=Helm", "-o", path])
    }

    fn marks(&self) -> String {
        self.kubectl(&["get", "all,configmaps,secrets", "-l", "sliceway.io/slice", "-o", "name"])
    }

    fn word(&self) -> String {
        self.kubectl(&["get", "configmap", "broker-word", "-o", "jsonpath={.data.word}"])
    }

    fn history(&self) -> Vec<(u64, String)> {
        self.helm.history(RELEASE).into_iter().map(|(revision, status, _)| (revision, status)).collect()
    }

    /// The file that the slice would be, with other values.
    async fn spec(&self, values: Value) -> SliceSpec {
        let (slice, _) = self.ground.slices.get(&name("default"), &name(self.slice)).await.unwrap();
        let mut spec = slice.spec;
        spec.functions[0].values = values.as_object().unwrap().clone();
        spec
    }

    async fn apply(&self, values: Value) {
        let spec = self.spec(values).await;
        completed(&self.ground.reach(&ask(self.slice, (Default::default(), spec))).await);
    }

    async fn is_unchanged(&self, values: Value) {
        let asked = ask(self.slice, (Default::default(), self.spec(values).await));
        let again = self.ground.slices.start(&name("default"), &asked).await.unwrap();
        assert!(matches!(&again, Started::Unchanged { .. }), "{again:?}");
    }

    fn end(&self) {
        lab(&["kubectl", "edge", "--", "delete", "namespace", self.slice, "--wait=false"]);
    }
}

fn completed(view: &OperationView) {
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
}

fn statuses(expect: &[(u64, &str)]) -> Vec<(u64, String)> {
    expect.iter().map(|(revision, status)| (*revision, (*status).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_taken_over_changed_put_back_and_handed_back_and_no_pod_notices() {
    let Some(taken) = Taken::new("adopted").await else { return };
    let (helm, pods) = (&taken.helm, taken.pods());
    assert!(!pods.is_empty());
    let plan = taken.plan().await.unwrap();
    let verbs = |verb: Verb| plan.changes.iter().filter(|c| c.change.verb == verb).count();
    assert_eq!(verbs(Verb::Create), 1, "only Helm's next record is made");
    assert!(verbs(Verb::Adopt) >= 4, "{:?}", plan.changes);
    assert_eq!(taken.history(), statuses(&[(1, "superseded"), (2, "deployed")]), "a plan changes nothing");

    taken.take().await;
    assert_eq!(taken.history(), statuses(&[(1, "superseded"), (2, "superseded"), (3, "deployed")]));
    assert_eq!(helm.history(RELEASE)[2].2, "Taken over by Sliceway");
    assert_eq!(helm.json(&["get", "values", RELEASE]), json!({"word": "two"}));
    assert!(helm.says(&["get", "manifest", RELEASE]).contains("kind: Deployment"));
    assert_eq!((taken.pods(), taken.word()), (pods.clone(), "two".into()));
    let managers = taken.managers();
    assert!(managers.contains("sliceway") && !managers.contains("helm"), "{managers}");
    taken.is_unchanged(json!({"word": "two"})).await;

    taken.apply(json!({"word": "three"})).await;
    assert_eq!(taken.word(), "three");
    assert_eq!(taken.history().last(), Some(&(4, "deployed".into())));

    helm.deploys(&["upgrade", RELEASE], (&taken.chart, &json!({"word": "theirs", "more": true})));
    assert_eq!(taken.word(), "theirs");
    let spec = taken.spec(json!({"word": "three"})).await;
    let asked = ask(taken.slice, (Default::default(), spec));
    let plan = taken.ground.slices.plan(&name("default"), &asked).await.unwrap();
    let said = plan.warnings.join("\n");
    assert!(said.contains("somebody changed release broker") && said.contains("as revision 6"), "{said}");
    taken.apply(json!({"word": "three"})).await;
    assert_eq!(taken.word(), "three");
    assert_eq!(taken.history().last(), Some(&(6, "deployed".into())));
    let maps = taken.kubectl(&["get", "configmaps", "-o", "name"]);
    assert!(!maps.contains("-more") && maps.contains("theirs"), "{maps}");
    taken.is_unchanged(json!({"word": "three"})).await;

    let operation = taken.ground.slices.hand_back(&name("default"), &name(taken.slice), Some(90)).await.unwrap();
    completed(&taken.ground.wait(&operation.id).await);
    assert_eq!(taken.marks(), "");
    assert_eq!(taken.pods(), pods, "from the first to the last it is one pod");
    assert_eq!(taken.history().last(), Some(&(6, "deployed".into())));
    helm.deploys(&["upgrade", RELEASE], (&taken.chart, &json!({"word": "helms"})));
    assert_eq!(taken.word(), "helms");
    helm.says(&["rollback", RELEASE, "6"]);
    assert_eq!(taken.word(), "three");
    helm.says(&["uninstall", RELEASE]);
    let left = taken.kubectl(&["get", "deployments,configmaps", "-o", "name"]);
    // What a hook made stays, as with any release of helm's.
    assert_eq!(left.trim(), "configmap/broker-after\nconfigmap/kube-root-ca.crt\nconfigmap/theirs");
    taken.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_that_was_taken_over_is_removed_without_its_namespace() {
    let Some(taken) = Taken::new("adopted-gone").await else { return };
    let said = taken.plan().await.unwrap().warnings.join("\n");
    assert!(!said.contains("put back"), "{said}");
    taken.kubectl(&["patch", "configmap", "broker-word", "--type=merge", "-p", r#"{"data": {"word": "hand"}}"#]);
    let said = taken.plan().await.unwrap().warnings.join("\n");
    assert!(said.contains("ConfigMap broker-word is put back to what Helm recorded: data.word differ"), "{said}");
    taken.take().await;
    let again = taken.plan().await.unwrap_err();
    assert!(matches!(&again, AskError::Refused { reason, .. } if reason.contains("exists")), "{again:?}");
    let other = Adoption { name: name("adopted-twice"), ..taken.adoption() };
    let held = taken.ground.slices.plan_adoption(&name("default"), &other).await.unwrap_err().to_string();
    assert!(held.contains("belongs to slice adopted-gone"), "{held}");
    taken.ground.remove(taken.slice).await;
    assert_eq!(taken.helm.json(&["ls"]), json!([]));
    let left = taken.kubectl(&["get", "deployments,configmaps,secrets", "-o", "name"]);
    assert!(!left.contains("broker") && left.contains("theirs"), "{left}");
    taken.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_over_is_said_before_anything_changes() {
    let Some(taken) = Taken::new("adopted-not").await else { return };
    let slices = &taken.ground.slices;
    let asked = taken.adoption();
    let with = |release: &str| {
        let mut asked = asked.clone();
        asked.releases[0].release = release.to_owned();
        asked
    };
    let near = slices.plan_adoption(&name("default"), &with("brokr")).await.unwrap_err().to_string();
    assert!(near.contains("no Helm release called brokr") && near.contains("did you mean broker?"), "{near}");
    let mut unknown = asked.clone();
    unknown.releases[0].version = Some("9.9.9".into());
    let version = slices.plan_adoption(&name("default"), &unknown).await.unwrap_err().to_string();
    assert!(version.contains("9.9.9"), "{version}");

    // Helm was killed in the middle: what stands may be half of a revision.
    let pending = taken.helm.tries(&["upgrade", RELEASE], (&taken.chart, &json!({"size": -1})));
    assert!(!pending.status.success());
    let failed = slices.plan_adoption(&name("default"), &asked).await.unwrap_err();
    let AskError::Refused { reason, mend } = failed else { panic!("{failed:?}") };
    assert!(reason.contains("broker is failed at revision 3"), "{reason}");
    assert!(mend.contains("helm rollback broker"), "{mend}");
    taken.helm.says(&["rollback", RELEASE, "2"]);
    taken.take().await;
    let expect = [(1, "superseded"), (2, "superseded"), (3, "failed"), (4, "superseded"), (5, "deployed")];
    assert_eq!(taken.history(), statuses(&expect));
    taken.ground.remove(taken.slice).await;
    taken.end();
}
