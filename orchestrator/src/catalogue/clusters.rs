//! Clusters: registered, looked at in the background, and never forgotten while a slice stands on them.

use super::live::{Live, overlaid, without_facts};
use super::readable;
use super::users::Thing;
use super::{CatalogueError, Registry, deletion};
use crate::assurance;
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::slices;
use crate::store::{Clock, Expect, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use adapters::helm::Lookup;
use adapters::kubernetes::another;
use adapters::release;
use adapters::{Call, Heard, Labelled, PortError, Safe, Sealed};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use models::cluster::{Cluster, Health, HealthState, Ownership, Taken};
use models::secret::SecretRef;
use models::{ClusterFacts, Name};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, RwLock, mpsc};
use tokio::time::Instant;

/// How long a cluster has to tell about itself, at most.
const LOOK: Duration = Duration::from_secs(5);
/// How long who deletes a cluster waits for it to be told.
const LET_GO: Duration = Duration::from_millis(500);
/// Clusters that are registered within this time are looked at together, and those of them that are gone again are not.
const GATHER: Duration = Duration::from_millis(50);
/// One that is away is looked at again this soon where somebody asks for it.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);
/// How long a cluster has to tell everything that carries our label.
const SCAN: Duration = Duration::from_secs(60);
/// Facts of this age are read again before a plan rests on them.
const FRESH: SignedDuration = SignedDuration::from_secs(5);

type Known = (Revision, Arc<[(Cluster, Revision)]>);

#[derive(Clone)]
pub struct Clusters {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    clock: Clock,
    /// As they are stored, and by which change.
    known: Arc<RwLock<Option<Known>>>,
    /// What was read last; the store keeps what survives a restart.
    pub(super) live: Arc<RwLock<BTreeMap<Name, Live>>>,
    /// One name at a time gets to know which cluster it is.
    identities: Arc<Mutex<()>>,
    /// One look at a cluster at a time for plans.
    turns: Arc<Mutex<BTreeMap<Name, Arc<Mutex<()>>>>>,
    /// How often every cluster is looked at.
    every: Duration,
    /// When all are looked at next.
    due: Arc<Mutex<Instant>>,
    /// Somebody wants the next look now ...
    pub(super) wanted: Arc<Notify>,
    /// ... at these; at all where none is named.
    pub(super) unseen: Arc<Mutex<BTreeSet<Name>>>,
}

pub(super) fn key(name: &Name) -> Key {
    Key::installation(Kind::Cluster, name.as_str())
}

impl Clusters {
    pub fn new(store: Arc<dyn Store>, registry: Arc<Registry>, clock: Clock) -> Self {
        let (live, turns, wanted, unseen) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let known = Arc::default();
        let due = Arc::new(Mutex::new(Instant::now() + LOOK));
        let identities = Arc::default();
        Self { store, registry, clock, known, live, identities, turns, every: LOOK, due, wanted, unseen }
    }

    /// Every cluster is looked at this often; no look takes longer than that.
    pub fn every(self, every: Duration) -> Self {
        Self { every, due: Arc::new(Mutex::new(Instant::now() + every)), ..self }
    }

