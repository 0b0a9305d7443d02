//! The epoch of this process, and the one way in which the engine writes: a process that lost its epoch cannot.

use super::engine::Engine;
use super::error::OpsError;
use crate::store::{Event, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use async_trait::async_trait;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Fence {
    store: Arc<dyn Store>,
    key: Key,
    rev: Revision,
    pub(crate) epoch: u64,
}

impl Fence {
    /// Takes the next epoch. Whoever held the one before can write no more.
    pub(crate) async fn take(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let key = Key::new(Kind::Meta, "", "epoch");
        let before = store.get(&key).await?;
        let epoch = before.as_ref().and_then(|object| object.doc["epoch"].as_u64()).unwrap_or(0) + 1;
        let txn = Txn::new().put(key.clone(), json!({"epoch": epoch}));
        let txn = match before {
            Some(object) => txn.at(key.clone(), object.rev),
            None => txn.absent(key.clone()),
        };
        let rev = store.commit(txn).await?;
        Ok(Self { store, key, rev, epoch })
    }

    pub(crate) async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        self.store.commit(txn.at(self.key.clone(), self.rev)).await
    }

    /// Whether a refusal says that another process took over.
    pub(crate) fn is_lost(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Conflict { key, .. } if *key == self.key)
    }
}

/// The store as the rest of the server writes it: under the fence of its engine.
pub(super) struct Fenced(pub(super) Engine);

#[async_trait]
impl Store for Fenced {
    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.0.0.store.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Object>, StoreError> {
        self.0.0.store.list(query).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        self.0.commit(txn).await.map_err(|error| match error {
            OpsError::Store(error) => error,
            _ => StoreError::Fenced,
        })
    }

    async fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.0.0.store.events(after, limit).await
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.0.0.store.changed()
    }

    fn newest_of(&self, kind: Kind) -> Option<Revision> {
        self.0.0.store.newest_of(kind)
    }

    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.0.0.store.snapshot(to).await
    }
}
