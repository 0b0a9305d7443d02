//! Moves what stands on a cluster that is on its way out: each slice by an ordinary change of its own. Data is never
//! deleted for it: who holds data there is named, and waits for its owner.

use super::{Ask, AskError, AskOptions, Goal, Picked, Slices, Started};
use crate::ops::codec;
use crate::store::{Kind, Query, Txn};
use models::cluster::Cluster;
use models::{Name, Orphan, OrphanCause, Slice};

/// So many changes go in one transaction.
const BATCH: usize = 500;

impl Slices {
    /// One step on the way: what still stands there, with the reason; empty: nothing of a slice does.
    pub async fn move_off(&self, cluster: &Cluster) -> Result<Vec<String>, AskError> {
        let forget = cluster.draining.as_ref().is_some_and(|draining| draining.forget);
        let mut waits_for = Vec::new();
        for object in codec::all(&self.store, Query::all(Kind::Slice)).await? {
            let Ok(slice) = object.read::<Slice>() else { continue };
            if slice.placed.values().any(|at| at == cluster.name.as_str()) {
                let why = self.move_slice((&cluster.name, forget), &slice).await?;
                waits_for.push(format!("slice {} of tenant {}: {why}", slice.name, slice.tenant));
            }
        }
        if waits_for.is_empty() && forget && self.clusters.away(&cluster.name).await.is_some() {
            self.forget_all(&cluster.name).await?;
        }
        Ok(waits_for)
    }

    /// Starts its move, and says what it waits for.
    async fn move_slice(&self, (cluster, forget): (&Name, bool), slice: &Slice) -> Result<String, AskError> {
        let here = slice.placed.iter().filter(|(_, at)| at.as_str() == cluster.as_str());
        let replace: Vec<Name> = here.filter_map(|(function, _)| function.parse().ok()).collect();
        let goal = Goal::Apply { labels: slice.labels.clone(), spec: Box::new(slice.spec.clone()) };
        let options = AskOptions { replace, forget, ..AskOptions::default() };
        let ask = Ask { name: slice.name.clone(), goal, options };
        Ok(match self.start(&slice.tenant, &ask).await {
            Ok(Started::Operation { operation, .. }) => format!("operation {} moves it", operation.id),
            Ok(Started::Unchanged { .. }) => "it stays where it is".into(),
            Err(AskError::Busy { operation }) => format!("operation {operation} holds it"),
            Err(AskError::Store(error)) => return Err(error.into()),
            Err(error) => error.to_string(),
        })
    }

    /// What was left on a cluster that is away, and that nobody waits for.
    async fn forget_all(&self, cluster: &Name) -> Result<(), AskError> {
        let picked = Picked { clusters: vec![cluster.clone()], ..Picked::default() };
        for object in codec::all(&self.store, Query::of(Kind::Tenant, "")).await? {
            let Ok(tenant) = object.key.id.parse::<Name>() else { continue };
            for orphans in self.orphans(&tenant, &picked).await?.chunks(BATCH) {
                self.forget(&tenant, orphans).await?;
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
                .put(codec::orphan_key(tenant, &orphan.uid, &orphan.id), codec::json(&forgotten)?);
        }
        match txn.puts.is_empty() {
            true => Ok(()),
            false => Ok(self.store.commit(txn).await.map(drop)?),
        }
    }
}