    /// Looks at all clusters when it is time to, or at what somebody waits for.
    pub async fn look_when_due(&self) -> Result<(), StoreError> {
        let due = *self.due.lock().await;
        tokio::select! {
            () = tokio::time::sleep_until(due) => {
                // One that hangs for as long as it may puts off no other's next look.
                *self.due.lock().await = Instant::now().max(due) + self.every;
                self.look_at_all().await
            }
            () = self.wanted.notified() => {
                tokio::time::sleep(GATHER).await;
                let unseen = std::mem::take(&mut *self.unseen.lock().await);
                match unseen.is_empty() {
                    true => self.look_at_all().await,
                    false => self.look_at(unseen.into_iter().collect()).await,
                }
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub async fn get(&self, name: &Name) -> Result<(Cluster, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("cluster {name}"));
        let object = self.store.get(&key(name)).await?.ok_or_else(missing)?;
        Ok((overlaid(object.read()?, &*self.live.read().await), object.rev))
    }

    /// Requests sent to each cluster since its port was made.
    pub fn calls(&self) -> Vec<(Name, u64)> {
        self.registry.calls()
    }

    pub async fn list(&self) -> Result<Vec<(Cluster, Revision)>, StoreError> {
        let (known, live) = (self.stored().await?, self.live.read().await);
        Ok(known.iter().map(|(cluster, rev)| (overlaid(cluster.clone(), &live), *rev)).collect())
    }

    /// As they are stored: read again when one of them changed.
    async fn stored(&self) -> Result<Arc<[(Cluster, Revision)]>, StoreError> {
        let newest = self.store.newest_of(Kind::Cluster);
        if let (Some(newest), Some((at, known))) = (newest, self.known.read().await.as_ref())
            && newest == *at
        {
            return Ok(Arc::clone(known));
        }
        let objects = codec::all(&self.store, Query::of(Kind::Cluster, "")).await?;
        let read = |object: &Object| readable::<Cluster>(object).map(|cluster| (cluster, object.rev));
        let all: Arc<[(Cluster, Revision)]> = objects.iter().filter_map(read).collect();
        if let Some(newest) = newest {
            *self.known.write().await = Some((newest, Arc::clone(&all)));
        }
        Ok(all)
    }

    pub async fn delete(&self, _: &AdminPermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        self.remove(name, expect).await
    }

    pub(super) async fn remove(&self, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let state = self.live.read().await.get(name).map(|live| live.health.state);
        let reached = match state {
            Some(HealthState::Reachable) => self.registry.handle(name).await.ok(),
            Some(HealthState::Unknown | HealthState::Unreachable | HealthState::Refused) | None => None,
        };
        deletion::delete(&self.store, Thing::Cluster(name), expect).await?;
        if let Some(handle) = reached {
            // Where that fails, or takes longer, its Lease names a server that is gone from it, which a takeover mends.
            let _ = tokio::time::timeout(LET_GO, handle.discovery.let_go(&look_call())).await;
        }
        self.registry.forget(name);
        self.live.write().await.remove(name);
        self.turns.lock().await.remove(name);
        Ok(())
    }

    /// Looks at every cluster at once; one that hangs delays no other.
    pub async fn look_at_all(&self) -> Result<(), StoreError> {
        self.look_at(self.list().await?.into_iter().map(|(cluster, _)| cluster.name).collect()).await
    }

    async fn look_at(&self, names: Vec<Name>) -> Result<(), StoreError> {
        let looks = names.iter().map(|name| self.look(name));
        futures::future::join_all(looks).await.into_iter().collect()
    }

    pub(super) async fn look(&self, name: &Name) -> Result<(), StoreError> {
        if self.store.get(&key(name)).await?.is_none() {
            return Ok(());
        }
        let now = self.now();
        let result = self.facts(name).await;
        // One after the other: of two names for one cluster the second is refused.
        let _identities = self.identities.lock().await;
        let result = match result {
            Ok(facts) => self.single(name, facts).await?,
            Err(error) => Err(error),
        };
        let (state, cause) = match &result {
            Ok(_) => (HealthState::Reachable, String::new()),
            Err(error @ (PortError::Unauthorized { .. } | PortError::Forbidden { .. })) => {
                (HealthState::Refused, error.to_string())
            }
            Err(error) => (HealthState::Unreachable, error.to_string()),
        };
        let uid = result.as_ref().ok().map(|facts| facts.uid.clone()).filter(|uid| !uid.is_empty());
        let facts = result.ok().map(|facts| ClusterFacts { read_at: Some(now), ..facts });
        let Some(object) = self.store.get(&key(name)).await? else { return Ok(()) };
        let mut cluster: Cluster = object.read()?;
        let met = cluster.identity.is_none() && uid.is_some();
        let turned = cluster.health.state != state;
        let since = if turned { Some(now) } else { cluster.health.since };
        let health = Health { state, cause, since };
        let facts = facts.or_else(|| cluster.facts.clone());
        let owner = match self.owner(name, state).await {
            Ok(owner) => owner,
            // It cannot be read now: as it was read last.
            Err(_) => match self.live.read().await.get(name) {
                Some(live) => live.owner.clone(),
                None => cluster.owner.clone(),
            },
        };
        let live = Live { health: health.clone(), facts: facts.clone(), owner: owner.clone(), looked: now };
        self.live.write().await.insert(name.clone(), live);
        if turned {
            tracing::info!(cluster = %name, state = ?health.state, cause = %health.cause, "a cluster's health turned");
        }
        if turned || met {
            cluster.identity = cluster.identity.or(uid);
            cluster.health = health;
            cluster.facts = facts;
            cluster.owner = owner;
            let txn = Txn::new().at(key(name), object.rev).put(key(name), codec::json(&cluster)?);
            // Somebody changed the cluster meanwhile: the next look writes.
            let _ = self.store.commit(txn).await;
        }
        Ok(())
    }

    /// What was read of it, or why it is not taken for a cluster of its own.
    async fn single(&self, name: &Name, facts: ClusterFacts) -> Result<Result<ClusterFacts, PortError>, StoreError> {
        let known = self.stored().await?;
        let own = known.iter().find(|(cluster, _)| cluster.name == *name).and_then(|(own, _)| own.identity.clone());
        if let Some(meant) = own.as_ref().filter(|meant| !facts.uid.is_empty() && **meant != facts.uid) {
            // Nobody speaks to it by what is kept of the former one.
            self.registry.forget(name);
            return Ok(Err(another(name, (&facts.uid, meant))));
        }
        let same = |cluster: &Cluster| cluster.name != *name && cluster.identity.as_deref() == Some(&facts.uid);
        let other = known.iter().find(|(cluster, _)| own.is_none() && !facts.uid.is_empty() && same(cluster));
        Ok(match other {
            None => Ok(facts),
            Some((other, _)) => Err(PortError::Forbidden {
                target: name.to_string(),
                cause: format!(
                    "it is the cluster that is registered as {}, and stays unused under a second name: \
                     sliceway delete cluster {name}",
                    other.name
                ),
            }),
        })
    }

    /// `None`: it is nobody's.
    async fn owner(&self, name: &Name, state: HealthState) -> Result<Option<Ownership>, PortError> {
        if state != HealthState::Reachable {
            return Err(PortError::Unreachable { target: name.to_string(), cause: "it does not answer".into() });
        }
        self.registry.handle(name).await?.discovery.owner(&look_call()).await
    }

    /// From now on this server writes there, and whoever did before refuses to.
    pub async fn take_over(
        &self,
        _: &AdminPermit,
        (name, epoch): (&Name, u64),
    ) -> Result<(Cluster, Revision), CatalogueError> {
        self.get(name).await?;
        let unavailable = |error: PortError| CatalogueError::Unavailable(error.to_string());
        let handle = self.registry.handle(name).await.map_err(unavailable)?;
        let call = Call { epoch, ..look_call() };
        let before = handle.discovery.take_over(&call).await.map_err(unavailable)?;
        if let Some(from) = before.filter(|before| !before.ours) {
            tracing::warn!(cluster = %name, instance = %from.instance, server = %from.server, "taken over");
            let taken = Taken { at: self.now(), from };
            self.change((name, &Expect::Anything), |cluster| cluster.taken.push(taken.clone())).await?;
        }
        self.look(name).await?;
        self.get(name).await
    }

    async fn facts(&self, name: &Name) -> Result<ClusterFacts, PortError> {
        let call = Call { deadline: LOOK.min(self.every), ..look_call() };
        self.registry.handle(name).await?.discovery.facts(&call).await
    }
}

fn look_call() -> Call {
    Call {
        operation: String::new(),
        seq: 0,
        owner: String::new(),
        adopted: None,
        epoch: 0,
        deadline: LOOK,
        safe: Arc::new(NoSafe),
    }
}

#[async_trait]
impl slices::Finder for Clusters {
    async fn find(&self, cluster: &Name, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        self.registry.handle(cluster).await?.discovery.find(&look_call(), lookup).await
    }

    async fn releases(
        &self,
        cluster: &Name,
        asked: (&str, Option<&[String]>),
    ) -> Result<Vec<release::HelmRevision>, PortError> {
        self.registry.handle(cluster).await?.discovery.releases(&look_call(), asked).await
    }
}

#[async_trait]
impl slices::Clusters for Clusters {
    /// Facts that are too old are read again; a cluster that is known to be away is not waited for.
    async fn snapshot(&self, since: Timestamp, meant: &slices::Meant) -> Result<Vec<Cluster>, StoreError> {
        let known = self.stored().await?;
        let names = known.iter().filter(|(cluster, _)| meant.has(cluster)).map(|(cluster, _)| cluster.name.clone());
        let names: Vec<Name> = names.collect();
        let looks = names.iter().map(|name| self.look_anew(name, since));
        futures::future::join_all(looks).await.into_iter().collect::<Result<(), _>>()?;
        let (known, live) = (self.stored().await?, self.live.read().await);
        let seen = |(cluster, _): &(Cluster, Revision)| match meant.has(cluster) {
            true => overlaid(cluster.clone(), &live),
            false => without_facts(cluster, &live),
        };
        Ok(known.iter().map(seen).collect())
    }

    async fn labelled(&self, cluster: &Name) -> Result<Vec<Labelled>, PortError> {
        let call = Call { deadline: SCAN, ..look_call() };
        self.registry.handle(cluster).await?.discovery.scan(&call, None).await
    }

    async fn away(&self, cluster: &Name) -> Option<String> {
        // The lock is not held over the question below, which takes it again: between the two a writer may wait for it.
        let known = self.live.read().await.get(cluster).map(|live| live.health.clone());
        let health = match known {
            Some(health) => health,
            None => self.get(cluster).await.ok()?.0.health,
        };
        (health.state == HealthState::Unreachable).then_some(health.cause)
    }

    async fn lost(&self, cluster: &Name) -> Option<String> {
        let health = self.get(cluster).await.ok()?.0.health;
        matches!(health.state, HealthState::Unreachable | HealthState::Refused).then_some(health.cause)
    }
}

#[async_trait]
impl assurance::Ears for Clusters {
    /// Ends where the cluster is reached in another way from now on.
    async fn hear(&self, cluster: &Name, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        let (handle, call) = (self.registry.handle(cluster).await?, look_call());
        tokio::select! {
            ended = handle.discovery.hear(&call, tell) => ended,
            () = handle.forgotten.cancelled() => Ok(()),
        }
    }

    async fn names(&self) -> Result<Vec<Name>, StoreError> {
        Ok(self.stored().await?.iter().map(|(cluster, _)| cluster.name.clone()).collect())
    }
}

impl Clusters {
    async fn is_stale(&self, name: &Name, since: Timestamp) -> bool {
        match self.live.read().await.get(name) {
            Some(live) => {
                let old = self.is_past(live.looked, FRESH) || live.looked <= since;
                live.health.state == HealthState::Reachable && old
            }
            None => true,
        }
    }

    async fn is_long_away(&self, name: &Name) -> bool {
        let live = self.live.read().await;
        let away = live.get(name).filter(|live| live.health.state != HealthState::Reachable);
        away.is_some_and(|live| self.is_past(live.looked, AGAIN))
    }

    /// Longer ago than that. What is yet to come was told by a calendar that was set back since: who knows how long ago.
    fn is_past(&self, at: Timestamp, age: SignedDuration) -> bool {
        let passed = self.now().duration_since(at);
        passed > age || passed.is_negative()
    }

    /// Who comes while somebody looks waits, and takes what was read if that is new enough.
    async fn look_anew(&self, name: &Name, since: Timestamp) -> Result<(), StoreError> {
        if self.is_long_away(name).await {
            // Nobody waits for it; who comes next meets what it says now.
            self.wanted.notify_one();
        }
        if !self.is_stale(name, since).await {
            return Ok(());
        }
        let turn = Arc::clone(self.turns.lock().await.entry(name.clone()).or_default());
        let _turn = turn.lock().await;
        match self.is_stale(name, since).await {
            true => self.look(name).await,
            false => Ok(()),
        }
    }
}

/// Telling about itself needs no secret.
pub(super) struct NoSafe;

#[async_trait]
impl Safe for NoSafe {
    async fn read(&self, _: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        Ok(None)
    }

    async fn write(&self, _: &SecretRef, _: Vec<(String, Sealed)>) -> Result<(), PortError> {
        Err(PortError::Sealed { cause: "nothing is kept here".into() })
    }

    async fn versions(&self, _: &str) -> Result<Vec<u32>, PortError> {
        Ok(vec![])
    }

    async fn erase(&self, _: &SecretRef) -> Result<(), PortError> {
        Ok(())
    }

    async fn blob(&self, _: &str) -> Result<Sealed, PortError> {
        Err(PortError::Sealed { cause: "nothing is kept here".into() })
    }
}
