//! What rendered objects ask of a cluster: pods with requests, volumes, quota.

use models::quantity::{Cpu, Memory};
use serde_json::Value;
use topology::{Count, Pods};

/// What one workload's containers ask for where the chart says nothing: the LimitRange's defaults.
pub const DEFAULT_CPU_MILLI: u64 = 50;
pub const DEFAULT_MEMORY_BYTES: u64 = 64 << 20;
/// Limits where the chart sets none.
pub const DEFAULT_LIMIT_CPU_MILLI: u64 = 500;
pub const DEFAULT_LIMIT_MEMORY_BYTES: u64 = 256 << 20;

/// The pod template of a workload, and where it stands.
pub fn template(object: &Value) -> Option<(&'static str, &Value)> {
    let pointer = template_pointer(object.get("kind")?.as_str()?)?;
    object.pointer(pointer).map(|template| (pointer, template))
}

pub fn template_pointer(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            Some("/spec/template")
        }
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// Requests and limits of one object's pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ask {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    pub limit_cpu_milli: u64,
    pub limit_memory_bytes: u64,
}

pub fn pod_ask(object: &Value) -> Option<(Ask, Count)> {
    let kind = object.get("kind")?.as_str()?;
    let pod_spec = match kind {
        "Pod" => object.get("spec")?,
        _ => template(object)?.1.get("spec")?,
    };
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(1);
    let count = match kind {
        "DaemonSet" => Count::EveryNode,
        "Job" => Count::Replicas(clamp(number("/spec/parallelism"))),
        _ => Count::Replicas(clamp(number("/spec/replicas"))),
    };
    Some((sum(pod_spec), count))
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Containers run together; init containers one after another, so the largest of them counts if it is larger.
fn sum(pod_spec: &Value) -> Ask {
    let list = |key: &str| pod_spec.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut total = Ask::default();
    for container in list("containers") {
        let ask = container_ask(&container);
        total.cpu_milli += ask.cpu_milli;
        total.memory_bytes += ask.memory_bytes;
        total.limit_cpu_milli += ask.limit_cpu_milli;
        total.limit_memory_bytes += ask.limit_memory_bytes;
    }
    for container in list("initContainers") {
        let ask = container_ask(&container);
        total.cpu_milli = total.cpu_milli.max(ask.cpu_milli);
        total.memory_bytes = total.memory_bytes.max(ask.memory_bytes);
        total.limit_cpu_milli = total.limit_cpu_milli.max(ask.limit_cpu_milli);
        total.limit_memory_bytes = total.limit_memory_bytes.max(ask.limit_memory_bytes);
    }
    total
}

/// As the API server defaults them: a missing request is the limit where one is set, else the LimitRange's default.
fn container_ask(container: &Value) -> Ask {
    let cpu = |side: &str| text(container, side, "cpu").and_then(|t| t.parse::<Cpu>().ok()).map(|c| c.cpu_milli);
    let memory =
        |side: &str| text(container, side, "memory").and_then(|t| t.parse::<Memory>().ok()).map(|m| m.memory_bytes);
    Ask {
        cpu_milli: cpu("requests").or(cpu("limits")).unwrap_or(DEFAULT_CPU_MILLI),
        memory_bytes: memory("requests").or(memory("limits")).unwrap_or(DEFAULT_MEMORY_BYTES),
        limit_cpu_milli: cpu("limits").or(cpu("requests")).unwrap_or(0).max(DEFAULT_LIMIT_CPU_MILLI),
        limit_memory_bytes: memory("limits").or(memory("requests")).unwrap_or(0).max(DEFAULT_LIMIT_MEMORY_BYTES),
    }
}

fn text(container: &Value, side: &str, what: &str) -> Option<String> {
    match container.pointer(&format!("/resources/{side}/{what}"))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub fn pods(object: &Value) -> Option<Pods> {
    pod_ask(object).map(|(ask, count)| Pods { cpu_milli: ask.cpu_milli, memory_bytes: ask.memory_bytes, count })
}

/// Bytes that a claim or a claim template asks for.
pub fn storage(claim: &Value) -> u64 {
    let text = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
    text.and_then(|t| t.parse::<Memory>().ok()).map_or(0, |m| m.memory_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_add_up_and_the_largest_init_container_counts_if_it_is_larger() {
        let deployment = json!({"kind": "Deployment", "spec": {"replicas": 3, "template": {"spec": {
        "initContainers": [{"resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}],
        "containers": [
            {"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}},
            {"resources": {"limits": {"cpu": "200m", "memory": "128Mi"}}},
            {},
        ]}}}});
        let (ask, count) = pod_ask(&deployment).unwrap();
        assert_eq!(count, Count::Replicas(3));
        assert_eq!(ask.cpu_milli, 1_000);
        assert_eq!(ask.memory_bytes, (64 + 128 + 64) << 20);
    }
}
