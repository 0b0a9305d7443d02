//! Numbers the changes and ties them: what must be there first when something is made, what must be gone first when
//! something is removed.

use super::diff::Step;
use super::model::PlannedChange;
use super::want::{quota, tier};
use models::change::{Change, Seq, Verb};
use models::resource::{Body, Resource, ResourceId, Target};
use std::collections::{BTreeMap, BTreeSet};

pub fn order(steps: Vec<Step>) -> Vec<PlannedChange> {
    let mut steps: Vec<Step> = steps.into_iter().flat_map(in_turns).collect();
    steps.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
    let steps: Vec<(Seq, Step)> = (1..).zip(steps).collect();
    // What comes in two turns is there for others with its first; for what only shrinks nobody waits.
    let numbers: BTreeMap<ResourceId, Seq> =
        steps.iter().rev().filter(|(_, step)| !shrinks(step)).map(|(seq, step)| (step.id.clone(), *seq)).collect();
    let needs: Vec<Vec<Seq>> = steps.iter().map(|step| needs(step, &steps, &numbers)).collect();
    steps.into_iter().zip(needs).map(|(step, needs)| planned(step, needs)).collect()
}

/// A quota of which some figures rise and some fall is raised first and lowered later.
fn in_turns(step: Step) -> Vec<Step> {
    let Some(between) = quota::between(step.before.as_ref(), step.after.as_ref()) else { return vec![step] };
    let lower = Step {
        before: Some(between.clone()),
        seen: None,
        reason: "what the slice no longer takes is given back once its workloads run with less".into(),
        ..step.clone()
    };
    vec![Step { after: Some(between), ..step }, lower]
}

/// For reading: what is made in its order, then checks, then removals from the top tier down; hooks at their moment.
fn rank(step: &Step) -> (u8, u8, u8, u16) {
    let (class, tier, moment) = match (step.verb, step.id.kind.rsplit('/').next().unwrap_or_default()) {
        (Verb::Update, _) if shrinks(step) => (1, step.tier, 0),
        (Verb::Create | Verb::Adopt | Verb::Update | Verb::Replace, _) if is_record(step) => (1, u8::MAX, 2),
        (Verb::Create | Verb::Adopt | Verb::Update | Verb::Replace, _) => (0, step.tier, 1),
        // A definition is served before what uses it.
        (Verb::Check, _) if step.tier == tier::LOCAL => (0, step.tier, 2),
        (Verb::Check, _) => (1, step.tier, 0),
        (Verb::Delete | Verb::Forget | Verb::Bury | Verb::Abandon, _) => (2, u8::MAX - step.tier, 1),
        (Verb::Answer, "pre-rollback" | "pre-delete") => (1, u8::MAX, 3),
        (Verb::Answer, _) => (0, step.tier, 0),
        (Verb::Run | Verb::Clear, "pre-install" | "pre-upgrade") => (0, step.tier, 0),
        (Verb::Run | Verb::Clear, "pre-delete") => (2, 0, 0),
        (Verb::Run | Verb::Clear, "post-delete") => (2, u8::MAX - step.tier, 2),
        (Verb::Run | Verb::Clear, _) => (1, u8::MAX, 1),
    };
    (class, tier, moment, step.turn)
}

fn is_record(step: &Step) -> bool {
    let object = step.after.as_ref().and_then(Resource::object);
    object.is_some_and(|object| matches!(object.body, Body::Release(_)))
}

fn needs((seq, step): &(Seq, Step), steps: &[(Seq, Step)], numbers: &BTreeMap<ResourceId, Seq>) -> Vec<Seq> {
    let having = |is: &dyn Fn(&Step) -> bool| -> Vec<Seq> {
        steps.iter().filter(|(_, other)| is(other)).map(|(seq, _)| *seq).collect()
    };
    let mut needs: BTreeSet<Seq> = BTreeSet::new();
    match step.verb {
        Verb::Create | Verb::Adopt | Verb::Update | Verb::Replace | Verb::Check => {
            needs.extend(step.needs.iter().filter_map(|id| numbers.get(id)));
            if shrinks(step) {
                needs = having(&|other| runs_on(other, step) || other.id == step.id).into_iter().collect();
            }
        }
        Verb::Delete | Verb::Forget => needs.extend(having(&|other| goes_before(other, step))),
        // Nothing is done, so nothing comes before it.
        Verb::Run | Verb::Clear | Verb::Answer | Verb::Bury | Verb::Abandon => {}
    }
    needs.extend(step.behind.iter().filter_map(|id| numbers.get(id)));
    needs.remove(seq);
    needs.into_iter().collect()
}

/// A removal waits for the removals of the next higher tier that has any, and for checks of what takes its place.
fn goes_before(other: &Step, step: &Step) -> bool {
    // A secret that is erased cannot be brought back: nothing on a cluster may fail after it.
    let secrets_last = other.id.target != Target::Local && step.id.target == Target::Local;
    match other.verb {
        Verb::Delete | Verb::Forget => other.tier > step.tier || secrets_last,
        Verb::Run | Verb::Clear => other.tier > step.tier,
        Verb::Check => true,
        Verb::Create | Verb::Adopt | Verb::Update | Verb::Replace | Verb::Answer | Verb::Bury | Verb::Abandon => false,
    }
}

/// A quota is lowered after the workloads shrank, raised before they grow.
fn shrinks(step: &Step) -> bool {
    quota::lowered(step.before.as_ref(), step.after.as_ref())
}

fn runs_on(other: &Step, quota: &Step) -> bool {
    let same = other.id.target == quota.id.target && other.id.target != Target::Local;
    let kind = other.id.api().1;
    let pods = crate::plan::demand::template_pointer(kind).is_some() || kind == "PersistentVolumeClaim";
    same && (pods || matches!(other.verb, Verb::Check | Verb::Run))
}

fn planned((seq, step): (Seq, Step), needs: Vec<Seq>) -> PlannedChange {
    let change = Change {
        seq,
        verb: step.verb,
        id: step.id,
        before: step.before,
        after: step.after,
        seen: step.seen,
        needs,
        reason: step.reason,
        irreversible: step.irreversible,
    };
    PlannedChange { change, resource_needs: step.needs, tier: step.tier }
}
