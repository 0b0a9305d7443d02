//! Keeps slices true after their operations: hears of changes on the clusters, raises alarms, and heals where a slice says
//! so (ENGINE.md 15).
//!
//! What is heard is an identity; the truth is read of that one thing. It must never touch a target but by an operation,
//! never look at what an open operation works on, and never keep what an object holds.

mod drift;
mod listen;

use crate::ops::Engine;
use crate::slices::{Clusters, Slices};
use crate::store::{Kind, Object, Query, Store, StoreError};
use async_trait::async_trait;
use models::{Alarm, Name};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use adapters::{Heard, PortError};
use tokio::sync::mpsc;

/// How often it is seen which clusters there are.
const EVERY: Duration = Duration::from_secs(2);

/// Where changes are heard of: the catalogue, which has the clusters' ports.
#[async_trait]
pub trait Ears: Clusters {
    /// As [`adapters::Discovery::hear`].
    async fn hear(&self, cluster: &Name, tell: &mpsc::Sender<Heard>) -> Result<(), PortError>;
    /// The clusters that there are.
    async fn names(&self) -> Result<Vec<Name>, StoreError>;
}

pub struct Assurance {
    store: Arc<dyn Store>,
    engine: Engine,
    slices: Arc<Slices>,
    ears: Arc<dyn Ears>,
    /// Between two looks at everything on a cluster.
    scan: Duration,
}

impl Assurance {
    pub fn new(
        store: Arc<dyn Store>,
        (engine, slices): (Engine, Arc<Slices>),
        ears: Arc<dyn Ears>,
        scan: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { store, engine, slices, ears, scan })
    }

    /// Listens to every cluster, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut listening: BTreeMap<Name, CancellationToken> = BTreeMap::new();
        while !stop.is_cancelled() {
            match self.ears.names().await {
                Ok(names) => {
                    listening.retain(|name, end| {
                        names.contains(name) || {
                            end.cancel();
                            false
                        }
                    });
                    for name in names {
                        let end = stop.child_token();
                        if !listening.contains_key(&name) {
                            listening.insert(name.clone(), end.clone());
                            let listener = Arc::clone(&self);
                            tasks.spawn(async move { listener.listen(&name, end).await });
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "the clusters could not be listed; tried again later"),
            }
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// What is raised now, of one tenant.
    pub async fn alarms(store: &Arc<dyn Store>, tenant: &Name) -> Result<Vec<Alarm>, StoreError> {
        let objects = crate::ops::codec::all(store, Query::of(Kind::Alarm, tenant.as_str())).await?;
        let read =
            |object: &Object| object.read::<Alarm>().inspect_err(|error| tracing::warn!(%error, "left out of a list"));
        Ok(objects.iter().filter_map(|object| read(object).ok()).filter(|alarm| alarm.raised).collect())
    }
}
