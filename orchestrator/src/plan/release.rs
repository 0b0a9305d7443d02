//! The revisions of a function's Helm release on a cluster. A release changes when its rendered bundle does, and only
//! then: what was recorded last says whether it is new, changed or the same. Pure.
//!
//! What somebody did to it with helm is seen by the records that are there: a newer one that is not ours, or ours gone.

use super::model::Recorded;
use super::names;
use super::want::Scene;
use super::world::{Observed, World};
use adapters::release::HelmRevision;
use models::resource::{Body, Object, Owner, ReleaseRecord, ReleaseStatus, Resource, ResourceId, Target};
use models::{Name, Slice};
use std::collections::BTreeMap;

/// Revisions that are kept, as Helm keeps them.
pub const HISTORY: usize = 10;

/// What stands of one release on one cluster.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Ours that are there, the oldest first; none where the newest is gone or is another's.
    pub recorded: Vec<Recorded>,
    /// What we deployed last, unless it was uninstalled since.
    pub current: Option<ReleaseRecord>,
    /// Newer revisions that somebody made with helm.
    pub behind: Vec<HelmRevision>,
    /// Somebody uninstalled it with helm.
    pub uninstalled: bool,
}

impl Standing {
    pub fn of(world: &World, (slice, function): (&Slice, &Name), cluster: &Name) -> Self {
        let mut recorded: Vec<Recorded> = own(world, function, cluster).cloned().collect();
        recorded.sort_by_key(|recorded| release(recorded).map_or(0, |release| release.revision));
        let last = recorded.last().cloned();
        let last = last.as_ref();
        let lost = last.is_some_and(|last| last.certain && is_gone(world, last));
        let newest = last.and_then(release).filter(|_| !lost).map_or(0, |release| release.revision);
        let name = slice.release(function);
        let found = world.releases.get(cluster).into_iter().flatten();
        let behind: Vec<HelmRevision> =
            found.filter(|found| found.release == name && found.revision > newest).cloned().collect();
        let uninstalled = lost && behind.is_empty();
        let current = last.and_then(release).filter(|_| !uninstalled).cloned();
        recorded.retain(|_| !lost);
        Self { current, behind, uninstalled, recorded }
    }

    /// The revision that a deployment would have.
    pub fn next(&self) -> u32 {
        let ours = self.recorded.last().and_then(release);
        let theirs = self.behind.iter().map(|revision| revision.revision);
        theirs.chain(ours.map(|release| release.revision)).max().unwrap_or(0) + 1
    }

    /// Whether a bundle is not what is deployed.
    pub fn differs(&self, digest: &str) -> bool {
        !self.behind.is_empty() || self.current.as_ref().is_none_or(|release| release.digest != digest)
    }

    /// What somebody did with helm, and what becomes of it.
    pub fn warning(&self, (function, slice): (&Name, &Slice), cluster: &Name) -> Option<String> {
        let name = slice.release(function);
        let next = self.next();
        if let Some(newest) = self.behind.iter().max_by_key(|revision| revision.revision) {
            let HelmRevision { revision, status, .. } = newest;
            return Some(format!(
                "{function}: somebody changed release {name} on {cluster} with helm: revision {revision} is {status}; \
                 what the file says is put back as revision {next}"
            ));
        }
        self.uninstalled.then(|| {
            format!("{function}: somebody uninstalled release {name} on {cluster} with helm; it is installed again")
        })
    }
}

/// Removed, or removed and made by somebody else.
fn is_gone(world: &World, recorded: &Recorded) -> bool {
    match world.observed.get(recorded.resource.id()) {
        Some(Observed::Absent) => true,
        Some(Observed::Present(now)) => recorded.seen.as_ref().is_some_and(|then| then.uid != now.uid),
        Some(Observed::Unknown) | None => false,
    }
}

pub fn release(recorded: &Recorded) -> Option<&ReleaseRecord> {
    of(&recorded.resource)
}

