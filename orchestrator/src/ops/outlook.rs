//! What a move would do (ENGINE.md 2), told without doing it, from the same board that the move works on.

use super::engine::Engine;
use super::error::OpsError;
use super::graph::{self, Board};
use super::model::ChangeDoc;
use super::{orphan, undo};
use models::change::{ChangeState, Seq, Verb};
use models::operation::{IllegalMove, OperationEvent, OperationState};
use models::{Change, Name, Operation};
use serde::Serialize;
use std::collections::BTreeSet;

/// What an operator can do with an operation that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    Cancel,
    Retry,
    Rollback,
    Continue,
    Fail,
}

impl Move {
    pub const ALL: [Move; 5] = [Move::Cancel, Move::Retry, Move::Rollback, Move::Continue, Move::Fail];

    pub fn event(self) -> OperationEvent {
        match self {
            Self::Cancel => OperationEvent::Cancel,
            Self::Retry => OperationEvent::Retry,
            Self::Rollback => OperationEvent::Rollback,
            Self::Continue => OperationEvent::Continue,
            Self::Fail => OperationEvent::Fail,
        }
    }
}

/// What one move would come to.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Outlook {
    pub operation: String,
    pub r#move: Move,
    pub state: OperationState,
    /// The state right after the move.
    pub becomes: OperationState,
    /// The state in which it ends if nothing fails; the same where it waits for an operator then.
    pub ends: OperationState,
    pub deeds: Vec<Deed>,
}

/// What becomes of one change.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Deed {
    pub seq: Seq,
    pub id: String,
    pub does: Does,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    /// Is carried out, or tried again.
    Do,
    /// Is brought back to what it was.
    Undo,
    /// Is not done, and stays as it is.
    LeaveOut,
    /// The call that is under way is dropped: it may still land.
    Drop,
    /// Is done, and stays done.
    Keep,
}

impl Engine {
    /// An error where the move itself would be refused.
    pub async fn outlook(&self, tenant: &Name, (id, asked): (&str, Move)) -> Result<Outlook, OpsError> {
        let (doc, _) = self.read(tenant, id).await?;
        let becomes = doc.operation.state.on(asked.event())?;
        let board = self.board(&doc).await?;
        match asked {
            Move::Rollback => may_go_back(&board)?,
            Move::Continue if doc.wish.is_some() => return Err(OpsError::NoPlan),
            Move::Cancel | Move::Retry | Move::Continue | Move::Fail => {}
        }
        let deeds = match doc.wish {
            Some(_) => vec![unplanned(&doc.operation, asked)],
            None => deeds(&board, asked),
        };
        Ok(Outlook {
            operation: id.to_owned(),
            r#move: asked,
            state: doc.operation.state,
            becomes,
            ends: ends(&doc.operation, (asked, &board))?,
            deeds,
        })
    }

    /// Every move that is open now, and why one is not although its state would allow it.
    pub async fn outlooks(&self, tenant: &Name, id: &str) -> Result<Vec<Result<Outlook, OpsError>>, OpsError> {
        let mut all = Vec::new();
        for asked in Move::ALL {
            match self.outlook(tenant, (id, asked)).await {
                Err(OpsError::Illegal(_)) => {}
                Err(error @ (OpsError::PastPointOfNoReturn { .. } | OpsError::NoPlan | OpsError::Unreadable(_))) => {
                    all.push(Err(error));
                }
                outlook => all.push(Ok(outlook?)),
            }
        }
        Ok(all)
    }
}

/// Nothing that was touched is past a point of no return.
pub(super) fn may_go_back(board: &Board) -> Result<(), OpsError> {
    let past = board.values().filter(|change| change.record.state.touched());
    match past.filter_map(|change| change.record.change.irreversible.clone()).next() {
        Some(reason) => Err(OpsError::PastPointOfNoReturn { reason }),
        None => Ok(()),
    }
}

