//! Helm releases that are taken over and handed back, with a death and a failure at every point on the way: what stood
//! there stands there, and is either the slice's or Helm's.

use crate::goal::{UID, id, name, owner, slice};
use crate::kill::{Kill, When};
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Deed, Fault, Trouble, When as Moment, Word};
use models::change::Verb;
use models::resource::{Body, Object, Owner, ReleaseRecord, ReleaseStatus, Resource, ResourceId, Seen, label};
use models::slice::{Adopted, Chart, ChartFrom, Function};
use models::{OperationState, Slice};
use orchestrator::plan::adopt::{Takeover, adopt, hand_back};
use orchestrator::plan::bundle::{ChartPin, HookPiece, Piece};
use orchestrator::plan::{Bundle, Plan, Recorded, World};
use orchestrator::store::{Blobs, Clock, Random, Secret, Vault};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub const HOME: &str = "iot";

pub fn there(kind: &str, object: &str) -> ResourceId {
    let namespace = if kind == "v1/Namespace" { String::new() } else { HOME.to_owned() };
    ResourceId { namespace, ..id("cloud", kind, object) }
}

fn marked(kind: &str, object: &str, rest: Value) -> Value {
    let (version, kind) = kind.rsplit_once('/').unwrap();
    let mut body = json!({"apiVersion": version, "kind": kind, "metadata": {
        "name": object, "namespace": HOME, "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "broker", "meta.helm.sh/release-namespace": HOME},
    }});
    body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    body
}

fn objects() -> Vec<(&'static str, &'static str, Value)> {
    let selector = json!({"matchLabels": {"a": "b"}});
    let pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    vec![
        ("v1/ConfigMap", "settings", json!({"data": {"a": "1"}})),
        ("apps/v1/Deployment", "broker", json!({"spec": {"replicas": 1, "selector": selector, "template": pod}})),
    ]
}

fn left() -> Value {
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "namespace": HOME, "labels": {"x": "y"},
        "annotations": {"helm.sh/hook": "pre-upgrade"}}, "spec": {"template": pod}})
}

pub fn record(revision: u32) -> ResourceId {
    there("v1/Secret", &format!("sh.helm.release.v1.broker.v{revision}"))
}

pub fn release(revision: u32, status: &str) -> Value {
    json!({"name": "broker", "version": revision, "manifest": "", "info": {
        "status": status, "description": "Install complete", "first_deployed": "2026-01-01T00:00:00Z", "last_deployed": "2026-01-01T00:00:00Z"}})
}

pub struct Story {
    pub ground: Ground,
    digest: String,
}

impl Story {
    /// What Helm left, with one object of somebody else beside it.
    pub fn new() -> Self {
        let ground = Ground::new();
        let plant = |id: &ResourceId, manifest: Value| ground.cloud.plant(id, manifest);
        plant(&there("v1/Namespace", HOME), json!({"metadata": {"name": HOME, "labels": {}}}));
        plant(&there("v1/ConfigMap", "theirs"), json!({"metadata": {"name": "theirs", "labels": {}}}));
        for (kind, object, rest) in objects() {
            plant(&there(kind, object), marked(kind, object, rest));
        }
        plant(&there("batch/v1/Job", "migrate"), left());
        let labels = json!({"name": "broker", "owner": "helm", "status": "deployed", "version": "1"});
        plant(
            &record(1),
            json!({"type": "helm.sh/release.v1", "metadata": {"name": record(1).name, "namespace": HOME, "labels": labels}}),
        );
        let digest = sealed(&ground, &release(1, "deployed"));
        Self { ground, digest }
    }

    pub fn life(&self, kill: &Arc<Kill>) -> Life {
        Life::new(&self.ground, kill)
    }

