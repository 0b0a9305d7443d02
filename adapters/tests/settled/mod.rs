//! A live object as one that two programs made may be compared.

use serde_json::{Map, Value};

/// Without what a cluster writes anew each time, and without the marks of who made it.
pub fn settled(mut live: Value) -> Value {
    const MARKS: [&str; 7] = [
        "meta.helm.sh/",
        "app.kubernetes.io/managed-by",
        "sliceway.io/",
        "deployment.kubernetes.io/",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
        "deprecated.daemonset.template.generation",
    ];
    const ASSIGNED: [&str; 9] = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "generation",
        "finalizers",
        "clusterIP",
        "clusterIPs",
        "nodePort",
    ];
    fn walk(map: &mut Map<String, Value>) {
        let headless = |value: &Value| value == "None" || value == &serde_json::json!(["None"]);
        map.retain(|key, value| {
            let assigned = ASSIGNED.contains(&key.as_str()) && !headless(value);
            !assigned && !MARKS.iter().any(|mark| key.starts_with(mark))
        });
        for value in map.values_mut() {
            match value {
                Value::Object(inner) => walk(inner),
                Value::Array(list) => list.iter_mut().filter_map(Value::as_object_mut).for_each(walk),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        map.retain(|key, value| {
            !(["labels", "annotations"].contains(&key.as_str()) && value.as_object().is_some_and(Map::is_empty))
        });
    }
    if let Some(map) = live.as_object_mut() {
        map.remove("status");
        walk(map);
    }
    live
}