pub fn of(resource: &Resource) -> Option<&ReleaseRecord> {
    match resource.object().map(|object| &object.body) {
        Some(Body::Release(release)) => Some(release),
        Some(Body::Plain(_) | Body::Sealed { .. }) | None => None,
    }
}

fn own<'w>(world: &'w World, function: &'w Name, cluster: &Name) -> impl Iterator<Item = &'w Recorded> {
    let target = Target::Cluster(cluster.clone());
    world.recorded.values().filter(move |recorded| {
        let object = match &recorded.resource {
            Resource::Object(object) => object,
            Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => return false,
        };
        release(recorded).is_some() && object.owner.function.as_ref() == Some(function) && object.id.target == target
    })
}

/// Every release of a slice, by function and cluster.
#[derive(Debug, Clone, Default)]
pub struct Releases(BTreeMap<(Name, Name), Standing>);

impl Releases {
    pub fn of(world: &World, slice: &Slice, placed: &BTreeMap<Name, Name>) -> Self {
        let each = placed.iter().map(|(function, cluster)| {
            ((function.clone(), cluster.clone()), Standing::of(world, (slice, function), cluster))
        });
        Self(each.collect())
    }

    pub fn known(each: impl Iterator<Item = ((Name, Name), Standing)>) -> Self {
        Self(each.collect())
    }

    pub fn get(&self, function: &Name, cluster: &Name) -> Option<&Standing> {
        self.0.get(&(function.clone(), cluster.clone()))
    }

    pub fn warnings(&self, slice: &Slice) -> Vec<String> {
        let each =
            self.0.iter().filter_map(|((function, cluster), standing)| standing.warning((function, slice), cluster));
        each.collect()
    }
}

/// The Secret of a revision.
pub fn id(scene: &Scene<'_>, (function, cluster): (&Name, &Name), revision: u32) -> ResourceId {
    let name = adapters::release::secret_name(&scene.slice.release(function), revision);
    names::object(cluster, "v1/Secret", &scene.namespace, name)
}

/// What somebody's helm made with a revision. A volume stays: nobody allowed that data goes.
pub fn made(scene: &Scene<'_>, (function, cluster): (&Name, &Name), revision: &HelmRevision) -> Vec<Resource> {
    let objects = revision.objects.iter().filter(|(kind, _)| kind != "v1/PersistentVolumeClaim");
    let each = objects.map(|(kind, name)| {
        let id = names::object(cluster, kind, &scene.namespace, name.clone());
        stranger(scene, function, (id, serde_json::json!({})))
    });
    each.collect()
}

/// The record of a revision that is not ours.
pub fn found(scene: &Scene<'_>, (function, cluster): (&Name, &Name), revision: &HelmRevision) -> Resource {
    let id = id(scene, (function, cluster), revision.revision);
    stranger(scene, function, (id, serde_json::json!({"type": adapters::release::TYPE})))
}

fn stranger(scene: &Scene<'_>, function: &Name, (id, body): (ResourceId, serde_json::Value)) -> Resource {
    let (tenant, slice, uid) = (scene.slice.tenant.clone(), scene.slice.name.clone(), scene.slice.uid.clone());
    let owner = Owner { tenant, slice, uid, function: Some(function.clone()) };
    Resource::Object(Object { id, owner, body: Body::Plain(body), fills: vec![], keep: false })
}

pub fn superseded(release: &ReleaseRecord, recorded: &Recorded) -> ReleaseRecord {
    let told = recorded.seen.as_ref().and_then(|seen| seen.outputs.get("deployed").cloned());
    let status = match release.status {
        ReleaseStatus::Deployed | ReleaseStatus::Superseded => ReleaseStatus::Superseded,
        ReleaseStatus::Failed => ReleaseStatus::Failed,
    };
    ReleaseRecord { status, deployed: release.deployed.clone().or(told), ..release.clone() }
}
