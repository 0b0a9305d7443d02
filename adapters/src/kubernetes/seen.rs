//! From a live object to what the engine knows of it.

use super::catalog::Kind;
use super::{fields, ready};
use crate::port::{Call, Labelled};
use crate::release;
use models::Name;
use models::resource::{ResourceId, Seen, Target, label};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

pub(super) fn of(call: &Call, live: &Value) -> Seen {
    let digest = Sha256::digest(fields::ours(live).to_string().as_bytes());
    Seen {
        uid: text(live, "/metadata/uid").to_owned(),
        version: text(live, "/metadata/resourceVersion").to_owned(),
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        outputs: outputs(live),
        ready: ready::of(live),
        deleting: deleting(live),
        stranger: stranger(call, live),
        next: String::new(),
    }
}

/// Who owns it, where we do not.
pub(super) fn stranger(call: &Call, live: &Value) -> Option<String> {
    let labels = live.pointer("/metadata/labels");
    let word = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let uid = word(label::SLICE);
    if uid == Some(call.owner.as_str()) {
        return None;
    }
    if let Some(uid) = uid {
        let name = word(label::NAME).unwrap_or("?");
        let tenant = word(label::TENANT).unwrap_or("?");
        return Some(format!("slice {name} of tenant {tenant} (uid {uid})"));
    }
    if is_helms(call, live) {
        return None;
    }
    let annotations = live.pointer("/metadata/annotations");
    let helm = annotations.and_then(|a| a.get("meta.helm.sh/release-name")).and_then(Value::as_str);
    let parent = live.pointer("/metadata/ownerReferences/0");
    let managers = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let manager = managers.and_then(|all| all.first()).and_then(|entry| entry.get("manager")).and_then(Value::as_str);
    Some(match (helm, parent, manager) {
        (Some(release), ..) => format!("the Helm release {release}"),
        (None, Some(parent), _) => format!("{} {}", text(parent, "/kind"), text(parent, "/name")),
        (None, None, Some(manager)) => format!("somebody else (written by {manager})"),
        (None, None, None) => "somebody else".into(),
    })
}

/// Whose Helm release it is of, where it carries no marks of ours and is of none of the slice's.
pub(super) fn another_release(call: &Call, live: &Value) -> Option<String> {
    let marked = live.pointer("/metadata/annotations/meta.helm.sh~1release-name").is_some();
    stranger(call, live).filter(|_| marked)
}

/// Somebody's helm made it for a release of this slice, in the slice's own namespace: release and namespace carry the
/// slice's uid. A hook says no more than that it is one.
fn is_helms(call: &Call, live: &Value) -> bool {
    let own = |text: Option<&str>| {
        text.and_then(|text| text.strip_suffix(call.owner.as_str())).is_some_and(|rest| rest.ends_with('-'))
    };
    if call.adopted.as_ref().is_some_and(|adopted| release::is_adopted((adopted, &call.owner), live)) {
        return true;
    }
    let word = |map: &str, key: &str| live.pointer(map)?.get(key)?.as_str();
    let annotation = |key: &str| word("/metadata/annotations", key);
    let record = text(live, "/type") == release::TYPE && own(word("/metadata/labels", "name"));
    let made = own(annotation("meta.helm.sh/release-name")) || annotation("helm.sh/hook").is_some() || record;
    !call.owner.is_empty() && own(Some(text(live, "/metadata/namespace"))) && made
}

fn deleting(live: &Value) -> Option<String> {
    live.pointer("/metadata/deletionTimestamp")?;
    let list = |pointer: &str| {
        let items = live.pointer(pointer).and_then(Value::as_array);
        items.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")).unwrap_or_default()
    };
    let finalizers = [list("/metadata/finalizers"), list("/spec/finalizers")].join(" ");
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let left = conditions.into_iter().flatten().filter(|c| text(c, "/status") == "True").map(|c| text(c, "/message"));
    let left: Vec<&str> = left.filter(|message| !message.is_empty()).collect();
    Some(match (finalizers.trim(), left.is_empty()) {
        ("" | "kubernetes", true) => "its content is being removed".into(),
        ("" | "kubernetes", false) => left.join("; "),
        (finalizers, _) => format!("held by finalizer {finalizers}"),
    })
}

fn outputs(live: &Value) -> BTreeMap<String, String> {
    let mut outputs = match text(live, "/kind") {
        "Secret" => release::outputs(live),
        "Service" => service(live),
        "Pod" => BTreeMap::from([("phase".to_owned(), text(live, "/status/phase").to_owned())]),
        _ => BTreeMap::new(),
    };
    let annotations = live.pointer("/metadata/annotations");
    if let Some(run) = annotations.and_then(|all| all.get(label::RUN)).and_then(Value::as_str) {
        outputs.insert("run".into(), run.to_owned());
    }
    outputs
}

fn service(live: &Value) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut put = |key: String, value: &str| {
        // `None` is how a headless Service says that it has no address.
        if !value.is_empty() && value != "None" {
            outputs.insert(key, value.to_owned());
        }
    };
    put("clusterIP".into(), text(live, "/spec/clusterIP"));
    put("address".into(), text(live, "/status/loadBalancer/ingress/0/ip"));
    put("hostname".into(), text(live, "/status/loadBalancer/ingress/0/hostname"));
    for port in live.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten() {
        let number = port.get("port").map(Value::to_string).unwrap_or_default();
        let name = port.get("name").and_then(Value::as_str).map_or(number, str::to_owned);
        if let Some(node_port) = port.get("nodePort") {
            put(format!("nodePort.{name}"), &node_port.to_string());
        }
    }
    outputs
}

/// The ids of a list's items, in the version in which each was written, without those that a controller made of ours:
/// a Service's EndpointSlices and a workload's pods carry its labels, and go with it.
pub(super) fn labelled(target: &Name, kind: &Kind, items: &[Value]) -> Vec<Labelled> {
    let controlled = |item: &Value| {
        let owners = item.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| owner.get("controller") == Some(&Value::Bool(true)))
    };
    let id = |item: &Value| {
        let written = fields::written_in(item);
        if written.is_none() && (kind.is_copied() || controlled(item)) {
            return None;
        }
        let uid = item.pointer("/metadata/labels")?.get(label::SLICE)?.as_str()?.to_owned();
        let id = ResourceId {
            target: Target::Cluster(target.clone()),
            kind: written.map_or_else(|| kind.id.clone(), |version| kind.in_version(version)),
            namespace: text(item, "/metadata/namespace").to_owned(),
            name: text(item, "/metadata/name").to_owned(),
        };
        Some(Labelled { id, uid })
    };
    items.iter().filter_map(id).collect()
}