    pub fn plan(&self) -> Plan {
        let piece = |(kind, object, rest): (&str, &str, Value)| {
            let (version, short) = kind.rsplit_once('/').unwrap();
            let body = Body::Plain(marked(kind, object, rest));
            Piece {
                api_version: version.into(),
                kind: short.into(),
                name: object.into(),
                source: "t".into(),
                keep: object == "settings",
                body,
            }
        };
        let hook = Piece {
            api_version: "batch/v1".into(),
            kind: "Job".into(),
            name: "migrate".into(),
            source: "t".into(),
            keep: false,
            body: Body::Plain(left()),
        };
        let hooks = vec![HookPiece {
            events: vec!["pre-upgrade".into()],
            weight: 0,
            policies: vec![],
            words: false,
            piece: hook,
        }];
        let bundle = Bundle {
            format: Bundle::FORMAT,
            inputs: "i".into(),
            chart: pin(),
            objects: objects().into_iter().map(piece).collect(),
            hooks,
            definitions: vec![],
            release: Some(self.digest.clone()),
            pods: vec![],
            volumes: vec![],
            storage_bytes: 0,
            lookups: 0,
            notes: vec![],
        };
        let all = objects().into_iter().map(|(kind, object, _)| there(kind, object));
        let there = all.chain([there("batch/v1/Job", "migrate")]).collect();
        let (bundles, records) =
            (BTreeMap::from([(name("broker"), bundle)]), BTreeMap::from([(name("broker"), vec![self.recorded()])]));
        adopt(&World::default(), &Takeover { slice: taken(), bundles, records, there, notes: vec![] }).unwrap()
    }

    fn recorded(&self) -> Recorded {
        let body = Body::Release(ReleaseRecord {
            digest: self.digest.clone(),
            name: "broker".into(),
            revision: 1,
            status: ReleaseStatus::Deployed,
            first: None,
            deployed: None,
        });
        let owner = Owner { function: Some(name("broker")), ..owner() };
        let resource = Resource::Object(Object { id: record(1), owner, body, fills: vec![], keep: false });
        Recorded {
            format: Recorded::FORMAT,
            resource,
            needs: vec![],
            tier: 3,
            seen: Some(Seen::default()),
            certain: true,
            operation: String::new(),
        }
    }

    fn back(&self, life: &Life) -> Plan {
        let slice = life.slice().unwrap();
        hand_back(&World { recorded: life.recorded(), ..World::default() }, &slice).unwrap()
    }

    /// The world without what Helm's records hold, which has times in it.
    fn world(&self) -> BTreeMap<ResourceId, Value> {
        self.ground.world()
    }

    pub fn carrying(&self) -> BTreeSet<ResourceId> {
        let ours = |value: &Value| value.pointer("/metadata/labels").and_then(|l| l.get(label::SLICE)).is_some();
        self.ground.cloud.dump().into_iter().filter(|(_, value)| ours(value)).map(|(id, _)| id).collect()
    }

    fn status(&self, revision: u32) -> String {
        self.ground.cloud.dump()[&record(revision)]["metadata"]["labels"]["status"].as_str().unwrap().to_owned()
    }

    /// What is wrong with a slice that took everything over.
    fn faults(&self, life: &Life) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        let all: BTreeSet<ResourceId> = objects()
            .into_iter()
            .map(|(kind, object, _)| there(kind, object))
            .chain([there("batch/v1/Job", "migrate"), record(1), record(2)])
            .collect();
        let carrying = self.carrying();
        if carrying != all {
            faults.push(format!("{carrying:?} carry our marks instead of {all:?}"));
        }
        let recorded = life.recorded();
        let known: BTreeSet<ResourceId> = recorded.values().filter_map(|r| r.resource.world_id().cloned()).collect();
        if known != all || recorded.values().any(|recorded| !recorded.certain) {
            faults.push(format!("{known:?} are recorded instead of {all:?}"));
        }
        let statuses = (self.status(1), self.status(2));
        if statuses != ("superseded".into(), "deployed".into()) {
            faults.push(format!("the revisions are {statuses:?}"));
        }
        faults.extend(self.harmed());
        faults
    }

    /// What stood before was never taken away, and but for Helm's records nothing was made.
    fn harmed(&self) -> Vec<String> {
        let effects = self.ground.cloud.journal().into_iter();
        let bad = effects.filter(|effect| effect.deed != Deed::Updated && effect.id != record(2));
        bad.map(|effect| format!("{:?} {}", effect.deed, effect.id)).collect()
    }

    pub fn run(&self, life: &Life, plan: Plan) -> OperationState {
        let options = life.options();
        let operation = life.run(life.engine.start(plan, options)).unwrap();
        life.wait(&operation.id).operation.state
    }

    pub fn taken() -> Self {
        let story = Self::new();
        let life = story.life(&Kill::never());
        assert_eq!(
            story.run(&life, story.plan()),
            OperationState::Completed,
            "{:?}",
            life.newest().unwrap().operation.error
        );
        assert_eq!(story.faults(&life), Vec::<String>::new());
        story
    }
}

