//! What placement and rendering rest on: version, APIs, nodes with their free room, storage classes.

use super::catalog::Catalog;
use super::seen::text;
use super::wire::Wire;
use crate::port::PortError;
use models::ClusterFacts;
use models::cluster::Node;
use models::quantity::{Cpu, Memory};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) async fn read(wire: &Wire, catalog: &Catalog) -> Result<ClusterFacts, PortError> {
    let version = one(wire, "/version").await?;
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for node in wire.list("/api/v1/nodes", "").await? {
        nodes.insert(text(&node, "/metadata/name").to_owned(), of_node(&node));
    }
    for pod in wire.list("/api/v1/pods", "").await? {
        let over = matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed");
        if let (Some(node), false) = (nodes.get_mut(text(&pod, "/spec/nodeName")), over) {
            let (cpu, memory) = requests(&pod);
            node.requested_cpu_milli += cpu;
            node.requested_memory_bytes += memory;
        }
    }
    let classes = wire.list("/apis/storage.k8s.io/v1/storageclasses", "").await?;
    Ok(ClusterFacts {
        version: text(&version, "/gitVersion").to_owned(),
        apis: catalog.apis(),
        nodes: nodes.into_values().collect(),
        storage_classes: classes.iter().map(|class| text(class, "/metadata/name").to_owned()).collect(),
        read_at: None,
    })
}

async fn one(wire: &Wire, path: &str) -> Result<Value, PortError> {
    wire.ok(wire.get(path).await?, &wire.itself(path))
}

fn of_node(node: &Value) -> Node {
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

fn cpu(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).and_then(|text| text.parse::<Cpu>().ok()).map_or(0, |cpu| cpu.cpu_milli)
}

fn memory(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_str).and_then(|text| text.parse::<Memory>().ok()).map_or(0, |memory| memory.memory_bytes)
}

/// What a pod requests: its containers together, or the largest init container if that is more.
fn requests(pod: &Value) -> (u64, u64) {
    let each = |pointer: &str| -> Vec<(u64, u64)> {
        let containers = pod.pointer(pointer).and_then(Value::as_array);
        let ask =
            |c: &Value| (cpu(c.pointer("/resources/requests/cpu")), memory(c.pointer("/resources/requests/memory")));
        containers.into_iter().flatten().map(ask).collect()
    };
    let sum = each("/spec/containers").iter().fold((0, 0), |sum, ask| (sum.0 + ask.0, sum.1 + ask.1));
    each("/spec/initContainers").iter().fold(sum, |most, ask| (most.0.max(ask.0), most.1.max(ask.1)))
}
