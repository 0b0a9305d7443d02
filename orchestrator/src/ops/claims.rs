//! Taking and giving back what belongs to a whole cluster. A claim is taken in the transaction that starts an operation,
//! and given back when an operation ends and nothing is recorded any more that needs it.

use super::codec;
use super::engine::Inner;
use super::error::OpsError;
use crate::plan::Plan;
use crate::plan::claim::{self, Claim, Holder};
use crate::store::{Key, Kind, Query, Store, StoreError, Txn};
use models::Name;
use models::change::{Change, Verb};
use models::resource::{Resource, ResourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often a claim is looked at again after somebody else changed it.
const TRIES: u32 = 8;

fn key(id: &str) -> Key {
    Key::installation(Kind::Claim, id)
}

/// Every claim on things of clusters, by its id.
pub(crate) async fn all(store: &Arc<dyn Store>) -> Result<BTreeMap<String, Claim>, StoreError> {
    let objects = codec::all(store, Query::of(Kind::Claim, "").prefix(claim::PREFIX)).await?;
    objects.iter().map(|object| Ok((object.key.id.clone(), object.read()?))).collect()
}

/// What a plan makes is the slice's, or it is not started.
pub(super) async fn take(inner: &Inner, mut txn: Txn, plan: &Plan) -> Result<Txn, OpsError> {
    // A hook of the way back makes what it is `before`.
    let makes = |change: &Change| match change.verb {
        Verb::Answer => change.before.clone(),
        _ => change.after.clone(),
    };
    let made: Vec<Resource> = plan.changes.iter().filter_map(|planned| makes(&planned.change)).collect();
    let made = made.iter().filter_map(claim::of);
    let made: BTreeMap<String, ResourceId> = made.map(|(claim, id)| (claim, id.clone())).collect();
    for (claim_id, resource) in made {
        let found = inner.store.get(&key(&claim_id)).await?;
        let mut claim: Claim = found.as_ref().map(|object| object.read()).transpose()?.unwrap_or_default();
        let held = claim.others(&plan.uid).next().filter(|_| claim.leaving || !claim::is_shared(&resource));
        if let Some(holder) = held {
            let (what, holder) = (resource.short(), holder.words(&plan.tenant));
            return Err(OpsError::Held { what, holder });
        }
        let holder = Holder { tenant: plan.tenant.clone(), slice: plan.subject.clone(), uid: plan.uid.clone() };
        claim.leaving = false;
        if !claim.holders.contains(&holder) {
            claim.holders.push(holder);
        }
        txn = match found {
            Some(object) => txn.at(key(&claim_id), object.rev),
            None => txn.absent(key(&claim_id)),
        };
        txn = txn.put(key(&claim_id), codec::json(&claim)?);
    }
    Ok(txn)
}

/// Gives back what the slice holds and nothing that is recorded needs. What it was about to take away and did not may be
/// shared again.
pub(super) async fn give_back(inner: &Inner, (tenant, uid): (&Name, &str)) -> Result<(), OpsError> {
    let held: Vec<String> =
        all(&inner.store).await?.into_iter().filter(|(_, c)| holds(c, uid)).map(|(id, _)| id).collect();
    if held.is_empty() {
        return Ok(());
    }
    let recorded = codec::recorded(&inner.store, tenant, uid).await?;
    let needed: BTreeSet<String> =
        recorded.iter().filter_map(|(recorded, _)| claim::of(&recorded.resource)).map(|(id, _)| id).collect();
    for id in held {
        let stays = needed.contains(&id);
        let settle = |claim: &mut Claim| match stays {
            true => claim.leaving = false,
            false => claim.holders.retain(|holder| holder.uid != uid),
        };
        change(inner, &id, settle).await?;
    }
    Ok(())
}

fn holds(claim: &Claim, uid: &str) -> bool {
    claim.holders.iter().any(|holder| holder.uid == uid)
}

async fn change(inner: &Inner, id: &str, settle: impl Fn(&mut Claim)) -> Result<(), OpsError> {
    for _ in 0..TRIES {
        let Some(object) = inner.store.get(&key(id)).await? else { return Ok(()) };
        let before: Claim = object.read()?;
        let mut claim = before.clone();
        settle(&mut claim);
        if claim == before {
            return Ok(());
        }
        let txn = Txn::new().at(key(id), object.rev);
        let txn = match claim.holders.is_empty() {
            true => txn.delete(key(id)),
            false => txn.put(key(id), codec::json(&claim)?),
        };
        match inner.commit(txn).await {
            Err(OpsError::Store(StoreError::Conflict { .. })) => {}
            other => return other.map(drop),
        }
    }
    Ok(())
}

/// Who else needs what a slice wants to take away. Where nobody does, nobody may begin to until it is gone.
pub(super) async fn last_of(inner: &Inner, resource: &ResourceId, uid: &str) -> Result<Option<Claim>, OpsError> {
    let Some(id) = claim::id(resource) else { return Ok(None) };
    for _ in 0..TRIES {
        let Some(object) = inner.store.get(&key(&id)).await? else { return Ok(None) };
        let mut claim: Claim = object.read()?;
        if claim.others(uid).next().is_some() {
            return Ok(Some(claim));
        }
        claim.leaving = true;
        match inner.commit(Txn::new().at(key(&id), object.rev).put(key(&id), codec::json(&claim)?)).await {
            Err(OpsError::Store(StoreError::Conflict { .. })) => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(None),
        }
    }
    Err(OpsError::Changed)
}
