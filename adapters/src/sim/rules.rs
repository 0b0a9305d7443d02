//! What a simulated API server refuses, in an API server's manner. It must never change the world.

use crate::port::PortError;
use models::resource::ResourceId;
use serde_json::Value;
use std::collections::BTreeMap;

/// Group version, kind and whether it lives in a namespace: what the simulated cluster serves.
const KINDS: &[(&str, &[&str])] = &[
    (
        "v1",
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("apiextensions.k8s.io/v1", &["CustomResourceDefinition"]),
    ("apps/v1", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("autoscaling/v2", &["HorizontalPodAutoscaler"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("coordination.k8s.io/v1", &["Lease"]),
    ("discovery.k8s.io/v1", &["EndpointSlice"]),
    ("networking.k8s.io/v1", &["Ingress", "IngressClass", "NetworkPolicy"]),
    ("policy/v1", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io/v1", &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]),
    ("storage.k8s.io/v1", &["StorageClass"]),
];

const CLUSTER_WIDE: &[&str] = &[
    "Namespace",
    "Node",
    "PersistentVolume",
    "IngressClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "StorageClass",
    "CustomResourceDefinition",
];

/// `group/version` and `group/version/Kind`, sorted.
pub(super) fn apis(custom: &BTreeMap<String, bool>) -> Vec<String> {
    let mut all: Vec<String> = custom.keys().cloned().collect();
    all.extend(custom.keys().filter_map(|kind| Some(kind.rsplit_once('/')?.0.to_owned())));
    for (version, kinds) in KINDS {
        all.push((*version).to_owned());
        all.extend(kinds.iter().map(|kind| format!("{version}/{kind}")));
    }
    all.sort();
    all.dedup();
    all
}

pub(super) fn invalid(id: &ResourceId, cause: impl Into<String>) -> PortError {
    PortError::Invalid { id: id.to_string(), cause: cause.into() }
}

pub(super) fn not_here(id: &ResourceId) -> PortError {
    invalid(id, "a secret is made on the target @local, not on a cluster")
}

/// Kind, name and scope of what is applied; `custom` are the kinds that definitions brought, and whether each is of the
/// whole cluster.
pub(super) fn named(id: &ResourceId, custom: &BTreeMap<String, bool>) -> Result<(), PortError> {
    let (version, kind) = id.api();
    let own = KINDS.iter().any(|(v, kinds)| *v == version && kinds.contains(&kind));
    let defined = custom.get(&id.kind);
    if !own && defined.is_none() {
        return Err(invalid(id, format!("the cluster does not know kind {kind} in {version}")));
    }
    match (defined.copied().unwrap_or(CLUSTER_WIDE.contains(&kind)), id.namespace.is_empty()) {
        (true, false) => return Err(invalid(id, format!("a {kind} has no namespace"))),
        (false, true) => return Err(invalid(id, format!("a {kind} needs a namespace"))),
        (true, true) | (false, false) => {}
    }
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let name = &id.name;
    let rbac = version.starts_with("rbac.");
    if name.is_empty() || name.len() > 253 || !(rbac || name.chars().all(good) && name.starts_with(edge)) {
        return Err(invalid(id, format!("metadata.name: {name:?} is not a DNS subdomain name")));
    }
    Ok(())
}

/// Fields that must stay as they are once the object exists.
fn immutable(kind: &str) -> &'static [&'static str] {
    match kind {
        "Deployment" | "DaemonSet" | "ReplicaSet" => &["/spec/selector"],
        "StatefulSet" => &["/spec/selector", "/spec/serviceName", "/spec/volumeClaimTemplates"],
        "Job" => &["/spec/selector", "/spec/template", "/spec/completions"],
        "PersistentVolumeClaim" => &["/spec/storageClassName", "/spec/accessModes", "/spec/volumeName"],
        "Secret" => &["/type"],
        "RoleBinding" | "ClusterRoleBinding" => &["/roleRef"],
        _ => &[],
    }
}

pub(super) fn unchanged(id: &ResourceId, before: &Value, after: &Value) -> Result<(), PortError> {
    let (_, kind) = id.api();
    let mut fields = immutable(kind).to_vec();
    let frozen = matches!(kind, "Secret" | "ConfigMap") && before.pointer("/immutable") == Some(&Value::Bool(true));
    if frozen {
        fields.extend(["/data", "/stringData", "/binaryData"]);
    }
    match fields.iter().find(|field| before.pointer(field) != after.pointer(field)) {
        Some(field) => {
            let field = field.trim_start_matches('/').replace('/', ".");
            Err(invalid(id, format!("{field}: field is immutable; replace the object to change it")))
        }
        None => Ok(()),
    }
}

/// A workload's selector must match its template's labels.
pub(super) fn selected(id: &ResourceId, manifest: &Value) -> Result<(), PortError> {
    let (_, kind) = id.api();
    if !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") {
        return Ok(());
    }
    let Some(wanted) = manifest.pointer("/spec/selector/matchLabels").and_then(Value::as_object) else {
        return Err(invalid(id, "spec.selector: required value"));
    };
    let labels = manifest.pointer("/spec/template/metadata/labels");
    let has = |(key, value): (&String, &Value)| labels.and_then(|labels| labels.get(key)) == Some(value);
    if wanted.iter().all(has) {
        return Ok(());
    }
    Err(invalid(id, "spec.template.metadata.labels: selector does not match template labels"))
}
