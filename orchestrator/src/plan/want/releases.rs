//! What Helm's command line finds of a function: a Secret for each revision, the newest deployed, the others superseded.

use super::{Scene, Wanted, tier};
use crate::plan::release::{self, Standing};
use crate::plan::{Recorded, names};
use models::Name;
use models::resource::{Body, Object, ReleaseRecord, ReleaseStatus, Resource, ResourceId};

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let placed = scene.placed.iter();
    placed.flat_map(|(function, cluster)| revisions(scene, function, cluster)).collect()
}

/// The record of the revision that is to be deployed; `None` where what is deployed is what is wanted.
pub fn next(scene: &Scene<'_>, function: &Name, cluster: &Name) -> Option<ResourceId> {
    let digest = scene.bundles.get(function)?.release.as_ref()?;
    let standing = scene.releases.get(function, cluster)?;
    standing.differs(digest).then(|| id(scene, (function, cluster), standing.next()))
}

fn id(scene: &Scene<'_>, at: (&Name, &Name), revision: u32) -> ResourceId {
    release::id(scene, at, revision)
}

fn revisions(scene: &Scene<'_>, function: &Name, cluster: &Name) -> Vec<Wanted> {
    let digest = scene.bundles.get(function).and_then(|bundle| bundle.release.clone());
    let (Some(digest), Some(standing)) = (digest, scene.releases.get(function, cluster)) else { return vec![] };
    let all = match standing.differs(&digest) {
        false => standing.recorded.iter().filter_map(release::release).cloned().collect(),
        true => {
            let earlier = |recorded: &Recorded| Some(release::superseded(release::release(recorded)?, recorded));
            let earlier = standing.recorded.iter().filter_map(earlier);
            earlier.chain([fresh(scene, (function, standing), digest)]).collect::<Vec<_>>()
        }
    };
    let newest = all.last().map_or(0, |release| release.revision);
    let dropped = all.len().saturating_sub(release::HISTORY);
    all.into_iter().skip(dropped).map(|one| record(scene, (function, cluster), (one, newest))).collect()
}

fn fresh(scene: &Scene<'_>, (function, standing): (&Name, &Standing), digest: String) -> ReleaseRecord {
    let seen = standing.recorded.last().and_then(|recorded| recorded.seen.as_ref());
    let first = seen.and_then(|seen| seen.outputs.get("first").cloned());
    let name = scene.slice.release(function);
    let status = ReleaseStatus::Deployed;
    ReleaseRecord { digest, name, revision: standing.next(), status, first, deployed: None }
}

/// An earlier revision is superseded when the newer one is there: in between there are two, and never none.
fn record(scene: &Scene<'_>, (function, cluster): (&Name, &Name), (one, newest): (ReleaseRecord, u32)) -> Wanted {
    let id = id(scene, (function, cluster), one.revision);
    let mut needs = vec![scene.namespace_id(cluster)];
    let why = match one.status {
        ReleaseStatus::Deployed => {
            needs.push(names::readiness(cluster, &scene.namespace, function));
            format!("helm finds {function} as release {} revision {}", one.name, one.revision)
        }
        ReleaseStatus::Superseded | ReleaseStatus::Failed => {
            needs.push(self::id(scene, (function, cluster), newest));
            format!("helm finds what {function} was before")
        }
    };
    let object =
        Object { id, owner: scene.owner(Some(function)), body: Body::Release(one), fills: vec![], keep: false };
    Wanted { resource: Resource::Object(object), needs, tier: tier::BASE, why }
}
