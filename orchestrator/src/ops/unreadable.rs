//! An open operation whose stored form this version does not understand: it stops with words (ENGINE.md 4), so that an
//! operator can end it; so does one that meets such a form on its way. It must never touch one that has ended.

use super::codec;
use super::ending;
use super::engine::Inner;
use super::error::OpsError;
use super::model::OperationDoc;
use crate::store::{Object, StoreError};
use models::change::Failure;
use models::{Name, OperationState};
use serde_json::{Value, json};

/// FAILED_TEMP where enough of it can be read; otherwise it is left alone, and logged.
pub(super) async fn stop(inner: &Inner, object: &Object) -> Result<(), OpsError> {
    let id = &object.key.id;
    let Some(doc) = readable_part(object) else {
        tracing::error!(operation.id = %id, "the stored operation cannot be read and is left alone");
        return Ok(());
    };
    if !holds_its_slice(inner, &doc).await? {
        tracing::warn!(operation.id = %id, "the stored operation cannot be read; nothing waits for it");
        return Ok(());
    }
    let failure = Failure {
        code: "unreadable".into(),
        message: format!("its stored state {} is none that this version knows", object.doc["state"]),
        next: format!("install the version that wrote it; or give it up: sliceway operation fail {id}"),
    };
    tracing::error!(operation.id = %id, "the stored operation cannot be read and waits for an operator");
    ending::stuck(inner, doc, failure).await
}

/// What stopped an operation's task for good is told, and the operation waits for an operator: one that nothing carries
/// out any more is never left PROCESSING. A process that may not write any more leaves it to the next one.
pub(super) async fn halt(inner: &Inner, (tenant, id): (&Name, &str), error: &OpsError) -> Result<(), OpsError> {
    if matches!(error, OpsError::Fenced | OpsError::Stopping | OpsError::Store(StoreError::Fenced | StoreError::Closed))
    {
        return Ok(());
    }
    let Some((doc, _)) = codec::operation(&inner.store, tenant, id).await? else { return Ok(()) };
    if !doc.operation.state.is_running() {
        return Ok(());
    }
    let unreadable = matches!(error, OpsError::Unreadable(_) | OpsError::Store(StoreError::Unreadable { .. }));
    let (code, next) = match unreadable {
        true => ("unreadable", format!("install the version that wrote it, then: sliceway operation retry {id}")),
        false => ("internal", format!("sliceway operation retry {id}, or: sliceway operation rollback {id}")),
    };
    ending::stuck(inner, doc, Failure { code: code.into(), message: error.to_string(), next }).await
}

/// With the state that the words of its end are legal from; without what can be left out.
fn readable_part(object: &Object) -> Option<OperationDoc> {
    let mut doc = object.doc.clone();
    let fields = doc.as_object_mut()?;
    if fields.get("ended").is_some_and(|ended| !ended.is_null()) {
        return None;
    }
    fields.insert("state".into(), json!(OperationState::Processing));
    for left_out in ["error", "waiting_for", "waiting_since", "waiting_until"] {
        fields.remove(left_out);
    }
    serde_json::from_value(doc.clone()).ok().or_else(|| {
        doc.as_object_mut()?.remove("wish");
        serde_json::from_value(doc).ok()
    })
}

async fn holds_its_slice(inner: &Inner, doc: &OperationDoc) -> Result<bool, OpsError> {
    let claim = inner.store.get(&codec::claim_of(&doc.operation)).await?;
    Ok(claim.is_some_and(|claim| claim.doc.get("holder").and_then(Value::as_str) == Some(&doc.operation.id)))
}
