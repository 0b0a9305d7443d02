//! Tenants. The tenant `default` is there from the start.

use super::CatalogueError;
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Expect, Key, Kind, Query, Revision, Store, StoreError, Txn};
use models::Name;
use models::tenant::Tenant;
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
        let found = self.store.get(&key).await?.map(|object| object.rev);
        let txn = expect.bind(Txn::new().put(key.clone(), codec::json(tenant)?), (&key, found))?;
        Ok(self.store.commit(txn).await?)
    }

    pub async fn list(&self, _: &AdminPermit) -> Result<Vec<Tenant>, CatalogueError> {
        let objects = codec::all(&self.store, Query::of(Kind::Tenant, "")).await?;
        objects.iter().map(|object| Ok(object.read()?)).collect()
    }

    pub async fn delete(&self, _: &AdminPermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let found = self.store.get(&key(name)).await?.map(|object| object.rev);
        expect.check(&key(name), found)?;
        let rev = found.ok_or_else(|| CatalogueError::NotFound(format!("tenant {name}")))?;
        let users = super::users(&self.store, |slice| &slice.tenant == name).await?;
        if !users.is_empty() {
            return Err(CatalogueError::InUse { users });
        }
        let mut txn = Txn::new().at(key(name), rev).delete(key(name));
        // Who makes the tenant again must not meet the old one's tokens.
        for object in codec::all(&self.store, Query::of(Kind::Token, "")).await? {
            if object.doc["tenant"] == name.as_str() {
                txn = txn.delete(object.key);
            }
        }
        self.store.commit(txn).await?;
        Ok(())
    }
}
