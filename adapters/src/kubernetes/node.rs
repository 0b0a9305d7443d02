//! One node as a place for pods: why it takes none, or not this one. It says what it is sure of; the rest is the
//! scheduler's.

use super::catalog::encoded;
use super::facts::{self, Room};
use super::quantity;
use super::seen::text;
use super::wire::Wire;
use serde_json::Value;

/// Nodes that are told one by one.
const TOLD: usize = 10;

/// Why a node takes no pod at all: not ready, cordoned. Tainted ones take those that tolerate it.
pub(super) fn barriers(node: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| text(condition, "/type") == "Ready");
    match ready.map(|condition| (text(condition, "/status"), text(condition, "/message"))) {
        Some(("True", _)) => {}
        Some((_, message)) => all.push(format!("it is not ready: {message}")),
        None => all.push("it has not said that it is ready".into()),
    }
    if node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false) {
        all.push("it is cordoned".into());
    }
    all
}

/// Taints that keep pods away, as `key=value:effect`.
pub(super) fn taints(node: &Value) -> impl Iterator<Item = (&Value, String)> {
    let all = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    all.filter(|taint| text(taint, "/effect") != "PreferNoSchedule").map(|taint| {
        let value = Some(text(taint, "/value")).filter(|value| !value.is_empty());
        let value = value.map(|value| format!("={value}")).unwrap_or_default();
        (taint, format!("{}{value}:{}", text(taint, "/key"), text(taint, "/effect")))
    })
}

/// `; node a: …; node b: …`; nothing where nodes may not be read.
pub(super) async fn refusals(wire: &Wire, pod: &Value) -> String {
    let Ok(answer) = wire.get(&format!("/api/v1/nodes?limit={}", TOLD + 1)).await else { return String::new() };
    let nodes = answer.json().get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut told = String::new();
    for node in nodes.iter().take(TOLD) {
        let mut why = misfits(node, pod);
        if why.is_empty() {
            why.extend(shortage(wire, node, pod).await);
        }
        if !why.is_empty() {
            told.push_str(&format!("; node {}: {}", text(node, "/metadata/name"), why.join(", ")));
        }
    }
    let more = nodes.len() > TOLD;
    if more { told + &format!("; more than {TOLD} nodes, the others are not told one by one") } else { told }
}

fn misfits(node: &Value, pod: &Value) -> Vec<String> {
    let mut all = barriers(node);
    let tolerations: Vec<Value> =
        pod.pointer("/spec/tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
    for (taint, words) in taints(node) {
        if !tolerations.iter().any(|toleration| tolerates(toleration, taint)) {
            all.push(format!("taint {words} is not tolerated"));
        }
    }
    let labels = node.pointer("/metadata/labels");
    for (key, value) in pod.pointer("/spec/nodeSelector").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or("");
        match labels.and_then(|labels| labels.get(key)).and_then(Value::as_str) {
            Some(has) if has == value => {}
            Some(has) => all.push(format!("its label {key} is {has}, not {value}")),
            None => all.push(format!("it has no label {key}={value}")),
        }
    }
    all
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
    let same_key = key.is_empty() || key == text(taint, "/key");
    let same_effect = effect.is_empty() || effect == text(taint, "/effect");
    let exists = text(toleration, "/operator") == "Exists";
    same_key && same_effect && (exists || !key.is_empty() && text(toleration, "/value") == text(taint, "/value"))
}

/// What it lacks of what the pod asks for.
async fn shortage(wire: &Wire, node: &Value, pod: &Value) -> Vec<String> {
    let query = encoded(&format!("spec.nodeName={}", text(node, "/metadata/name")));
    let Ok(answer) = wire.get(&format!("/api/v1/pods?limit=500&fieldSelector={query}")).await else { return vec![] };
    if answer.status != 200 {
        return vec![];
    }
    let pods = answer.json().get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let live = pods.iter().filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"));
    let used = live.map(facts::requests).fold(Room::default(), facts::sum);
    let (cpu, memory) = facts::requests(pod);
    let has = |pointer: &str, read: fn(&str) -> Option<u64>| read(text(node, pointer)).unwrap_or(0);
    let free_cpu = has("/status/allocatable/cpu", quantity::milli).saturating_sub(used.0);
    let free_memory = has("/status/allocatable/memory", quantity::whole).saturating_sub(used.1);
    let mut all = Vec::new();
    if cpu > free_cpu {
        all.push(format!("{cpu}m CPU asked, {free_cpu}m free"));
    }
    if memory > free_memory {
        all.push(format!("{} MiB memory asked, {} MiB free", memory >> 20, free_memory >> 20));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_says_each_reason_that_is_sure() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let node = json!({"metadata": {"labels": {"disk": "hdd"}}, "status": {"conditions": ready},
            "spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}});
        let pod = |spec: Value| json!({"spec": spec});
        let taint = "taint gpu=yes:NoSchedule is not tolerated".to_owned();
        assert_eq!(misfits(&node, &pod(json!({}))), [taint.as_str()]);
        let tolerant = json!([{"key": "gpu", "operator": "Exists"}]);
        assert_eq!(misfits(&node, &pod(json!({"tolerations": tolerant}))), Vec::<String>::new());
        let picky = json!({"tolerations": tolerant, "nodeSelector": {"disk": "ssd", "zone": "a"}});
        assert_eq!(misfits(&node, &pod(picky)), ["its label disk is hdd, not ssd", "it has no label zone=a"]);
        assert_eq!(barriers(&json!({"spec": {"unschedulable": true}})).len(), 2);
    }
}
