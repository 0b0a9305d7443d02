//! The snapshot that a plan rests on. It is read before planning; nothing in it can be asked again.

use super::bundle::{Bundle, ChartPin};
use super::claim::Claim;
use super::model::{Choice, Recorded};
use adapters::release::HelmRevision;
use jiff::Timestamp;
use models::cluster::{Cluster, HealthState};
use models::resource::{ResourceId, Seen, Target};
use models::{ClusterFacts, Name, Problem, Slice};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default)]
pub struct World {
    pub now: Timestamp,
    /// Which server plans: no two make slices of one uid.
    pub installation: String,
    pub slice: Option<Slice>,
    /// The uid that a slice has already whose operation waits for its first place.
    pub uid: Option<String>,
    /// How often this name was used before.
    pub incarnations: u64,
    pub clusters: BTreeMap<Name, ClusterView>,
    /// Charts of functions that have none yet, or another one than the file means now, as they were resolved.
    pub charts: BTreeMap<Name, Result<ChartPin, Problem>>,
    pub recorded: BTreeMap<ResourceId, Recorded>,
    pub observed: BTreeMap<ResourceId, Observed>,
    /// What the slice left behind and is not rid of yet.
    pub orphans: BTreeSet<ResourceId>,
    /// Claims on what belongs to whole clusters.
    pub claims: BTreeMap<String, Claim>,
    /// Revisions of Helm releases that stand in the slice's namespace, whoever made them.
    pub releases: BTreeMap<Name, Vec<HelmRevision>>,
    /// Rendered charts of this slice, by function.
    pub bundles: BTreeMap<String, Bundle>,
    /// Room that operations under way were given, by cluster.
    pub booked: Vec<(Name, Vec<topology::Pods>)>,
    /// What placement chose before.
    pub standing: Vec<topology::Standing>,
    /// The choices in force, with what was found out about every candidate when they were made.
    pub choices: Vec<Choice>,
}

impl World {
    /// Why a target cannot be reached, and since when; `None`: it can, or nobody looked yet.
    pub fn away(&self, target: &Target) -> Option<String> {
        let Target::Cluster(name) = target else { return None };
        let health = &self.clusters.get(name)?.cluster.health;
        let since = health.since.map(|at| format!(", since {at}")).unwrap_or_default();
        (health.state == HealthState::Unreachable).then(|| format!("{}{since}", health.cause))
    }
}

impl World {
    /// As [`World::away`], also where it answers and refuses who we are: nothing can be done there.
    pub fn lost(&self, target: &Target) -> Option<String> {
        let Target::Cluster(name) = target else { return None };
        let health = &self.clusters.get(name)?.cluster.health;
        match health.state {
            HealthState::Refused => Some(health.cause.clone()),
            HealthState::Unknown | HealthState::Reachable | HealthState::Unreachable => self.away(target),
        }
    }
}

#[derive(Debug, Clone)]
pub struct ClusterView {
    pub cluster: Cluster,
}

impl ClusterView {
    pub fn facts(&self) -> Option<&ClusterFacts> {
        self.cluster.facts.as_ref()
    }

    /// What others connect to: the setting, or the first usable node.
    pub fn address(&self) -> Option<String> {
        let node = || self.facts()?.nodes.iter().filter(|n| n.usable).find_map(|n| n.addresses.first().cloned());
        self.cluster.spec.address.clone().or_else(node)
    }

    pub fn condition(&self) -> topology::Condition {
        let reason = || match self.cluster.health.cause.as_str() {
            "" => "it was not read yet".to_owned(),
            cause => cause.to_owned(),
        };
        if self.cluster.draining.is_some() {
            return topology::Condition::Unusable { reason: "it is being drained".into() };
        }
        match (self.cluster.health.state, self.facts()) {
            (HealthState::Reachable, Some(_)) => topology::Condition::Usable,
            (HealthState::Refused, _) => topology::Condition::Unusable { reason: reason() },
            (HealthState::Reachable | HealthState::Unknown | HealthState::Unreachable, _) => {
                topology::Condition::Away { reason: reason() }
            }
        }
    }
}

/// What a target said of a recorded resource for this plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    Present(Box<Seen>),
    Absent,
    /// The target could not be asked.
    Unknown,
}
