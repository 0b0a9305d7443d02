//! Which changes can be worked on now. Pure: the executor asks after every result.

use super::model::ChangeDoc;
use models::change::{ChangeRecord, ChangeState, Seq, Verb};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Board = BTreeMap<Seq, ChangeDoc>;

/// Towards the goal: everything that it needs is done or made, or was left out by an operator.
pub(crate) fn to_do(board: &Board, (in_flight, made): (&BTreeSet<Seq>, &BTreeSet<Seq>)) -> Vec<Seq> {
    let is_done = |seq: &Seq| board.get(seq).is_none_or(|doc| is_settled(doc.record.state));
    let settled = |seq: &Seq| made.contains(seq) || is_done(seq);
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

/// What runs on the way back before all else runs where anything that it answers was touched, however far the way there
/// went.
fn is_due_back(board: &Board, doc: &ChangeDoc) -> bool {
    let pending = doc.record.state == ChangeState::Pending && doc.record.change.verb == Verb::Answer;
    pending && !leads(board, doc) && answered(board, doc).any(|need| need.record.state.touched())
}

/// A hook of the way back with nothing to answer: no change of its release was ever begun.
pub(crate) fn is_idle(board: &Board, seq: Seq) -> bool {
    let Some(doc) = board.get(&seq).filter(|doc| doc.record.change.verb == Verb::Answer) else { return false };
    let begun = |doc: &ChangeDoc| doc.record.started.is_some();
    match leads(board, doc) {
        true => !followers(board, doc).any(begun),
        false => !answered(board, doc).any(begun),
    }
}

/// It comes before what it answers on the way there, and after it on the way back.
fn leads(board: &Board, doc: &ChangeDoc) -> bool {
    followers(board, doc).next().is_some()
}

fn followers<'b>(board: &'b Board, doc: &ChangeDoc) -> impl Iterator<Item = &'b ChangeDoc> {
    let seq = doc.record.change.seq;
    board.values().filter(move |other| has_effect(&other.record) && other.record.change.needs.contains(&seq))
}

fn answered<'b>(board: &'b Board, doc: &'b ChangeDoc) -> impl Iterator<Item = &'b ChangeDoc> {
    doc.record.change.needs.iter().filter_map(|need| board.get(need)).filter(|need| has_effect(&need.record))
}

fn has_effect(record: &ChangeRecord) -> bool {
    match record.change.verb {
        Verb::Create
        | Verb::Update
        | Verb::Delete
        | Verb::Replace
        | Verb::Run
        | Verb::Clear
        | Verb::Forget
        | Verb::Bury
        | Verb::Abandon
        | Verb::Adopt => true,
        Verb::Check | Verb::Answer => false,
    }
}

pub(super) fn is_settled(state: ChangeState) -> bool {
    match state {
        ChangeState::Done | ChangeState::Skipped | ChangeState::Left => true,
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
