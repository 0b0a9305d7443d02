//! Bearer tokens: made once, shown once, kept as a hash under which they are found.

use super::caller::{AdminPermit, Caller};
use crate::ops::{codec, footing};
use crate::store::{Clock, Key, Kind, Object, Query, Random, Store, StoreError, Txn};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use models::Name;
use models::tenant::Role;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Every token begins like this, so that scanners of repositories find leaked ones.
const PREFIX: &str = "slw_";
const BYTES: usize = 32;

/// What is kept of a token.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenRecord {
    /// The first characters after the prefix: enough to tell tokens apart, not to use one.
    pub id: String,
    pub tenant: Name,
    pub role: Role,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

/// A token to make.
pub struct Wish {
    pub tenant: Name,
    pub role: Role,
    pub description: String,
    pub ends: Option<Timestamp>,
}

/// What became of a token since its caller was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Valid,
    Revoked,
    /// Its end has come.
    Ended,
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Done,
    NotThere,
    /// It is the last that administers, and stays.
    Last,
}

/// A new token; the only moment at which it is seen.
pub struct Issued {
    pub token: Zeroizing<String>,
    pub record: TokenRecord,
}

#[derive(Clone)]
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    random: Random,
}

fn key(token: &str) -> Key {
    let hash: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Key::installation(Kind::Token, hash)
}

impl Tokens {
    pub fn new(store: Arc<dyn Store>, clock: Clock, random: Random) -> Self {
        Self { store, clock, random }
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// `None`: no such token, or its end has come.
    pub async fn caller(&self, token: &str) -> Result<Option<Caller>, StoreError> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(object) = self.store.get(&key(token)).await? else { return Ok(None) };
        let TokenRecord { id, tenant, role, ends, .. } = object.read()?;
        let caller = Caller { role, home: tenant.clone(), tenant, token: id, key: object.key, ends };
        Ok((!self.is_over(&caller)).then_some(caller))
    }

    fn is_over(&self, caller: &Caller) -> bool {
        caller.ends.is_some_and(|end| end <= self.now())
    }

    /// Whether a caller who was let in would still be.
    pub async fn standing(&self, caller: &Caller) -> Result<Standing, StoreError> {
        Ok(match self.store.get(&caller.key).await? {
            None => Standing::Revoked,
            Some(_) if self.is_over(caller) => Standing::Ended,
            Some(_) => Standing::Valid,
        })
    }

    /// The time until the token ends, if it does.
    pub fn left(&self, caller: &Caller) -> Option<Duration> {
        caller.ends.map(|end| Duration::try_from(end.duration_since(self.now())).unwrap_or(Duration::ZERO))
    }

    pub async fn create(&self, _: &AdminPermit, wish: Wish) -> Result<Issued, StoreError> {
        let issued = self.draw(wish)?;
        self.keep(&issued).await?;
        Ok(issued)
    }

    /// It is good for nothing until it is kept.
    fn draw(&self, wish: Wish) -> Result<Issued, StoreError> {
        let mut bytes = Zeroizing::new([0u8; BYTES]);
        let random = self.random.fill(&mut *bytes);
        random.map_err(|source| StoreError::Io { what: "no random bytes for a token".into(), source })?;
        let token = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)));
        let id = token[PREFIX.len()..PREFIX.len() + 8].to_owned();
        let Wish { tenant, role, description, ends } = wish;
        let record = TokenRecord { id, tenant, role, description, created: self.now(), ends };
        Ok(Issued { token, record })
    }

    pub async fn keep(&self, issued: &Issued) -> Result<(), StoreError> {
        let txn = footing::stand_on(Txn::new(), footing::tenant_key(&issued.record.tenant));
        self.store.commit(txn.put(key(&issued.token), codec::json(&issued.record)?)).await.map(|_| ())
    }

    pub async fn list(&self, _: &AdminPermit) -> Result<Vec<TokenRecord>, StoreError> {
        let objects = codec::all(&self.store, Query::of(Kind::Token, "")).await?;
        let left_out = |error: &StoreError| tracing::warn!(%error, "left out of a list");
        Ok(objects.iter().filter_map(|object| object.read().inspect_err(left_out).ok()).collect())
    }

    /// The last administrator stays: nobody could make another.
    pub async fn revoke(&self, _: &AdminPermit, id: &str) -> Result<Revoked, StoreError> {
        loop {
            let all = codec::all(&self.store, Query::of(Kind::Token, "")).await?;
            let Some(object) = all.iter().find(|object| object.doc["id"] == id) else { return Ok(Revoked::NotThere) };
            let mut txn = Txn::new().delete(object.key.clone());
            if self.administers(object) {
                let other = all.iter().find(|other| other.key != object.key && self.administers(other));
                let Some(other) = other else { return Ok(Revoked::Last) };
                // Of two who revoke each other one is too late.
                txn = txn.exists(other.key.clone());
            }
            match self.store.commit(txn).await {
                Err(StoreError::Conflict { .. }) => {}
                done => return done.map(|_| Revoked::Done),
            }
        }
    }

    /// Whether somebody outside of a tenant could make tokens if it was gone.
    pub async fn outlives(&self, tenant: &Name) -> Result<bool, StoreError> {
        let all = codec::all(&self.store, Query::of(Kind::Token, "")).await?;
        Ok(all.iter().any(|object| object.doc["tenant"] != json!(tenant) && self.administers(object)))
    }

    fn administers(&self, object: &Object) -> bool {
        let Ok(record) = object.read::<TokenRecord>() else { return false };
        record.role == Role::Admin && record.ends.is_none_or(|end| end > self.now())
    }

    /// The first administrator, where there is no token at all. Its owner has it safe before it is kept: a start that is
    /// cut short in between would leave a token that nobody knows, and no way to another.
    pub async fn first(&self, tenant: &Name) -> Result<Option<Issued>, StoreError> {
        let any = self.store.list(&Query::of(Kind::Token, "").limit(1)).await?;
        if !any.is_empty() {
            return Ok(None);
        }
        let description = "first-run administrator".to_owned();
        self.draw(Wish { tenant: tenant.clone(), role: Role::Admin, description, ends: None }).map(Some)
    }
}
