//! The operator's moves, waiting, fencing and strangers.

use crate::goal::{changed, goal, id, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use models::OperationState;
use models::resource::Target;
use orchestrator::ops::{OperationView, OpsError, StartOptions};
use orchestrator::plan::want::Want;
use orchestrator::store::{Key, Kind, StoreError, Txn};
use serde_json::json;
use std::time::{Duration, Instant};

fn start(life: &Life, want: &Want, options: StartOptions) -> String {
    let plan = life.plan(want);
    life.run(life.engine.start(plan, options)).unwrap().id
}

/// Waits until an operation is as the caller wants it.
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

fn forbid(ground: &Ground, what: &str) {
    let trouble = Trouble::Error(PortError::Forbidden { target: "edge".into(), cause: "planned".into() });
    ground.edge.plan(Fault { times: 1_000, ..Fault::once(Word::Apply, what, (When::Before, trouble)) });
}

#[test]
fn cancel_answers_at_once_while_a_target_hangs_and_retry_completes() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    ground.edge.cut();
    let id = start(&life, &goal(), life.options());
    until(&life, &id, |view| view.operation.done > 3);
    let before = Instant::now();
    let operation = life.run(life.engine.cancel(&name("default"), &id)).unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(operation.state, OperationState::FailedTemp);
    ground.edge.heal();
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
}

#[test]
fn a_cut_target_is_waited_for_visibly_and_the_other_is_finished_meanwhile() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    ground.edge.cut();
    let id = start(&life, &goal(), life.options());
    let waits = |view: &OperationView| view.operation.waiting_for.as_ref().is_some_and(|text| text.contains("edge"));
    assert!(until(&life, &id, waits).operation.waiting_until.is_some());
    let cloud = Target::Cluster(name("cloud"));
    let done = |view: &OperationView| {
        let mut far = view.steps.iter().filter(|step| step.record.change.id.target == cloud);
        far.all(|step| step.record.state == models::ChangeState::Done)
    };
    until(&life, &id, done);
    ground.edge.heal();
    assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
}

#[test]
fn patience_ends_in_failed_temp_with_the_last_cause() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    ground.edge.cut();
    let options = StartOptions { timeout_s: Some(1), ..life.options() };
    let id = start(&life, &goal(), options);
    let view = life.wait(&id);
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    assert_eq!(view.operation.error.unwrap().code, "timed-out");
}

#[test]
fn a_second_operation_is_refused_and_a_superseding_one_takes_over() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    forbid(&ground, "Deployment");
    let first = life.reach(&goal()).operation;
    let refused = life.run(life.engine.start(life.plan(&goal()), life.options()));
    assert!(matches!(refused, Err(OpsError::Busy { operation }) if operation == first.id));
    ground.edge.heal();
    let options = StartOptions { supersede: Some(first.id.clone()), ..life.options() };
    let second = start(&life, &changed(), options);
    assert_eq!(life.wait(&second).operation.state, OperationState::Completed);
    let first = life.view(&first.id).operation;
    assert_eq!((first.state, first.successor), (OperationState::Failed, Some(second)));
    let reference = {
        let ground = Ground::new();
        Life::new(&ground, &Kill::never()).reach(&changed());
        ground.world()
    };
    assert_eq!(life.faults(&ground, &reference), Vec::<String>::new());
}

#[test]
fn continue_leaves_out_what_failed_and_what_needs_it() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    forbid(&ground, "Deployment");
    let id = life.reach(&goal()).operation.id;
    life.run(life.engine.carry_on(&name("default"), &id)).unwrap();
    let view = life.wait(&id);
    assert_eq!(view.operation.state, OperationState::PartiallyCompleted);
    assert!(life.claim().is_none());
    let gone = self::id("edge", "apps/v1/Deployment", "gw");
    assert!(!ground.world().contains_key(&gone) && !life.recorded().is_empty());
}

