//! What Helm's command line finds of a function: a Secret for each revision, the newest deployed, the others superseded.

use super::{Scene, Wanted, tier};
use crate::plan::{names, release};
use models::Name;
use models::resource::{Body, Object, ReleaseRecord, ReleaseStatus, Resource};

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let placed = scene.placed.iter();
    placed.flat_map(|(function, cluster)| revisions(scene, function, cluster)).collect()
}

fn revisions(scene: &Scene<'_>, function: &Name, cluster: &Name) -> Vec<Wanted> {
    let Some(digest) = scene.bundles.get(function).and_then(|bundle| bundle.release.clone()) else { return vec![] };
    let recorded = release::all(scene.recorded, function, cluster);
    let mut all: Vec<ReleaseRecord> = recorded.iter().map(|(release, _)| (*release).clone()).collect();
    let told = |key: &str| Some(recorded.last()?.1.seen.as_ref()?.outputs.get(key)?.clone());
    if release::next(scene, function, cluster).is_some() {
        for earlier in all.iter_mut().filter(|release| release.status == ReleaseStatus::Deployed) {
            earlier.status = ReleaseStatus::Superseded;
            earlier.deployed = earlier.deployed.take().or_else(|| told("deployed"));
        }
        all.push(ReleaseRecord {
            digest,
            name: names::release(function, &scene.slice.uid),
            revision: release::revision(scene.recorded, function, cluster),
            status: ReleaseStatus::Deployed,
            first: told("first"),
            deployed: None,
        });
    }
    let newest = all.last().map_or(0, |release| release.revision);
    let kept = all.len().saturating_sub(release::HISTORY);
    all.into_iter().skip(kept).map(|one| record(scene, (function, cluster), (one, newest))).collect()
}

/// An earlier revision is superseded when the newer one is there: in between there are two, and never none.
fn record(scene: &Scene<'_>, (function, cluster): (&Name, &Name), (one, newest): (ReleaseRecord, u32)) -> Wanted {
    let id = release::id(scene, (function, cluster), one.revision);
    let mut needs = vec![scene.namespace_id(cluster)];
    let why = match one.status {
        ReleaseStatus::Deployed => {
            needs.push(names::readiness(cluster, &scene.namespace, function));
            format!("helm finds {function} as release {} revision {}", one.name, one.revision)
        }
        ReleaseStatus::Superseded => {
            needs.push(release::id(scene, (function, cluster), newest));
            format!("helm finds what {function} was before")
        }
    };
    let object = Object { id, owner: scene.owner(Some(function)), body: Body::Release(one), fills: vec![] };
    Wanted { resource: Resource::Object(object), needs, tier: tier::BASE, why }
}
