//! Moves what stands on a cluster that is on its way out: each slice by an ordinary change of its own. Data is never
//! deleted for it: who holds data there is named, and waits for its owner.

use super::{Ask, AskError, AskOptions, Goal, NoPlace, Picked, Slices, Started};
use crate::ops::codec;
use crate::store::{Expect, Key, Kind, Object, Query, Revision, StoreError, Txn};
use models::cluster::{Cluster, Waits};
use models::{Name, Orphan, OrphanCause, Slice};
use std::collections::{BTreeSet, HashMap};

/// So many changes go in one transaction.
const BATCH: usize = 500;

/// A move that could not be planned is planned again after so many looks, also where nothing seems to have changed.
const PATIENCE: u8 = 8;

/// Slices whose move could not be planned, by the cluster that they stand on.
#[derive(Default)]
pub(crate) struct Stuck(HashMap<(Name, Key), Refused>);

struct Refused {
    grounds: Grounds,
    why: String,
    looks: u8,
}

/// What a plan rests on: the newest change of any slice, and of any cluster. `None`: it is not known.
type Grounds = Option<(Revision, Revision)>;

impl Stuck {
    /// Why it was refused, where the same plan would be refused again.
    fn still(&mut self, of: &(Name, Key), now: Grounds) -> Option<String> {
        let refused = self.0.get_mut(of)?;
        refused.looks += 1;
        (now.is_some() && refused.grounds == now && refused.looks < PATIENCE).then(|| refused.why.clone())
    }
}

impl Slices {
    /// One step on the way of each: what still stands there, with the reason; empty: nothing of a slice does.
    pub async fn move_off(&self, clusters: &[Cluster]) -> Result<Vec<(Name, Vec<Waits>)>, AskError> {
        let mut left: Vec<(Name, Vec<Waits>)> = clusters.iter().map(|c| (c.name.clone(), vec![])).collect();
        let all = if clusters.is_empty() { vec![] } else { codec::all(&self.store, Query::all(Kind::Slice)).await? };
        for object in all {
            let Ok(slice) = object.read::<Slice>() else { continue };
            for (cluster, (name, waits_for)) in clusters.iter().zip(&mut left) {
                if slice.placed.values().any(|at| at == name.as_str()) {
                    let why = self.step(cluster, (&object, &slice)).await?;
                    let what = format!("slice {} of tenant {}: {why}", slice.name, slice.tenant);
                    waits_for.push(Waits { tenant: Some(slice.tenant.clone()), what });
                }
            }
        }
        self.stuck.lock().await.0.retain(|(name, _), _| clusters.iter().any(|cluster| cluster.name == *name));
        for (cluster, (name, waits_for)) in clusters.iter().zip(&left) {
            let forget = cluster.draining.as_ref().is_some_and(|draining| draining.forget);
            if waits_for.is_empty() && forget && self.clusters.lost(name).await.is_some() {
                self.forget_all(name).await?;
            }
        }
        Ok(left)
    }

    /// As [`Slices::move_slice`]; a plan that was refused is not made again while nothing changes.
    async fn step(&self, cluster: &Cluster, (object, slice): (&Object, &Slice)) -> Result<String, AskError> {
        let of = (cluster.name.clone(), object.key.clone());
        let grounds = self.store.newest_of(Kind::Slice).zip(self.store.newest_of(Kind::Cluster));
        if let Some(why) = self.stuck.lock().await.still(&of, grounds) {
            return Ok(why);
        }
        let forget = cluster.draining.as_ref().is_some_and(|draining| draining.forget);
        let (refused, why) = self.move_slice((&cluster.name, forget), (slice, object.rev)).await?;
        let mut stuck = self.stuck.lock().await;
        match refused {
            true => stuck.0.insert(of, Refused { grounds, why: why.clone(), looks: 0 }),
            false => stuck.0.remove(&of),
        };
        Ok(why)
    }

    /// Starts its move, and says what it waits for, and whether that is a refusal of its plan.
    async fn move_slice(
        &self,
        (cluster, forget): (&Name, bool),
        (slice, rev): (&Slice, Revision),
    ) -> Result<(bool, String), AskError> {
        let here = slice.placed.iter().filter(|(_, at)| at.as_str() == cluster.as_str());
        let replace: Vec<Name> = here.filter_map(|(function, _)| function.parse().ok()).collect();
        let goal = Goal::Apply { labels: slice.labels.clone(), spec: Box::new(slice.spec.clone()) };
        // What its owner did meanwhile stands, and no operation waits for a place in its owner's stead.
        let expect = Expect::At(vec![rev]);
        let options = AskOptions { replace, forget, expect, no_place: NoPlace::Refuse, ..AskOptions::default() };
        let ask = Ask { name: slice.name.clone(), goal, options };
        Ok(match self.start(&slice.tenant, &ask).await {
            Ok(Started::Operation { operation, .. }) => (false, format!("operation {} moves it", operation.id)),
            Ok(Started::Unchanged { .. }) => (true, "it stays where it is".into()),
            Err(AskError::Busy { operation }) => (false, format!("operation {operation} holds it")),
            Err(
                AskError::Store(StoreError::Conflict { .. }) | AskError::PlanChanged { .. } | AskError::NotFound(_),
            ) => (false, "it was changed meanwhile".into()),
            Err(AskError::Store(error)) => return Err(error.into()),
            Err(error) => (true, error.to_string()),
        })
    }

    /// What was left on a cluster that is away, and that nobody waits for.
    async fn forget_all(&self, cluster: &Name) -> Result<(), AskError> {
        let picked = Picked { clusters: vec![cluster.clone()], ..Picked::default() };
        for object in codec::all(&self.store, Query::of(Kind::Tenant, "")).await? {
            let Ok(tenant) = object.key.id.parse::<Name>() else { continue };
            let orphans = self.orphans(&tenant, &picked).await?;
            for orphans in orphans.chunks(BATCH) {
                self.forget(&tenant, orphans).await?;
            }
            let uids: BTreeSet<&str> = orphans.iter().map(|orphan| orphan.uid.as_str()).collect();
            for uid in uids {
                self.engine.give_back(&tenant, uid).await?;
            }
        }
        Ok(())
    }

    async fn forget(&self, tenant: &Name, orphans: &[Orphan]) -> Result<(), AskError> {
        let mut txn = Txn::new();
        for orphan in orphans.iter().filter(|orphan| orphan.cause != OrphanCause::Forgotten) {
            let forgotten = Orphan { cause: OrphanCause::Forgotten, ..orphan.clone() };
            txn = txn
                .delete(codec::resource_key(tenant, &orphan.uid, &orphan.id))
                .delete(codec::alarm_key(tenant, &orphan.uid, &orphan.id))
                .put(codec::orphan_key(tenant, &orphan.uid, &orphan.id), codec::json(&forgotten)?);
        }
        match txn.puts.is_empty() {
            true => Ok(()),
            false => Ok(self.store.commit(txn).await.map(drop)?),
        }
    }
}
