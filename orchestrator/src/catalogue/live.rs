//! What was read of clusters last, which is newer than what is stored of them.

use jiff::Timestamp;
use models::cluster::{Cluster, Health, Ownership};
use models::{ClusterFacts, Name};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) health: Health,
    pub(super) facts: Option<ClusterFacts>,
    pub(super) owner: Option<Ownership>,
    pub(super) looked: Timestamp,
}

/// With what was read of it last.
pub(super) fn overlaid(mut cluster: Cluster, live: &BTreeMap<Name, Live>) -> Cluster {
    if let Some(live) = live.get(&cluster.name) {
        cluster.health = live.health.clone();
        cluster.facts = live.facts.clone().or(cluster.facts.take());
        cluster.owner = live.owner.clone();
    }
    cluster
}

/// As a question sees it that it is not about: what it holds is much, and nobody asks.
pub(super) fn without_facts(cluster: &Cluster, live: &BTreeMap<Name, Live>) -> Cluster {
    Cluster {
        name: cluster.name.clone(),
        labels: cluster.labels.clone(),
        spec: cluster.spec.clone(),
        health: live.get(&cluster.name).map_or_else(|| cluster.health.clone(), |live| live.health.clone()),
        facts: None,
        identity: None,
        owner: None,
        taken: vec![],
        draining: cluster.draining.clone(),
        certificate_end: cluster.certificate_end,
    }
}
