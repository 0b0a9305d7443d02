//! Starting an operation: one transaction stores it, its plan, the slice and the claim on its name.

use super::claims;
use super::codec;
use super::ending;
use super::engine::{Engine, Inner};
use super::error::OpsError;
use super::footing;
use super::model::{ChangeDoc, OperationDoc};
use super::orphan;
use super::waiting::deadline;
use crate::plan::{Plan, Wish};
use crate::store::{Revision, StoreError, Txn};
use jiff::Timestamp;
use models::change::Failure;
use models::operation::{Asked, OperationEvent};
use models::{Operation, OperationState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    pub timeout_s: Option<u64>,
    /// The operation in FAILED_TEMP that this one takes over from.
    pub supersede: Option<String>,
    /// The slice's revision that the plan rests on; `None`: it does not exist.
    pub slice: Option<Revision>,
    /// What is to be planned as soon as there is a place; the plan that goes with it changes nothing.
    pub wish: Option<Wish>,
    /// The slice layer's own writes.
    pub extra: Txn,
    /// What of the slice layer's own is written over, for the way back.
    pub before: Option<Before>,
    pub asked: Option<Asked>,
}

/// Bundles and choices that an operation writes over: they are put back where it is rolled back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    pub choices: Value,
    /// By function; null: there was none.
    pub bundles: BTreeMap<String, Value>,
}

/// Beside the operation that it is for: the next one of the slice writes it over.
pub(super) fn remember(txn: Txn, doc: &OperationDoc, before: Option<&Before>) -> Result<Txn, OpsError> {
    let key = codec::before_key(&doc.operation.tenant, &doc.operation.uid);
    Ok(match before {
        Some(before) => txn.put(key, json!({"operation": doc.operation.id, "before": codec::json(before)?})),
        None => txn,
    })
}

impl Engine {
    pub async fn start(&self, plan: Plan, options: StartOptions) -> Result<Operation, OpsError> {
        let inner = &self.0;
        if inner.stopping().is_cancelled() {
            return Err(OpsError::Stopping);
        }
        let doc = self.operation(&plan, &options)?;
        let mut txn = footing::all(options.extra.clone(), &plan);
        txn = claims::take(inner, txn, &plan).await?;
        txn = orphan::wanted_again(inner, txn, &plan).await?;
        for planned in plan.changes {
            let change = ChangeDoc::new(&doc.operation.id, planned);
            let key = codec::change_key(&doc.operation.tenant, &doc.operation.id, change.record.change.seq);
            txn = txn.put(key, codec::json(&change)?);
        }
        txn = txn.put(doc.key(), codec::json(&doc)?);
        txn = remember(txn, &doc, options.before.as_ref())?;
        txn = ending::slice(txn, &doc, ending::phase(doc.operation.kind))?;
        let slice = codec::slice_key(&doc.operation.tenant, &doc.operation.subject);
        txn = match options.slice {
            _ if !doc.operation.kind.has_slice() => txn,
            Some(rev) => txn.at(slice.clone(), rev),
            None => txn.absent(slice.clone()),
        };
        txn = claim(inner, txn, (&doc, options.supersede.as_deref())).await?;
        match inner.commit(txn).await.map_err(footing::told) {
            Ok(_) => {}
            Err(OpsError::Store(StoreError::Conflict { key, .. })) => {
                return Err(self.in_the_way(&doc, key == slice).await?);
            }
            Err(error) => return Err(error),
        }
        tracing::info!(operation.id = %doc.operation.id, kind = doc.operation.kind.as_str(), "started");
        let operation = doc.operation.clone();
        inner.spawn(doc);
        Ok(operation)
    }

    fn operation(&self, plan: &Plan, options: &StartOptions) -> Result<OperationDoc, OpsError> {
        let inner = &self.0;
        let now = inner.now();
        let timeout_s = options.timeout_s.unwrap_or(inner.limits.patience.as_secs());
        let operation = Operation {
            format: Operation::FORMAT,
            id: new_id(inner, now),
            tenant: plan.tenant.clone(),
            kind: plan.kind,
            subject: plan.subject.clone(),
            uid: plan.uid.clone(),
            state: OperationState::Processing,
            epoch: inner.fence.epoch,
            created: now,
            entered: None,
            ended: None,
            deadline: deadline(now, timeout_s),
            timeout_s,
            changes: u32::try_from(plan.changes.len()).unwrap_or(u32::MAX),
            done: 0,
            waiting_for: None,
            waiting_since: None,
            waiting_until: None,
            error: None,
            successor: None,
            warnings: plan.warnings.clone(),
        };
        Ok(OperationDoc {
            operation,
            before: plan.before.clone(),
            after: plan.after.clone(),
            wish: options.wish.clone(),
            partly: false,
            adopted: plan.adopted.clone(),
            asked: options.asked.clone(),
        })
    }

    async fn in_the_way(&self, doc: &OperationDoc, is_slice: bool) -> Result<OpsError, OpsError> {
        let key = codec::claim_of(&doc.operation);
        let holder = self.0.store.get(&key).await?.and_then(|claim| claim.doc["holder"].as_str().map(str::to_owned));
        Ok(match holder {
            Some(operation) => OpsError::Busy { operation },
            None if is_slice => OpsError::Changed,
            None => OpsError::Changed,
        })
    }
}

/// Why it ended is no longer what it waited for, or that it was cancelled on the way.
fn superseded(operation: &mut Operation, by: &str) {
    let earlier = operation.error.take().filter(|error| error.code != "cancelled");
    let message = match earlier {
        Some(error) => format!("superseded by {by}; before that: {}", error.message),
        None => format!("superseded by {by}"),
    };
    operation.error =
        Some(Failure { code: "superseded".into(), message, next: format!("sliceway operation watch {by}") });
    operation.warnings.clear();
    operation.go_on();
}

/// The claim on the slice's name: free, or handed over by the operation that is superseded.
async fn claim(inner: &Inner, txn: Txn, (doc, supersede): (&OperationDoc, Option<&str>)) -> Result<Txn, OpsError> {
    let tenant = &doc.operation.tenant;
    let key = codec::claim_of(&doc.operation);
    let held = json!({"holder": doc.operation.id});
    let Some(old) = supersede else {
        return Ok(txn.absent(key.clone()).put(key, held));
    };
    let found = codec::operation(&inner.store, tenant, old).await?;
    let (mut before, rev) = found.ok_or_else(|| OpsError::NotFound(old.to_owned()))?;
    before.operation.enter(OperationEvent::Supersede, inner.now())?;
    before.operation.successor = Some(doc.operation.id.clone());
    before.operation.ended = Some(inner.now());
    superseded(&mut before.operation, &doc.operation.id);
    let claim = inner.store.get(&key).await?.ok_or(OpsError::Changed)?;
    Ok(txn.at(before.key(), rev).put(before.key(), codec::json(&before)?).at(key.clone(), claim.rev).put(key, held))
}

/// UUID v7 (RFC 9562 5.7): ids sort by time.
fn new_id(inner: &Inner, now: Timestamp) -> String {
    let mut bytes = [0; 10];
    let _ = inner.random.fill(&mut bytes);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}
