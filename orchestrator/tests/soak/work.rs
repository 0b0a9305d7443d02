//! Plans of slices of one ConfigMap in a namespace: made, and removed again.

use models::change::{Change, Verb};
use models::operation::OperationKind;
use models::resource::{Body, Object, Owner, Resource, ResourceId, Target};
use models::slice::Phase;
use models::{Name, Slice, SliceSpec};
use orchestrator::plan::{Plan, PlannedChange};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn slice(n: usize, incarnation: u64) -> Slice {
    Slice {
        format: models::format::Format,
        tenant: name("default"),
        name: name(&format!("s{n}")),
        uid: format!("{:08x}", n as u64 * 100_000 + incarnation),
        incarnation,
        labels: BTreeMap::new(),
        spec: SliceSpec::default(),
        phase: Phase::Creating,
        operation: None,
        placed: BTreeMap::new(),
        adopted: None,
    }
}

fn resource(slice: &Slice, (cluster, kind): (&str, &str)) -> Resource {
    let inside = kind != "Namespace";
    let id = ResourceId {
        target: Target::Cluster(name(cluster)),
        kind: format!("v1/{kind}"),
        namespace: if inside { slice.namespace() } else { String::new() },
        name: if inside { "data".into() } else { slice.namespace() },
    };
    let mut body = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": id.name}});
    if inside {
        body["metadata"]["namespace"] = json!(id.namespace);
        body["data"] = json!({"filler": "x".repeat(500)});
    }
    let owner =
        Owner { tenant: slice.tenant.clone(), slice: slice.name.clone(), uid: slice.uid.clone(), function: None };
    Resource::Object(Object { id, owner, body: Body::Plain(body), fills: vec![], keep: false })
}

fn change(
    (seq, verb): (u32, Verb),
    (before, after): (Option<Resource>, Option<Resource>),
    needs: Vec<u32>,
) -> PlannedChange {
    let id = before.as_ref().or(after.as_ref()).unwrap().id().clone();
    let change = Change { seq, verb, id, before, after, seen: None, needs, reason: "soak".into(), irreversible: None };
    PlannedChange { change, resource_needs: vec![], tier: 4 }
}

pub fn creation(slice: &Slice, cluster: &str) -> Plan {
    let of = |kind| Some(resource(slice, (cluster, kind)));
    let changes = vec![
        change((1, Verb::Create), (None, of("Namespace")), vec![]),
        change((2, Verb::Create), (None, of("ConfigMap")), vec![1]),
    ];
    Plan::of(slice, (OperationKind::CreateSlice, None, Some(slice.clone())), changes)
}

pub fn removal(slice: &Slice, cluster: &str) -> Plan {
    let of = |kind| Some(resource(slice, (cluster, kind)));
    let changes = vec![
        change((1, Verb::Delete), (of("ConfigMap"), None), vec![]),
        change((2, Verb::Delete), (of("Namespace"), None), vec![1]),
    ];
    Plan::of(slice, (OperationKind::DeleteSlice, Some(slice.clone()), None), changes)
}

/// How large a document is.
pub fn bytes(doc: &Value) -> usize {
    doc.to_string().len()
}
