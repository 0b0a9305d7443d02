//! Taking over Helm releases and handing them back. What stands stays as it is: objects get our marks or lose them, and
//! Helm's own record goes on. Pure.

use super::diff::{self, Sides, Step};
use super::hooks::{self, Kept};
use super::leave::Leave;
use super::make::PlanError;
use super::model::{Choice, Plan};
use super::order::order;
use super::release::{self, Releases, Standing};
use super::want::{self, Decided, Scene};
use super::world::World;
use super::{Bundle, Recorded};
use models::change::Verb;
use models::resource::{ReleaseStatus, Resource, ResourceId};
use models::slice::{Adopted, SliceSpec};
use models::{Name, OperationKind, Problem, Slice};
use std::collections::{BTreeMap, BTreeSet};
use topology::{Clause, Demand};

/// Everything that was read of the releases.
pub struct Takeover {
    /// As it will be.
    pub slice: Slice,
    pub bundles: BTreeMap<Name, Bundle>,
    /// Helm's records of each, the oldest first.
    pub records: BTreeMap<Name, Vec<Recorded>>,
    /// What of the bundles stands on the cluster.
    pub there: BTreeSet<ResourceId>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

pub fn adopt(world: &World, takeover: &Takeover) -> Result<Plan, PlanError> {
    let slice = &takeover.slice;
    let Some(adopted) = &slice.adopted else { return Err(PlanError::NotFound(slice.name.clone())) };
    let cluster = &adopted.cluster;
    let placed: BTreeMap<Name, Name> =
        adopted.releases.keys().map(|function| (function.clone(), cluster.clone())).collect();
    let standing = |(function, recorded): (&Name, &Vec<Recorded>)| {
        let standing = Standing { recorded: recorded.clone(), ..Standing::default() };
        ((function.clone(), cluster.clone()), standing)
    };
    let releases = Releases::known(takeover.records.iter().map(standing));
    let (nothing, renewed) = (BTreeMap::new(), BTreeSet::new());
    let decided = Decided {
        placed: &placed,
        clusters: &world.clusters,
        bundles: &takeover.bundles,
        recorded: &nothing,
        renewed: &renewed,
        releases: &releases,
    };
    let scene = Scene::new(slice, decided);
    let want = want::want(&scene);
    let (replace, hooks) = (BTreeSet::new(), Kept::of(&scene));
    let (recorded, observed) = (&world.recorded, &world.observed);
    let (hooks, leave) = (&hooks, &Leave::default());
    let sides = Sides { want: &want, recorded, observed, replace: &replace, hooks, leave, broken: false, stays: true };
    let mut steps = diff::diff(&sides)?;
    let before: BTreeMap<&ResourceId, &Recorded> =
        takeover.records.values().flatten().map(|recorded| (recorded.resource.id(), recorded)).collect();
    for step in steps.iter_mut().filter(|step| step.verb == Verb::Create) {
        take((&before, &takeover.there), step);
    }
    let left = hooks::left(&scene).into_iter().filter(|(_, hook)| takeover.there.contains(&hook.object.id));
    steps.extend(left.map(|(tier, hook)| {
        let step = Step::new((Verb::Adopt, hook.id.clone()), tier, "a hook of the release left it");
        let hook = Resource::Hook(hook);
        Step { before: Some(hook.clone()), after: Some(hook), ..step }
    }));
    let mut warnings = want::warnings(&scene);
    warnings.extend(takeover.notes.iter().cloned());
    warnings.extend(takeover.bundles.iter().flat_map(|(f, b)| b.notes.iter().map(move |note| format!("{f}: {note}"))));
    let choices = takeover.bundles.iter().map(|(function, bundle)| choice(slice, (function, cluster), bundle));
    let bundles = takeover.bundles.iter();
    let goal = (OperationKind::CreateSlice, None, Some(slice.clone()));
    Ok(Plan {
        choices: choices.collect(),
        warnings,
        bundles: bundles.map(|(f, b)| (f.to_string(), serde_json::to_value(b).unwrap_or_default())).collect(),
        ..Plan::of(slice, goal, order(steps))
    })
}

/// A step that would make what stands there takes it over instead; of what is gone it stays one that makes it.
fn take((records, there): (&BTreeMap<&ResourceId, &Recorded>, &BTreeSet<ResourceId>), step: &mut Step) {
    let record = records.get(&step.id).map(|recorded| recorded.resource.clone());
    let Some(before) = record.or_else(|| step.after.clone().filter(|_| there.contains(&step.id))) else { return };
    step.reason = match release::of(&before).map(|release| release.status) {
        None => format!("it stands; {}", step.reason),
        Some(ReleaseStatus::Deployed) => "Helm's record; the slice's own comes after it".into(),
        Some(_) => "Helm's record of what was before".into(),
    };
    (step.verb, step.before, step.seen) = (Verb::Adopt, Some(before), None);
}

fn choice(slice: &Slice, (function, cluster): (&Name, &Name), bundle: &Bundle) -> Choice {
    let site = slice.spec.workload(function).map_or_else(|| cluster.clone(), |workload| workload.site.clone());
    let demand =
        Demand { function: function.clone(), site: site.clone(), pods: bundle.pods.clone(), there: BTreeMap::new() };
    let clause = Clause::Cluster(cluster.clone());
    let standing = topology::Standing { site, cluster: cluster.clone(), clause, demands: vec![demand] };
    Choice {
        function: function.clone(),
        cluster: Some(cluster.clone()),
        reason: "its Helm release stands there".into(),
        candidates: vec![],
        standing: Some(standing),
    }
}

/// The slice ends, and everything stays where it is: Helm finds its releases as they are now.
pub fn hand_back(world: &World, slice: &Slice) -> Result<Plan, PlanError> {
    if slice.adopted.is_none() {
        return Err(PlanError::Refused {
            reason: format!(
                "slice {} made its own namespace, identities and rules: its charts lean on them",
                slice.name
            ),
            mend:
                "only a slice that took over Helm releases can hand them back (slice adopt-release); delete it instead"
                    .into(),
        });
    }
    let kept = world.recorded.values().filter(|recorded| recorded.resource.object().is_some());
    let leave = |recorded: &Recorded| {
        let id = recorded.resource.id().clone();
        let step = Step::new((Verb::Forget, id), recorded.tier, "it stays where it is, and is Helm's again");
        Step { before: Some(recorded.resource.clone()), needs: recorded.needs.clone(), ..step }
    };
    let steps = kept.map(leave).collect();
    Ok(Plan::of(slice, (OperationKind::DeleteSlice, Some(slice.clone()), None), order(steps)))
}

/// What a slice that took over releases cannot be.
pub fn refusals(slice: &Slice) -> Vec<Problem> {
    let Some(adopted) = &slice.adopted else { return vec![] };
    let SliceSpec { servers, gateways, devices, access, .. } = &slice.spec;
    let lists = [
        ("servers", servers.is_empty()),
        ("gateways", gateways.is_empty()),
        ("devices", devices.is_empty()),
        ("access", access.is_empty()),
    ];
    let problem = |list: &str| {
        let namespace = &adopted.namespace;
        let message = format!(
            "the slice took over Helm releases in namespace {namespace}, which is not its own: it has functions only"
        );
        Problem::at(format!("spec.{list}"), message).mend("make a slice of its own for them")
    };
    lists.into_iter().filter(|(_, empty)| !empty).map(|(list, _)| problem(list)).collect()
}

/// Taking over stopped half-way: what stands is Helm's and the slice's in parts, and a plan would take Helm's release for
/// somebody's new one, run the hooks of an installation, and clear Helm's history away.
pub fn unfinished(world: &World, slice: &Slice) -> Option<PlanError> {
    let adopted = slice.adopted.as_ref()?;
    let stands = world.releases.get(&adopted.cluster).into_iter().flatten();
    let stands: BTreeSet<&str> = stands.map(|found| found.release.as_str()).collect();
    let recorded = world.recorded.values().filter_map(|one| release::release(one));
    let ours: BTreeSet<&str> = recorded.map(|record| record.name.as_str()).collect();
    let functions = adopted.releases.iter().filter(|(function, _)| slice.placed.contains_key(function.as_str()));
    let half: Vec<&str> = functions.map(|(_, name)| name.as_str()).filter(|name| stands.contains(name)).collect();
    let half: Vec<&str> = half.into_iter().filter(|name| !ours.contains(name)).collect();
    let name = &slice.name;
    (!half.is_empty()).then(|| PlanError::Refused {
        reason: format!("slice {name} did not take over release {} to the end", half.join(", ")),
        mend: format!(
            "sliceway operation retry {0} (or rollback); where that is over: sliceway slice hand-back {name}",
            slice.operation.as_deref().unwrap_or("ID")
        ),
    })
}

/// A release that was taken over stays on its cluster.
pub fn moved(slice: &Slice, placed: &BTreeMap<Name, Name>) -> Option<PlanError> {
    let adopted = slice.adopted.as_ref()?;
    let (function, cluster) = placed.iter().find(|(_, cluster)| **cluster != adopted.cluster)?;
    Some(PlanError::Refused {
        reason: format!("{function} would stand on {cluster}, and the slice took over releases on {}", adopted.cluster),
        mend: "a slice that took over releases stays on their cluster".into(),
    })
}

/// What a deletion says of releases that were taken over.
pub fn ends(slice: &Slice) -> Vec<String> {
    let Some(Adopted { cluster, namespace, releases }) = &slice.adopted else { return vec![] };
    let release = |release: &String| {
        format!(
            "release {release} in namespace {namespace} on {cluster} is uninstalled; to leave it to helm: slice hand-back"
        )
    };
    releases.values().map(release).collect()
}
