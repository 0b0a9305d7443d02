//! What a small slice wants on two clusters, and the plans towards it.

use models::change::Verb;
use models::resource::{Body, Fill, Form, Input, Object, Owner, Part, Readiness, Resource, ResourceId, Target, label};
use models::secret::{Material, SecretSpec};
use models::slice::Phase;
use models::{Name, OperationKind, Slice, SliceSpec};
use orchestrator::plan::hooks::Kept;
use orchestrator::plan::leave::Leave;
use orchestrator::plan::want::{Want, Wanted, tier};
use orchestrator::plan::{Observed, Plan, PlannedChange, Recorded, diff, order};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub const UID: &str = "0a1b2c3d";
pub const NAMESPACE: &str = "sw-demo-0a1b2c3d";

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn slice() -> Slice {
    Slice {
        format: Default::default(),
        tenant: name("default"),
        name: name("demo"),
        uid: UID.into(),
        incarnation: 1,
        labels: BTreeMap::new(),
        spec: SliceSpec::default(),
        phase: Phase::Ready,
        operation: None,
        placed: BTreeMap::new(),
        adopted: None,
    }
}

pub fn id(cluster: &str, kind: &str, object: &str) -> ResourceId {
    let namespace = if kind == "v1/Namespace" { "" } else { NAMESPACE };
    ResourceId {
        target: Target::Cluster(name(cluster)),
        kind: kind.into(),
        namespace: namespace.into(),
        name: object.into(),
    }
}

pub fn owner() -> Owner {
    Owner { tenant: name("default"), slice: name("demo"), uid: UID.into(), function: None }
}

