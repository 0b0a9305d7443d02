//! Where simulated pods stand: a stand-in for the scheduler, so that capacity runs out as it does on a cluster.
//!
//! Computed from the object table each time. It must never keep a state of its own.

use super::world::World;
use models::cluster::Node;
use models::quantity::{Cpu, Memory};
use models::resource::ResourceId;
use serde_json::Value;
use std::collections::BTreeMap;

/// What has pods.
const KINDS: &[&str] =
    &["apps/v1/DaemonSet", "apps/v1/Deployment", "apps/v1/ReplicaSet", "apps/v1/StatefulSet", "batch/v1/Job", "v1/Pod"];

/// The nodes with what the placed pods request.
pub(super) fn all(world: &World) -> Vec<Node> {
    place(world).0
}

/// Why pods of this workload stand nowhere.
pub(super) fn unplaced(world: &World, id: &ResourceId) -> Option<String> {
    pods(id, &Value::Null, world)?;
    place(world).1.remove(id)
}

fn place(world: &World) -> (Vec<Node>, BTreeMap<ResourceId, String>) {
    let mut nodes: Vec<Node> = (1..=world.spec.nodes)
        .map(|number| Node {
            name: format!("{}-{number}", world.name),
            addresses: vec![format!("198.18.{}.{}", number / 250, number % 250 + 1)],
            pod_cidrs: vec![format!("10.{}.{}.0/24", 128 + number / 250 % 100, number % 250)],
            cpu_milli: world.spec.cpu.cpu_milli,
            memory_bytes: world.spec.memory.memory_bytes,
            usable: true,
            ..Node::default()
        })
        .collect();
    let mut without = BTreeMap::new();
    for (id, thing) in KINDS.iter().flat_map(|kind| world.of_kind(kind)) {
        let Some(count) = pods(id, &thing.manifest, world) else { continue };
        let (cpu, memory) = request(&thing.manifest);
        for _ in 0..count {
            let fits = |node: &&mut Node| free(node).0 >= cpu && free(node).1 >= memory;
            match nodes.iter_mut().filter(fits).max_by_key(|node| free(node)) {
                Some(node) => {
                    node.requested_cpu_milli += cpu;
                    node.requested_memory_bytes += memory;
                }
                None => {
                    let reason = format!(
                        "{} has a pod that fits on none of {} nodes: it requests {} CPU and {} of memory",
                        id.short(),
                        world.spec.nodes,
                        Cpu::new(cpu),
                        Memory::new(memory)
                    );
                    without.insert(id.clone(), reason);
                }
            }
        }
    }
    (nodes, without)
}

fn free(node: &Node) -> (u64, u64) {
    (
        node.cpu_milli.saturating_sub(node.requested_cpu_milli),
        node.memory_bytes.saturating_sub(node.requested_memory_bytes),
    )
}

/// How many pods a workload has; `None` for what is no workload.
fn pods(id: &ResourceId, manifest: &Value, world: &World) -> Option<u64> {
    let replicas = || manifest.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    match id.api().1 {
        "Deployment" | "StatefulSet" | "ReplicaSet" => Some(replicas()),
        "DaemonSet" => Some(u64::from(world.spec.nodes)),
        "Pod" | "Job" => Some(1),
        _ => None,
    }
    // A typing error such as a million replicas must not hold the process.
    .map(|count| count.min(10_000))
}

/// CPU and memory that one pod requests.
fn request(manifest: &Value) -> (u64, u64) {
    let spec = manifest.pointer("/spec/template/spec").or_else(|| manifest.get("spec"));
    let containers = spec.and_then(|spec| spec.get("containers")).and_then(Value::as_array);
    let mut sum = (0u64, 0u64);
    for container in containers.into_iter().flatten() {
        let text = |what: &str| container.pointer(&format!("/resources/requests/{what}")).map(plain);
        let cpu = text("cpu").and_then(|text| text.parse::<Cpu>().ok());
        let memory = text("memory").and_then(|text| text.parse::<Memory>().ok());
        sum.0 = sum.0.saturating_add(cpu.map_or(0, |cpu| cpu.cpu_milli));
        sum.1 = sum.1.saturating_add(memory.map_or(0, |memory| memory.memory_bytes));
    }
    sum
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
