//! Slices: from an intent to a plan and an operation, and the truth about what became of it.
//!
//! It must never touch a target but through `ops`, and never know HTTP.

mod adopt;
mod ask;
mod credentials;
mod describe;
mod drain;
mod expected;
mod holders;
mod look;
mod meant;
mod orphans;
mod renewal;
mod resolve;
mod scan;
mod snapshot;
mod start;
mod takeover;
mod test;
mod waiting;

pub use ask::{Adoption, Ask, AskError, AskOptions, Goal, HelmRelease, NoPlace, Started, Supersede};
pub use meant::Meant;
pub use orphans::{Picked, Removal};
pub use scan::Scan;

use crate::ops::{Engine, Planner, codec};
pub use crate::plan::bundle::ChartPin;
use crate::plan::claim;
pub use crate::plan::lookup::Finder;
use crate::plan::{Choice, Recorded, Renderer};
use crate::store::{Key, Kind, Object, Query, Revision, Store, StoreError};
use adapters::{Labelled, PortError};
use async_trait::async_trait;
use jiff::Timestamp;
use models::cluster::Cluster;
use models::slice::Chart;
use models::{Name, Problem, Resource, ResourceId, Slice};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Where the snapshot of the clusters comes from: the catalogue, which keeps their facts fresh.
#[async_trait]
pub trait Clusters: Finder {
    /// Every cluster. Those that are meant with facts that are fresh enough for a plan, and not older than `since`, or with
    /// the reason why they are not; the others without facts.
    async fn snapshot(&self, since: Timestamp, meant: &Meant) -> Result<Vec<Cluster>, StoreError>;

    /// What carries our label there.
    async fn labelled(&self, cluster: &Name) -> Result<Vec<Labelled>, PortError>;

    /// Why a cluster cannot be reached, as far as is known without asking it; `None`: it can.
    async fn away(&self, cluster: &Name) -> Option<String>;

    /// Why nothing can be done there: it is away, or refuses who we are; `None`: something can.
    async fn lost(&self, cluster: &Name) -> Option<String> {
        self.away(cluster).await
    }
}

/// Where charts come from: the catalogue, which knows the repositories and the tenant's packages.
#[async_trait]
pub trait Charts: Send + Sync {
    /// Resolves and fetches, one answer for each.
    async fn resolve(&self, tenant: &Name, charts: &[&Chart]) -> Result<Vec<Result<ChartPin, Unresolved>>, StoreError>;
}

/// Why a chart cannot be had.
#[derive(Debug, Clone)]
pub struct Unresolved {
    /// Its field is below the chart's: `.version`.
    pub problem: Problem,
    pub retry: Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same may succeed later.
    Later,
    Never,
}

pub struct Slices {
    /// One at a time is given a place: no two get the same room.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) clusters: Arc<dyn Clusters>,
    pub(crate) charts: Arc<dyn Charts>,
    stuck: tokio::sync::Mutex<drain::Stuck>,
}

impl Slices {
    pub fn new(
        store: Arc<dyn Store>,
        engine: Engine,
        renderer: Arc<dyn Renderer>,
        (clusters, charts): (Arc<dyn Clusters>, Arc<dyn Charts>),
    ) -> Arc<Self> {
        let (turn, stuck) = (Arc::default(), tokio::sync::Mutex::default());
        let slices = Arc::new(Self { turn, store, engine, renderer, clusters, charts, stuck });
        let planner: Weak<dyn Planner> = Arc::downgrade(&(Arc::clone(&slices) as Arc<dyn Planner>));
        slices.engine.plan_by(planner);
        slices
    }

    pub async fn get(&self, tenant: &Name, name: &Name) -> Result<(Slice, Revision), AskError> {
        let found = self.store.get(&codec::slice_key(tenant, name)).await?;
        let object = found.ok_or_else(|| AskError::NotFound(format!("slice {name}")))?;
        Ok((object.read()?, object.rev))
    }

    pub async fn list(&self, tenant: &Name) -> Result<Vec<(Slice, Revision)>, AskError> {
        let objects = codec::all(&self.store, Query::of(Kind::Slice, tenant.as_str())).await?;
        let left_out = |error: &StoreError| tracing::warn!(%error, "left out of a list");
        let readable = |object: &Object| Some((object.read().inspect_err(left_out).ok()?, object.rev));
        Ok(objects.iter().filter_map(readable).collect())
    }

    /// Why each function stands where it stands.
    pub async fn explain(&self, tenant: &Name, name: &Name) -> Result<Vec<Choice>, AskError> {
        let (slice, _) = self.get(tenant, name).await?;
        match self.waits_for(tenant, &slice).await? {
            Some(choices) => Ok(choices),
            None => self.choices(tenant, &slice.uid).await,
        }
    }

    async fn choices(&self, tenant: &Name, uid: &str) -> Result<Vec<Choice>, AskError> {
        let found = self.store.get(&codec::choices_key(tenant, uid)).await?;
        Ok(found.map(|object| object.read()).transpose()?.unwrap_or_default())
    }
}

/// Everything that is compared with its record. What a hook left is nobody's business until the hook runs again; a
/// definition is not one slice's.
fn looked_at(recorded: &BTreeMap<ResourceId, Recorded>) -> Vec<ResourceId> {
    let own = |resource: &Resource| match resource {
        Resource::Object(object) => !claim::is_shared(&object.id),
        Resource::Readiness(_) | Resource::Secret(_) => true,
        Resource::Hook(_) => false,
    };
    let kept = recorded.iter().filter(|(_, recorded)| own(&recorded.resource));
    kept.map(|(id, _)| id.clone()).collect()
}

/// What the id of a plan that was shown begins with.
pub(crate) const SHOWN: &str = "shown/";

/// The plan that was shown last for a name.
fn shown_key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Plan, tenant.as_str(), format!("{SHOWN}{name}"))
}

/// Whose a uid is, for ever: what stands in the world is found by it.
fn uid_key(uid: &str) -> Key {
    Key::installation(Kind::Meta, format!("uid/{uid}"))
}

/// How often a name was used; survives the slice.
fn incarnation_key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Meta, tenant.as_str(), format!("incarnation/{name}"))
}
