//! The clock is set a year ahead or back while operations run, and between two processes: patience is what was asked for,
//! nobody is ended by it and nobody waits for a year.

use crate::goal::{goal, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use crate::setting::{Setting, YEAR};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use async_trait::async_trait;
use jiff::SignedDuration;
use models::OperationState;
use orchestrator::ops::{OperationDoc, OperationView, Planned, Planner, StartOptions, Unplanned};
use orchestrator::plan::{Goal, Plan, Wish};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn unreachable(ground: &Ground, cause: &str) {
    let trouble = Trouble::Error(PortError::Unreachable { target: "edge".into(), cause: cause.into() });
    ground.edge.plan(Fault { times: 100_000, ..Fault::once(Word::Apply, "Deployment", (When::Before, trouble)) });
}

fn until(life: &Life, id: &str, good: impl Fn(&OperationView) -> bool) -> OperationView {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let view = life.view(id);
        if good(&view) {
            return view;
        }
        assert!(Instant::now() < deadline, "not within 20 s: {:?}", view.operation);
        life.run(async { tokio::time::sleep(Duration::from_millis(20)).await });
    }
}

fn waits_for(cause: &str) -> impl Fn(&OperationView) -> bool {
    move |view| view.operation.waiting_for.as_ref().is_some_and(|text| text.contains(cause))
}

/// An operation that waits for the edge.
fn waiting(setting: &Setting, timeout_s: u64) -> (Ground, Life, String) {
    let ground = Ground::under(setting.clock());
    let life = Life::new(&ground, &Kill::never());
    unreachable(&ground, "no route");
    let options = StartOptions { timeout_s: Some(timeout_s), ..life.options() };
    let id = life.run(life.engine.start(life.plan(&goal()), options)).unwrap().id;
    until(&life, &id, waits_for("no route"));
    (ground, life, id)
}

/// It was tried again, more than once, since then.
fn tried_again(ground: &Ground, life: &Life, id: &str) {
    let before = ground.edge.calls();
    until(life, id, |_| ground.edge.calls() > before + 2);
    assert_eq!(life.view(id).operation.state, OperationState::Processing);
}

#[test]
fn a_jump_ahead_ends_no_wait_and_what_is_told_of_it_is_true() {
    let setting = Setting::default();
    let (ground, life, id) = waiting(&setting, 600);
    setting.jump(YEAR);
    tried_again(&ground, &life, &id);
    ground.edge.heal();
    unreachable(&ground, "another cause");
    let told = until(&life, &id, waits_for("another cause")).operation;
    let left = told.waiting_until.unwrap().duration_since(life.engine.now());
    assert!(left.is_positive() && left < SignedDuration::from_secs(601), "{told:?}");
    ground.edge.heal();
    assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
}

#[test]
fn a_jump_back_makes_no_wait_longer_and_hides_nothing() {
    let setting = Setting::default();
    let (ground, life, id) = waiting(&setting, 10);
    setting.jump(-YEAR);
    ground.edge.heal();
    unreachable(&ground, "another cause");
    let told = until(&life, &id, waits_for("another cause")).operation;
    let left = told.waiting_until.unwrap().duration_since(life.engine.now());
    assert!(left < SignedDuration::from_secs(11), "{told:?}");
    assert_eq!(life.wait(&id).operation.state, OperationState::FailedTemp);
}

#[test]
fn a_jump_while_no_server_runs_neither_ends_a_wait_nor_makes_it_longer() {
    for (jump, patience) in [(YEAR, 600), (-YEAR, 3)] {
        let setting = Setting::default();
        let (ground, life, id) = waiting(&setting, patience);
        life.kill();
        setting.jump(jump);
        let life = Life::new(&ground, &Kill::never());
        life.run(life.engine.recover()).unwrap();
        if jump > 0 {
            tried_again(&ground, &life, &id);
            ground.edge.heal();
            assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
        } else {
            assert_eq!(life.wait(&id).operation.state, OperationState::FailedTemp, "not after a year");
        }
    }
}

/// Never finds a place.
struct Nowhere;

#[async_trait]
impl Planner for Nowhere {
    async fn plan(&self, _: &Wish, _: &OperationDoc) -> Result<Planned, Unplanned> {
        Err(Unplanned::NotYet("no room".into()))
    }
}

#[test]
fn a_jump_ends_no_wait_for_a_place_and_makes_it_no_longer() {
    for (jump, patience, end) in [(YEAR, 600, OperationState::Processing), (-YEAR, 3, OperationState::FailedTemp)] {
        let setting = Setting::default();
        let ground = Ground::under(setting.clock());
        let life = Life::new(&ground, &Kill::never());
        let nowhere: Arc<dyn Planner> = Arc::new(Nowhere);
        life.engine.plan_by(Arc::downgrade(&nowhere));
        let wish = Wish {
            tenant: name("default"),
            name: name("demo"),
            goal: Goal::Apply { labels: BTreeMap::new(), spec: Box::default() },
            replace: BTreeSet::new(),
            allow_data_loss: BTreeSet::new(),
            upgrade: BTreeSet::new(),
            forget: false,
            charts: BTreeMap::new(),
        };
        let plan = Plan { changes: vec![], ..life.plan(&goal()) };
        let options = StartOptions { timeout_s: Some(patience), wish: Some(wish), ..life.options() };
        let id = life.run(life.engine.start(plan, options)).unwrap().id;
        until(&life, &id, waits_for("no room"));
        setting.jump(jump);
        // Long enough for several looks, and for a short patience to end.
        let look = Instant::now() + Duration::from_secs(5);
        until(&life, &id, |view| Instant::now() > look || view.operation.state != OperationState::Processing);
        assert_eq!(life.view(&id).operation.state, end);
    }
}

#[test]
fn what_stopped_in_a_future_that_was_taken_back_is_not_counted_until_then() {
    let setting = Setting::default();
    let ground = Ground::under(setting.clock());
    let life = Life::new(&ground, &Kill::never());
    setting.jump(YEAR);
    assert_eq!(life.reach(&goal()).operation.state, OperationState::Completed);
    assert_eq!(life.reach(&crate::goal::changed()).operation.state, OperationState::Completed);
    setting.jump(-YEAR);
    assert!(life.engine.settled() <= life.engine.now(), "figures that are read now are true");
    let stopped = life.engine.stopped();
    let now = life.engine.now();
    assert!(!stopped.is_empty() && stopped.iter().all(|stopped| stopped.at <= now));
}

/// Nothing in the world goes because the clock is set, and what is planned from records of another year is nothing.
#[test]
fn a_jump_tears_nothing_down() {
    for jump in [YEAR, -YEAR] {
        let setting = Setting::default();
        let ground = Ground::under(setting.clock());
        let life = Life::new(&ground, &Kill::never());
        assert_eq!(life.reach(&goal()).operation.state, OperationState::Completed);
        let world = ground.world();
        setting.jump(jump);
        assert!(life.plan(&goal()).is_empty());
        life.kill();
        let life = Life::new(&ground, &Kill::never());
        assert_eq!(life.run(life.engine.recover()).unwrap(), 0);
        assert!(life.plan(&goal()).is_empty());
        assert_eq!(ground.world(), world);
    }
}
