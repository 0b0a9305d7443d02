//! Tenants. The tenant `default` is there from the start.

use super::users::{Thing, users};
use super::{CatalogueError, belongings, deletion, readable};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Expect, Key, Kind, Precondition, Query, Revision, Store, StoreError, Txn};
use models::Name;
use models::tenant::Tenant;
use serde_json::json;
use std::sync::Arc;

#[derive(Clone)]
pub struct Tenants {
    store: Arc<dyn Store>,
}

fn key(name: &Name) -> Key {
    Key::installation(Kind::Tenant, name.as_str())
}

impl Tenants {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub async fn default(&self) -> Result<Name, StoreError> {
        let name: Name = "default".parse().expect("\"default\" is a name");
        if self.store.get(&key(&name)).await?.is_none() {
            let tenant = Tenant { name: name.clone(), description: String::new() };
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

    /// Makes it, or changes its description; only where the caller finds what it expects.
    pub async fn put(&self, _: &AdminPermit, tenant: &Tenant, expect: &Expect) -> Result<Revision, CatalogueError> {
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
