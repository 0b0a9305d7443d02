//! Looks for what carries our label on a cluster and stands in no record: what landed after its operation had given up,
//! or what was forgotten on a cluster that came back. It must never touch a target.

use super::orphans::Picked;
use super::{AskError, Slices, uid_key};
use crate::ops::codec;
use crate::plan::claim;
use crate::store::{Expect, Kind, Query, StoreError, Txn};
use adapters::Labelled;
use adapters::helm::Lookup;
use models::resource::ResourceId;
use models::{Name, Orphan, OrphanCause};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a look for orphans came to.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Scan {
    /// New in the ledger.
    pub found: usize,
    /// Was in the ledger as found, and is gone.
    pub gone: usize,
    /// Clusters that could not be looked at, with the reason.
    pub unread: BTreeMap<Name, String>,
    /// Objects by cluster that carry the label of slices which this installation never made.
    pub strangers: BTreeMap<Name, usize>,
}

impl Slices {
    /// Looks at every cluster that is picked.
    pub async fn scan(&self, picked: &Picked) -> Result<Scan, AskError> {
        let mut scan = Scan::default();
        for object in codec::all(&self.store, Query::of(Kind::Cluster, "")).await? {
            let Ok(cluster) = object.key.id.parse::<Name>() else { continue };
            if !picked.clusters.is_empty() && !picked.clusters.contains(&cluster) {
                continue;
            }
            if let Some(cause) = self.clusters.lost(&cluster).await {
                scan.unread.insert(cluster, cause);
                continue;
            }
            match self.clusters.labelled(&cluster).await {
                Ok(labelled) => self.compare(&cluster, labelled, &mut scan).await?,
                Err(error) => {
                    scan.unread.insert(cluster, error.to_string());
                }
            }
        }
        Ok(scan)
    }

    async fn compare(&self, cluster: &Name, labelled: Vec<Labelled>, scan: &mut Scan) -> Result<(), AskError> {
        let there: BTreeSet<&ResourceId> = labelled.iter().map(|one| &one.id).collect();
        self.strike_out(cluster, &there, scan).await?;
        for Labelled { id, uid } in &labelled {
            // A definition is not one slice's: its claim says who needs it.
            if uid == claim::SHARED {
                continue;
            }
            match self.owner(uid).await? {
                Some((tenant, slice)) => {
                    let orphan = Orphan {
                        format: Orphan::FORMAT,
                        slice,
                        uid: uid.clone(),
                        id: id.clone(),
                        cause: OrphanCause::Found,
                        since: self.engine.now(),
                        operation: String::new(),
                        adopted: None,
                    };
                    scan.found += usize::from(self.enter(&tenant, orphan).await?);
                }
                None => *scan.strangers.entry(cluster.clone()).or_default() += 1,
            }
        }
        Ok(())
    }

    /// Whose a uid is, or was, where its tenant is still there.
    pub(crate) async fn owner(&self, uid: &str) -> Result<Option<(Name, Name)>, AskError> {
        let Some(object) = self.store.get(&uid_key(uid)).await? else { return Ok(None) };
        let name = |field: &str| object.doc[field].as_str().and_then(|text| text.parse::<Name>().ok());
        let (Some(tenant), Some(slice)) = (name("tenant"), name("slice")) else { return Ok(None) };
        let stands = self.store.get(&crate::ops::footing::tenant_key(&tenant)).await?.is_some();
        Ok(stands.then_some((tenant, slice)))
    }

    /// A record is written before its object is made, and goes after it: what has no record now, is there after that,
    /// and still has none, is an orphan.
    async fn enter(&self, tenant: &Name, orphan: Orphan) -> Result<bool, AskError> {
        let (record, key) =
            (codec::resource_key(tenant, &orphan.uid, &orphan.id), codec::orphan_key(tenant, &orphan.uid, &orphan.id));
        if self.store.get(&record).await?.is_some() || self.store.get(&key).await?.is_some() {
            return Ok(false);
        }
        if is_claimed_volume(&orphan) || self.stands(&orphan.id).await != Some(true) {
            return Ok(false);
        }
        let txn = Txn::new().absent(record).absent(key.clone()).put(key, codec::json(&orphan)?);
        match self.store.commit(txn).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// `None`: its cluster does not say.
    async fn stands(&self, id: &ResourceId) -> Option<bool> {
        let models::Target::Cluster(cluster) = &id.target else { return None };
        self.clusters.find(cluster, &Lookup::from(id)).await.ok().map(|found| found.is_some())
    }

    /// What was found once and is gone is no orphan any more.
    async fn strike_out(&self, cluster: &Name, there: &BTreeSet<&ResourceId>, scan: &mut Scan) -> Result<(), AskError> {
        for object in codec::all(&self.store, codec::on_cluster(Kind::Orphan, cluster)).await? {
            let Ok(orphan) = object.read::<Orphan>() else { continue };
            if orphan.cause != OrphanCause::Found
                || there.contains(&orphan.id)
                || self.stands(&orphan.id).await != Some(false)
            {
                continue;
            }
            let txn = Expect::At(vec![object.rev])
                .bind(Txn::new().delete(object.key.clone()), (&object.key, Some(object.rev)))?;
            match self.store.commit(txn).await {
                Ok(_) => scan.gone += 1,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The volumes that a StatefulSet claims carry its labels, and stay or go with their namespace.
fn is_claimed_volume(orphan: &Orphan) -> bool {
    let numbered = |name: &str| {
        let number = name.rsplit('-').next().unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    orphan.id.api().1 == "PersistentVolumeClaim" && numbered(&orphan.id.name)
}
