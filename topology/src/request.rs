//! What placement is asked: which functions, how large, where they may stand, and what there is.
//!
//! Everything that a choice may depend on stands here. It must never hold a handle to something that could be asked
//! again later: a choice rests on one snapshot.

use models::Name;
use models::cluster::Node;
use models::labels::{Labels, Selector};
use models::slice::{Policy, Site};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One call places all functions of one slice; they take their room one after another.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub sites: BTreeMap<Name, Clause>,
    pub demands: Vec<Demand>,
    pub candidates: Vec<Candidate>,
    /// Room that others were given and that the candidates' figures do not show yet.
    pub booked: Vec<(Name, Vec<Pods>)>,
    /// Where the slice's sites stand already.
    pub standing: Vec<Standing>,
    /// Sites of which no two are on one cluster.
    pub apart: Vec<(Name, Name)>,
    /// Functions that may move (`--replace NAME`). A site is one place: it moves with any of its functions.
    pub replace: BTreeSet<Name>,
}

/// Where a site may stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Clause {
    Cluster(Name),
    Select { selector: Selector, policy: Policy },
}

impl Clause {
    /// `None` where the site names neither a cluster nor labels, which the slice file's checks refuse.
    pub fn of(site: &Site) -> Option<Self> {
        match (&site.cluster, &site.select) {
            (Some(cluster), _) => Some(Self::Cluster(cluster.clone())),
            (None, Some(selector)) => {
                Some(Self::Select { selector: selector.clone(), policy: site.policy.unwrap_or_default() })
            }
            (None, None) => None,
        }
    }

    /// Why a cluster of this name and these labels is not meant.
    pub(crate) fn objection(&self, cluster: &Candidate) -> Option<String> {
        match self {
            Self::Cluster(name) if *name == cluster.name => None,
            Self::Cluster(name) => Some(format!("the site names cluster {name}")),
            Self::Select { selector, .. } => selector.missing(&cluster.labels).map(|(key, value)| {
                let has = match cluster.labels.get(key) {
                    Some(other) => format!("has {key}={other}"),
                    None => format!("has no label {key}"),
                };
                format!("the site wants {key}={value}, the cluster {has}")
            }),
        }
    }
}

/// What one function asks for, from its rendered chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    pub function: Name,
    pub site: Name,
    pub pods: Vec<Pods>,
    /// Where a cluster's version or APIs make another size of it, or why it cannot stand there. Empty in a [`Standing`].
    #[serde(skip)]
    pub there: There,
}

/// The pods on each cluster, or why there can be none.
pub type There = BTreeMap<Name, Result<Vec<Pods>, String>>;

impl Demand {
    /// As it is on one cluster.
    pub(crate) fn on(&self, cluster: &Name) -> Result<Self, String> {
        let pods = self.there.get(cluster).cloned().unwrap_or_else(|| Ok(self.pods.clone()))?;
        Ok(Self { function: self.function.clone(), site: self.site.clone(), pods, there: BTreeMap::new() })
    }
}

/// Pods of one workload, all alike. The requests of a pod are the sums over its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pods {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub count: Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Count {
    /// So many, on whichever nodes have room: Deployment, StatefulSet, Job.
    Replicas(u32),
    /// One on every usable node: DaemonSet.
    EveryNode,
}

/// A cluster as it was last seen.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub name: Name,
    pub labels: Labels,
    pub condition: Condition,
    pub nodes: Vec<Node>,
}

/// Whether anything new can be put on a cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Usable,
    /// Cannot be reached; this can pass by itself.
    Away {
        reason: String,
    },
    /// Answers and refuses us, or was never read: somebody must act.
    Unusable {
        reason: String,
    },
}

/// A choice of an earlier call with what it rested on; kept with the slice and handed in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub site: Name,
    pub cluster: Name,
    pub clause: Clause,
    pub demands: Vec<Demand>,
}
