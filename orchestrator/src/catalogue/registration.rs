//! Registering a cluster, and changing one: what is refused, and what of it is kept.

use super::CatalogueError;
use super::clusters::{Clusters, key};
use super::drain::TRIES;
use super::registry::kubeconfig_key;
use super::users::{Thing, users};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Expect, Revision, StoreError, Txn};
use adapters::PortError;
use adapters::kubernetes::{ExecPolicy, Kubernetes, certificate_end};
use jiff::Timestamp;
use models::cluster::{Cluster, Health, HealthState};
use models::labels::Labels;
use models::{ClusterSpec, Name, Problem};
use serde_json::Value;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long who gives a cluster another kubeconfig waits for it to say which it is.
const MEET: Duration = Duration::from_secs(2);

/// What registering takes.
pub struct NewCluster {
    pub name: Name,
    pub labels: Labels,
    pub spec: ClusterSpec,
    pub kubeconfig: Option<Zeroizing<String>>,
}

impl Clusters {
    /// Registers a cluster, or changes one, where the caller finds what it expects.
    pub async fn put(
        &self,
        _: &AdminPermit,
        new: NewCluster,
        expect: &Expect,
    ) -> Result<(Cluster, Revision), CatalogueError> {
        let known = self.store.get(&key(&new.name)).await?;
        expect.check(&key(&new.name), known.as_ref().map(|object| object.rev))?;
        same_kind(&new, known.as_ref().map(|object| object.read()).transpose()?.as_ref())?;
        let end = self.check(&new, known.is_some()).await?;
        let another = match known.as_ref().map(|object| object.read::<Cluster>()).transpose()? {
            Some(old) => self.is_another(&new, &old).await?,
            None => false,
        };
        let sealed = new.kubeconfig.as_ref().map(|kubeconfig| {
            let plain = Zeroizing::new(kubeconfig.as_bytes().to_vec());
            self.registry.seal(&new.name, plain).map_err(|error| CatalogueError::Unavailable(error.to_string()))
        });
        // What was there when it was checked must not be gone, and made anew of half of it.
        let expect = if known.is_some() && *expect == Expect::Anything { &Expect::Exists } else { expect };
        let (cluster, before) = self.kept((&new, end, another), sealed.transpose()?, expect).await?;
        if cluster.health.state == HealthState::Unknown {
            self.live.write().await.remove(&new.name);
        }
        match cluster.spec.sim.as_ref().filter(|_| before) {
            Some(spec) => self.registry.reshape(&new.name, spec).await,
            None => self.registry.forget(&new.name),
        }
        self.seen_soon(&cluster).await?;
        self.get(&new.name).await
    }

    /// Written down with what others did to it meanwhile, and whether it was there before.
    async fn kept(
        &self,
        (new, end, another): (&NewCluster, Option<Timestamp>, bool),
        sealed: Option<Value>,
        expect: &Expect,
    ) -> Result<(Cluster, bool), CatalogueError> {
        let key = key(&new.name);
        for _ in 0..TRIES {
            let before = self.store.get(&key).await?;
            expect.check(&key, before.as_ref().map(|object| object.rev))?;
            let old: Option<Cluster> = before.as_ref().map(|object| object.read()).transpose()?;
            same_kind(new, old.as_ref())?;
            let old = old.map(|old| Cluster { identity: old.identity.filter(|_| !another), ..old });
            let cluster = changed((new, end), old);
            let txn = Txn::new().put(key.clone(), codec::json(&cluster)?);
            let txn = match &before {
                Some(object) => txn.at(key.clone(), object.rev),
                None => txn.absent(key.clone()),
            };
            let txn = match &sealed {
                Some(sealed) => txn.put(kubeconfig_key(&new.name), sealed.clone()),
                None => txn,
            };
            match self.store.commit(txn).await {
                Err(StoreError::Conflict { .. }) if matches!(expect, Expect::Anything | Expect::Exists) => {}
                done => return Ok(done.map(|_| (cluster, before.is_some()))?),
            }
        }
        Err(CatalogueError::Unavailable(format!("cluster {} is changed all the time", new.name)))
    }

