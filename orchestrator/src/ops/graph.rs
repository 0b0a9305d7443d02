//! Which changes can be worked on now. Pure: the executor asks after every result.

use super::model::ChangeDoc;
use models::change::{ChangeState, Seq};
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
    let leans =
        |seq: Seq| board.values().any(|doc| doc.record.state.touched() && doc.record.change.needs.contains(&seq));
    let ready = |doc: &&ChangeDoc| {
        let seq = doc.record.change.seq;
        doc.record.state.touched() && !in_flight.contains(&seq) && !leans(seq)
    };
    board.values().filter(ready).map(|doc| doc.record.change.seq).collect()
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