#[test]
fn fail_gives_up_and_frees_the_name() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    forbid(&ground, "Deployment");
    let id = life.reach(&goal()).operation.id;
    let operation = life.run(life.engine.fail(&name("default"), &id)).unwrap();
    assert_eq!(operation.state, OperationState::Failed);
    assert!(life.claim().is_none());
    let again = life.run(life.engine.retry(&name("default"), &id));
    assert!(matches!(again, Err(OpsError::Illegal(_))));
}

#[test]
fn a_strangers_object_stops_the_operation_and_is_never_touched() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let namespace = id("edge", "v1/Namespace", crate::goal::NAMESPACE);
    let theirs = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": crate::goal::NAMESPACE}});
    ground.edge.plant(&namespace, theirs);
    let before = ground.edge.dump();
    let view = life.reach(&goal());
    assert_eq!(view.operation.error.unwrap().code, "foreign");
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    assert_eq!(life.wait(&view.operation.id).operation.state, OperationState::RolledBack);
    assert_eq!(ground.edge.dump(), before);
}

#[test]
fn an_engine_that_lost_its_epoch_writes_nothing() {
    let ground = Ground::new();
    let old = Life::new(&ground, &Kill::never());
    let new = Life::new(&ground, &Kill::never());
    let refused = old.run(old.engine.start(old.plan(&goal()), old.options()));
    assert!(matches!(refused, Err(OpsError::Fenced)), "{refused:?}");
    assert_eq!(new.reach(&goal()).operation.state, OperationState::Completed);
}

#[test]
fn a_change_that_cannot_be_read_ends_in_failed_temp_with_words() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    forbid(&ground, "Deployment");
    let id = life.reach(&goal()).operation.id;
    let key = Key::new(Kind::Change, "default", format!("{id}/00001"));
    life.run(ground.store.commit(Txn::new().put(key, json!({"format": 99})))).unwrap();
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    let view = life.wait(&id);
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    assert!(view.operation.error.unwrap().message.contains("newer version"));
}

#[test]
fn a_full_disk_is_waited_for_wherever_it_strikes() {
    let reference = {
        let ground = Ground::new();
        Life::new(&ground, &Kill::never()).reach(&goal());
        ground.world()
    };
    // The epoch and the start are two commits: the caller is told of those.
    for n in 2..26 {
        let ground = Ground::new();
        let life = Life::new(&ground, &Kill::full(n, 3));
        let view = life.reach(&goal());
        assert_eq!(view.operation.state, OperationState::Completed, "commit {n}: {:?}", view.operation.error);
        assert_eq!(life.faults(&ground, &reference), Vec::<String>::new(), "commit {n}");
    }
}

#[test]
fn a_cancel_on_a_full_disk_answers_within_seconds_and_is_whole_when_there_is_room() {
    let ground = Ground::new();
    let kill = Kill::never();
    let life = Life::new(&ground, &kill);
    ground.edge.cut();
    let id = start(&life, &goal(), life.options());
    until(&life, &id, |view| view.operation.done > 3);
    kill.fill(true);
    let before = Instant::now();
    let refused = life.run(life.engine.cancel(&name("default"), &id));
    assert!(matches!(refused, Err(OpsError::NotTold(_))), "{refused:?}");
    assert!(before.elapsed() < Duration::from_secs(6));
    kill.fill(false);
    let view = until(&life, &id, |view| view.operation.state == OperationState::FailedTemp);
    assert_eq!(view.operation.error.unwrap().code, "cancelled");
    ground.edge.heal();
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
}

#[test]
fn what_a_server_writes_beside_its_engine_is_fenced_too() {
    let ground = Ground::new();
    let old = Life::new(&ground, &Kill::never());
    let store = old.engine.store();
    let tenant = || Txn::new().put(Key::installation(Kind::Tenant, "acme"), json!({"name": "acme"}));
    old.run(store.commit(tenant())).unwrap();
    let _new = Life::new(&ground, &Kill::never());
    let refused = old.run(store.commit(tenant()));
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
}
