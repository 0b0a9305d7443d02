//! Data that is deleted does not come back (ENGINE.md 12): the plan names it, what can go before it does, and nobody is
//! told that there is a way back past it.

use crate::goal::{holding_data, id, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Deed, Fault, Trouble, When, Word};
use models::change::Seq;
use models::resource::{ResourceId, Target};
use models::{ChangeState, OperationState};
use orchestrator::ops::{OperationView, OpsError};
use orchestrator::plan::want::Want;
use std::collections::BTreeSet;

fn volume() -> ResourceId {
    id("cloud", "v1/PersistentVolumeClaim", "data")
}

/// A slice that holds data, and a cloud that refuses to remove what is called so.
fn refusing(what: &str) -> (Ground, Life) {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.reach(&holding_data()).operation.state, OperationState::Completed);
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    ground.cloud.plan(Fault { times: 1_000, ..Fault::once(Word::Remove, what, (When::Before, trouble)) });
    (ground, life)
}

fn is_removed(ground: &Ground) -> bool {
    ground.cloud.journal().iter().any(|effect| effect.deed == Deed::Removed && effect.id == volume())
}

fn state(view: &OperationView, of: &ResourceId) -> ChangeState {
    view.steps.iter().find(|step| step.record.change.id == *of).unwrap().record.state
}

#[test]
fn the_plan_names_what_does_not_come_back_and_only_what_holds_it_goes_later() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.reach(&holding_data()).operation.state, OperationState::Completed);
    let plan = life.plan(&Want::new());
    let lost: Vec<_> = plan.changes.iter().filter(|planned| planned.change.irreversible.is_some()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].change.id, volume());
    assert!(
        lost[0].change.irreversible.as_ref().unwrap().contains("the data of PersistentVolumeClaim data"),
        "{lost:?}"
    );
    let mut before = BTreeSet::from([lost[0].change.seq]);
    loop {
        let of = |seq: &Seq| plan.changes.iter().find(|planned| planned.change.seq == *seq).unwrap();
        let more: BTreeSet<Seq> = before.iter().flat_map(|seq| of(seq).change.needs.clone()).collect();
        if more.is_subset(&before) {
            break;
        }
        before.extend(more);
    }
    for planned in plan.changes.iter().filter(|planned| !before.contains(&planned.change.seq)) {
        let of = &planned.change.id;
        assert!(of.target == Target::Local || of.api().1 == "Namespace", "{of} could go before the data");
    }
}

#[test]
fn what_fails_before_the_data_is_gone_can_be_taken_back_whole() {
    let (ground, life) = refusing("Deployment");
    let before = ground.world();
    let view = life.reach(&Want::new());
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    assert!(!is_removed(&ground), "the data went although something before it had failed");
    ground.cloud.heal();
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    assert_eq!(life.wait(&view.operation.id).operation.state, OperationState::RolledBack);
    assert_eq!(ground.world(), before);
    assert!(!is_removed(&ground));
}

#[test]
fn there_is_no_way_back_once_the_data_is_gone_and_the_way_on_is_open() {
    let (ground, life) = refusing("Namespace");
    let view = life.reach(&Want::new());
    assert_eq!(view.operation.state, OperationState::FailedTemp, "{:?}", view.operation);
    assert_eq!(state(&view, &volume()), ChangeState::Done);
    let tenant = name("default");
    let refused = life.run(life.engine.rollback(&tenant, &view.operation.id)).unwrap_err();
    let OpsError::PastPointOfNoReturn { reason } = &refused else { panic!("{refused}") };
    assert!(reason.contains("the data of PersistentVolumeClaim data"), "{reason}");
    assert_eq!(life.view(&view.operation.id).operation, view.operation, "a refused move changes nothing");
    let outlooks = life.run(life.engine.outlooks(&tenant, &view.operation.id)).unwrap();
    assert!(outlooks.iter().any(|one| matches!(one, Err(OpsError::PastPointOfNoReturn { .. }))), "explain says why");
    ground.cloud.heal();
    life.run(life.engine.retry(&tenant, &view.operation.id)).unwrap();
    assert_eq!(life.wait(&view.operation.id).operation.state, OperationState::Completed);
    assert!(ground.world().is_empty(), "{:?}", ground.world().keys());
}