fn ends(operation: &Operation, (asked, board): (Move, &Board)) -> Result<OperationState, IllegalMove> {
    let becomes = operation.state.on(asked.event())?;
    match asked {
        Move::Cancel | Move::Fail => Ok(becomes),
        Move::Rollback => becomes.on(OperationEvent::Undone),
        Move::Continue if !graph::left_out(board).is_empty() => becomes.on(OperationEvent::DonePartly),
        Move::Retry | Move::Continue => becomes.on(OperationEvent::Done),
    }
}

fn deeds(board: &Board, asked: Move) -> Vec<Deed> {
    let out = graph::left_out(board);
    board.values().filter_map(|doc| deed(doc, (asked, &out))).collect()
}

/// Of an operation that waits for a place nothing is in the world.
fn unplanned(operation: &Operation, asked: Move) -> Deed {
    let waits = operation.waiting_for.as_deref().or(operation.error.as_ref().map(|failure| failure.message.as_str()));
    let (does, why) = match asked {
        Move::Retry | Move::Continue => {
            (Does::Do, format!("it is planned again, and waits for a place: {}", waits.unwrap_or("there was none")))
        }
        Move::Cancel => (Does::LeaveOut, "it stops waiting for a place; nothing of it was made".to_owned()),
        Move::Rollback | Move::Fail => (Does::LeaveOut, "nothing of it was made, and nothing is".to_owned()),
    };
    Deed { seq: 0, id: format!("slice {}", operation.subject), does, why }
}

fn deed(doc: &ChangeDoc, (asked, out): (Move, &BTreeSet<Seq>)) -> Option<Deed> {
    let record = &doc.record;
    let change = &record.change;
    let settled = graph::is_settled(record.state);
    let (does, why) = match asked {
        Move::Cancel => match record.state {
            ChangeState::Doing | ChangeState::Undoing => (Does::Drop, "it is under way, and may still land".to_owned()),
            ChangeState::Done | ChangeState::Left => (Does::Keep, "it is done".to_owned()),
            ChangeState::Pending | ChangeState::Failed | ChangeState::Skipped | ChangeState::Undone => {
                (Does::LeaveOut, "it waits for the next move".to_owned())
            }
        },
        Move::Retry if settled => return None,
        Move::Retry => (Does::Do, again(doc)),
        Move::Rollback if record.state.touched() && undo::undoes(change) => (Does::Undo, back(change)),
        Move::Rollback => return None,
        Move::Continue if out.contains(&change.seq) => (Does::LeaveOut, left(doc)),
        Move::Continue if settled => return None,
        Move::Continue => (Does::Do, again(doc)),
        Move::Fail if record.state.touched() => (Does::Keep, "what is there of it stays, and is recorded".to_owned()),
        Move::Fail => (Does::LeaveOut, "it was never begun".to_owned()),
    };
    Some(Deed { seq: change.seq, id: change.id.to_string(), does, why })
}

fn again(doc: &ChangeDoc) -> String {
    match &doc.record.error {
        Some(failure) => format!("it failed: {}", failure.message),
        None => doc.record.change.reason.clone(),
    }
}

fn left(doc: &ChangeDoc) -> String {
    let why = match &doc.record.error {
        Some(failure) => format!("it failed: {}", failure.message),
        None => "it needs what failed".to_owned(),
    };
    match orphan::takes_away(doc.record.change.verb) {
        true => format!("{why}; it stays, as an orphan"),
        false => why,
    }
}

fn back(change: &Change) -> String {
    let words = match (change.verb, &change.before, &change.after) {
        (Verb::Forget, ..) => "it is made ours again",
        (Verb::Adopt, ..) => "it is left as it was, and is nobody's of ours",
        (Verb::Answer, ..) => "the hook of the way back runs",
        (Verb::Bury, ..) => "it is wanted again where it stands",
        (_, None, Some(_)) => "it is taken away",
        (_, Some(_), None) => "it is made again",
        (_, Some(_), Some(_)) => "it is brought back to what it was",
        (_, None, None) => "nothing is left of it",
    };
    words.to_owned()
}
