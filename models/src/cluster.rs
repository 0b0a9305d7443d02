//! A Kubernetes cluster that can carry functions: how it is reached, and what was last read of it.

use crate::Name;
use crate::labels::Labels;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How others reach a server on this cluster without a mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expose {
    #[default]
    NodePort,
    LoadBalancer,
}

/// What a user sets. The kubeconfig is no field of it: it is a secret, stored sealed and never returned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSpec {
    #[serde(default)]
    pub expose: Expose,
    /// What others are told to connect to, instead of the address that the cluster reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A simulated cluster, part of the product for trials and tests; never evidence about a real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<SimSpec>,
}

/// The shape of a simulated cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimSpec {
    #[serde(default = "one")]
    pub nodes: u32,
    /// Allocatable per node.
    #[serde(default = "SimSpec::cpu")]
    pub cpu: crate::quantity::Cpu,
    #[serde(default = "SimSpec::memory")]
    pub memory: crate::quantity::Memory,
    /// It is cut off: nothing answers, as if the way to it swallowed everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

fn one() -> u32 {
    1
}

impl SimSpec {
    fn cpu() -> crate::quantity::Cpu {
        crate::quantity::Cpu::new(4_000)
    }

    fn memory() -> crate::quantity::Memory {
        crate::quantity::Memory::new(8 << 30)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cluster {
    pub name: Name,
    #[serde(default)]
    pub labels: Labels,
    pub spec: ClusterSpec,
    pub health: Health,
    /// What was last read, with its age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<ClusterFacts>,
    /// The uid of the cluster that the name stands for, from when it was reached first: another one is not taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Which server writes on it, as read with the facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Ownership>,
    /// From whom it was taken, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Taken>,
    /// It is to be deleted once nothing stands on it any more; nothing new is placed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<Draining>,
    /// The end of the client certificate in the kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_end: Option<Timestamp>,
}

/// A takeover: an administrator said that this server writes there from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Taken {
    pub at: Timestamp,
    pub from: Ownership,
}

/// Which server writes on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ownership {
    pub instance: String,
    /// Where it runs.
    pub server: String,
    pub ours: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it wrote there last, within some seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
}

/// A cluster on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Draining {
    pub since: Timestamp,
    /// What stands there while it cannot be reached is forgotten instead of waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget: bool,
    /// What still stands there, and why. Found out anew at each look, so that what cannot be read is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "readable")]
    #[schemars(with = "Vec<Waits>")]
    pub waits_for: Vec<Waits>,
}

/// One thing that a cluster on its way out waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Waits {
    /// Whose it is; absent where it is of several, or of nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    pub what: String,
}

fn readable<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Waits>, D::Error> {
    let all = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(all.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
}

impl Draining {
    /// As a tenant sees it: of what is another's it is told how much there is.
    #[must_use]
    pub fn seen_by(mut self, tenant: &Name) -> Self {
        let all = self.waits_for.len();
        self.waits_for.retain(|waits| waits.tenant.as_ref() == Some(tenant));
        let others = all - self.waits_for.len();
        if others > 0 {
            self.waits_for.push(Waits { tenant: None, what: format!("{others} of other tenants") });
        }
        self
    }
}

/// Observed reachability, with its cause and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Health {
    pub state: HealthState,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum HealthState {
    Unknown,
    Reachable,
    Unreachable,
    /// It answers, and refuses who we are.
    Refused,
}

/// Read from a cluster by discovery; what placement and rendering rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ClusterFacts {
    /// `v1.36.3`
    pub version: String,
    /// `group/version` and `group/version/Kind`, sorted; what Helm calls the API versions.
    pub apis: Vec<String>,
    pub nodes: Vec<Node>,
    #[serde(default)]
    pub storage_classes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// What tells it from every other cluster: the uid of its namespace `kube-system`; empty where that cannot be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// A node that takes pods, with what is allocatable and what running pods already request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Node {
    pub name: String,
    /// InternalIP addresses.
    pub addresses: Vec<String>,
    /// The ranges that its pods take their addresses from.
    #[serde(default)]
    pub pod_cidrs: Vec<String>,
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub requested_cpu_milli: u64,
    pub requested_memory_bytes: u64,
    /// Ready and schedulable.
    pub usable: bool,
}
