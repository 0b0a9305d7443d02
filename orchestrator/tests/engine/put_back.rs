//! Simulated clusters die with the process that holds them: the crash loop once more, where each process puts their
//! worlds back from the records.

use crate::goal::{changed, goal, name, replaced, slice};
use crate::kill::{Kill, KilledPort, When};
use crate::life::{Ground, Life};
use adapters::kubernetes::ExecPolicy;
use adapters::local::Local;
use adapters::{Port, PortError};
use async_trait::async_trait;
use models::OperationState;
use models::change::Verb;
use models::resource::{ResourceId, Target};
use orchestrator::catalogue::Registry;
use orchestrator::ops::Ports;
use orchestrator::plan::Observed;
use orchestrator::plan::want::Want;
use orchestrator::store::{Key, Kind, Txn};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

struct Killed(Arc<Registry>, Arc<Kill>);

#[async_trait]
impl Ports for Killed {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        Ok(Arc::new(KilledPort(self.0.port(target).await?, Arc::clone(&self.1))))
    }
}

fn ground() -> Ground {
    let ground = Ground::new();
    let clusters = ["edge", "cloud"].into_iter().fold(Txn::new(), |txn, cluster| {
        let doc = json!({"name": cluster, "spec": {"sim": {}}, "health": {"state": "Unknown"}});
        txn.put(Key::installation(Kind::Cluster, cluster), doc)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ground.store.commit(clusters)).unwrap();
    ground
}

/// A process with the product's own registry of ports.
fn life(ground: &Ground, kill: &Arc<Kill>) -> Life {
    let mut made = None;
    let life = Life::over((ground, kill), |store, vault| {
        let clock = Arc::new(jiff::Timestamp::now);
        let local = Arc::new(Local::new(clock, Arc::new(ring::rand::SystemRandom::new())));
        let registry = Arc::new(Registry::new(store, vault, local, ExecPolicy::Refuse));
        made = Some(Arc::clone(&registry));
        Arc::new(Killed(registry, Arc::clone(kill)))
    });
    made.unwrap().lend(life.engine.safe());
    life
}

/// What is wrong with the worlds that a new process meets; empty: nothing.
fn faults(life: &Life, (from, to): (&Want, &Want)) -> Vec<String> {
    let plan = life.plan(to);
    // What is only looked at changes nothing.
    let mut faults: Vec<String> = plan
        .changes
        .iter()
        .filter(|c| c.change.verb != Verb::Check)
        .map(|c| format!("{}: {}", c.change.id, c.change.reason))
        .collect();
    let there = |want: &Want| -> Vec<ResourceId> {
        let objects = want.iter().filter(|(id, w)| id.target != Target::Local && !w.resource.is_check());
        objects.map(|(id, _)| id.clone()).collect()
    };
    let all = there(from).into_iter().chain(there(to)).collect();
    for (id, seen) in life.run(life.engine.look(&slice(), all, Duration::from_secs(2))) {
        if to.contains_key(&id) != matches!(seen, Observed::Present(_)) {
            faults.push(format!("{id} is {seen:?}"));
        }
    }
    faults
}

/// Begins an operation in a process that dies after the n-th point; false when the operation ended before it.
fn begin(ground: &Ground, n: i64, (from, to): (&Want, &Want)) -> bool {
    if !from.is_empty() {
        let first = life(ground, &Kill::never());
        assert_eq!(first.reach(from).operation.state, OperationState::Completed);
        first.kill();
    }
    // What dies before the next point left the same behind: the worlds die too.
    let kill = Kill::at(n + 1, When::After);
    let second = life(ground, &kill);
    let (plan, options) = (second.plan(to), second.options());
    let engine = second.engine.clone();
    let died = second.run(async {
        let story = async {
            let operation = engine.start(plan, options).await.unwrap();
            engine.wait(&operation.id).await;
        };
        tokio::select! {
            () = kill.died() => true,
            () = story => false,
        }
    });
    drop(engine);
    second.kill();
    died
}

fn open(life: &Life) -> Option<String> {
    life.newest().map(|view| view.operation).filter(|operation| !operation.state.is_final()).map(|o| o.id)
}

/// One story towards the goal; false when it ended before the n-th point.
fn reached_at(n: i64, (from, to): (&Want, &Want)) -> bool {
    let ground = ground();
    let died = begin(&ground, n, (from, to));
    let third = life(&ground, &Kill::never());
    third.run(third.engine.recover()).unwrap();
    let state = match open(&third) {
        Some(id) => third.wait(&id).operation.state,
        // The start itself was lost, or it had ended.
        None if third.plan(to).is_empty() && third.slice().is_some() != to.is_empty() => OperationState::Completed,
        None => third.reach(to).operation.state,
    };
    assert_eq!(state, OperationState::Completed, "point {n}");
    assert_eq!(faults(&third, (from, to)), Vec::<String>::new(), "point {n}");
    third.kill();
    let fourth = life(&ground, &Kill::never());
    assert_eq!(faults(&fourth, (from, to)), Vec::<String>::new(), "point {n}, in the next process");
    died
}

/// One story back to where it began.
fn undone_at(n: i64, (from, to): (&Want, &Want)) -> bool {
    let ground = ground();
    let died = begin(&ground, n, (from, to));
    let third = life(&ground, &Kill::never());
    if let Some(id) = open(&third) {
        third.run(third.engine.cancel(&name("default"), &id)).unwrap();
        third.run(third.engine.rollback(&name("default"), &id)).unwrap();
        assert_eq!(third.wait(&id).operation.state, OperationState::RolledBack, "point {n}");
        assert_eq!(faults(&third, (to, from)), Vec::<String>::new(), "point {n}");
    }
    died
}

fn check(story: impl Fn(i64) -> bool) {
    let points = (1..).take_while(|n| story(*n)).count();
    assert!(points > 6, "the loop ended after {points} points: it cannot have killed anything");
}

#[test]
fn a_slice_is_made_over_the_death_of_its_simulated_clusters() {
    check(|n| reached_at(n, (&Want::new(), &goal())));
}

#[test]
fn a_slice_is_changed_over_the_death_of_its_simulated_clusters() {
    check(|n| reached_at(n, (&goal(), &changed())));
}

#[test]
fn a_resource_is_replaced_over_the_death_of_its_simulated_clusters() {
    check(|n| reached_at(n, (&goal(), &replaced())));
}

#[test]
fn a_slice_is_deleted_over_the_death_of_its_simulated_clusters() {
    check(|n| reached_at(n, (&goal(), &Want::new())));
}

#[test]
fn a_change_is_undone_over_the_death_of_its_simulated_clusters() {
    check(|n| undone_at(n, (&goal(), &changed())));
}
