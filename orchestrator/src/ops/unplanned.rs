//! An operation that was accepted before there was a place for it: it waits, visibly, until a plan can be made, and then
//! becomes an operation like every other (SLICE.md, "When waiting ends").
//!
//! **Guarantees.** Until its plan is written down in one transaction nothing of it is in the world: a crash before starts
//! the wait again, a rollback leaves nothing.

use super::claims;
use super::codec;
use super::ending;
use super::engine::{Engine, Inner};
use super::error::OpsError;
use super::footing;
use super::model::{ChangeDoc, OperationDoc};
use super::orphan;
use super::start::{Before, remember};
use super::waiting::{Patience, Pauses};
use crate::plan::{Plan, Wish};
use crate::store::Txn;
use async_trait::async_trait;
use models::change::Failure;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Makes the plan of an operation that has none yet, from what the world is now.
#[async_trait]
pub trait Planner: Send + Sync {
    async fn plan(&self, wish: &Wish, doc: &OperationDoc) -> Result<Planned, Unplanned>;
}

/// A plan, and what is written beside it in its transaction.
pub struct Planned {
    pub plan: Plan,
    pub extra: Txn,
    /// As [`super::StartOptions::before`].
    pub before: Option<Before>,
    /// Held until the plan is written down.
    pub turn: Box<dyn std::any::Any + Send>,
}

pub enum Unplanned {
    /// There is no place, and why; this can pass.
    NotYet(String),
    /// Somebody must act: the reason and the mend.
    Never {
        reason: String,
        mend: String,
    },
    Store(OpsError),
}

impl Engine {
    /// Who makes plans for operations that wait for a place. The engine does not keep it alive.
    pub fn plan_by(&self, planner: Weak<dyn Planner>) {
        let _ = self.0.planner.set(planner);
    }
}

/// The operation with its plan; `None` where it stopped, or where the process ends first.
pub(super) async fn plan(
    inner: &Arc<Inner>,
    (mut doc, patience): (OperationDoc, Patience),
    cancel: &CancellationToken,
) -> Result<Option<OperationDoc>, OpsError> {
    let mut pauses = Pauses::new(Duration::from_millis(500), Duration::from_secs(10));
    loop {
        let Some(planner) = inner.planner.get().and_then(Weak::upgrade) else { return Ok(None) };
        let Some(wish) = doc.wish.clone() else { return Ok(Some(doc)) };
        let tried = tokio::select! {
            () = cancel.cancelled() => return ending::cancelled(inner, doc).await.map(|()| None),
            () = inner.stopping().cancelled() => return Ok(None),
            tried = planner.plan(&wish, &doc) => tried,
        };
        drop(planner);
        let reason = match tried {
            Ok(planned) => match written(inner, doc.clone(), planned).await {
                Err(error @ OpsError::Vanished(_)) => error.to_string(),
                written => return written.map(Some),
            },
            Err(Unplanned::NotYet(reason)) => reason,
            Err(Unplanned::Never { reason, mend }) => {
                let failure = Failure { code: "no-plan".into(), message: reason, next: mend };
                return ending::stuck(inner, doc, failure).await.map(|()| None);
            }
            Err(Unplanned::Store(error)) => return Err(error),
        };
        let pause = pauses.next(inner.dice());
        if patience.is_over(pause) {
            let failure = late(&doc, reason);
            return ending::stuck(inner, doc, failure).await.map(|()| None);
        }
        tell(inner, (&mut doc, patience), reason).await?;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return ending::cancelled(inner, doc).await.map(|()| None),
            () = inner.stopping().cancelled() => return Ok(None),
        }
    }
}

fn late(doc: &OperationDoc, reason: String) -> Failure {
    let (id, waited) = (&doc.operation.id, doc.operation.timeout_s);
    Failure {
        code: "no-place".into(),
        message: format!("waited {waited} s; {reason}"),
        next: format!(
            "make room or bring a cluster back, then: sliceway operation retry {id}; or change the file and apply it"
        ),
    }
}

async fn tell(inner: &Inner, (doc, patience): (&mut OperationDoc, Patience), reason: String) -> Result<(), OpsError> {
    if doc.operation.waiting_for.as_ref() == Some(&reason) {
        return Ok(());
    }
    let now = inner.now();
    doc.operation.deadline = patience.deadline(doc.operation.deadline, now);
    doc.operation.wait_for(reason, now);
    inner.commit(Txn::new().put(doc.key(), codec::json(doc)?)).await.map(|_| ())
}

/// From here on it is an operation like every other: one transaction holds its changes, its slice and itself.
async fn written(inner: &Inner, mut doc: OperationDoc, planned: Planned) -> Result<OperationDoc, OpsError> {
    let Planned { plan, extra, before, turn } = planned;
    let txn = claims::take(inner, footing::all(extra, &plan), &plan).await?;
    let mut txn = orphan::wanted_again(inner, txn, &plan).await?;
    let operation = &mut doc.operation;
    operation.changes = u32::try_from(plan.changes.len()).unwrap_or(u32::MAX);
    operation.warnings = plan.warnings;
    operation.go_on();
    (doc.wish, doc.after) = (None, plan.after);
    for planned in plan.changes {
        let change = ChangeDoc::new(&doc.operation.id, planned);
        let key = codec::change_key(&doc.operation.tenant, &doc.operation.id, change.record.change.seq);
        txn = txn.put(key, codec::json(&change)?);
    }
    txn = txn.put(doc.key(), codec::json(&doc)?);
    txn = remember(txn, &doc, before.as_ref())?;
    let txn = ending::slice(txn, &doc, ending::phase(doc.operation.kind))?;
    inner.commit(txn).await.map_err(footing::told)?;
    drop(turn);
    tracing::info!(operation.id = %doc.operation.id, changes = doc.operation.changes, "found its place");
    Ok(doc)
}
