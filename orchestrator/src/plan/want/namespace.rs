//! The namespace of a slice on each cluster that carries it, with what stands in it before any workload does.

use super::{Ours, Scene, Wanted, tier};
use crate::plan::demand;
use crate::plan::names;
use models::Name;
use models::resource::{Body, Object, Resource};
use serde_json::json;

pub const LIMITS: &str = "sliceway";

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    for cluster in scene.carrying() {
        all.push(namespace(scene, cluster));
        all.push(limit_range(scene, cluster));
        all.push(default_deny(scene, cluster));
        all.push(dns(scene, cluster));
    }
    for (function, cluster) in scene.placed {
        all.push(service_account(scene, function, cluster));
    }
    all
}

fn namespace(scene: &Scene<'_>, cluster: &Name) -> Wanted {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scene.namespace}});
    let id = scene.namespace_id(cluster);
    let object = Object { id, owner: scene.owner(None), body: Body::Plain(body), fills: vec![], keep: false };
    Wanted {
        resource: Resource::Object(object),
        needs: vec![],
        tier: tier::NAMESPACE,
        why: format!("the slice has functions on {cluster}"),
    }
}

fn limit_range(scene: &Scene<'_>, cluster: &Name) -> Wanted {
    let limits = json!({"spec": {"limits": [{
        "type": "Container",
        "defaultRequest": {
            "cpu": format!("{}m", demand::DEFAULT_CPU_MILLI), "memory": demand::DEFAULT_MEMORY_BYTES.to_string(),
        },
        "default": {
            "cpu": format!("{}m", demand::DEFAULT_LIMIT_CPU_MILLI),
            "memory": demand::DEFAULT_LIMIT_MEMORY_BYTES.to_string(),
        },
    }]}});
    scene.object(cluster, Ours::new("v1/LimitRange", LIMITS, limits).why("containers that ask for nothing get a share"))
}

fn default_deny(scene: &Scene<'_>, cluster: &Name) -> Wanted {
    let deny = json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}});
    let ours = Ours::new("networking.k8s.io/v1/NetworkPolicy", "sliceway-default-deny", deny);
    scene.object(cluster, ours.why("nothing is reached but what access rules open"))
}

fn dns(scene: &Scene<'_>, cluster: &Name) -> Wanted {
    let ports = json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]);
    let system = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}});
    let allow = json!({"spec": {
        "podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [system], "ports": ports}],
    }});
    let ours = Ours::new("networking.k8s.io/v1/NetworkPolicy", "sliceway-dns", allow);
    scene.object(cluster, ours.why("every pod may ask the cluster's DNS"))
}

fn service_account(scene: &Scene<'_>, function: &Name, cluster: &Name) -> Wanted {
    let body = json!({"automountServiceAccountToken": false});
    let ours = Ours::new("v1/ServiceAccount", names::service_account(function), body).of(function);
    scene.object(cluster, ours.why(format!("{function} has an identity of its own, without rights")))
}
