//! Where an object stands otherwise than its manifest says, told before it is brought to that again. What a cluster adds,
//! leaves out because it is empty, or writes in another form is no difference. Pure.

use super::model::Recorded;
use super::world::Observed;
use adapters::kubernetes::quantity::milli;
use models::Drift;
use serde_json::Value;

/// How something that was seen stands otherwise now; what cannot be read is not told to have changed.
pub fn of(recorded: &Recorded, observed: &Observed) -> Option<Drift> {
    let then = recorded.seen.as_ref().filter(|_| recorded.certain)?;
    match observed {
        Observed::Absent => Some(Drift::Gone),
        Observed::Present(now) if now.uid != then.uid => Some(Drift::MadeAgain),
        Observed::Present(now) if now.digest != then.digest => Some(Drift::Changed),
        Observed::Present(_) | Observed::Unknown => None,
    }
}

/// Places that are named.
const MOST: usize = 5;

/// The first places; none where it stands as the manifest says.
pub fn places(wanted: &Value, live: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(wanted) = wanted.as_object() {
        for (key, value) in wanted.iter().filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "status")) {
            match key.as_str() {
                "metadata" => metadata((value, &live["metadata"]), &mut found),
                _ => walk((value, &live[key]), key, &mut found),
            }
        }
    }
    found.truncate(MOST);
    found
}

fn metadata((wanted, live): (&Value, &Value), found: &mut Vec<String>) {
    for key in ["labels", "annotations"] {
        walk((&wanted[key], &live[key]), &format!("metadata.{key}"), found);
    }
}

fn walk((wanted, live): (&Value, &Value), path: &str, found: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Null, _) => {}
        (wanted, Value::Null) if is_empty(wanted) => {}
        (Value::Object(wanted), Value::Object(_)) => {
            for (key, value) in wanted {
                walk((value, &live[key]), &format!("{path}.{key}"), found);
            }
        }
        (Value::Array(wanted), Value::Array(live)) => items((wanted, live), path, found),
        _ if is_same(wanted, live) => {}
        _ => found.push(path.to_owned()),
    }
}

/// Items with names are found by them, others by their place.
fn items((wanted, live): (&[Value], &[Value]), path: &str, found: &mut Vec<String>) {
    for (index, item) in wanted.iter().enumerate() {
        let name = item.get("name").and_then(Value::as_str);
        let other = match name {
            Some(name) => live.iter().find(|live| live.get("name").and_then(Value::as_str) == Some(name)),
            None => live.get(index),
        };
        let at = name.map_or_else(|| format!("{path}[{index}]"), |name| format!("{path}[{name}]"));
        match other {
            Some(other) => walk((item, other), &at, found),
            None => found.push(at),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.iter().all(is_empty),
        Value::Object(all) => all.values().all(is_empty),
    }
}

/// `0.5` and `"500m"` are one quantity.
fn is_same(wanted: &Value, live: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(one), Some(other)) = (text(wanted), text(live)) else { return wanted == live };
    one == other || milli(&one).is_some_and(|one| milli(&other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(wanted: Value, live: Value, expect: &[&str]) {
        assert_eq!(places(&wanted, &live), expect, "{wanted} {live}");
    }

    #[test]
    fn what_was_changed_by_hand_is_named_and_what_a_cluster_adds_is_not() {
        let container = |image: &str| json!({"name": "c", "image": image, "resources": {"limits": {"cpu": 0.5}}});
        let deployment = |replicas: u64, container: Value| {
            json!({"apiVersion": "apps/v1", "metadata": {"name": "a", "labels": {"x": "y"}},
                "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}})
        };
        let mut stands = container("i:1");
        stands["resources"]["limits"]["cpu"] = json!("500m");
        stands["imagePullPolicy"] = json!("Always");
        check(deployment(1, container("i:1")), deployment(1, stands), &[]);
        let image = "spec.template.spec.containers[c].image";
        check(deployment(1, container("i:1")), deployment(3, container("i:2")), &["spec.replicas", image]);
        let none = json!({"data": {"a": "1"}, "metadata": {"labels": {"x": "y"}}});
        check(none.clone(), json!({"data": {"a": "2"}, "metadata": {}}), &["data.a", "metadata.labels"]);
        check(none, json!({"data": {"a": "1", "b": "2"}, "metadata": {"labels": {"x": "y", "z": ""}}}), &[]);
    }

    #[test]
    fn what_is_empty_is_left_out_by_a_cluster() {
        let empty = json!({"spec": {"a": {}, "b": [], "c": "", "d": null, "e": false, "f": {"g": null}, "h": 0}});
        check(empty, json!({"spec": {"z": 1}}), &[]);
        check(json!({"data": {"a": null}}), json!({"data": {"a": ""}}), &[]);
        check(json!({"rules": [{"a": "b"}]}), json!({"rules": []}), &["rules[0]"]);
    }
}