pub fn pin() -> ChartPin {
    ChartPin {
        name: "broker".into(),
        version: "1.0.0".into(),
        digest: "d".into(),
        repository: None,
        package: None,
        asked: None,
        source: None,
        dependencies: vec![],
    }
}

fn taken() -> Slice {
    let mut slice = slice();
    let chart = Chart { from: ChartFrom::Repository(name("lab")), name: "broker".into(), version: None };
    slice.spec.functions =
        vec![Function { name: name("broker"), site: name("cloud"), chart, values: serde_json::Map::new() }];
    slice.placed = BTreeMap::from([("broker".into(), "cloud".into())]);
    let releases = BTreeMap::from([(name("broker"), "broker".to_owned())]);
    slice.adopted = Some(Adopted { cluster: name("cloud"), namespace: HOME.into(), releases });
    slice
}

fn sealed(ground: &Ground, release: &Value) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let vault = Vault::unlock(ground.path(), ground.store.as_ref(), Random::system()).await.unwrap();
        let blobs = Blobs::open(ground.path(), Arc::new(vault), Clock::system()).unwrap();
        blobs.put_sealed(Secret::new(release.to_string().into_bytes())).await.unwrap().to_string()
    })
}

pub fn trouble(id: &ResourceId) -> Trouble {
    Trouble::Error(PortError::Forbidden { target: id.target.to_string(), cause: "planned".into() })
}

#[test]
fn what_stands_is_taken_over_as_it_is_and_handed_back_as_it_was() {
    let story = Story::new();
    let before = story.world();
    let life = story.life(&Kill::never());
    let plan = story.plan();
    let made: Vec<String> =
        plan.changes.iter().filter(|c| c.change.verb == Verb::Create).map(|c| c.change.id.name.clone()).collect();
    assert_eq!(made, [record(2).name], "nothing is made but Helm's next record");
    assert_eq!(story.run(&life, plan), OperationState::Completed);
    assert_eq!(story.faults(&life), Vec::<String>::new());
    assert_eq!(story.run(&life, story.back(&life)), OperationState::Completed);
    let mut after = story.world();
    after.remove(&record(2)).expect("the record of the slice stays");
    assert_eq!(after, before);
    assert_eq!((story.carrying().len(), life.recorded().len(), life.slice()), (0, 0, None));
}

/// Every death on the way of one plan; `plan` makes it anew where the start itself was lost.
fn deaths(from: impl Fn() -> Story, plan: impl Fn(&Story, &Life) -> Plan, end: impl Fn(&Story, &Life, &str)) {
    for when in [When::Before, When::After] {
        for n in 2.. {
            let story = from();
            let kill = Kill::at(n, when);
            let life = story.life(&kill);
            let (made, options, engine) = (plan(&story, &life), life.options(), life.engine.clone());
            let died = life.run(async {
                let told = async {
                    let operation = engine.start(made, options).await.unwrap();
                    engine.wait(&operation.id).await;
                };
                tokio::select! {
                    () = kill.died() => true,
                    () = told => false,
                }
            });
            drop(engine);
            life.kill();
            let life = story.life(&Kill::never());
            life.run(life.engine.recover()).unwrap();
            let under_way = life.newest().filter(|view| !view.operation.state.is_final());
            match under_way {
                Some(view) => {
                    let end = life.wait(&view.operation.id).operation;
                    assert_eq!(end.state, OperationState::Completed, "{n} {when:?}: {:?}", end.error);
                }
                None if life.newest().is_none() => {
                    assert_eq!(story.run(&life, plan(&story, &life)), OperationState::Completed);
                }
                None => {}
            }
            end(&story, &life, &format!("point {n} {when:?}"));
            if !died {
                assert!(n > 8, "the loop ended after {n} points: it cannot have killed anything");
                break;
            }
        }
    }
}

