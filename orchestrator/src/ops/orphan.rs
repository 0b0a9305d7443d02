//! What is not taken away: its record stays, and an orphan beside it says why. It must never touch a target.

use super::codec;
use super::engine::Inner;
use super::error::OpsError;
use super::graph::Board;
use super::model::{ChangeDoc, OperationDoc};
use super::step::{Step, Stop};
use crate::plan::Plan;
use crate::store::Txn;
use models::change::{ChangeState, Failure, Seq, Verb};
use models::resource::{Resource, Target};
use models::slice::Adopted;
use models::{Operation, Orphan, OrphanCause};
use std::collections::BTreeSet;

impl Step {
    /// It goes when its target returns.
    pub(super) async fn bury(mut self, state: ChangeState) -> Result<ChangeDoc, Stop> {
        let txn = self.buried(state)?;
        self.write(txn).await?;
        Ok(self.doc)
    }

    /// The way back: it stands where it stood, and is wanted again.
    pub(super) async fn dig_up(mut self) -> Result<ChangeDoc, Stop> {
        let txn = match self.doc.record.change.before.as_ref() {
            Some(before) => Txn::new().delete(self.orphan_key(before)),
            None => Txn::new(),
        };
        self.close(ChangeState::Undone);
        self.write(txn).await?;
        Ok(self.doc)
    }

    /// Nobody waits for its target: nothing is recorded of it any more, and only the ledger tells that it is there.
    pub(super) async fn abandon(mut self) -> Result<ChangeDoc, Stop> {
        let change = self.doc.record.change.clone();
        let now = self.inner.now();
        let txn = match change.before.as_ref() {
            Some(before) => {
                let orphan = codec::json(&self.orphan(before, OrphanCause::Forgotten)).map_err(OpsError::from)?;
                // Nobody hears of it any more, so that its alarm would never end.
                let alarm = codec::alarm_key(&self.operation.tenant, &self.operation.uid, before.id());
                Txn::new().delete(self.resource_key(before)).put(self.orphan_key(before), orphan).delete(alarm)
            }
            None => Txn::new(),
        };
        self.doc.record.say(now, format!("{} stays on {}, and is forgotten", change.id.short(), change.id.target));
        self.close(ChangeState::Done);
        self.write(txn).await?;
        Ok(self.doc)
    }

    /// Whether the change that is under way takes something away.
    pub(super) fn goes(&self) -> bool {
        let record = &self.doc.record;
        record.state == ChangeState::Doing && takes_away(record.change.verb)
    }

    /// Patience ended while its target could not be reached.
    pub(super) async fn leave_behind(&mut self) -> Stop {
        let written = match self.buried(ChangeState::Left) {
            Ok(txn) => self.write(txn).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => Stop::Left(Box::new(self.doc.clone())),
            Err(error) => Stop::Store(error),
        }
    }

    fn buried(&mut self, state: ChangeState) -> Result<Txn, OpsError> {
        let change = self.doc.record.change.clone();
        let now = self.inner.now();
        let target = &change.id.target;
        self.doc.record.say(now, format!("{target} cannot be reached: {} goes when it returns", change.id.short()));
        self.close(state);
        let Some(before) = change.before.as_ref().filter(|before| !before.is_check()) else { return Ok(Txn::new()) };
        let orphan = self.orphan(before, OrphanCause::Unreachable);
        Ok(Txn::new().put(self.orphan_key(before), codec::json(&orphan)?))
    }

    fn orphan(&self, what: &Resource, cause: OrphanCause) -> Orphan {
        orphan((&self.operation, self.adopted.as_deref()), (what, cause), self.inner.now())
    }

    fn close(&mut self, state: ChangeState) {
        let now = self.inner.now();
        let record = &mut self.doc.record;
        record.state = state;
        record.started.get_or_insert(now);
        record.ended = Some(now);
    }
}

fn orphan(
    (operation, adopted): (&Operation, Option<&Adopted>),
    (what, cause): (&Resource, OrphanCause),
    since: jiff::Timestamp,
) -> Orphan {
    Orphan {
        format: Orphan::FORMAT,
        slice: operation.subject.clone(),
        uid: operation.uid.clone(),
        id: what.id().clone(),
        cause,
        since,
        operation: operation.id.clone(),
        adopted: adopted.cloned(),
    }
}

pub(super) fn takes_away(verb: Verb) -> bool {
    match verb {
        Verb::Delete | Verb::Clear | Verb::Forget => true,
        Verb::Create
        | Verb::Update
        | Verb::Replace
        | Verb::Check
        | Verb::Run
        | Verb::Answer
        | Verb::Bury
        | Verb::Abandon
        | Verb::Adopt => false,
    }
}

/// Patience with its target has ended already: nobody tries that again.
pub(super) fn is_given_up(board: &Board, seq: Seq) -> bool {
    let Some(change) = board.get(&seq).map(|doc| &doc.record.change) else { return false };
    let left = |doc: &ChangeDoc| doc.record.state == ChangeState::Left && doc.record.change.target() == change.target();
    takes_away(change.verb) && board.values().any(left)
}

/// What `continue` leaves out and was to go: it stands in the ledger from the moment at which it is left out.
pub(super) fn left_out(
    mut txn: Txn,
    (doc, changes): (&OperationDoc, &[&ChangeDoc]),
    now: jiff::Timestamp,
) -> Result<Txn, OpsError> {
    let away: BTreeSet<&Target> = changes
        .iter()
        .filter(|change| change.record.error.as_ref().is_some_and(is_away))
        .map(|change| change.record.change.target())
        .collect();
    let adopted = doc.adopted();
    for change in changes.iter().filter(|change| takes_away(change.record.change.verb)) {
        let Some(before) = change.record.change.before.as_ref().filter(|before| !before.is_check()) else { continue };
        let cause = match away.contains(change.record.change.target()) {
            true => OrphanCause::Unreachable,
            false => OrphanCause::LeftOut,
        };
        let orphan = orphan((&doc.operation, adopted.as_deref()), (before, cause), now);
        let key = codec::orphan_key(&doc.operation.tenant, &doc.operation.uid, before.id());
        txn = txn.put(key, codec::json(&orphan)?);
    }
    Ok(txn)
}

fn is_away(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), "unreachable" | "timed-out")
}

/// What a plan wants again is no orphan any more.
pub(super) async fn wanted_again(inner: &Inner, mut txn: Txn, plan: &Plan) -> Result<Txn, OpsError> {
    let known = codec::orphans(&inner.store, &plan.tenant, &plan.uid).await?;
    let again = known.iter().filter(|orphan| {
        let wants = |change: &models::Change| change.after.as_ref().is_some_and(|after| after.id() == &orphan.id);
        plan.changes.iter().any(|planned| wants(&planned.change))
    });
    for orphan in again {
        txn = txn.delete(codec::orphan_key(&plan.tenant, &plan.uid, &orphan.id));
    }
    Ok(txn)
}
