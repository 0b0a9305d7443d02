//! What the clusters say of what is recorded, at this moment. One that is known to be away is not asked: nobody waits
//! for its deadline.

use super::{Slices, looked_at};
use crate::plan::{Observed, Recorded};
use models::Slice;
use models::resource::{ResourceId, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long each cluster has to answer (SLICE.md).
pub(super) const LOOK: Duration = Duration::from_secs(5);

impl Slices {
    pub(super) async fn observed(
        &self,
        slice: &Slice,
        recorded: &BTreeMap<ResourceId, Recorded>,
    ) -> BTreeMap<ResourceId, Observed> {
        let ids = looked_at(recorded);
        let away = self.away(&ids).await;
        let (away, near): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| away.contains(&id.target));
        let mut observed = self.engine.look(slice, near, LOOK).await;
        observed.extend(away.into_iter().map(|id| (id, Observed::Unknown)));
        observed
    }

    async fn away(&self, ids: &[ResourceId]) -> BTreeSet<Target> {
        let targets: BTreeSet<&Target> = ids.iter().map(|id| &id.target).collect();
        let mut away = BTreeSet::new();
        for target in targets {
            if let Target::Cluster(name) = target
                && self.clusters.away(name).await.is_some()
            {
                away.insert(target.clone());
            }
        }
        away
    }
}