#[test]
fn taking_over_survives_a_death_at_every_point() {
    deaths(
        Story::new,
        |story, _| story.plan(),
        |story, life, at| assert_eq!(story.faults(life), Vec::<String>::new(), "{at}"),
    );
}

#[test]
fn handing_back_survives_a_death_at_every_point() {
    let end = |story: &Story, life: &Life, at: &str| {
        if let Some(slice) = life.slice() {
            // The start was lost; what was there before it is whole.
            assert_eq!((slice.uid.as_str(), story.faults(life)), (UID, vec![]), "{at}");
            return;
        }
        assert_eq!((story.carrying().len(), life.recorded().len()), (0, 0), "{at}");
        assert_eq!(story.harmed(), Vec::<String>::new(), "{at}");
        assert_eq!(story.status(2), "deployed");
    };
    deaths(Story::taken, |story, life| story.back(life), end);
}

#[test]
fn a_takeover_that_fails_anywhere_is_rolled_back_to_what_helm_left() {
    let all = Story::new().plan().changes;
    let touched = all.into_iter().filter(|c| matches!(c.change.verb, Verb::Adopt | Verb::Create));
    for change in touched.map(|planned| planned.change) {
        let resource = change.after.clone().unwrap();
        let at = resource.world_id().unwrap().clone();
        for when in [Moment::Before, Moment::After] {
            let story = Story::new();
            let before = story.world();
            story.ground.cloud.plan(Fault::once(Word::Apply, &at.to_string(), (when, trouble(&at))));
            let life = story.life(&Kill::never());
            assert_eq!(story.run(&life, story.plan()), OperationState::FailedTemp, "{at} {when:?}");
            let id = life.newest().unwrap().operation.id;
            life.run(life.engine.rollback(&name("default"), &id)).unwrap();
            let end = life.wait(&id).operation;
            assert_eq!(end.state, OperationState::RolledBack, "{at} {when:?}: {:?}", end.error);
            assert_eq!(story.world(), before, "{at} {when:?}");
            assert_eq!((story.carrying().len(), life.recorded().len(), life.slice()), (0, 0, None), "{at} {when:?}");
            assert_eq!(story.status(1), "deployed", "{at} {when:?}");
        }
    }
}

#[test]
fn a_handing_back_that_fails_anywhere_is_rolled_back_to_the_slice() {
    let story = Story::taken();
    let life = story.life(&Kill::never());
    let all = story.back(&life).changes;
    for change in all.into_iter().map(|planned| planned.change) {
        let at = change.before.as_ref().and_then(Resource::world_id).unwrap().clone();
        let story = Story::taken();
        story.ground.cloud.plan(Fault::once(Word::Apply, &at.to_string(), (Moment::After, trouble(&at))));
        let life = story.life(&Kill::never());
        assert_eq!(story.run(&life, story.back(&life)), OperationState::FailedTemp, "{at}");
        let id = life.newest().unwrap().operation.id;
        life.run(life.engine.rollback(&name("default"), &id)).unwrap();
        let end = life.wait(&id).operation;
        assert_eq!(end.state, OperationState::RolledBack, "{at}: {:?}", end.error);
        assert_eq!(story.faults(&life), Vec::<String>::new(), "{at}");
    }
}

/// Another slice took it first: it stays that one's, and nothing of it is touched.
#[test]
fn what_another_slice_carries_is_left_alone() {
    let story = Story::new();
    let settings = there("v1/ConfigMap", "settings");
    let other = "/metadata/labels/sliceway.io~1slice";
    assert!(story.ground.cloud.meddle(&settings, other, json!("ffffffff")));
    let life = story.life(&Kill::never());
    assert_eq!(story.run(&life, story.plan()), OperationState::FailedTemp);
    let view = life.newest().unwrap();
    assert_eq!(view.operation.error.as_ref().unwrap().code, "foreign");
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    let end = life.wait(&view.operation.id).operation;
    assert_eq!(end.state, OperationState::RolledBack, "{:?}", end.error);
    assert_eq!(story.ground.cloud.dump()[&settings].pointer(other), Some(&json!("ffffffff")));
}
