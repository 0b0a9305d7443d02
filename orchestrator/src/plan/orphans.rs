//! The plan that takes orphans away: removals in the order in which they would have gone with their slice. Pure.

use super::diff::Step;
use super::model::{Plan, PlannedChange, Recorded};
use super::order::order;
use super::want::tier;
use models::change::Verb;
use models::resource::{Body, Owner, Resource, ResourceId};
use models::{Name, OperationKind, Orphan, OrphanCause, Slice};
use serde_json::json;
use std::collections::BTreeMap;

/// Of one slice, or of one that is gone; `None`: there is nothing to take away.
pub fn clear(
    (tenant, slice): (&Name, Option<&Slice>),
    orphans: &[&Orphan],
    recorded: &BTreeMap<ResourceId, Recorded>,
) -> Option<Plan> {
    let first = orphans.first()?;
    let steps = orphans.iter().map(|orphan| {
        let known = recorded.get(&orphan.id).cloned();
        removal(known.unwrap_or_else(|| found(tenant, orphan)), orphan)
    });
    let changes = order(steps.collect());
    Some(match slice {
        Some(slice) => Plan::of(slice, (OperationKind::ChangeSlice, Some(slice.clone()), Some(slice.clone())), changes),
        None => gone((tenant, first), changes),
    })
}

fn removal(recorded: Recorded, orphan: &Orphan) -> Step {
    let reason = match orphan.cause {
        OrphanCause::Unreachable => "its cluster was away when it was to go",
        OrphanCause::LeftOut => "an operation left it out",
        OrphanCause::Forgotten => "it was forgotten while its cluster was away",
        OrphanCause::Found => "it carries our label and stands in no record",
    };
    let step = Step::new((Verb::Delete, recorded.resource.id().clone()), recorded.tier, reason);
    // What was seen of it is old: it is read before it is touched, and goes by its uid.
    Step { before: Some(recorded.resource), needs: recorded.needs, ..step }
}

/// The plan for what a slice left that is gone: its name may be another one's by now.
fn gone((tenant, orphan): (&Name, &Orphan), changes: Vec<PlannedChange>) -> Plan {
    let slice = Slice {
        format: models::format::Format,
        tenant: tenant.clone(),
        name: orphan.slice.clone(),
        uid: orphan.uid.clone(),
        incarnation: 0,
        labels: BTreeMap::new(),
        spec: models::SliceSpec::default(),
        phase: models::slice::Phase::Deleting,
        operation: None,
        placed: BTreeMap::new(),
        adopted: None,
    };
    let plan = Plan::of(&slice, (OperationKind::RemoveOrphans, None, None), changes);
    Plan { adopted: orphan.adopted.clone(), ..plan }
}

/// Of what was found nothing is known: its record says only that it is there.
pub fn found(tenant: &Name, orphan: &Orphan) -> Recorded {
    let (api_version, kind) = orphan.id.api();
    let body = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": orphan.id.name, "namespace": orphan.id.namespace},
    });
    let owner = Owner { tenant: tenant.clone(), slice: orphan.slice.clone(), uid: orphan.uid.clone(), function: None };
    let object = models::Object { id: orphan.id.clone(), owner, body: Body::Plain(body), fills: vec![], keep: false };
    Recorded {
        format: Recorded::FORMAT,
        resource: Resource::Object(object),
        needs: vec![],
        tier: match kind {
            "Namespace" => tier::NAMESPACE,
            "PersistentVolumeClaim" => tier::VOLUME,
            _ => tier::SERVER,
        },
        seen: None,
        certain: false,
        operation: String::new(),
    }
}
