//! The revisions of a function's Helm release on a cluster. A release changes when its rendered bundle does, and only
//! then: what was recorded last says whether it is new, changed or the same. Pure.

use super::model::Recorded;
use super::names;
use super::want::Scene;
use models::Name;
use models::resource::{Body, ReleaseRecord, ReleaseStatus, Resource, ResourceId, Target};
use std::collections::BTreeMap;

/// Revisions that are kept, as Helm keeps them.
pub const HISTORY: usize = 10;

/// Every revision that is recorded, the oldest first.
pub fn all<'r>(
    recorded: &'r BTreeMap<ResourceId, Recorded>,
    function: &Name,
    cluster: &Name,
) -> Vec<(&'r ReleaseRecord, &'r Recorded)> {
    let target = Target::Cluster(cluster.clone());
    let own = recorded.values().filter_map(|recorded| match &recorded.resource {
        Resource::Object(object) if object.owner.function.as_ref() == Some(function) && object.id.target == target => {
            match &object.body {
                Body::Release(release) => Some((release, recorded)),
                Body::Plain(_) | Body::Sealed { .. } => None,
            }
        }
        Resource::Object(_) | Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => None,
    });
    let mut all: Vec<_> = own.collect();
    all.sort_by_key(|(release, _)| release.revision);
    all
}

/// What is deployed.
pub fn current<'r>(
    recorded: &'r BTreeMap<ResourceId, Recorded>,
    function: &Name,
    cluster: &Name,
) -> Option<&'r ReleaseRecord> {
    let all = all(recorded, function, cluster);
    all.into_iter().map(|(release, _)| release).rfind(|release| release.status == ReleaseStatus::Deployed)
}

/// The revision that a deployment would have.
pub fn revision(recorded: &BTreeMap<ResourceId, Recorded>, function: &Name, cluster: &Name) -> u32 {
    all(recorded, function, cluster).last().map_or(0, |(release, _)| release.revision) + 1
}

/// The record of the revision that is to be deployed; `None` where what is deployed is what is wanted.
pub fn next(scene: &Scene<'_>, function: &Name, cluster: &Name) -> Option<ResourceId> {
    let digest = scene.bundles.get(function)?.release.as_ref()?;
    let same = current(scene.recorded, function, cluster).is_some_and(|release| &release.digest == digest);
    (!same).then(|| id(scene, (function, cluster), revision(scene.recorded, function, cluster)))
}

pub fn id(scene: &Scene<'_>, (function, cluster): (&Name, &Name), revision: u32) -> ResourceId {
    let release = names::release(function, &scene.slice.uid);
    names::object(cluster, "v1/Secret", &scene.namespace, adapters::release::secret_name(&release, revision))
}
