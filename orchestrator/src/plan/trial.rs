//! The plan of a test: the test hooks of a slice's charts, as they were when they were deployed. Pure.

use super::hooks;
use super::make::PlanError;
use super::model::Plan;
use super::order::order;
use super::release::Releases;
use super::want::{Decided, Scene};
use super::world::World;
use models::{Name, OperationKind, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// For the functions that are named, or all.
pub fn trial(world: &World, slice: &Slice, functions: &BTreeSet<Name>) -> Result<Plan, PlanError> {
    let placed: BTreeMap<Name, Name> =
        slice.placed.iter().filter_map(|(f, c)| Some((f.parse().ok()?, c.parse().ok()?))).collect();
    let bundles = world.bundles.iter().filter_map(|(f, bundle)| Some((f.parse().ok()?, bundle.clone()))).collect();
    let (renewed, releases) = (BTreeSet::new(), Releases::default());
    let (clusters, recorded) = (&world.clusters, &world.recorded);
    let decided =
        Decided { placed: &placed, clusters, bundles: &bundles, recorded, renewed: &renewed, releases: &releases };
    let changes = order(hooks::trial(&Scene::new(slice, decided), functions));
    if changes.is_empty() {
        return Err(PlanError::Refused {
            reason: format!("no chart of slice {} brings a test", slice.name),
            mend: "a test is a hook of the chart: helm.sh/hook: test".into(),
        });
    }
    let (before, after) = (Some(slice.clone()), Some(slice.clone()));
    Ok(Plan::of(slice, (OperationKind::TestSlice, before, after), changes))
}
