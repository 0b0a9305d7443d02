//! What a move would do is what it does then.

use crate::goal::{changed, goal, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use models::OperationState;
use orchestrator::ops::{Does, Move, OpsError, Outlook};
use std::collections::BTreeSet;

fn failed(what: &str) -> (Ground, Life, String) {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.reach(&goal()).operation.state, OperationState::Completed);
    let trouble = Trouble::Error(PortError::Forbidden { target: "edge".into(), cause: "planned".into() });
    ground.edge.plan(Fault::once(Word::Apply, what, (When::Before, trouble)));
    let view = life.reach(&changed());
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    (ground, life, view.operation.id)
}

fn outlook(life: &Life, id: &str, asked: Move) -> Result<Outlook, OpsError> {
    life.run(life.engine.outlook(&name("default"), (id, asked)))
}

fn which(outlook: &Outlook, does: Does) -> BTreeSet<u32> {
    outlook.deeds.iter().filter(|deed| deed.does == does).map(|deed| deed.seq).collect()
}

#[test]
fn a_retry_does_what_its_outlook_says_and_ends_there() {
    let (_ground, life, id) = failed("extra");
    let told = outlook(&life, &id, Move::Retry).unwrap();
    let open: BTreeSet<u32> = {
        let view = life.view(&id);
        let open = view.steps.iter().filter(|step| step.record.state != models::ChangeState::Done);
        open.map(|step| step.record.change.seq).collect()
    };
    assert_eq!(which(&told, Does::Do), open);
    assert!(!open.is_empty());
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    assert_eq!(life.wait(&id).operation.state, told.ends);
}

#[test]
fn a_rollback_undoes_what_its_outlook_says_and_ends_there() {
    let (_ground, life, id) = failed("extra");
    let told = outlook(&life, &id, Move::Rollback).unwrap();
    assert_eq!((told.becomes, told.ends), (OperationState::RollingBack, OperationState::RolledBack));
    life.run(life.engine.rollback(&name("default"), &id)).unwrap();
    let view = life.wait(&id);
    assert_eq!(view.operation.state, told.ends);
    let undone = view.steps.iter().filter(|step| step.record.state == models::ChangeState::Undone);
    let checks = |seq: &u32| {
        let step = view.steps.iter().find(|step| step.record.change.seq == *seq).unwrap();
        step.record.change.verb != models::Verb::Check
    };
    let undone: BTreeSet<u32> = undone.map(|step| step.record.change.seq).filter(checks).collect();
    assert_eq!(which(&told, Does::Undo), undone);
}

#[test]
fn continue_leaves_out_what_its_outlook_says_and_ends_there() {
    let (_ground, life, id) = failed("extra");
    let told = outlook(&life, &id, Move::Continue).unwrap();
    life.run(life.engine.carry_on(&name("default"), &id)).unwrap();
    let view = life.wait(&id);
    assert_eq!(view.operation.state, told.ends);
    assert_eq!(told.ends, OperationState::PartiallyCompleted);
    let skipped = view.steps.iter().filter(|step| step.record.state == models::ChangeState::Skipped);
    assert_eq!(which(&told, Does::LeaveOut), skipped.map(|step| step.record.change.seq).collect());
}

#[test]
fn an_outlook_changes_nothing_and_is_refused_where_its_move_is() {
    let (ground, life, id) = failed("extra");
    let before = *ground.store.changed().borrow();
    for asked in Move::ALL {
        match outlook(&life, &id, asked) {
            Ok(outlook) => assert_eq!(outlook.becomes, outlook.state.on(asked.event()).unwrap()),
            Err(error) => {
                assert!(asked == Move::Cancel && matches!(error, OpsError::Illegal(_)), "{asked:?}: {error}");
            }
        }
    }
    assert_eq!(*ground.store.changed().borrow(), before);
    let open = life.run(life.engine.outlooks(&name("default"), &id)).unwrap();
    assert_eq!(open.len(), 4);
}
