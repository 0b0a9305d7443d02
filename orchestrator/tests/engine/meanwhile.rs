//! What somebody does to Helm releases while they are taken over, and what is planned for a takeover that stopped half-way.

use crate::adopt::{HOME, Story, pin, record, release, there, trouble};
use crate::goal::name;
use crate::kill::Kill;
use crate::life::Life;
use adapters::release::HelmRevision;
use adapters::sim::{Fault, When as Moment, Word};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use models::change::Verb;
use models::{Name, OperationState};
use orchestrator::plan::render::Order;
use orchestrator::plan::{Bundle, Goal, Plan, PlanError, Renderer, Wish, World, make};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

/// A record as Helm writes it.
fn helms(revision: u32, words: &str) -> Value {
    let mut release = release(revision, "deployed");
    release["info"]["description"] = json!(words);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(release.to_string().as_bytes()).unwrap();
    let text = STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()));
    let labels = json!({"name": "broker", "owner": "helm", "status": "deployed", "version": revision.to_string()});
    let metadata = json!({"name": record(revision).name, "namespace": HOME, "labels": labels});
    json!({"type": "helm.sh/release.v1", "metadata": metadata, "data": {"release": text}})
}

/// The takeover waits for an operator, and somebody upgrades the release meanwhile.
#[test]
fn a_revision_that_helm_made_meanwhile_is_neither_written_over_nor_removed() {
    let story = Story::new();
    let settings = there("v1/ConfigMap", "settings");
    story.ground.cloud.plan(Fault::once(Word::Apply, &record(2).to_string(), (Moment::Before, trouble(&record(2)))));
    let life = story.life(&Kill::never());
    assert_eq!(story.run(&life, story.plan()), OperationState::FailedTemp);
    let id = life.newest().unwrap().operation.id;
    let theirs = helms(2, "theirs");
    story.ground.cloud.plant(&record(2), theirs.clone());
    assert!(story.ground.cloud.meddle(&settings, "/data/a", json!("theirs")));
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    let end = life.wait(&id).operation;
    assert_eq!(end.state, OperationState::FailedTemp);
    let error = end.error.unwrap();
    assert!(error.message.contains("somebody's helm"), "{error:?}");
    assert!(error.next.starts_with(&format!("sliceway operation rollback {id}")), "{error:?}");
    assert_eq!(story.ground.cloud.dump()[&record(2)], theirs);
    life.run(life.engine.rollback(&name("default"), &id)).unwrap();
    let end = life.wait(&id).operation;
    assert_eq!(end.state, OperationState::RolledBack, "{:?}", end.error);
    assert_eq!(story.ground.cloud.dump()[&record(2)], theirs);
    assert_eq!(story.ground.cloud.dump()[&settings]["data"]["a"], "theirs");
    assert_eq!((story.carrying().len(), life.recorded().len(), life.slice()), (0, 0, None));
}

/// Somebody gave it to another release since the plan.
#[test]
fn what_another_release_has_by_then_is_left_alone() {
    let story = Story::new();
    let (plan, settings) = (story.plan(), there("v1/ConfigMap", "settings"));
    let mark = "/metadata/annotations/meta.helm.sh~1release-name";
    assert!(story.ground.cloud.meddle(&settings, mark, json!("other")));
    let before = story.ground.cloud.dump()[&settings].clone();
    let life = story.life(&Kill::never());
    assert_eq!(story.run(&life, plan), OperationState::FailedTemp);
    assert_eq!(life.newest().unwrap().operation.error.unwrap().code, "foreign");
    assert_eq!(story.ground.cloud.dump()[&settings], before);
}

struct NoCharts;

#[async_trait]
impl Renderer for NoCharts {
    async fn definition(&self, _: &Name, _: &str) -> Result<Option<Value>, PlanError> {
        Err(PlanError::Unavailable { cause: "asked".into() })
    }

    async fn seal(&self, _: &Value) -> Result<String, PlanError> {
        Err(PlanError::Unavailable { cause: "asked".into() })
    }

    async fn recorded(&self, _: &Order<'_>, _: &Value) -> Result<Bundle, PlanError> {
        Err(PlanError::Unavailable { cause: "asked".into() })
    }

    async fn render(&self, _: &Order<'_>) -> Result<Bundle, PlanError> {
        Err(PlanError::Unavailable { cause: "asked".into() })
    }
}

fn planned(life: &Life, goal: Goal) -> Result<Plan, PlanError> {
    let (slice, recorded) = (life.slice(), life.recorded());
    let found =
        |revision| HelmRevision { release: "broker".into(), revision, status: "deployed".into(), objects: vec![] };
    let releases = BTreeMap::from([(name("cloud"), vec![found(1), found(2)])]);
    let world = World { slice, recorded, releases, ..World::default() };
    let wish = Wish {
        forget: false,
        tenant: name("default"),
        name: name("demo"),
        goal,
        replace: BTreeSet::new(),
        allow_data_loss: BTreeSet::new(),
        upgrade: BTreeSet::new(),
        charts: BTreeMap::from([(name("broker"), pin())]),
    };
    life.run(make(&world, &wish, &NoCharts))
}

/// Its plan would be the removal of what runs, or an installation over it.
#[test]
fn a_takeover_that_stopped_half_way_is_ended_before_anything_else_is_planned() {
    let story = Story::new();
    let settings = there("v1/ConfigMap", "settings");
    story.ground.cloud.plan(Fault::once(Word::Apply, &settings.to_string(), (Moment::Before, trouble(&settings))));
    let life = story.life(&Kill::never());
    assert_eq!(story.run(&life, story.plan()), OperationState::FailedTemp);
    let slice = life.slice().unwrap();
    let apply = Goal::Apply { labels: slice.labels.clone(), spec: Box::new(slice.spec.clone()) };
    for goal in [Goal::Delete, apply] {
        let refused = planned(&life, goal).map(|plan| plan.changes).unwrap_err().to_string();
        assert!(refused.contains("did not take over release broker to the end"), "{refused}");
        assert!(refused.contains(&format!("operation retry {}", life.newest().unwrap().operation.id)), "{refused}");
    }
}

#[test]
fn what_a_chart_keeps_stays_with_the_namespace_and_nobody_is_told_that_it_goes() {
    let story = Story::taken();
    let life = story.life(&Kill::never());
    let plan = planned(&life, Goal::Delete).unwrap();
    let said = "release broker in namespace iot on cloud is uninstalled; to leave it to helm: slice hand-back";
    assert_eq!(plan.warnings, [said]);
    let settings = plan.changes.iter().find(|c| c.change.id == there("v1/ConfigMap", "settings")).unwrap();
    assert_eq!(settings.change.verb, Verb::Forget);
}
