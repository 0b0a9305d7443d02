//! The epoch of this process, and the one way in which the engine writes: a process that lost its epoch cannot.

use crate::store::{Key, Kind, Revision, Store, StoreError, Txn};
use serde_json::json;
use std::sync::Arc;

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
