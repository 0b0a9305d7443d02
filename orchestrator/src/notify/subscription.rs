//! Subscriptions of a tenant: who is told of what, and how far. Passwords are sealed, and never told again.

use super::notice::seeded_key;
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::{codec, footing, safe};
use crate::store::{Clock, Expect, Key, Kind, Object, Query, Random, Revision, Store, StoreError, Txn, Vault};
use adapters::{PortError, Sealed};
use jiff::Timestamp;
use models::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// More than a tenant has clients.
const MOST: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub id: String,
    pub tenant: Name,
    pub interface: String,
    pub major: u8,
    pub callback: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub filter: Value,
    /// Without what was affected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// How it says who it is, there: `BASIC`, `OAUTH2_CLIENT_CREDENTIALS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    pub created: Timestamp,
    /// What happened up to this revision it is not told.
    pub from: u64,
}

/// How far it was given what happened. Beside the subscription, so that giving changes nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The last notice that was looked at.
    #[serde(default)]
    pub position: String,
    #[serde(default)]
    pub delivered: u64,
    /// Attempts since the last that went well.
    #[serde(default)]
    pub failed: u32,
    /// Why the last one did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Since when it takes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<Timestamp>,
    /// Notices were dropped before it took them, or could tell that it does not want them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

pub struct NewSubscription {
    pub interface: String,
    pub major: u8,
    pub callback: String,
    pub filter: Value,
    pub short: bool,
    pub authentication: Option<String>,
    pub secrets: Vec<(String, Sealed)>,
}

#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    #[error("subscription {0:?} does not exist")]
    NotFound(String),
    /// One for the same is there.
    #[error("subscription {} is for the same", .0)]
    Same(String),
    #[error("there are {MOST} subscriptions already")]
    TooMany,
    #[error(transparent)]
    Sealed(#[from] PortError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone)]
pub struct Subscriptions {
    pub(super) store: Arc<dyn Store>,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Clock,
    random: Random,
}

fn key(tenant: &Name, id: &str) -> Key {
    Key::new(Kind::Subscription, tenant.as_str(), id)
}

pub(super) fn delivery_key(tenant: &Name, id: &str) -> Key {
    Key::new(Kind::Meta, tenant.as_str(), format!("delivery/{id}"))
}

fn secret_key(tenant: &Name, id: &str) -> Key {
    Key::new(Kind::Secret, tenant.as_str(), format!("subscription/{id}"))
}

impl Subscriptions {
    pub fn new((store, vault): (Arc<dyn Store>, Arc<Vault>), (clock, random): (Clock, Random)) -> Self {
        Self { store, vault, clock, random }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Told from now on.
    pub async fn create(&self, permit: &WritePermit, new: NewSubscription) -> Result<Subscription, SubscriptionError> {
        let tenant = permit.tenant();
        let all = self.all(tenant).await?;
        let same = |known: &&Subscription| {
            (known.interface.as_str(), known.major, known.callback.as_str())
                == (new.interface.as_str(), new.major, new.callback.as_str())
                && known.filter == new.filter
                && known.short == new.short
        };
        if let Some(known) = all.iter().find(same) {
            return Err(SubscriptionError::Same(known.id.clone()));
        }
        if all.len() >= MOST {
            return Err(SubscriptionError::TooMany);
        }
        let mut bytes = [0; 16];
        let random = self.random.fill(&mut bytes);
        random.map_err(|source| StoreError::Io { what: "no random bytes for a subscription".into(), source })?;
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        let NewSubscription { interface, major, callback, filter, short, authentication, secrets } = new;
        let (created, from) = (self.now(), self.store.changed().borrow().0);
        let made = Subscription {
            id: id.clone(),
            tenant: tenant.clone(),
            interface,
            major,
            callback,
            filter,
            short,
            authentication,
            created,
            from,
        };
        let delivery = Delivery { position: format!("{from:020}~"), ..Delivery::default() };
        let mut txn =
            footing::stand_on(Txn::new(), footing::tenant_key(tenant)).put(key(tenant, &id), codec::json(&made)?);
        txn = txn.put(delivery_key(tenant, &id), codec::json(&delivery)?);
        if !secrets.is_empty() {
            let secret = secret_key(tenant, &id);
            txn = txn.put(secret.clone(), safe::seal(&self.vault, &secret, &secrets)?);
        }
        self.store.commit(txn).await?;
        Ok(made)
    }

    pub async fn list(&self, permit: &ReadPermit) -> Result<Vec<Subscription>, SubscriptionError> {
        Ok(self.all(permit.tenant()).await?)
    }

    async fn all(&self, tenant: &Name) -> Result<Vec<Subscription>, StoreError> {
        let objects = codec::all(&self.store, Query::of(Kind::Subscription, tenant.as_str())).await?;
        objects.iter().map(Object::read).collect()
    }

    pub async fn get(
        &self,
        permit: &ReadPermit,
        id: &str,
    ) -> Result<(Subscription, Delivery, Revision), SubscriptionError> {
        let tenant = permit.tenant();
        let found = self.store.get(&key(tenant, id)).await?;
        let object = found.ok_or_else(|| SubscriptionError::NotFound(id.to_owned()))?;
        Ok((object.read()?, self.delivery(tenant, id).await?, object.rev))
    }

    pub(super) async fn delivery(&self, tenant: &Name, id: &str) -> Result<Delivery, StoreError> {
        let found = self.store.get(&delivery_key(tenant, id)).await?;
        Ok(found.map(|object| object.read()).transpose()?.unwrap_or_default())
    }

    pub(super) async fn secrets(&self, tenant: &Name, id: &str) -> Result<Vec<(String, Sealed)>, SubscriptionError> {
        let key = secret_key(tenant, id);
        let Some(object) = self.store.get(&key).await? else { return Ok(vec![]) };
        Ok(safe::open(&self.vault, &key, &object.doc)?)
    }

    pub async fn delete(&self, permit: &WritePermit, id: &str, expect: &Expect) -> Result<(), SubscriptionError> {
        let (tenant, own) = (permit.tenant(), key(permit.tenant(), id));
        let missing = || SubscriptionError::NotFound(id.to_owned());
        let rev = self.store.get(&own).await?.map(|object| object.rev).ok_or_else(missing)?;
        expect.check(&own, Some(rev))?;
        let mut txn =
            Txn::new().at(own.clone(), rev).delete(own).delete(delivery_key(tenant, id)).delete(secret_key(tenant, id));
        if self.all(tenant).await?.len() == 1 {
            // Nothing is noted from now on: who subscribes next begins anew.
            txn = txn.delete(seeded_key(tenant.as_str()));
        }
        self.store.commit(txn).await?;
        Ok(())
    }
}
