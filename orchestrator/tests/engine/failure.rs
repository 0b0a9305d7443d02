//! The failure loop: change k fails for good, before or after its effect; retry reaches the goal, rollback the start.

use crate::goal::{changed, goal, id, name, replaced};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::sim::{Fault, Trouble, When, Word};
use adapters::{Call, Port, PortError};
use async_trait::async_trait;
use models::OperationState;
use models::change::Verb;
use models::resource::{Object, Resource, ResourceId, Seen, Target};
use orchestrator::plan::want::Want;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn trouble(id: &ResourceId) -> Trouble {
    Trouble::Error(PortError::Forbidden { target: id.target.to_string(), cause: "planned".into() })
}

fn ground_with(want: &Want) -> Ground {
    let ground = Ground::new();
    if !want.is_empty() {
        let life = Life::new(&ground, &Kill::never());
        assert_eq!(life.reach(want).operation.state, OperationState::Completed);
        life.kill();
    }
    ground
}

/// Every change that touches a cluster, with how it is called.
fn calls(from: &Want, to: &Want) -> Vec<(ResourceId, Word)> {
    let ground = ground_with(from);
    let plan = Life::new(&ground, &Kill::never()).plan(to);
    let word = |verb: Verb| match verb {
        Verb::Create | Verb::Update => Some(Word::Apply),
        Verb::Delete | Verb::Replace => Some(Word::Remove),
        Verb::Forget | Verb::Adopt => Some(Word::Apply),
        Verb::Check | Verb::Run | Verb::Answer | Verb::Clear | Verb::Bury | Verb::Abandon => None,
    };
    let far = plan.changes.into_iter().filter(|c| c.change.id.target != Target::Local);
    far.filter_map(|c| Some((c.change.id.clone(), word(c.change.verb)?))).collect()
}

/// Fails each change in turn; then `end` brings it to an end, which is looked at.
fn each(from: &Want, to: &Want, end: impl Fn(&Ground, &Life, &str)) {
    for (at, word) in calls(from, to) {
        for when in [When::Before, When::After] {
            let ground = ground_with(from);
            let life = Life::new(&ground, &Kill::never());
            let sim = if at.target.to_string() == "edge" { &ground.edge } else { &ground.cloud };
            sim.plan(Fault::once(word, &at.to_string(), (when, trouble(&at))));
            let view = life.reach(to);
            assert_eq!(view.operation.state, OperationState::FailedTemp, "{at} {when:?}");
            let error = view.operation.error.clone().unwrap();
            assert_eq!(error.code, "forbidden");
            assert!(error.next.contains(&view.operation.id), "the next command names the operation: {}", error.next);
            end(&ground, &life, &view.operation.id);
        }
    }
}

fn retry_reaches(from: &Want, to: &Want) {
    let reference = ground_with(to).world();
    each(from, to, |ground, life, id| {
        life.run(life.engine.retry(&name("default"), id)).unwrap();
        assert_eq!(life.wait(id).operation.state, OperationState::Completed);
        assert_eq!(life.faults(ground, &reference), Vec::<String>::new());
    });
}

fn rollback_reaches(from: &Want, to: &Want) {
    let reference = ground_with(from).world();
    each(from, to, |ground, life, id| {
        life.run(life.engine.rollback(&name("default"), id)).unwrap();
        let view = life.wait(id);
        assert_eq!(view.operation.state, OperationState::RolledBack, "{:?}", view.operation.error);
        assert_eq!(life.faults(ground, &reference), Vec::<String>::new());
        assert_eq!(life.slice().is_some(), !from.is_empty());
    });
}

#[test]
fn retry_of_a_failed_creation_reaches_the_goal() {
    retry_reaches(&Want::new(), &goal());
}

#[test]
fn retry_of_a_failed_change_reaches_the_goal() {
    retry_reaches(&goal(), &changed());
}

#[test]
fn retry_of_a_failed_deletion_reaches_the_goal() {
    retry_reaches(&goal(), &Want::new());
}

#[test]
fn rollback_of_a_failed_creation_reaches_the_start() {
    rollback_reaches(&Want::new(), &goal());
}

#[test]
fn rollback_of_a_failed_change_reaches_the_start() {
    rollback_reaches(&goal(), &changed());
}

#[test]
fn rollback_of_a_failed_replacement_reaches_the_start() {
    rollback_reaches(&goal(), &replaced());
}

#[test]
fn rollback_of_a_failed_deletion_reaches_the_start() {
    rollback_reaches(&goal(), &Want::new());
}

/// A planted bug: once armed, which the test does before the rollback, every convergence removes instead.
struct Deleting(Arc<dyn Port>, Arc<AtomicBool>);

#[async_trait]
impl Port for Deleting {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        if self.1.load(Ordering::SeqCst) {
            self.0.remove(call, want, seen).await?;
            return Ok(Seen::default());
        }
        self.0.apply(call, want, seen).await
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        self.0.remove(call, what, seen).await
    }

    async fn disown(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        self.0.disown(call, object).await
    }

    async fn own(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        self.0.own(call, object).await
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        self.0.observe(call, id).await
    }
}

#[test]
fn the_checker_catches_an_undo_that_deletes() {
    let ground = ground_with(&goal());
    let reference = ground.world();
    let armed = Arc::new(AtomicBool::new(false));
    let bug = Arc::clone(&armed);
    let life = Life::with(&ground, &Kill::never(), &|port| Arc::new(Deleting(port, Arc::clone(&bug))));
    let extra = id("edge", "v1/ConfigMap", "extra");
    ground.edge.plan(Fault::once(Word::Apply, &extra.to_string(), (When::After, trouble(&extra))));
    let view = life.reach(&changed());
    armed.store(true, Ordering::SeqCst);
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    life.wait(&view.operation.id);
    assert!(!life.faults(&ground, &reference).is_empty(), "the planted bug went unnoticed");
}

#[test]
fn the_checker_catches_a_thing_that_is_made_twice() {
    let ground = ground_with(&goal());
    let settings = id("cloud", "v1/ConfigMap", "settings");
    // Somebody takes it away behind the journal's back; making it again is what a doubled effect looks like.
    assert!(ground.cloud.vanish(&settings));
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.reach(&goal()).operation.state, OperationState::Completed);
    assert_eq!(ground.doubled().len(), 1);
}
