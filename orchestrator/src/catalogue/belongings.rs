//! What belongs to a tenant: everything goes with it, but how often its names were used. Whoever makes a tenant of that
//! name again meets nothing of the old one.

use crate::ops::codec;
use crate::store::{Key, Kind, Precondition, Query, Store, StoreError, Txn};
use models::Name;
use std::sync::Arc;

/// So many go in one transaction.
const BATCH: usize = 1_000;

/// The revision of this object is the moment at which the tenant was made.
pub(super) fn made_key(name: &Name) -> Key {
    Key::installation(Kind::Meta, format!("made/{}/{name}", Kind::Tenant))
}

/// Removes what the tenant has while `when` holds, and gives the last of it as a transaction to add to.
pub(super) async fn removal(store: &Arc<dyn Store>, name: &Name, when: Precondition) -> Result<Txn, StoreError> {
    let mut keys = Vec::new();
    for kind in Kind::ALL {
        let all = codec::all(store, Query::of(*kind, name.as_str())).await?;
        keys.extend(all.into_iter().map(|object| object.key).filter(|key| !is_count(key)));
    }
    // Who makes the tenant again must not meet the old one's tokens.
    for object in codec::all(store, Query::of(Kind::Token, "")).await? {
        if object.doc["tenant"] == name.as_str() {
            keys.push(object.key);
        }
    }
    let of = |keys: Vec<Key>| Txn { when: vec![when.clone()], puts: vec![], deletes: keys };
    while keys.len() > BATCH {
        let rest = keys.split_off(BATCH);
        store.commit(of(std::mem::replace(&mut keys, rest))).await?;
    }
    Ok(of(keys))
}

/// A name that is used again must not give the uid of what it named before.
fn is_count(key: &Key) -> bool {
    key.kind == Kind::Meta && key.id.starts_with("incarnation/")
}
