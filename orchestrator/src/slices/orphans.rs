//! The ledger of orphans: what stands in the world and is wanted by nobody (ENGINE.md 14).
//!
//! What was left because its cluster was away goes by an operation of its own as soon as the cluster answers; what an
//! operator left out, or what was found, goes when somebody says so. It must never take away what a record wants.

use super::{AskError, Slices};
use crate::ops::{OpsError, StartOptions, codec, footing};
use crate::plan::orphans;
use crate::store::{Key, Kind, Object, Query, Revision, StoreError, Txn};
use models::resource::Target;
use models::{Name, Operation, Orphan, OrphanCause, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// Which orphans are meant; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Picked {
    pub clusters: Vec<Name>,
    pub slices: Vec<Name>,
    /// As the ledger shows them.
    pub ids: Vec<String>,
}

impl Picked {
    fn has(&self, orphan: &Orphan) -> bool {
        let on = |names: &[Name], word: &str| names.is_empty() || names.iter().any(|name| name.as_str() == word);
        let id = orphan.id.to_string();
        on(&self.clusters, &orphan.id.target.to_string())
            && on(&self.slices, orphan.slice.as_str())
            && (self.ids.is_empty() || self.ids.contains(&id))
    }
}

/// What a removal of orphans came to.
#[derive(Debug, Default)]
pub struct Removal {
    pub operations: Vec<Operation>,
    /// Lines that are struck out of the ledger: their clusters are not registered any more.
    pub struck: usize,
    /// What stays for now, and why.
    pub left: Vec<String>,
}

/// Orphans by the slice, also one that is gone, that they are of: its tenant and uid.
type Heaps = BTreeMap<(Name, String), Vec<Orphan>>;

impl Slices {
    /// The ledger of a tenant.
    pub async fn orphans(&self, tenant: &Name, picked: &Picked) -> Result<Vec<Orphan>, AskError> {
        let objects = codec::all(&self.store, Query::of(Kind::Orphan, tenant.as_str())).await?;
        Ok(objects.iter().filter_map(read).filter(|orphan| picked.has(orphan)).collect())
    }

    /// Starts the removal of everything that goes by itself and can be reached now. What is busy is tried again later.
    pub async fn clear_orphans(&self) -> Result<usize, AskError> {
        let mut begun = 0;
        let mut heaps = Heaps::new();
        for object in codec::all(&self.store, Query::all(Kind::Orphan)).await? {
            let (Ok(tenant), Some(orphan)) = (object.key.tenant.parse::<Name>(), read(&object)) else { continue };
            if orphan.cause.goes_by_itself() {
                heaps.entry((tenant, orphan.uid.clone())).or_default().push(orphan);
            }
        }
        for (owner, orphans) in heaps {
            match self.clear(owner, &orphans).await {
                Ok(Some(_)) => begun += 1,
                Ok(None) | Err(AskError::Busy { .. } | AskError::PlanChanged { .. }) => {}
                // A record that cannot be read holds up no other slice's.
                Err(AskError::Store(error)) if !matches!(error, StoreError::Unreadable { .. }) => {
                    return Err(error.into());
                }
                Err(error) => tracing::warn!(%error, "what was left of one slice could not be taken away"),
            }
        }
        Ok(begun)
    }

