//! The hooks of charts among the changes of a plan (ENGINE.md 11): each run is a change of its own, and so is what goes
//! by its delete policy once all of its moment ran. Pure.
//!
//! A release that is new runs its install hooks, one that changes its upgrade hooks, one that goes its delete hooks. On
//! the way back the same release runs its delete hooks (of a new one) or the rollback hooks of what was there before;
//! they are in the plan from the start, as changes that do nothing on the way there.

use super::bundle::{Bundle, HookPiece};
use super::diff::Step;
use super::names;
use super::release;
use super::scope::is_cluster_scoped;
use super::want::{Scene, Want, hook_object, leans_on, next_release, tier, tier_of};
use super::world::World;
use super::{claim, definitions};
use models::Name;
use models::change::Verb;
use models::resource::{DeletePolicy, Hook, Resource, ResourceId, Target};
use models::slice::Role;
use std::collections::{BTreeMap, BTreeSet};

/// The objects of hooks and the definitions that charts still bring.
#[derive(Debug, Default)]
pub struct Kept(BTreeSet<ResourceId>);

impl Kept {
    pub fn of(scene: &Scene<'_>) -> Self {
        let each = scene.bundles.iter().filter_map(|(function, bundle)| Some((scene.placed.get(function)?, bundle)));
        let ids = each.flat_map(|(cluster, bundle)| {
            let hooks = bundle.hooks.iter().map(|hook| object_id(cluster, &scene.namespace, hook));
            hooks.chain(bundle.definitions.iter().map(|piece| definitions::id(cluster, piece)))
        });
        Self(ids.collect())
    }

    /// What a hook left stays, and a definition, which is compared with what the cluster has; others are wanted or go.
    pub fn contains(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Hook(hook) => self.0.contains(&hook.object.id),
            Resource::Object(object) => claim::is_shared(&object.id) && self.0.contains(&object.id),
            Resource::Readiness(_) | Resource::Secret(_) => false,
        }
    }
}

fn object_id(cluster: &Name, namespace: &str, hook: &HookPiece) -> ResourceId {
    let kind = format!("{}/{}", hook.piece.api_version, hook.piece.kind);
    let namespace = if is_cluster_scoped(&hook.piece.kind) { "" } else { namespace };
    names::object(cluster, &kind, namespace, hook.piece.name.clone())
}

/// One release on one cluster, and what its hooks lean on.
struct Life<'a> {
    scene: &'a Scene<'a>,
    function: &'a Name,
    role: Role,
    cluster: &'a Name,
    /// What hooks of the way there are taken from, and of the way back.
    there: &'a Bundle,
    back: &'a Bundle,
}

/// A moment of a release's life, with the moment that answers it on the way back.
struct Moments {
    before: &'static str,
    after: &'static str,
    back_before: &'static str,
    back_after: &'static str,
}

const INSTALL: Moments =
    Moments { before: "pre-install", after: "post-install", back_before: "pre-delete", back_after: "post-delete" };
const UPGRADE: Moments =
    Moments { before: "pre-upgrade", after: "post-upgrade", back_before: "pre-rollback", back_after: "post-rollback" };

