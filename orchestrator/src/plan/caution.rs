//! What somebody should know before they say yes to a plan. Pure.

use super::world::World;
use models::problem::nearest;
use models::{Name, Problem, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// Clusters on which another server writes: this one will refuse to.
pub(super) fn owners(world: &World, placed: &BTreeMap<Name, Name>) -> Vec<String> {
    let clusters: BTreeSet<&Name> = placed.values().collect();
    let owned = clusters.into_iter().filter_map(|name| {
        let owner = world.clusters.get(name)?.cluster.owner.as_ref().filter(|owner| !owner.ours)?;
        let (instance, server) = (&owner.instance, &owner.server);
        Some(format!(
            "on {name} the Sliceway server {instance} at {server} writes, and this one will not: sliceway cluster takeover {name}"
        ))
    });
    owned.collect()
}

/// Clusters that the slice leaves for good.
pub(super) fn emptied(world: &World, placed: &BTreeMap<Name, Name>) -> Vec<String> {
    let Some(before) = world.slice.as_ref().filter(|before| before.adopted.is_none()) else { return vec![] };
    let left = before.placed.values().filter(|at| placed.values().all(|now| now.as_str() != at.as_str()));
    left.map(String::as_str).collect::<BTreeSet<_>>().into_iter().map(|cluster| whole(before, cluster)).collect()
}

pub(super) fn whole(slice: &Slice, cluster: &str) -> String {
    format!("namespace {} on {cluster} goes with everything in it, also what others put there", slice.namespace())
}

/// A name that says whose data may go and is nobody's.
pub(super) fn misspelled(slice: &Slice, allowed: &BTreeSet<Name>) -> Vec<Problem> {
    let unknown = allowed.iter().filter(|name| !slice.placed.contains_key(name.as_str()));
    let problem = |name: &Name| {
        let near = nearest(name.as_str(), slice.placed.keys().map(String::as_str));
        let known = slice.placed.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let mend = near.map_or_else(|| format!("its functions: {known}"), |near| format!("did you mean {near}?"));
        Problem::at("allowDataLoss", format!("slice {} has no function {name}", slice.name)).mend(mend)
    };
    unknown.map(problem).collect()
}
