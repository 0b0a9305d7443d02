//! Numbers the changes and ties them: what must be there first when something is made, what must be gone first when
//! something is removed.

use super::diff::Step;
use super::model::PlannedChange;
use super::want::quota;
use models::change::{Change, Seq, Verb};
use models::resource::{ResourceId, Target};
use std::collections::{BTreeMap, BTreeSet};

pub fn order(mut steps: Vec<Step>) -> Vec<PlannedChange> {
    steps.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
    let numbers: BTreeMap<ResourceId, Seq> = (1..).zip(&steps).map(|(seq, step)| (step.id.clone(), seq)).collect();
    let needs: Vec<Vec<Seq>> = steps.iter().map(|step| needs(step, &steps, &numbers)).collect();
    steps.into_iter().zip(needs).map(|(step, needs)| planned(step, &numbers, needs)).collect()
}

/// For reading: what is made in its order, then checks, then removals from the top tier down.
fn rank(step: &Step) -> (u8, u8) {
    match step.verb {
        Verb::Create | Verb::Update | Verb::Replace => (0, step.tier),
        Verb::Check => (1, step.tier),
        Verb::Delete => (2, u8::MAX - step.tier),
    }
}

fn needs(step: &Step, steps: &[Step], numbers: &BTreeMap<ResourceId, Seq>) -> Vec<Seq> {
    let mut needs: BTreeSet<Seq> = BTreeSet::new();
    match step.verb {
        Verb::Create | Verb::Update | Verb::Replace | Verb::Check => {
            needs.extend(step.needs.iter().filter_map(|id| numbers.get(id)));
            if shrinks(step) {
                needs.clear();
                needs.extend(
                    steps.iter().filter(|other| runs_on(other, step)).filter_map(|other| numbers.get(&other.id)),
                );
            }
        }
        Verb::Delete => needs.extend(steps.iter().filter(|o| goes_before(o, step)).filter_map(|o| numbers.get(&o.id))),
    }
    needs.remove(&numbers[&step.id]);
    needs.into_iter().collect()
}

/// A removal waits for the removals of the next higher tier that has any, and for checks of what takes its place.
fn goes_before(other: &Step, step: &Step) -> bool {
    match other.verb {
        Verb::Delete => other.tier > step.tier,
        Verb::Check => true,
        Verb::Create | Verb::Update | Verb::Replace => false,
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
    same && (pods || other.verb == Verb::Check)
}

fn planned(step: Step, numbers: &BTreeMap<ResourceId, Seq>, needs: Vec<Seq>) -> PlannedChange {
    let change = Change {
        seq: numbers[&step.id],
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
