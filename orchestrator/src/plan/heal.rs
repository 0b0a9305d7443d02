//! The plan that puts one thing back as its record says. Pure.

use super::diff::Step;
use super::model::{Plan, Recorded};
use super::order::order;
use super::world::Observed;
use models::change::Verb;
use models::resource::Seen;
use models::{OperationKind, Slice};

/// Of a slice at rest; nothing else of it changes.
pub fn plan(slice: &Slice, (recorded, observed): (&Recorded, &Observed)) -> Plan {
    let seen: Option<Seen> = match observed {
        Observed::Present(seen) => Some((**seen).clone()),
        Observed::Absent | Observed::Unknown => None,
    };
    let (verb, reason) = match seen {
        Some(_) => (Verb::Update, "it was changed by hand; it is put back"),
        None => (Verb::Create, "it is gone, and not by us; it is made again"),
    };
    let step = Step::new((verb, recorded.resource.id().clone()), recorded.tier, reason);
    let step = Step {
        before: Some(recorded.resource.clone()),
        after: Some(recorded.resource.clone()),
        seen,
        needs: recorded.needs.clone(),
        ..step
    };
    Plan::of(slice, (OperationKind::HealSlice, Some(slice.clone()), Some(slice.clone())), order(vec![step]))
}
