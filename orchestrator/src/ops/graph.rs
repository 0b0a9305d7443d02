//! Which changes can be worked on now. Pure: the executor asks after every result.

use super::model::ChangeDoc;
use models::change::{ChangeRecord, ChangeState, Seq, Verb};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Board = BTreeMap<Seq, ChangeDoc>;

/// Towards the goal: everything that it needs is done, or was left out by an operator.
pub(crate) fn to_do(board: &Board, in_flight: &BTreeSet<Seq>) -> Vec<Seq> {
    let settled = |seq: &Seq| board.get(seq).is_none_or(|doc| is_settled(doc.record.state));
    let ready = |doc: &&ChangeDoc| {
        !is_settled(doc.record.state)
            && !in_flight.contains(&doc.record.change.seq)
            && doc.record.change.needs.iter().all(settled)
    };
    board.values().filter(ready).map(|doc| doc.record.change.seq).collect()
}

/// Back to the start: nothing that was built on it is left.
pub(crate) fn to_undo(board: &Board, in_flight: &BTreeSet<Seq>) -> Vec<Seq> {
    let due = |doc: &ChangeDoc| doc.record.state.touched() || is_due_back(board, doc);
    let leans = |seq: Seq| board.values().any(|doc| due(doc) && doc.record.change.needs.contains(&seq));
    let ready = |doc: &&ChangeDoc| {
        let seq = doc.record.change.seq;
        due(doc) && !in_flight.contains(&seq) && !leans(seq)
    };
    board.values().filter(ready).map(|doc| doc.record.change.seq).collect()
}

/// What runs on the way back runs first where anything before it was touched, however far the way there went.
fn is_due_back(board: &Board, doc: &ChangeDoc) -> bool {
    let touched = |seq: &Seq| board.get(seq).is_some_and(|need| has_effect(&need.record) && need.record.state.touched());
    doc.record.state == ChangeState::Pending && runs_back(&doc.record) && doc.record.change.needs.iter().any(touched)
}

/// A hook of the way back with nothing to answer: no change that came after it was ever begun.
pub(crate) fn is_idle(board: &Board, seq: Seq) -> bool {
    let begun = |doc: &ChangeDoc| has_effect(&doc.record) && doc.record.started.is_some();
    let answers = |doc: &ChangeDoc| {
        let needs = &doc.record.change.needs;
        needs.contains(&seq) && begun(doc)
    };
    let Some(doc) = board.get(&seq).filter(|doc| runs_back(&doc.record)) else { return false };
    let before = doc.record.change.needs.iter().filter_map(|need| board.get(need)).any(begun);
    !before && !board.values().any(answers)
}

fn runs_back(record: &ChangeRecord) -> bool {
    record.change.verb == Verb::Run && record.change.after.is_none()
}

fn has_effect(record: &ChangeRecord) -> bool {
    match record.change.verb {
        Verb::Create | Verb::Update | Verb::Delete | Verb::Replace | Verb::Clear => true,
        Verb::Run => record.change.after.is_some(),
        Verb::Check => false,
    }
}

fn is_settled(state: ChangeState) -> bool {
    match state {
        ChangeState::Done | ChangeState::Skipped => true,
        ChangeState::Pending
        | ChangeState::Doing
        | ChangeState::Failed
        | ChangeState::Undoing
        | ChangeState::Undone => false,
    }
}

/// The failed changes and everything that needs them, directly or not.
pub(crate) fn left_out(board: &Board) -> BTreeSet<Seq> {
    let failed = board.values().filter(|doc| doc.record.state == ChangeState::Failed);
    let mut out: BTreeSet<Seq> = failed.map(|doc| doc.record.change.seq).collect();
    loop {
        let more: BTreeSet<Seq> = board
            .values()
            .filter(|doc| doc.record.change.needs.iter().any(|need| out.contains(need)))
            .map(|doc| doc.record.change.seq)
            .filter(|seq| !out.contains(seq))
            .collect();
        if more.is_empty() {
            return out;
        }
        out.extend(more);
    }
}
