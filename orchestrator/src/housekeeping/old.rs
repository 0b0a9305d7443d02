//! Records whose time is over. Each goes in a transaction of its own that says at which revision it was judged: what
//! somebody touched meanwhile stays.

use super::{Housekeeping, HousekeepingError, MOST};
use crate::ops::{OperationDoc, OpsError};
use crate::slices::SHOWN;
use crate::store::{Key, Kind, Object, Query, Revision, StoreError, Txn};
use jiff::{SignedDuration, Timestamp};
use models::Slice;
use std::collections::{HashMap, HashSet};

const PAGE: usize = 200;
/// Longer than the API gives an answer again.
const ANSWERS: SignedDuration = SignedDuration::from_hours(48);

/// An operation that is over.
struct Ended {
    key: Key,
    rev: Revision,
    subject: (String, String),
    at: Timestamp,
}

impl Housekeeping {
    /// Ended operations with their changes. What cannot be read is left alone.
    pub(super) async fn operations(&self, now: Timestamp) -> Result<usize, HousekeepingError> {
        let (mut slices, mut named) = (HashSet::new(), HashSet::new());
        self.each(Query::all(Kind::Slice), |object| {
            slices.insert((object.key.tenant.clone(), object.key.id.clone()));
            named.extend(object.read::<Slice>().ok().and_then(|slice| slice.operation));
        })
        .await?;
        let mut ended = Vec::new();
        self.each(Query::all(Kind::Operation), |object| {
            let operation = object.read::<OperationDoc>().ok().map(|doc| doc.operation);
            let Some(operation) = operation.filter(|operation| operation.state.is_final()) else { return };
            let subject = (operation.tenant.to_string(), operation.subject.to_string());
            let at = self.stamped(object.rev, operation.ended.unwrap_or(operation.created));
            ended.push(Ended { key: object.key.clone(), rev: object.rev, subject, at });
        })
        .await?;
        let before = now - self.keep.operations;
        let mut later: HashMap<(String, String), usize> = HashMap::new();
        // Ids sort by time: from the newest on, so that the newest of each slice are counted first.
        ended.reverse();
        ended.retain(|operation| {
            let newer = later.entry(operation.subject.clone()).or_default();
            *newer += 1;
            let is_last_of_a_slice = *newer <= self.keep.per_slice && slices.contains(&operation.subject);
            operation.at < before && !is_last_of_a_slice && !named.contains(&operation.key.id)
        });
        let mut gone = 0;
        for operation in ended.into_iter().rev().take(MOST) {
            gone += usize::from(self.forget(operation).await?);
        }
        Ok(gone)
    }

    /// One transaction: nobody sees an operation without its changes.
    async fn forget(&self, operation: Ended) -> Result<bool, HousekeepingError> {
        let mut txn = Txn::new().at(operation.key.clone(), operation.rev).delete(operation.key.clone());
        let changes = Query::of(Kind::Change, operation.key.tenant.as_str()).prefix(format!("{}/", operation.key.id));
        self.each(changes, |change| txn.deletes.push(change.key.clone())).await?;
        self.commit(txn).await
    }

    /// Plans that were shown, and can be applied by their id until then.
    pub(super) async fn plans(&self, now: Timestamp) -> Result<usize, HousekeepingError> {
        let before = now - self.keep.plans;
        self.remove_old((Query::all(Kind::Plan).prefix(SHOWN), "shown_at"), before).await
    }

    /// Answers that were kept for requests that are sent again.
    pub(super) async fn answers(&self, now: Timestamp) -> Result<usize, HousekeepingError> {
        self.remove_old((Query::all(Kind::Idempotency), "at"), now - ANSWERS).await
    }

    /// Documents whose time in `field` is before that; one without a time is of an older version, and old.
    async fn remove_old(&self, (query, field): (Query, &str), before: Timestamp) -> Result<usize, HousekeepingError> {
        let mut old = Vec::new();
        self.each(query, |object| {
            let at = object.doc[field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let at = at.map(|at| self.stamped(object.rev, at));
            if at.is_none_or(|at| at < before) && old.len() < MOST {
                old.push((object.key.clone(), object.rev));
            }
        })
        .await?;
        let mut gone = 0;
        for (key, rev) in old {
            gone += usize::from(self.commit(Txn::new().at(key.clone(), rev).delete(key)).await?);
        }
        Ok(gone)
    }

    async fn each(&self, query: Query, mut look: impl FnMut(&Object)) -> Result<(), StoreError> {
        let mut query = query.limit(PAGE);
        loop {
            let page = self.store.list(&query).await?;
            page.iter().for_each(&mut look);
            match page.last() {
                Some(last) if page.len() == PAGE => query = query.after(&last.key),
                _ => return Ok(()),
            }
        }
    }

    /// False: somebody touched it meanwhile, or the server stops.
    async fn commit(&self, txn: Txn) -> Result<bool, HousekeepingError> {
        if self.stop.is_cancelled() {
            return Ok(false);
        }
        match self.engine.commit(txn).await {
            Ok(_) => Ok(true),
            Err(OpsError::Store(StoreError::Conflict { .. })) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
