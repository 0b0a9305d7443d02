//! The objects of the charts, made ours: labels on pods, an identity, an annotation that rolls them, and the check that
//! they became ready.

use super::{Scene, Want, Wanted, secrets, tier, tier_of, versions};
use crate::plan::bundle::Piece;
use crate::plan::demand::template_pointer;
use crate::plan::names;
use crate::plan::scope::is_cluster_scoped;
use models::Name;
use models::resource::{Body, Object, Part, Readiness, Resource, ResourceId};
use models::secret::SecretRef;
use models::slice::Workload;
use serde_json::{Map, Value, json};

/// Changes when the pods must start anew: another certificate or uplink.
const ROLL: &str = "sliceway.io/roll";

pub fn wanted(scene: &Scene<'_>, base: &Want) -> Vec<Wanted> {
    let mut all = Vec::new();
    for workload in scene.slice.spec.workloads() {
        let (Some(cluster), Some(bundle)) = (scene.cluster_of(workload.name), scene.bundles.get(workload.name)) else {
            continue;
        };
        let mut made: Vec<Wanted> =
            bundle.objects.iter().map(|piece| object(scene, cluster, &workload, piece)).collect();
        order(scene, cluster, &workload, (base, &mut made));
        all.extend(readiness(scene, cluster, &workload, &made));
        all.extend(made);
    }
    all
}

fn object(scene: &Scene<'_>, cluster: &Name, workload: &Workload<'_>, piece: &Piece) -> Wanted {
    let kind = format!("{}/{}", piece.api_version, piece.kind);
    let id = names::object(cluster, &kind, home(scene, &piece.kind), piece.name.clone());
    let body = match &piece.body {
        Body::Plain(body) => Body::Plain(rolled(scene, workload, ours(scene, workload.name, body.clone()))),
        body @ (Body::Sealed { .. } | Body::Release(_)) => body.clone(),
    };
    let tier = match (piece.kind.as_str(), workload.role) {
        ("PersistentVolumeClaim", _) => tier::VOLUME,
        (_, role) => tier_of(role),
    };
    let owner = scene.owner(Some(workload.name));
    let resource = Resource::Object(Object { id, owner, body, fills: vec![], keep: piece.keep });
    Wanted { resource, needs: vec![], tier, why: format!("chart of {} ({})", workload.name, piece.source) }
}

/// The namespace of an object; none for what belongs to the whole cluster.
fn home<'s>(scene: &'s Scene<'_>, kind: &str) -> &'s str {
    if is_cluster_scoped(kind) { "" } else { &scene.namespace }
}

/// One object of a hook: as the chart's others, but that nothing rolls it.
pub fn hook_object(scene: &Scene<'_>, cluster: &Name, function: &Name, piece: &Piece) -> Object {
    let kind = format!("{}/{}", piece.api_version, piece.kind);
    let id = names::object(cluster, &kind, home(scene, &piece.kind), piece.name.clone());
    let body = match &piece.body {
        Body::Plain(body) => Body::Plain(ours(scene, function, body.clone())),
        body @ (Body::Sealed { .. } | Body::Release(_)) => body.clone(),
    };
    Object { id, owner: scene.owner(Some(function)), body, fills: vec![], keep: false }
}

/// Namespace, pod labels and service account; nothing else of the chart's is touched.
fn ours(scene: &Scene<'_>, function: &Name, mut body: Value) -> Value {
    let kind = body.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
    match home(scene, &kind) {
        "" => {
            entry(&mut body, "metadata").remove("namespace");
        }
        namespace => {
            entry(&mut body, "metadata").insert("namespace".into(), json!(namespace));
        }
    }
    // The pods of a release that was taken over go on as they are.
    if scene.slice.adopted.is_none()
        && let Some(pod) = pod(&mut body)
    {
        let metadata = entry(pod, "metadata");
        for (key, value) in scene.owner(Some(function)).labels() {
            child(metadata, "labels").insert(key, json!(value));
        }
        let spec = entry(pod, "spec");
        if !spec.contains_key("serviceAccountName") {
            spec.insert("serviceAccountName".into(), json!(names::service_account(function)));
        }
    }
    body
}

/// The annotation by which pods start anew with another certificate.
fn rolled(scene: &Scene<'_>, workload: &Workload<'_>, mut body: Value) -> Value {
    if workload.platform.is_some()
        && let Some(pod) = pod(&mut body)
    {
        child(entry(pod, "metadata"), "annotations").insert(ROLL.into(), json!(roll(scene, workload)));
    }
    body
}

