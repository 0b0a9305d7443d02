//! Clusters on their way out: nothing new stands on them, and they go when nothing is left there.

use super::clusters::key;
use super::{CatalogueError, Clusters};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Expect, Revision, StoreError, Txn};
use models::Name;
use models::cluster::{Cluster, Draining, Waits};

/// How often a cluster is changed once more, after somebody else changed it meanwhile.
pub(super) const TRIES: usize = 8;

impl Clusters {
    /// Marks a cluster to be deleted once nothing stands on it: [`slices::Slices::move_off`] is called for it until then.
    pub async fn drain(
        &self,
        _: &AdminPermit,
        (name, forget): (&Name, bool),
        expect: &Expect,
    ) -> Result<(Cluster, Revision), CatalogueError> {
        let draining = Draining { since: self.now(), forget, waits_for: vec![] };
        self.change((name, expect), |cluster| cluster.draining = Some(draining.clone())).await?;
        self.wanted.notify_one();
        self.get(name).await
    }

    /// It stays, and takes slices again.
    pub async fn uncordon(&self, _: &AdminPermit, name: &Name) -> Result<(Cluster, Revision), CatalogueError> {
        self.change((name, &Expect::Anything), |cluster| cluster.draining = None).await?;
        self.get(name).await
    }

    pub(super) async fn change(
        &self,
        (name, expect): (&Name, &Expect),
        change: impl Fn(&mut Cluster),
    ) -> Result<(), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("cluster {name}"));
        for _ in 0..TRIES {
            let object = self.store.get(&key(name)).await?.ok_or_else(missing)?;
            expect.check(&key(name), Some(object.rev))?;
            let mut cluster: Cluster = object.read()?;
            change(&mut cluster);
            let txn = Txn::new().at(key(name), object.rev).put(key(name), codec::json(&cluster)?);
            match self.store.commit(txn).await {
                // Somebody else changed another part of it; whoever said which version they mean is told.
                Err(StoreError::Conflict { .. }) if *expect == Expect::Anything => {}
                done => return Ok(done.map(drop)?),
            }
        }
        Err(CatalogueError::Unavailable(format!("cluster {name} is changed all the time")))
    }

    /// Clusters that are on their way out.
    pub async fn draining(&self) -> Result<Vec<(Cluster, Revision)>, StoreError> {
        Ok(self.list().await?.into_iter().filter(|(cluster, _)| cluster.draining.is_some()).collect())
    }

    /// What was found out about a cluster that is drained: it goes where nothing is left there, unless somebody changed it
    /// since it was looked at, who may have kept it.
    pub async fn drained(&self, (name, rev): (&Name, Revision), waits_for: Vec<Waits>) -> Result<(), CatalogueError> {
        let waits_for = match waits_for.is_empty() {
            false => waits_for,
            true => match self.remove(name, &Expect::At(vec![rev])).await {
                Ok(()) => {
                    tracing::info!(cluster = %name, "drained, and deleted");
                    return Ok(());
                }
                Err(CatalogueError::InUse { users }) => {
                    users.into_iter().map(|what| Waits { tenant: None, what }).collect()
                }
                Err(CatalogueError::Store(StoreError::Conflict { .. }) | CatalogueError::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let known = self.get(name).await?.0.draining;
        match known {
            Some(draining) if draining.waits_for != waits_for => {
                self.change((name, &Expect::Anything), |cluster| {
                    if let Some(draining) = &mut cluster.draining {
                        draining.waits_for.clone_from(&waits_for);
                    }
                })
                .await
            }
            Some(_) | None => Ok(()),
        }
    }
}
