//! How an operation stops: one transaction sets its state, the slice, and frees the name.

use super::claims;
use super::codec;
use super::engine::Inner;
use super::error::OpsError;
use super::model::OperationDoc;
use super::start::Before;
use crate::store::{Kind, Query, Txn};
use models::change::Failure;
use models::operation::{OperationEvent, OperationState};
use models::slice::Phase;
use models::{OperationKind, Slice};

/// A final state.
pub(super) async fn ended(inner: &Inner, doc: OperationDoc, event: OperationEvent) -> Result<(), OpsError> {
    let (tenant, uid) = (doc.operation.tenant.clone(), doc.operation.uid.clone());
    let gone = match event {
        OperationEvent::Done | OperationEvent::DonePartly => doc.after.is_none() && doc.operation.kind.has_slice(),
        OperationEvent::Undone => doc.before.is_none(),
        _ => false,
    };
    claims::give_back(inner, (&tenant, &uid)).await?;
    let back = match event {
        OperationEvent::Undone if !gone => before(inner, &doc).await?,
        _ => None,
    };
    let mut txn = close(inner, doc, event)?;
    if let Some(before) = back {
        txn = txn.put(codec::choices_key(&tenant, &uid), before.choices);
        for (function, bundle) in before.bundles {
            let key = codec::bundle_key(&tenant, &uid, &function);
            txn = if bundle.is_null() { txn.delete(key) } else { txn.put(key, bundle) };
        }
    }
    if gone {
        // Rendered bundles and choices are of no use without their slice.
        for kind in [Kind::Bundle, Kind::Plan, Kind::Alarm] {
            let query = Query::of(kind, tenant.as_str()).prefix(format!("{uid}/"));
            for object in codec::all(&inner.store, query).await? {
                txn = txn.delete(object.key);
            }
        }
    }
    inner.commit(txn).await.map(|_| ())
}

/// What the operation wrote over when it was started.
async fn before(inner: &Inner, doc: &OperationDoc) -> Result<Option<Before>, OpsError> {
    let key = codec::before_key(&doc.operation.tenant, &doc.operation.uid);
    let Some(mut object) = inner.store.get(&key).await? else { return Ok(None) };
    let is_its = object.doc["operation"] == doc.operation.id;
    object.doc = object.doc["before"].take();
    Ok(if is_its { Some(object.read()?) } else { None })
}

/// FAILED_TEMP: it waits for an operator. The claim stays. A test that failed has said all that it had to say.
pub(super) async fn stuck(inner: &Inner, mut doc: OperationDoc, failure: Failure) -> Result<(), OpsError> {
    if doc.operation.kind == OperationKind::TestSlice {
        doc.operation.enter(OperationEvent::Stuck, inner.now())?;
        doc.operation.error = Some(failure);
        return ended(inner, doc, OperationEvent::Fail).await;
    }
    stopped(inner, doc, (OperationEvent::Stuck, failure)).await
}

pub(super) async fn cancelled(inner: &Inner, doc: OperationDoc) -> Result<(), OpsError> {
    let id = &doc.operation.id;
    let failure = Failure {
        code: "cancelled".into(),
        message: "cancelled by an operator".into(),
        next: format!("sliceway operation retry {id}, or: sliceway operation rollback {id}"),
    };
    stopped(inner, doc, (OperationEvent::Cancel, failure)).await
}

pub(super) async fn stopped(
    inner: &Inner,
    mut doc: OperationDoc,
    (event, failure): (OperationEvent, Failure),
) -> Result<(), OpsError> {
    let operation = &mut doc.operation;
    operation.enter(event, inner.now())?;
    inner.settle(operation);
    operation.go_on();
    tracing::info!(operation.id = %operation.id, state = operation.state.as_str(), cause = %failure.message, "stopped");
    operation.error = Some(failure);
    let txn = Txn::new().put(doc.key(), codec::json(&doc)?);
    let phase = match (&doc.before, doc.operation.kind) {
        (Some(before), OperationKind::RemoveOrphans) => before.phase,
        _ => Phase::Broken,
    };
    inner.commit(slice(txn, &doc, phase)?).await.map(|_| ())
}

/// The transaction that ends an operation for ever.
pub(super) fn close(inner: &Inner, mut doc: OperationDoc, event: OperationEvent) -> Result<Txn, OpsError> {
    let operation = &mut doc.operation;
    operation.enter(event, inner.now())?;
    inner.settle(operation);
    operation.ended = Some(inner.now());
    if operation.state == OperationState::Completed {
        operation.done = operation.changes;
    }
    operation.go_on();
    if doc.wish.is_some() {
        // It has no plan: what it warned of is that it waits.
        operation.warnings.clear();
    }
    tracing::info!(operation.id = %operation.id, state = operation.state.as_str(), "ended");
    let (tenant, subject) = (operation.tenant.clone(), operation.subject.clone());
    let (state, kind) = (operation.state, operation.kind);
    let txn = Txn::new().put(doc.key(), codec::json(&doc)?).delete(codec::claim_of(&doc.operation));
    if !kind.has_slice() {
        return Ok(txn);
    }
    let key = codec::slice_key(&tenant, &subject);
    let (slice, phase) = match state {
        OperationState::Completed => (doc.after.as_ref(), Phase::Ready),
        OperationState::RolledBack => {
            (doc.before.as_ref(), doc.before.as_ref().map_or(Phase::Ready, |before| before.phase))
        }
        // What is left of it stands in the ledger of orphans.
        OperationState::PartiallyCompleted if doc.after.is_none() => (None, Phase::Ready),
        OperationState::PartiallyCompleted if !doc.partly => (doc.after.as_ref(), Phase::Ready),
        OperationState::PartiallyCompleted
        | OperationState::Failed
        | OperationState::Processing
        | OperationState::FailedTemp
        | OperationState::RollingBack => (doc.subject(), Phase::Broken),
    };
    let phase = match (&doc.before, doc.operation.kind) {
        // Neither changes what the slice is.
        (Some(before), OperationKind::TestSlice | OperationKind::RemoveOrphans) => before.phase,
        _ => phase,
    };
    match slice {
        Some(slice) => {
            Ok(txn.put(key, codec::json(&Slice { phase, operation: Some(doc.operation.id.clone()), ..slice.clone() })?))
        }
        None => Ok(txn.delete(key)),
    }
}

/// The slice as it stands while its operation is open.
pub(super) fn slice(txn: Txn, doc: &OperationDoc, phase: Phase) -> Result<Txn, OpsError> {
    let Some(slice) = doc.subject().filter(|_| doc.operation.kind.has_slice()) else { return Ok(txn) };
    let key = codec::slice_key(&doc.operation.tenant, &doc.operation.subject);
    let slice = Slice { phase, operation: Some(doc.operation.id.clone()), ..slice.clone() };
    Ok(txn.put(key, codec::json(&slice)?))
}

pub(super) fn phase(kind: OperationKind) -> Phase {
    match kind {
        OperationKind::CreateSlice => Phase::Creating,
        OperationKind::ChangeSlice | OperationKind::HealSlice => Phase::Changing,
        OperationKind::DeleteSlice => Phase::Deleting,
        OperationKind::TestSlice | OperationKind::RemoveOrphans => Phase::Ready,
    }
}