fn pod(body: &mut Value) -> Option<&mut Value> {
    let kind = body.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
    match (kind.as_str(), template_pointer(&kind)) {
        ("Pod", _) => Some(body),
        (_, Some(pointer)) => body.pointer_mut(pointer),
        (_, None) => None,
    }
}

fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    child(map(value), key)
}

fn child<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    map(parent.entry(key.to_owned()).or_insert(Value::Null))
}

fn map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made a map one line above")
}

fn roll(scene: &Scene<'_>, workload: &Workload<'_>) -> String {
    let mut secrets: Vec<SecretRef> = vec![secrets::certificate(scene, workload).reference()];
    let gateway = scene.slice.spec.gateways.iter().find(|g| &g.name == workload.name);
    let uplinks: Vec<&Name> = gateway.map(|g| g.attached()).unwrap_or_default();
    for server in &uplinks {
        let id = names::uplink_password(&scene.slice.uid, workload.name, server);
        secrets.push(secrets::password(scene, id).reference());
    }
    let names: Vec<&str> = uplinks.iter().map(|name| name.as_str()).collect();
    format!("{}/{}", versions(&secrets), names.join(","))
}

/// Pods come after everything that they lean on: the namespace's rules, their secrets, the rest of their chart.
fn order(scene: &Scene<'_>, cluster: &Name, workload: &Workload<'_>, (base, made): (&Want, &mut Vec<Wanted>)) {
    let namespace = scene.namespace_id(cluster);
    let before = leans_on(scene, base, (cluster, workload.name));
    let rest: Vec<ResourceId> = made.iter().filter(|w| !runs_pods(w)).map(|w| w.resource.id().clone()).collect();
    for wanted in made.iter_mut() {
        match runs_pods(wanted) {
            true => wanted.needs = before.iter().chain(&rest).cloned().collect(),
            false => wanted.needs = vec![namespace.clone()],
        }
    }
}

/// What of ours must be there before a function's pods: the namespace, its rules, its secrets.
pub fn leans_on(scene: &Scene<'_>, base: &Want, (cluster, function): (&Name, &Name)) -> Vec<ResourceId> {
    let target = scene.namespace_id(cluster).target;
    let leans = |wanted: &&Wanted| match &wanted.resource {
        Resource::Object(object) => {
            let of = object.owner.function.as_ref();
            let late = matches!(object.id.api().1, "Service" | "EndpointSlice");
            let record = matches!(object.body, Body::Release(_));
            let own = matches!(wanted.tier, tier::NAMESPACE | tier::BASE);
            object.id.target == target && own && !late && !record && (of.is_none() || of == Some(function))
        }
        Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => false,
    };
    base.values().filter(leans).filter(|w| !w.fills_from_afar()).map(|w| w.resource.id().clone()).collect()
}

impl Wanted {
    /// Its content waits for another cluster: a pod must not wait for it too.
    fn fills_from_afar(&self) -> bool {
        match &self.resource {
            Resource::Object(object) => {
                object.fills.iter().flat_map(|fill| &fill.parts).any(|part| matches!(part, Part::Input(_)))
            }
            Resource::Readiness(_) | Resource::Secret(_) | Resource::Hook(_) => false,
        }
    }
}

fn runs_pods(wanted: &Wanted) -> bool {
    let kind = wanted.resource.id().api().1;
    kind == "Pod" || template_pointer(kind).is_some()
}

fn readiness(scene: &Scene<'_>, cluster: &Name, workload: &Workload<'_>, made: &[Wanted]) -> Option<Wanted> {
    let waits = |wanted: &&Wanted| {
        let kind = wanted.resource.id().api().1;
        matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "Pod" | "PersistentVolumeClaim" | "Service")
    };
    let objects: Vec<ResourceId> = made.iter().filter(waits).map(|w| w.resource.id().clone()).collect();
    let needs = made.iter().map(|w| w.resource.id().clone()).collect();
    let id = names::readiness(cluster, &scene.namespace, workload.name);
    (!objects.is_empty()).then(|| Wanted {
        resource: Resource::Readiness(Readiness { id, objects }),
        needs,
        tier: tier::BASE,
        why: format!("{} is done when it is ready", workload.name),
    })
}
