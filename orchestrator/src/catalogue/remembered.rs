//! What stood on simulated clusters when the last process ended: a simulated world is memory, its records are on disk.
//!
//! Each object is there again as it was applied, with the uid, the version and the addresses that it had. It must never
//! write.

use crate::ops::{codec, standing};
use crate::store::{Kind, Query, Store, StoreError};
use adapters::sim::Sim;
use adapters::{Call, Safe};
use models::Name;
use models::cluster::Cluster;
use models::resource::{Object, Seen, Target};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Reading a sealed value of this machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is remembered, by cluster; each cluster takes its own once.
#[derive(Default)]
pub(super) struct Memory(HashMap<Name, Vec<(Object, Seen)>>);

impl Memory {
    /// Of every simulated cluster. None was used yet: their records stand still.
    pub(super) async fn read(store: &Arc<dyn Store>) -> Result<Self, StoreError> {
        let mut simulated = HashSet::new();
        for object in codec::all(store, Query::of(Kind::Cluster, "")).await? {
            let Some(cluster) = super::readable::<Cluster>(&object) else { continue };
            simulated.extend(cluster.spec.sim.map(|_| cluster.name));
        }
        let mut memory = Self::default();
        for (object, seen) in standing(store).await? {
            match &object.id.target {
                Target::Cluster(name) if simulated.contains(name) => {
                    memory.0.entry(name.clone()).or_default().push((object, seen));
                }
                Target::Cluster(_) | Target::Local => {}
            }
        }
        Ok(memory)
    }

    /// Fills a new simulated cluster with what stood on it. What cannot be opened any more is left out: it shows as gone.
    pub(super) async fn put_back(&mut self, name: &Name, (sim, safe): (&Sim, Arc<dyn Safe>)) {
        for (object, seen) in self.0.remove(name).unwrap_or_default() {
            let call = Call {
                operation: String::new(),
                seq: 0,
                owner: object.owner.uid.clone(),
                adopted: None,
                epoch: 0,
                deadline: DEADLINE,
                safe: Arc::clone(&safe),
            };
            if let Err(error) = sim.put_back(&call, (&object, &seen)).await {
                tracing::warn!(resource = %object.id, %error, "not put back on its simulated cluster");
            }
        }
    }
}
