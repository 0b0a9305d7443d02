//! Tenants. The tenant `default` is there from the start.

use super::users::{Thing, users};
use super::{CatalogueError, belongings, deletion, readable};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Expect, Key, Kind, Precondition, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::tenant::Tenant;
use models::{Name, Problem};
use serde_json::json;
use sol005::signature::{Certificate, Trust};
use std::sync::Arc;

#[derive(Clone)]
pub struct Tenants {
    store: Arc<dyn Store>,
}

fn key(name: &Name) -> Key {
    Key::installation(Kind::Tenant, name.as_str())
}

/// Whose signatures on packages a tenant believes, and the tenant as it said so.
pub(super) async fn trust(
    store: &Arc<dyn Store>,
    tenant: &Name,
    now: Timestamp,
) -> Result<(Trust, (Key, Revision)), CatalogueError> {
    let key = key(tenant);
    let missing = || CatalogueError::NotFound(format!("tenant {tenant}"));
    let object = store.get(&key).await?.ok_or_else(missing)?;
    let tenant: Tenant = object.read()?;
    let signers = signers(&tenant).map_err(CatalogueError::Problems)?;
    Ok((Trust { signers, required: tenant.require_signature, now }, (key, object.rev)))
}

fn signers(tenant: &Tenant) -> Result<Vec<Certificate>, Vec<Problem>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (at, pem) in tenant.trusted_signers.iter().enumerate() {
        match Certificate::all(pem.as_bytes()) {
            Ok(some) => all.extend(some),
            Err(why) => {
                let mend = "write certificates as PEM: of signers, or of authorities that vouch for them";
                problems.push(Problem::at(format!("trustedSigners[{at}]"), why).mend(mend));
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// Nobody could add a package to a tenant that requires signatures and trusts no signer.
fn check(tenant: &Tenant) -> Result<(), CatalogueError> {
    let signers = signers(tenant).map_err(CatalogueError::Problems)?;
    if tenant.require_signature && signers.is_empty() {
        let message = "nobody is trusted whose signature it could be";
        let problem = Problem::at("requireSignature", message).mend("say whose: trustedSigners, as PEM");
        return Err(CatalogueError::Problems(vec![problem]));
    }
    Ok(())
}

impl Tenants {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub async fn default(&self) -> Result<Name, StoreError> {
        let name: Name = "default".parse().expect("\"default\" is a name");
        if self.store.get(&key(&name)).await?.is_none() {
            let tenant = Tenant::new(name.clone());
            self.store.commit(Txn::new().put(key(&name), codec::json(&tenant)?)).await?;
        }
        Ok(name)
    }

    pub async fn exists(&self, name: &Name) -> Result<bool, StoreError> {
        Ok(self.store.get(&key(name)).await?.is_some())
    }

    pub async fn get(&self, _: &AdminPermit, name: &Name) -> Result<(Tenant, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("tenant {name}"));
        let object = self.store.get(&key(name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    /// Makes it, or changes what is known of it; only where the caller finds what it expects.
    pub async fn put(&self, _: &AdminPermit, tenant: &Tenant, expect: &Expect) -> Result<Revision, CatalogueError> {
        check(tenant)?;
        let key = key(&tenant.name);
        loop {
            let found = self.store.get(&key).await?.map(|object| object.rev);
            expect.check(&key, found)?;
            let txn = match found {
                Some(_) => Txn::new().exists(key.clone()),
                None => self.anew(&tenant.name).await?,
            };
            let txn = expect.bind(txn.put(key.clone(), codec::json(tenant)?), (&key, found))?;
            match self.store.commit(txn).await {
                // It came or went meanwhile, which is no reason for who expects nothing.
                Err(StoreError::Conflict { key: at, .. }) if *expect == Expect::Anything && at == key => {}
                done => return Ok(done?),
            }
        }
    }

    /// A tenant that is made meets nothing of one that had its name, but slices that an older version left alive.
    async fn anew(&self, name: &Name) -> Result<Txn, StoreError> {
        let absent = Precondition::Absent(key(name));
        let made = belongings::made_key(name);
        let txn = match users(&self.store, Thing::Tenant(name)).await?.is_empty() {
            true => belongings::removal(&self.store, name, absent).await?,
            false => Txn { when: vec![absent], ..Txn::default() },
        };
        Ok(txn.put(made, json!({})))
    }

    /// Nothing of before this belongs to the tenant; `None`: it has been there since before that was written down.
    pub async fn made(&self, name: &Name) -> Result<Option<Revision>, StoreError> {
        Ok(self.store.get(&belongings::made_key(name)).await?.map(|object| object.rev))
    }

    pub async fn list(&self, _: &AdminPermit) -> Result<Vec<Tenant>, CatalogueError> {
        let objects = codec::all(&self.store, Query::of(Kind::Tenant, "")).await?;
        Ok(objects.iter().filter_map(readable).collect())
    }

    pub async fn delete(&self, _: &AdminPermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        deletion::delete(&self.store, Thing::Tenant(name), expect).await
    }
}
