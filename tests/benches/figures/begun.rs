//! Plans and stored operations that figures are made of.

use models::change::{Change, Verb};
use models::operation::{Operation, OperationKind, OperationState};
use models::resource::{Body, Object, Owner, Resource, ResourceId, Seen, Target};
use models::slice::Phase;
use models::{Name, Slice, SliceSpec};
use orchestrator::ops::{ChangeDoc, OperationDoc};
use orchestrator::plan::{Plan, PlannedChange, Recorded};
use serde_json::json;
use std::collections::BTreeMap;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn slice(n: usize) -> Slice {
    Slice {
        format: models::format::Format,
        tenant: name("default"),
        name: name(&format!("s{n}")),
        uid: format!("{n:08x}"),
        incarnation: 1,
        labels: BTreeMap::new(),
        spec: SliceSpec::default(),
        phase: Phase::Creating,
        operation: None,
        placed: BTreeMap::new(),
        adopted: None,
    }
}

/// The namespace of a slice on a cluster.
fn namespace(slice: &Slice, cluster: &str) -> Resource {
    let id =
        ResourceId { kind: "v1/Namespace".into(), namespace: String::new(), name: slice.namespace(), ..id(cluster) };
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": id.name}});
    Resource::Object(Object { id, owner: owner(slice), body: Body::Plain(body), fills: vec![], keep: false })
}

fn id(cluster: &str) -> ResourceId {
    ResourceId {
        target: Target::Cluster(name(cluster)),
        kind: "v1/ConfigMap".into(),
        namespace: String::new(),
        name: String::new(),
    }
}

fn owner(slice: &Slice) -> Owner {
    Owner { tenant: slice.tenant.clone(), slice: slice.name.clone(), uid: slice.uid.clone(), function: None }
}

/// A ConfigMap of a slice on a cluster.
pub fn object(slice: &Slice, (cluster, n): (&str, usize)) -> Resource {
    let id = ResourceId { namespace: slice.namespace(), name: format!("o{n}"), ..id(cluster) };
    let metadata = json!({"name": id.name, "namespace": id.namespace});
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}});
    Resource::Object(Object { id, owner: owner(slice), body: Body::Plain(body), fills: vec![], keep: false })
}

pub fn recorded(resource: Resource) -> Recorded {
    Recorded {
        format: Recorded::FORMAT,
        resource,
        needs: vec![],
        tier: 4,
        seen: Some(Seen { uid: "u".into(), version: "1".into(), ..Seen::default() }),
        certain: true,
        operation: String::new(),
    }
}

/// The creation of a slice of so many objects on one cluster, the first of which is the namespace of the others.
pub fn plan(slice: &Slice, (cluster, objects): (&str, usize)) -> Plan {
    let change = |n: usize| {
        let resource = if n == 1 { namespace(slice, cluster) } else { object(slice, (cluster, n)) };
        let change = Change {
            seq: u32::try_from(n).unwrap(),
            verb: Verb::Create,
            id: resource.id().clone(),
            before: None,
            after: Some(resource),
            seen: None,
            needs: if n == 1 { vec![] } else { vec![1] },
            reason: "measured".into(),
            irreversible: None,
        };
        PlannedChange { change, resource_needs: vec![], tier: 4 }
    };
    let sides = (OperationKind::CreateSlice, None, Some(slice.clone()));
    Plan::of(slice, sides, (1..=objects).map(change).collect())
}

/// The same as it stands on disk when nothing of it was done.
pub fn open(slice: &Slice, (cluster, objects): (&str, usize)) -> (OperationDoc, Vec<ChangeDoc>) {
    let now = jiff::Timestamp::now();
    let plan = plan(slice, (cluster, objects));
    let operation = Operation {
        format: Operation::FORMAT,
        id: format!("01900000-0000-7000-8000-0000{}", slice.uid),
        tenant: slice.tenant.clone(),
        kind: plan.kind,
        subject: slice.name.clone(),
        uid: slice.uid.clone(),
        state: OperationState::Processing,
        epoch: 1,
        created: now,
        entered: None,
        ended: None,
        deadline: now + jiff::SignedDuration::from_hours(1),
        timeout_s: 3_600,
        changes: u32::try_from(objects).unwrap(),
        done: 0,
        waiting_for: None,
        waiting_since: None,
        waiting_until: None,
        error: None,
        successor: None,
        warnings: vec![],
    };
    let changes = plan.changes.into_iter().map(|planned| ChangeDoc::new(&operation.id, planned)).collect();
    let after = Some(slice.clone());
    (OperationDoc { operation, before: None, after, wish: None, partly: false, adopted: None, asked: None }, changes)
}