/// The steps with the hooks of every release that begins, changes or ends.
pub fn weave(steps: Vec<Step>, (scene, world, want): (&Scene<'_>, &World, &Want)) -> Vec<Step> {
    let mut steps = steps;
    for (function, bundle) in scene.bundles {
        let Some(cluster) = scene.placed.get(function) else { continue };
        let Some(role) = scene.role(function) else { continue };
        let Some(id) = next_release(scene, function, cluster).filter(|id| steps.iter().any(|s| &s.id == id)) else {
            continue;
        };
        let standing = scene.releases.get(function, cluster);
        let before = standing.and_then(|s| s.current.as_ref()).and(world.bundles.get(function.as_str()));
        let life = Life { scene, function, role, cluster, there: bundle, back: before.unwrap_or(bundle) };
        let moments = if before.is_some() { UPGRADE } else { INSTALL };
        life.begins((&moments, want, &id), &mut steps);
    }
    let here = |cluster: &Name| world.away(&Target::Cluster(cluster.clone())).is_none();
    for (function, cluster) in leaving(scene, world).into_iter().filter(|(_, cluster)| here(cluster)) {
        let Some(bundle) = world.bundles.get(function.as_str()) else { continue };
        let role = world.slice.as_ref().and_then(|slice| slice.spec.workload(&function)).map(|workload| workload.role);
        let role = role.unwrap_or(Role::Function);
        let life = Life { scene, function: &function, role, cluster: &cluster, there: bundle, back: bundle };
        life.ends(&mut steps);
    }
    steps
}

const TEST: &str = "test";

/// The runs of the test hooks of a slice's functions.
pub fn trial(scene: &Scene<'_>, functions: &BTreeSet<Name>) -> Vec<Step> {
    let mut steps = Vec::new();
    let asked = scene.bundles.iter().filter(|(function, _)| functions.is_empty() || functions.contains(*function));
    for (function, bundle) in asked {
        if let (Some(cluster), Some(role)) = (scene.placed.get(function), scene.role(function)) {
            let life = Life { scene, function, role, cluster, there: bundle, back: bundle };
            life.runs(TEST, &[], &mut steps);
        }
    }
    steps
}

/// What runs of hooks may have left behind, with the tier of its removal.
pub fn left(scene: &Scene<'_>) -> Vec<(u8, Hook)> {
    let each = scene.bundles.iter().flat_map(|(function, bundle)| {
        let (Some(cluster), Some(role)) = (scene.placed.get(function), scene.role(function)) else { return vec![] };
        let life = Life { scene, function, role, cluster, there: bundle, back: bundle };
        let hook = |piece: &HookPiece| {
            let event = piece.events.first().map_or("", String::as_str);
            (tier_of(role), life.hook(event, piece))
        };
        bundle.hooks.iter().map(hook).collect::<Vec<_>>()
    });
    each.collect()
}

/// Functions with a release where they do not stand any more.
fn leaving(scene: &Scene<'_>, world: &World) -> BTreeMap<Name, Name> {
    let placed = world.slice.iter().flat_map(|slice| &slice.placed);
    let parsed = placed.filter_map(|(function, cluster)| Some((function.parse().ok()?, cluster.parse().ok()?)));
    parsed.filter(|(function, cluster): &(Name, Name)| scene.placed.get(function) != Some(cluster)).collect()
}

impl Life<'_> {
    fn hook(&self, event: &str, piece: &HookPiece) -> Hook {
        let name = format!("{}/{}", piece.piece.kind, piece.piece.name);
        let id = names::object(self.cluster, &format!("hook/{event}"), &self.scene.namespace, name);
        let object = hook_object(self.scene, self.cluster, self.function, &piece.piece);
        Hook { id, object, policies: piece.policies.clone(), words: piece.words || event == TEST }
    }

    fn step(&self, (verb, hook): (Verb, &Hook), reason: String) -> Step {
        let mut id = hook.id.clone();
        if verb == Verb::Clear {
            id.kind = id.kind.replacen("hook/", "clear/", 1);
        }
        Step::new((verb, id), tier_of(self.role), reason)
    }

    fn is_own(&self, step: &Step) -> bool {
        let resource = step.after.as_ref().or(step.before.as_ref());
        let object = resource.and_then(Resource::object);
        let target = Target::Cluster(self.cluster.clone());
        let chart = object.is_some_and(|object| object.owner.function.as_ref() == Some(self.function));
        chart && step.id.target == target && (step.tier == tier::VOLUME || step.tier >= tier::SERVER)
    }

    /// The runs of one moment, one after another, and then what goes by its policy, the last one first. `last` is what
    /// comes after it waits for.
    fn runs(&self, event: &'static str, first: &[ResourceId], steps: &mut Vec<Step>) -> Vec<ResourceId> {
        let mut last = first.to_vec();
        let mut turn = 0;
        let hooks: Vec<Hook> = self.there.hooks_of(event).map(|piece| self.hook(event, piece)).collect();
        for hook in &hooks {
            turn += 1;
            let reason = format!("hook {event} of {}", self.function);
            let irreversible = self.irreversible(event, hook);
            let step = self.step((Verb::Run, hook), reason);
            let behind = std::mem::replace(&mut last, vec![hook.id.clone()]);
            steps.push(Step { after: Some(Resource::Hook(hook.clone())), behind, turn, irreversible, ..step });
        }
        let ends = event == "pre-delete" || event == "post-delete";
        for hook in hooks.iter().rev().filter(|hook| ends || hook.goes(DeletePolicy::HookSucceeded)) {
            turn += 1;
            let step = self.step((Verb::Clear, hook), format!("hook {event} of {} is done", self.function));
            let behind = std::mem::replace(&mut last, vec![step.id.clone()]);
            steps.push(Step { before: Some(Resource::Hook(hook.clone())), behind, turn, ..step });
        }
        if hooks.is_empty() { vec![] } else { last }
    }

    /// Hooks that wait for the way back; `first` is what they have to answer.
    fn answers(&self, event: &'static str, first: &[ResourceId], steps: &mut Vec<Step>) -> Vec<ResourceId> {
        let hooks: Vec<Hook> = self.back.hooks_of(event).map(|piece| self.hook(event, piece)).collect();
        let mut all: Vec<ResourceId> = Vec::new();
        // Undone from the last to the first: the first to run is the last on the way there.
        for (turn, hook) in (1..).zip(hooks.iter().rev()) {
            let reason = format!("hook {event} of {}, should this operation be rolled back", self.function);
            let step = self.step((Verb::Answer, hook), reason);
            let behind = first.iter().chain(&all).cloned().collect();
            all.push(hook.id.clone());
            steps.push(Step { before: Some(Resource::Hook(hook.clone())), behind, turn, ..step });
        }
        all
    }

    /// What a Job or a Pod did cannot be taken back, but by a hook that the chart brings for that.
    fn irreversible(&self, event: &str, hook: &Hook) -> Option<String> {
        let works = matches!(hook.object.id.api().1, "Job" | "Pod");
        let answered = self.back.hooks_of(UPGRADE.back_before).chain(self.back.hooks_of(UPGRADE.back_after)).next();
        match event {
            "pre-upgrade" | "post-upgrade" if works && answered.is_none() => Some(format!(
                "hook {} ran, and the chart brings no rollback hook that takes back what it did; apply the former file instead",
                hook.id.short()
            )),
            "pre-delete" | "post-delete" if works => {
                Some(format!("hook {} ran: the release was told that it ends", hook.id.short()))
            }
            _ => None,
        }
    }

    fn begins(&self, (moments, want, release): (&Moments, &Want, &ResourceId), steps: &mut Vec<Step>) {
        let own: Vec<ResourceId> =
            steps.iter().filter(|s| self.is_own(s) && s.verb != Verb::Delete).map(|s| s.id.clone()).collect();
        let pruned: Vec<ResourceId> =
            steps.iter().filter(|s| self.is_own(s) && s.verb == Verb::Delete).map(|s| s.id.clone()).collect();
        let footing = leans_on(self.scene, want, (self.cluster, self.function));
        let mut added = Vec::new();
        let last_back = self.answers(moments.back_after, &footing, &mut added);
        let first: Vec<ResourceId> = footing.iter().chain(&last_back).cloned().collect();
        let before = self.runs(moments.before, &first, &mut added);
        let ready = names::readiness(self.cluster, &self.scene.namespace, self.function);
        let objects: Vec<ResourceId> = own.iter().cloned().chain([ready]).chain(before.clone()).collect();
        let after = self.runs(moments.after, &objects, &mut added);
        for step in steps.iter_mut().filter(|step| own.contains(&step.id)) {
            step.behind.extend(before.iter().chain(&last_back).cloned());
        }
        for step in steps.iter_mut().filter(|step| &step.id == release) {
            step.behind.extend(objects.iter().chain(&after).chain(&pruned).cloned());
        }
        let all: Vec<ResourceId> = own.iter().cloned().chain(added.iter().map(|step| step.id.clone())).collect();
        added.extend(self.replaced(release, (want, steps)));
        let effects: Vec<ResourceId> =
            all.into_iter().filter(|id| !last_back.contains(id)).chain([release.clone()]).collect();
        self.answers(moments.back_before, &effects, &mut added);
        steps.extend(added);
    }

    /// What somebody did with helm, its records and what it made besides: they go when the new record is there.
    fn replaced(&self, release: &ResourceId, (want, steps): (&Want, &[Step])) -> Vec<Step> {
        let at = (self.function, self.cluster);
        let behind = || self.scene.releases.get(at.0, at.1).into_iter().flat_map(|standing| &standing.behind);
        let records = behind().map(|revision| release::found(self.scene, at, revision));
        let made = behind().flat_map(|revision| release::made(self.scene, at, revision));
        let all: BTreeMap<ResourceId, Resource> = records.chain(made).map(|one| (one.id().clone(), one)).collect();
        let settled = |id: &ResourceId| want.contains_key(id) || steps.iter().any(|step| &step.id == id);
        let each = all.into_iter().filter(|(id, _)| !settled(id)).map(|(id, resource)| {
            let reason = "somebody made it with helm; what the file says is deployed after it";
            let step = Step::new((Verb::Clear, id), tier::BASE, reason);
            Step { before: Some(resource), behind: vec![release.clone()], ..step }
        });
        each.collect()
    }

    fn ends(&self, steps: &mut Vec<Step>) {
        let mut added = Vec::new();
        let before = self.runs("pre-delete", &[], &mut added);
        let (left, own): (Vec<&Step>, Vec<&Step>) = steps
            .iter()
            .filter(|step| self.is_own(step) && step.verb == Verb::Delete)
            .partition(|step| matches!(step.before, Some(Resource::Hook(_))));
        let left: Vec<ResourceId> = left.into_iter().map(|step| step.id.clone()).collect();
        let own: Vec<ResourceId> = own.into_iter().map(|step| step.id.clone()).collect();
        // Volumes go after every hook.
        let tier = |id: &&ResourceId| steps.iter().any(|step| &step.id == *id && step.tier >= tier::SERVER);
        let gone: Vec<ResourceId> = own.iter().filter(tier).chain(&before).cloned().collect();
        let after = self.runs("post-delete", &gone, &mut added);
        for step in steps.iter_mut() {
            if own.contains(&step.id) {
                step.behind.extend(before.iter().cloned());
            }
            if left.contains(&step.id) {
                step.behind.extend(gone.iter().chain(&after).cloned());
            }
        }
        steps.extend(added);
    }
}