    /// A simulated cluster answers at once; a real one may not, and nobody waits for it: it is looked at next.
    async fn seen_soon(&self, cluster: &Cluster) -> Result<(), StoreError> {
        match &cluster.spec.sim {
            Some(_) => self.look(&cluster.name).await?,
            None => {
                self.unseen.lock().await.insert(cluster.name.clone());
            }
        }
        // What waits for it goes on.
        self.wanted.notify_one();
        Ok(())
    }

    /// A kubeconfig that cannot be used is refused now, not at the first operation.
    async fn check(&self, new: &NewCluster, known: bool) -> Result<Option<Timestamp>, CatalogueError> {
        let problem = |message: &str, mend: &str| {
            CatalogueError::Problems(vec![Problem::at("spec.kubeconfig", message).mend(mend)])
        };
        match (&new.kubeconfig, &new.spec.sim) {
            (Some(_), Some(_)) => Err(problem("a simulated cluster has none", "leave one of the two out")),
            (None, None) if !known => Err(problem(
                "there is none",
                "sliceway cluster add NAME --kubeconfig F, or spec.sim for a simulated one",
            )),
            (None, _) => Ok(None),
            (Some(text), None) => {
                let exec: ExecPolicy = self.registry.exec();
                let mend = "give a kubeconfig that holds all it needs";
                let made = Kubernetes::connect(new.name.clone(), text, exec).await;
                let made = made.map_err(|error| problem(&error.to_string(), mend))?;
                made.opens().await.map_err(|error| problem(&error.to_string(), mend))?;
                Ok(certificate_end(text))
            }
        }
    }

    /// Whether a new kubeconfig leads to another cluster than the old one. That is refused where something stands on the old
    /// one: it would be taken for gone. Where nobody answers, the next look tells.
    async fn is_another(&self, new: &NewCluster, old: &Cluster) -> Result<bool, CatalogueError> {
        let (Some(text), Some(_)) = (&new.kubeconfig, &old.identity) else { return Ok(false) };
        let Ok(made) = Kubernetes::connect(new.name.clone(), text, self.registry.exec()).await else {
            return Ok(false);
        };
        let made = made.of_uid(old.identity.clone());
        let Ok(Err(PortError::Forbidden { cause, .. })) = tokio::time::timeout(MEET, made.meets()).await else {
            return Ok(false);
        };
        let users = users(&self.store, Thing::Cluster(&new.name)).await?;
        if users.is_empty() {
            return Ok(true);
        }
        let problem = Problem::at("spec.kubeconfig", format!("{cause}; what stands on that: {}", users.join(", ")))
            .mend("register it under a name of its own: sliceway cluster add NAME --kubeconfig F");
        Err(CatalogueError::Problems(vec![problem]))
    }
}

/// What is to be stored of a cluster: what its caller says, and of the old one what its caller does not say.
fn changed((new, end): (&NewCluster, Option<Timestamp>), old: Option<Cluster>) -> Cluster {
    Cluster {
        name: new.name.clone(),
        labels: new.labels.clone(),
        spec: new.spec.clone(),
        // Reached in another way: nothing is known of it.
        health: old.as_ref().filter(|_| new.kubeconfig.is_none()).map_or_else(unknown, |old| old.health.clone()),
        facts: old.as_ref().and_then(|old| old.facts.clone()),
        identity: old.as_ref().and_then(|old| old.identity.clone()),
        owner: old.as_ref().and_then(|old| old.owner.clone()),
        taken: old.as_ref().map(|old| old.taken.clone()).unwrap_or_default(),
        draining: old.as_ref().and_then(|old| old.draining.clone()),
        certificate_end: end.or(old.and_then(|old| old.certificate_end)),
    }
}

/// A real cluster stays real and a simulated one simulated: what stands on it would be lost without a word.
fn same_kind(new: &NewCluster, old: Option<&Cluster>) -> Result<(), CatalogueError> {
    let Some(old) = old else { return Ok(()) };
    if old.spec.sim.is_some() == new.spec.sim.is_some() {
        return Ok(());
    }
    let message = format!("cluster {} is {}", new.name, if old.spec.sim.is_some() { "simulated" } else { "real" });
    let mend = "keep it so, or delete the cluster first and register it anew";
    Err(CatalogueError::Problems(vec![Problem::at("spec.sim", message).mend(mend)]))
}

fn unknown() -> Health {
    Health { state: HealthState::Unknown, cause: String::new(), since: None }
}
