//! Where the secrets of slices are kept: sealed in the store, one object per version. The first write of a version wins.

use super::fence::Fence;
use crate::store::{Blobs, Digest, Key, Kind, Query, Store, StoreError, Txn, Vault};
use adapters::{PortError, Safe, Sealed};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::secret::SecretRef;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) struct StoreSafe {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) fence: Fence,
}

fn key(secret: &SecretRef) -> Key {
    Key::installation(Kind::Secret, format!("{}/{:06}", secret.id, secret.version))
}

fn sealed(cause: impl ToString) -> PortError {
    PortError::Sealed { cause: cause.to_string() }
}

/// A store that is full or busy can be waited for.
fn stored(error: &StoreError) -> PortError {
    match error.retryable() {
        true => PortError::Busy { target: "@local".into(), cause: error.to_string(), retry_after_s: None },
        false => sealed(error),
    }
}

/// Seals any set of fields under a key; also used for kubeconfigs.
pub(crate) fn seal(vault: &Vault, key: &Key, fields: &[(String, Sealed)]) -> Result<serde_json::Value, PortError> {
    let map: BTreeMap<&str, String> =
        fields.iter().map(|(name, value)| (name.as_str(), STANDARD.encode(value))).collect();
    let plain = Zeroizing::new(serde_json::to_vec(&map).map_err(sealed)?);
    let bytes = vault.seal(&key.to_string(), &plain).map_err(sealed)?;
    Ok(json!({"sealed": STANDARD.encode(bytes)}))
}

pub(crate) fn open(vault: &Vault, key: &Key, doc: &serde_json::Value) -> Result<Vec<(String, Sealed)>, PortError> {
    let text = doc.get("sealed").and_then(|text| text.as_str()).unwrap_or("");
    let bytes = STANDARD.decode(text).map_err(sealed)?;
    let plain = vault.open(&key.to_string(), &bytes).map_err(sealed)?;
    let map: BTreeMap<String, String> =
        serde_json::from_slice(plain.expose()).map_err(|_| sealed(format!("{key} holds no fields")))?;
    let field = |(name, value): (String, String)| {
        let value = STANDARD.decode(value).map_err(|_| sealed(format!("{key} holds no fields")))?;
        Ok((name, Zeroizing::new(value)))
    };
    map.into_iter().map(field).collect()
}

#[async_trait]
impl Safe for StoreSafe {
    async fn read(&self, secret: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        let key = key(secret);
        let found = self.store.get(&key).await.map_err(|error| stored(&error))?;
        found.map(|object| open(&self.vault, &key, &object.doc)).transpose()
    }

    async fn write(&self, secret: &SecretRef, fields: Vec<(String, Sealed)>) -> Result<(), PortError> {
        let key = key(secret);
        let doc = seal(&self.vault, &key, &fields)?;
        match self.fence.commit(Txn::new().absent(key.clone()).put(key.clone(), doc)).await {
            Err(StoreError::Conflict { key: lost, .. }) if lost == key => Ok(()),
            other => other.map(|_| ()).map_err(|error| stored(&error)),
        }
    }

    async fn versions(&self, id: &str) -> Result<Vec<u32>, PortError> {
        let query = Query::of(Kind::Secret, "").prefix(format!("{id}/"));
        let found = self.store.list(&query).await.map_err(|error| stored(&error))?;
        let version = |id: &str| id.rsplit_once('/').and_then(|(_, version)| version.parse().ok());
        // Another secret's id may begin with this one's: what follows the slash is the version and nothing else.
        let own = found.iter().filter(|object| object.key.id.len() == id.len() + 7);
        Ok(own.filter_map(|object| version(&object.key.id)).collect())
    }

    async fn erase(&self, secret: &SecretRef) -> Result<(), PortError> {
        self.fence.commit(Txn::new().delete(key(secret))).await.map(|_| ()).map_err(|error| stored(&error))
    }

    async fn blob(&self, digest: &str) -> Result<Sealed, PortError> {
        let digest: Digest = digest.parse().map_err(|_| sealed(format!("{digest} is no digest")))?;
        let bytes = self.blobs.get(&digest).await.map_err(sealed)?;
        Ok(Zeroizing::new(bytes.expose().to_vec()))
    }
}
