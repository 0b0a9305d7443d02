//! What rendered objects ask of a cluster: pods with requests, volumes, quota.

use adapters::kubernetes::quantity;
use serde_json::Value;
use std::collections::BTreeMap;
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

/// How far workloads may be scaled, by kind and name: the most replicas of the autoscalers beside them.
pub fn scales<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeMap<(String, String), u32> {
    let word = |object: &Value, at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
    let autoscalers = objects.filter(|object| word(object, "/kind") == "HorizontalPodAutoscaler");
    let each = autoscalers.filter_map(|object| {
        let most = object.pointer("/spec/maxReplicas").and_then(Value::as_u64)?;
        Some(((word(object, "/spec/scaleTargetRef/kind"), word(object, "/spec/scaleTargetRef/name")), clamp(most)))
    });
    each.collect()
}

/// As [`pod_ask`], with the highest replica count.
pub fn most_pods(object: &Value, scales: &BTreeMap<(String, String), u32>) -> Option<(Ask, Count)> {
    let (ask, count) = pod_ask(object)?;
    let word = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
    let most = scales.get(&(word("/kind"), word("/metadata/name")));
    Some(match (count, most) {
        (Count::Replicas(now), Some(most)) => (ask, Count::Replicas(now.max(*most))),
        (count, _) => (ask, count),
    })
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

impl Ask {
    pub fn times(self, count: u64) -> Ask {
        Ask {
            cpu_milli: self.cpu_milli.saturating_mul(count),
            memory_bytes: self.memory_bytes.saturating_mul(count),
            limit_cpu_milli: self.limit_cpu_milli.saturating_mul(count),
            limit_memory_bytes: self.limit_memory_bytes.saturating_mul(count),
        }
    }

    pub fn plus(self, other: Ask) -> Ask {
        Ask {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            limit_cpu_milli: self.limit_cpu_milli.saturating_add(other.limit_cpu_milli),
            limit_memory_bytes: self.limit_memory_bytes.saturating_add(other.limit_memory_bytes),
        }
    }

    pub fn most(self, other: Ask) -> Ask {
        Ask {
            cpu_milli: self.cpu_milli.max(other.cpu_milli),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            limit_cpu_milli: self.limit_cpu_milli.max(other.limit_cpu_milli),
            limit_memory_bytes: self.limit_memory_bytes.max(other.limit_memory_bytes),
        }
    }
}

/// As the scheduler counts: containers and sidecars run together; init containers one after another, each beside the
/// sidecars that were started before it, so the largest of those moments counts if it is larger.
fn sum(pod_spec: &Value) -> Ask {
    let list = |key: &str| pod_spec.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut sidecars, mut starting) = (Ask::default(), Ask::default());
    for container in list("initContainers") {
        let ask = container_ask(&container);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            sidecars = sidecars.plus(ask);
            starting = starting.most(sidecars);
        } else {
            starting = starting.most(sidecars.plus(ask));
        }
    }
    let running = list("containers").iter().map(container_ask).fold(sidecars, Ask::plus);
    running.most(starting)
}

/// As the API server defaults them: a missing request is the limit where one is set, else the LimitRange's default.
fn container_ask(container: &Value) -> Ask {
    let cpu = |side: &str| text(container, side, "cpu").and_then(|text| quantity::milli(&text));
    let memory = |side: &str| text(container, side, "memory").and_then(|text| quantity::whole(&text));
    Ask {
        cpu_milli: cpu("requests").or(cpu("limits")).unwrap_or(DEFAULT_CPU_MILLI),
        memory_bytes: memory("requests").or(memory("limits")).unwrap_or(DEFAULT_MEMORY_BYTES),
        limit_cpu_milli: cpu("limits").or(cpu("requests")).unwrap_or(0).max(DEFAULT_LIMIT_CPU_MILLI),
        limit_memory_bytes: memory("limits").or(memory("requests")).unwrap_or(0).max(DEFAULT_LIMIT_MEMORY_BYTES),
    }
}

/// A request or limit that no API server takes.
pub fn broken_quantity(object: &Value) -> Option<String> {
    let spec = match object.get("kind")?.as_str()? {
        "Pod" => object.get("spec")?,
        _ => template(object)?.1.get("spec")?,
    };
    let lists = ["initContainers", "containers"].map(|key| spec.get(key).and_then(Value::as_array));
    let asked = lists.into_iter().flatten().flatten().flat_map(|container| {
        ["requests", "limits"].into_iter().flat_map(|side| ["cpu", "memory"].map(|what| text(container, side, what)))
    });
    asked.flatten().find(|text| quantity::milli(text).is_none())
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
    text.and_then(quantity::whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(init: Value, containers: Value) -> Ask {
        sum(&json!({"initContainers": init, "containers": containers}))
    }

    fn container(cpu: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}})
    }

    #[test]
    fn a_sidecar_runs_beside_the_containers_and_the_init_containers_after_it() {
        let sidecar = json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}});
        assert_eq!(pod(json!([sidecar]), json!([container("1")])).cpu_milli, 2_000);
        assert_eq!(pod(json!([sidecar, container("3")]), json!([container("1")])).cpu_milli, 4_000);
        assert_eq!(pod(json!([container("3"), sidecar]), json!([container("1")])).cpu_milli, 3_000);
    }

    #[test]
    fn an_autoscaler_tells_the_highest_replica_count() {
        let scaler = json!({"kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 10,
            "scaleTargetRef": {"kind": "Deployment", "name": "it"}}});
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "it"}, "spec": {"replicas": 1,
            "template": {"spec": {"containers": [container("1")]}}}});
        let scales = scales([&scaler, &deployment].into_iter());
        assert_eq!(most_pods(&deployment, &scales).unwrap().1, Count::Replicas(10));
    }

    #[test]
    fn every_form_that_an_api_server_takes_is_counted() {
        for (text, milli) in [("1e3", 1_000_000), ("2k", 2_000_000), ("0.5", 500), ("250m", 250)] {
            assert_eq!(container_ask(&container(text)).cpu_milli, milli, "{text}");
        }
    }

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
