//! Deleting what slices stand on. It happens only where nothing uses the thing at the moment of the commit: its mark
//! (`ops::footing`) is read before its users are, and must still be the same.

use super::CatalogueError;
use super::registry::kubeconfig_key;
use super::repositories::credentials_key;
use super::users::{Thing, users};
use super::{belongings, usage};
use crate::ops::footing;
use crate::store::{Expect, Precondition, Store, StoreError, Txn};
use std::sync::Arc;

/// Each after something else began to use it, or changed it, meanwhile.
const TRIES: usize = 8;

pub(super) async fn delete(store: &Arc<dyn Store>, thing: Thing<'_>, expect: &Expect) -> Result<(), CatalogueError> {
    let key = thing.key();
    let mark = footing::mark(&key);
    for _ in 0..TRIES {
        let found = store.get(&key).await?.map(|object| object.rev);
        expect.check(&key, found)?;
        let rev = found.ok_or_else(|| CatalogueError::NotFound(format!("{} {}", key.kind, key.id)))?;
        let marked = store.get(&mark).await?.map(|object| object.rev);
        let users = users(store, thing).await?;
        if !users.is_empty() {
            return Err(CatalogueError::InUse { users });
        }
        let txn = beside(store, thing).await?.at(key.clone(), rev).delete(key.clone());
        let txn = match marked {
            Some(rev) => txn.at(mark.clone(), rev).delete(mark.clone()),
            None => txn.absent(mark.clone()),
        };
        match store.commit(txn).await {
            Err(StoreError::Conflict { .. }) => {}
            done => return Ok(done.map(|_| ())?),
        }
    }
    Err(CatalogueError::Unavailable(format!("{} {} is changed all the time", key.kind, key.id)))
}

/// What goes with it, once nothing uses it.
async fn beside(store: &Arc<dyn Store>, thing: Thing<'_>) -> Result<Txn, StoreError> {
    match thing {
        Thing::Tenant(name) => {
            let txn = belongings::removal(store, name, Precondition::Exists(thing.key())).await?;
            Ok(txn.delete(belongings::made_key(name)))
        }
        Thing::Cluster(name) => Ok(Txn::new().delete(kubeconfig_key(name))),
        Thing::Repository(name) => Ok(Txn::new().delete(credentials_key(name))),
        Thing::Package(tenant, _) => usage::words(store, (tenant, &thing.key())).await,
    }
}
