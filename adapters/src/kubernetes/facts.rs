//! What placement and rendering rest on: version, APIs, nodes with their free room, storage classes.

use super::quantity;
use super::seen::text;
use super::wire::{METADATA, WHOLE, Wire};
use crate::port::PortError;
use models::ClusterFacts;
use models::cluster::Node;
use serde_json::Value;
use std::collections::BTreeMap;

/// Pods that take room: a node was found for them, and they did not end.
const TAKING: &str = "fieldSelector=spec.nodeName%21%3D%2Cstatus.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";

/// Without the APIs, which are the catalog's.
pub(super) async fn read(wire: &Wire) -> Result<ClusterFacts, PortError> {
    let (version, uid, all, pods, classes) = tokio::join!(
        one(wire, "/version"),
        wire.uid(),
        wire.list("/api/v1/nodes", ("", WHOLE)),
        wire.list("/api/v1/pods", (TAKING, WHOLE)),
        wire.list("/apis/storage.k8s.io/v1/storageclasses", ("", METADATA)),
    );
    let version = version?;
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for node in all? {
        nodes.insert(text(&node, "/metadata/name").to_owned(), of_node(&node));
    }
    for pod in pods? {
        if let Some(node) = nodes.get_mut(text(&pod, "/spec/nodeName")) {
            let (cpu, memory) = requests(&pod);
            let requested = (node.requested_cpu_milli, node.requested_memory_bytes);
            (node.requested_cpu_milli, node.requested_memory_bytes) = sum(requested, (cpu, memory));
        }
    }
    Ok(ClusterFacts {
        version: text(&version, "/gitVersion").to_owned(),
        apis: Vec::new(),
        nodes: nodes.into_values().collect(),
        storage_classes: classes?.iter().map(|class| text(class, "/metadata/name").to_owned()).collect(),
        read_at: None,
        uid: uid?.unwrap_or_default(),
    })
}

async fn one(wire: &Wire, path: &str) -> Result<Value, PortError> {
    wire.ok(wire.get(path).await?, &wire.itself(path))
}

pub(super) fn of_node(node: &Value) -> Node {
    let texts = |pointer: &str| node.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let internal =
        |address: &Value| (text(address, "/type") == "InternalIP").then(|| text(address, "/address").to_owned());
    let ready = texts("/status/conditions").iter().any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True");
    let barred = node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
    let tainted = texts("/spec/taints").iter().any(|taint| text(taint, "/effect") != "PreferNoSchedule");
    Node {
        name: text(node, "/metadata/name").to_owned(),
        addresses: texts("/status/addresses").iter().filter_map(internal).collect(),
        pod_cidrs: texts("/spec/podCIDRs").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        cpu_milli: cpu(node.pointer("/status/allocatable/cpu")),
        memory_bytes: memory(node.pointer("/status/allocatable/memory")),
        requested_cpu_milli: 0,
        requested_memory_bytes: 0,
        usable: ready && !barred && !tainted,
    }
}

/// Thousandths of a core and bytes.
pub(super) type Room = (u64, u64);

fn cpu(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).and_then(quantity::milli).unwrap_or(0)
}

fn memory(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).and_then(quantity::whole).unwrap_or(0)
}

pub(super) fn sum(a: Room, b: Room) -> Room {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
}

fn most(a: Room, b: Room) -> Room {
    (a.0.max(b.0), a.1.max(b.1))
}

/// What a pod requests, as its scheduler counts: what runs together, or the most that is needed on the way there.
pub(super) fn requests(pod: &Value) -> Room {
    let list = |pointer: &str| pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let ask =
        |of: &Value| (cpu(of.pointer("/resources/requests/cpu")), memory(of.pointer("/resources/requests/memory")));
    let (mut stay, mut peak) = ((0, 0), (0, 0));
    for container in list("/spec/initContainers") {
        // A sidecar begins here and stays.
        if text(container, "/restartPolicy") == "Always" {
            stay = sum(stay, ask(container));
            peak = most(peak, stay);
        } else {
            peak = most(peak, sum(stay, ask(container)));
        }
    }
    let running = list("/spec/containers").map(ask).fold(stay, sum);
    let mut all = most(running, peak);
    // What the pod asks for as a whole stands for its containers.
    let whole = pod.pointer("/spec").map_or((0, 0), ask);
    all = (if whole.0 > 0 { whole.0 } else { all.0 }, if whole.1 > 0 { whole.1 } else { all.1 });
    sum(all, (cpu(pod.pointer("/spec/overhead/cpu")), memory(pod.pointer("/spec/overhead/memory"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(spec: Value, expect: Room) {
        assert_eq!(requests(&json!({"spec": spec})), expect, "{spec}");
    }

    fn asks(cpu: &str, policy: &str) -> Value {
        json!({"restartPolicy": policy, "resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}})
    }

    #[test]
    fn a_pod_requests_what_runs_together_or_what_its_start_needs() {
        let mi = 1 << 20;
        check(json!({"containers": [asks("1", ""), asks("500m", "")]}), (1_500, 2 * mi));
        check(json!({"containers": [asks("1", "")], "initContainers": [asks("3", "")]}), (3_000, mi));
        let sidecar = json!([asks("2", "Always"), asks("2", "")]);
        check(json!({"containers": [asks("1", "")], "initContainers": sidecar}), (4_000, 2 * mi));
        let sidecar = json!([asks("2", ""), asks("2", "Always")]);
        check(json!({"containers": [asks("1", "")], "initContainers": sidecar}), (3_000, 2 * mi));
        let overhead = json!({"cpu": "250m", "memory": "1Ki"});
        check(json!({"containers": [asks("1", "")], "overhead": overhead}), (1_250, mi + 1024));
        let whole = json!({"requests": {"cpu": "3"}});
        check(json!({"containers": [asks("1", "")], "resources": whole}), (3_000, mi));
    }
}