/// A piece of the goal: cluster, kind, name, body.
struct Piece(&'static str, &'static str, &'static str, Value);

fn wanted(piece: Piece, tier: u8, fills: Vec<Fill>) -> Wanted {
    let Piece(cluster, kind, object, body) = piece;
    let id = id(cluster, kind, object);
    let mut needs = vec![];
    if kind != "v1/Namespace" {
        needs.push(self::id(cluster, "v1/Namespace", NAMESPACE));
    }
    for part in fills.iter().flat_map(|fill| &fill.parts) {
        match part {
            Part::Input(input) => needs.push(input.resource.clone()),
            Part::Secret { secret, .. } => needs.push(local(&secret.id)),
            Part::Text(_) => {}
        }
    }
    let object = Object { id, owner: owner(), body: Body::Plain(body), fills, keep: false };
    Wanted { resource: Resource::Object(object), needs, tier, why: "wanted".into() }
}

fn local(id: &str) -> ResourceId {
    ResourceId { target: Target::Local, kind: "secret".into(), namespace: String::new(), name: id.into() }
}

fn secret(id: &str, material: Material) -> Wanted {
    let needs = match &material {
        Material::Certificate { ca, .. } => vec![local(&ca.id)],
        Material::Ca { .. } | Material::Password => vec![],
    };
    let spec = SecretSpec { id: local(id), version: 1, material };
    Wanted { resource: Resource::Secret(spec), needs, tier: tier::LOCAL, why: "wanted".into() }
}

fn deployment(replicas: u64) -> Value {
    json!({"spec": {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b", (label::FUNCTION): "store"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
}

fn ready(cluster: &str, deployment: &str) -> Wanted {
    let of = id(cluster, "apps/v1/Deployment", deployment);
    let check = Readiness { id: id(cluster, "readiness", deployment), objects: vec![of.clone()] };
    Wanted { resource: Resource::Readiness(check), needs: vec![of], tier: tier::BASE, why: "ready".into() }
}

fn quota(cpu: &str, memory: &str) -> Wanted {
    let hard = json!({"spec": {"hard": {"requests.cpu": cpu, "requests.memory": memory}}});
    wanted(Piece("cloud", "v1/ResourceQuota", "sliceway", hard), tier::BASE, vec![])
}

/// The goal of a slice: two namespaces, secrets, a server, and a gateway that reaches it by a port born at run time.
pub fn goal() -> Want {
    let service = id("cloud", "v1/Service", "store");
    let port = Fill {
        pointer: "/ports/0/port".into(),
        parts: vec![Part::Input(Input { resource: service, field: "nodePort.mqtt".into() })],
        form: Form::Integer,
    };
    let ca = secret("0a1b2c3d/ca", Material::Ca { common_name: "ca".into() });
    let Resource::Secret(ca_spec) = ca.resource.clone() else { panic!("a secret") };
    let password = Fill {
        pointer: "/data/ca.crt".into(),
        parts: vec![Part::Secret { secret: ca_spec.reference(), field: "ca.crt".into() }],
        form: Form::Base64,
    };
    let leaf =
        Material::Certificate { ca: ca_spec.reference(), common_name: "store".into(), dns_names: vec!["store".into()] };
    let node_port =
        json!({"spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"name": "mqtt", "port": 8883}]}});
    let slice = json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "mqtt", "port": 8883}]});
    let all = vec![
        ca,
        secret("0a1b2c3d/leaf", leaf),
        wanted(Piece("cloud", "v1/Namespace", NAMESPACE, json!({})), tier::NAMESPACE, vec![]),
        wanted(Piece("edge", "v1/Namespace", NAMESPACE, json!({})), tier::NAMESPACE, vec![]),
        wanted(Piece("cloud", "v1/Secret", "tls", json!({"type": "Opaque"})), tier::BASE, vec![password]),
        quota("100m", "200"),
        wanted(Piece("cloud", "v1/Service", "store", node_port), tier::BASE, vec![]),
        wanted(Piece("cloud", "v1/ConfigMap", "settings", json!({"data": {"a": "1"}})), tier::SERVER, vec![]),
        wanted(Piece("cloud", "apps/v1/Deployment", "store", deployment(1)), tier::SERVER, vec![]),
        wanted(Piece("edge", "discovery.k8s.io/v1/EndpointSlice", "store", slice), tier::BASE, vec![port]),
        wanted(Piece("edge", "apps/v1/Deployment", "gw", deployment(1)), tier::GATEWAY, vec![]),
        ready("cloud", "store"),
        ready("edge", "gw"),
    ];
    all.into_iter().map(|w| (w.resource.id().clone(), w)).collect()
}

/// Another goal: something changed, something gone, something new, and a quota of which one figure rises and one falls.
pub fn changed() -> Want {
    let mut want = goal();
    want.remove(&id("cloud", "v1/ConfigMap", "settings"));
    for new in [
        quota("300m", "100"),
        wanted(Piece("cloud", "apps/v1/Deployment", "store", deployment(2)), tier::SERVER, vec![]),
        wanted(Piece("edge", "v1/ConfigMap", "extra", json!({"data": {"b": "2"}})), tier::GATEWAY, vec![]),
    ] {
        want.insert(new.resource.id().clone(), new);
    }
    want
}

/// The goal with a volume that holds data.
pub fn holding_data() -> Want {
    let mut want = goal();
    let spec = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let volume = wanted(Piece("cloud", "v1/PersistentVolumeClaim", "data", spec), tier::VOLUME, vec![]);
    want.insert(volume.resource.id().clone(), volume);
    want
}

/// A goal that needs its server deleted and made anew.
pub fn replaced() -> Want {
    let mut want = goal();
    let mut body = deployment(3);
    body["metadata"] = json!({"annotations": {"made": "anew"}});
    let new = wanted(Piece("cloud", "apps/v1/Deployment", "store", body), tier::SERVER, vec![]);
    want.insert(new.resource.id().clone(), new);
    want
}

/// The planner asks for a replacement where a field is immutable; here a mark says so.
fn marked(step: &diff::Step) -> bool {
    match &step.after {
        Some(Resource::Object(Object { body: Body::Plain(body), .. })) => {
            step.verb == Verb::Update && body.pointer("/metadata/annotations/made").is_some()
        }
        _ => false,
    }
}

pub struct From<'a> {
    pub slice: Option<Slice>,
    pub recorded: &'a BTreeMap<ResourceId, Recorded>,
    pub observed: &'a BTreeMap<ResourceId, Observed>,
}

pub fn plan(want: &Want, from: &From<'_>) -> Plan {
    plan_with(want, from, |_| {})
}

/// As [`plan`], with what `more` makes of the steps.
pub fn plan_with(want: &Want, from: &From<'_>, more: impl FnOnce(&mut Vec<diff::Step>)) -> Plan {
    let sides = diff::Sides {
        want,
        recorded: from.recorded,
        observed: from.observed,
        replace: &BTreeSet::new(),
        hooks: &Kept::default(),
        leave: &Leave::default(),
        broken: false,
        stays: false,
    };
    let mut steps = diff::diff(&sides).unwrap();
    steps.iter_mut().filter(|step| marked(step)).for_each(|step| step.verb = Verb::Replace);
    more(&mut steps);
    let changes = order::order(steps);
    let after = (!want.is_empty()).then(slice);
    let kind = match (&from.slice, &after) {
        (None, _) => OperationKind::CreateSlice,
        (Some(_), Some(_)) => OperationKind::ChangeSlice,
        (Some(_), None) => OperationKind::DeleteSlice,
    };
    Plan {
        intent: vec![],
        format: Plan::FORMAT,
        id: "p".into(),
        kind,
        tenant: name("default"),
        subject: name("demo"),
        uid: UID.into(),
        before: from.slice.clone(),
        after,
        changes,
        choices: vec![],
        warnings: vec![],
        bundles: vec![],
        unread: vec![],
        adopted: None,
        digest: String::new(),
    }
}

fn recorded(want: Want) -> BTreeMap<ResourceId, Recorded> {
    let record = |w: Wanted| Recorded {
        format: Recorded::FORMAT,
        resource: w.resource,
        needs: w.needs,
        tier: w.tier,
        seen: None,
        certain: true,
        operation: String::new(),
    };
    want.into_iter().filter(|(_, w)| !w.resource.is_check()).map(|(id, w)| (id, record(w))).collect()
}

#[test]
fn a_quota_is_raised_before_the_workloads_grow_and_lowered_after_they_run() {
    let (recorded, observed) = (recorded(goal()), BTreeMap::new());
    let plan = plan(&changed(), &From { slice: Some(slice()), recorded: &recorded, observed: &observed });
    let of = |kind: &str| plan.changes.iter().filter(|c| c.change.id.kind == kind).collect::<Vec<_>>();
    let hard = |change: &PlannedChange| match &change.change.after {
        Some(Resource::Object(Object { body: Body::Plain(body), .. })) => body["spec"]["hard"].clone(),
        other => panic!("{other:?}"),
    };
    let [raised, lowered] = of("v1/ResourceQuota")[..] else { panic!("{:?}", plan.changes) };
    assert_eq!(hard(raised), json!({"requests.cpu": "300m", "requests.memory": "200"}));
    assert_eq!(hard(lowered), json!({"requests.cpu": "300m", "requests.memory": "100"}));
    let [store] = of("apps/v1/Deployment")[..] else { panic!("{:?}", plan.changes) };
    assert!(lowered.change.needs.contains(&store.change.seq) && lowered.change.needs.contains(&raised.change.seq));
}

/// An apply that changes nothing ends as completed: of a slice that was left broken that must have been seen.
#[test]
fn what_cannot_be_read_of_a_broken_slice_is_looked_at_again() {
    let (want, recorded, replace) = (goal(), recorded(goal()), BTreeSet::new());
    let observed = recorded.keys().map(|id| (id.clone(), Observed::Unknown)).collect();
    let checks = |broken| {
        let sides = diff::Sides {
            want: &want,
            recorded: &recorded,
            observed: &observed,
            replace: &replace,
            hooks: &Kept::default(),
            leave: &Leave::default(),
            broken,
            stays: false,
        };
        diff::diff(&sides).unwrap().iter().filter(|step| step.verb == Verb::Check).count()
    };
    assert_eq!((checks(true), checks(false)), (2, 0));
}

#[test]
fn a_plan_of_an_unchanged_goal_is_empty_and_a_deletion_ends_with_the_namespace() {
    let recorded = recorded(goal());
    let observed = BTreeMap::new();
    let from = From { slice: Some(slice()), recorded: &recorded, observed: &observed };
    assert!(plan(&goal(), &from).is_empty());
    let delete = plan(&Want::new(), &from);
    assert!(delete.changes.iter().all(|c| c.change.verb == Verb::Delete));
    let position = |kind: &str| delete.changes.iter().position(|c| c.change.id.kind == kind).unwrap();
    assert!(position("v1/Namespace") > position("apps/v1/Deployment"));
}