    /// Takes away what was picked, whatever left it. One operation for each slice that it was of.
    pub async fn remove_orphans(
        &self,
        tenant: &Name,
        (picked, allow_data_loss): (&Picked, bool),
    ) -> Result<Removal, AskError> {
        let all = self.orphans(tenant, picked).await?;
        if all.is_empty() {
            return Err(AskError::NotFound("an orphan that is meant (see: sliceway orphans)".into()));
        }
        let holds_data = |orphan: &&Orphan| orphan.cause == OrphanCause::Found && holds_data(orphan);
        if let Some(orphan) = all.iter().find(holds_data).filter(|_| !allow_data_loss) {
            return Err(AskError::Refused {
                reason: format!("{} may hold data, which nobody has said may go", orphan.id),
                mend: "look at it first; to delete it with what it holds say: --allow-data-loss".into(),
            });
        }
        let clusters: BTreeSet<String> = all.iter().map(|orphan| orphan.id.target.to_string()).collect();
        let (struck, rest) = self.strike(tenant, all).await?;
        let mut removal = Removal { struck, ..Removal::default() };
        let mut heaps = Heaps::new();
        for orphan in rest {
            heaps.entry((tenant.clone(), orphan.uid.clone())).or_default().push(orphan);
        }
        for (owner, orphans) in heaps {
            match self.clear(owner, &orphans).await {
                Ok(begun) => removal.operations.extend(begun),
                // What was begun before is told, whatever became of this.
                Err(error) if removal.operations.is_empty() && removal.struck == 0 => return Err(error),
                Err(error) => {
                    let of = orphans.first().map_or_else(String::new, |orphan| orphan.slice.to_string());
                    removal.left.push(format!("{} of slice {of}: {error}", orphans.len()));
                }
            }
        }
        match removal.operations.is_empty() && removal.struck == 0 {
            false => Ok(removal),
            true => Err(AskError::Unavailable {
                cause: format!(
                    "{} cannot be reached: nothing of it can be taken away now",
                    clusters.into_iter().collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }

    /// What was found becomes its slice's again: the next apply keeps it where it is wanted and takes it away where not.
    pub async fn adopt_orphans(&self, tenant: &Name, picked: &Picked) -> Result<Vec<Orphan>, AskError> {
        let all = self.orphans(tenant, picked).await?;
        let found: Vec<Orphan> = all.into_iter().filter(|orphan| orphan.cause == OrphanCause::Found).collect();
        if found.is_empty() {
            return Err(AskError::NotFound(
                "an orphan that is meant and was found, which alone can be adopted (see: sliceway orphans -o wide),"
                    .into(),
            ));
        }
        let (mut txn, mut clusters) = (Txn::new(), BTreeSet::new());
        for orphan in &found {
            let (slice, rev) = self.living(tenant, orphan).await?.ok_or_else(|| AskError::Refused {
                reason: format!("slice {} that {} is of is gone: nothing is there to take it", orphan.slice, orphan.id),
                mend: "take it away: sliceway orphans --remove; or remove its labels on the cluster".into(),
            })?;
            // Where its cluster is not registered any more, nobody could ever take it away.
            if let Target::Cluster(cluster) = &orphan.id.target {
                let cluster = Key::installation(Kind::Cluster, cluster.as_str());
                if self.store.get(&cluster).await?.is_none() {
                    return Err(AskError::Refused {
                        reason: format!("cluster {} of {} is not registered", cluster.id, orphan.id),
                        mend: "strike it out: sliceway orphans --remove".into(),
                    });
                }
                clusters.insert(cluster);
            }
            let key = codec::slice_key(tenant, &slice.name);
            if !txn.when.contains(&crate::store::Precondition::At(key.clone(), rev)) {
                txn = txn.at(key, rev).absent(codec::claim_key(tenant, &slice.name));
            }
            let recorded = orphans::found(tenant, orphan);
            txn = txn
                .put(codec::resource_key(tenant, &orphan.uid, &orphan.id), codec::json(&recorded)?)
                .delete(codec::orphan_key(tenant, &orphan.uid, &orphan.id));
        }
        let txn = clusters.into_iter().fold(txn, footing::stand_on);
        self.engine.commit(txn).await.map_err(|error| match error {
            OpsError::Store(crate::store::StoreError::Conflict { .. }) => OpsError::Changed,
            other => other,
        })?;
        Ok(found)
    }

    /// What stands on a cluster that is not registered any more is out of reach for good: how many, and the others.
    async fn strike(&self, tenant: &Name, orphans: Vec<Orphan>) -> Result<(usize, Vec<Orphan>), AskError> {
        let (mut txn, mut rest) = (Txn::new(), Vec::new());
        for orphan in orphans {
            match self.is_out_of_reach(tenant, &orphan).await? {
                true => txn = txn.delete(codec::orphan_key(tenant, &orphan.uid, &orphan.id)),
                false => rest.push(orphan),
            }
        }
        let struck = txn.deletes.len();
        if struck > 0 {
            self.store.commit(txn).await?;
        }
        Ok((struck, rest))
    }

    async fn is_out_of_reach(&self, tenant: &Name, orphan: &Orphan) -> Result<bool, AskError> {
        let Target::Cluster(cluster) = &orphan.id.target else { return Ok(false) };
        let key = Key::installation(Kind::Cluster, cluster.as_str());
        let record = codec::resource_key(tenant, &orphan.uid, &orphan.id);
        Ok(self.store.get(&key).await?.is_none() && self.store.get(&record).await?.is_none())
    }

    /// `None`: nothing of it can be reached now.
    async fn clear(&self, (tenant, uid): (Name, String), all: &[Orphan]) -> Result<Option<Operation>, AskError> {
        let mut near: Vec<&Orphan> = Vec::new();
        for orphan in all {
            let is_near = match &orphan.id.target {
                Target::Cluster(name) => self.clusters.lost(name).await.is_none(),
                Target::Local => true,
            };
            near.extend(is_near.then_some(orphan));
        }
        let Some(first) = near.first() else { return Ok(None) };
        let recorded = self.recorded(&tenant, &uid).await?;
        let living = self.living(&tenant, first).await?;
        let slice = living.as_ref().map(|(slice, _)| slice);
        let Some(plan) = orphans::clear((&tenant, slice), &near, &recorded) else { return Ok(None) };
        let options = StartOptions { slice: living.map(|(_, rev)| rev), ..StartOptions::default() };
        Ok(Some(self.engine.start(plan, options).await?))
    }

    /// The slice that an orphan is of, where it is still there.
    async fn living(&self, tenant: &Name, orphan: &Orphan) -> Result<Option<(Slice, Revision)>, AskError> {
        match self.get(tenant, &orphan.slice).await {
            Ok((slice, rev)) => Ok(Some((slice, rev)).filter(|(slice, _)| slice.uid == orphan.uid)),
            Err(AskError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read(object: &Object) -> Option<Orphan> {
    object.read().inspect_err(|error| tracing::warn!(%error, "left out of a list")).ok()
}

fn holds_data(orphan: &Orphan) -> bool {
    matches!(orphan.id.api().1, "Namespace" | "PersistentVolumeClaim" | "PersistentVolume" | "StatefulSet")
}
