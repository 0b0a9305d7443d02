//! What of a live object is ours: the fields that its `managedFields` give to our manager, with their live values.
//!
//! The form of `fieldsV1`: `f:name` a field, `k:{…}` the list item with these keys, `v:…` the list item that is this
//! value, `i:n` the item at an index, `.` the thing itself.

use models::resource::label;
use serde_json::{Map, Value};

/// The fields of our manager with their values. A change by another hand takes a field away or changes its value.
pub(super) fn ours(live: &Value) -> Value {
    let fields = |entry: &Value| project(entry.get("fieldsV1").unwrap_or(&Value::Null), Some(live));
    entries(live).map(fields).collect()
}

/// The API version in which our manager applied it; `None` where it did not.
pub(super) fn written_in(live: &Value) -> Option<&str> {
    entries(live).next()?.get("apiVersion").and_then(Value::as_str)
}

/// What we applied; not what somebody wrote under our name by another verb, or as a status.
fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    let all = live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    all.filter(|entry| {
        let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
        (word("manager"), word("operation"), word("subresource")) == (label::MANAGER, "Apply", "")
    })
}

fn project(fields: &Value, live: Option<&Value>) -> Value {
    let Some(map) = fields.as_object().filter(|map| !map.is_empty()) else {
        return live.cloned().unwrap_or(Value::Null);
    };
    let mut out = Map::new();
    for (key, inner) in map {
        if key == "." {
            continue;
        }
        out.insert(key.clone(), project(inner, live.and_then(|live| child(live, key))));
    }
    Value::Object(out)
}

fn child<'v>(live: &'v Value, key: &str) -> Option<&'v Value> {
    let (form, rest) = key.split_once(':')?;
    match form {
        "f" => live.get(rest),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            let fits = |item: &&Value| keys.iter().all(|(name, value)| item.get(name) == Some(value));
            live.as_array()?.iter().find(fits)
        }
        "v" => {
            let value: Value = serde_json::from_str(rest).ok()?;
            live.as_array()?.iter().find(|item| **item == value)
        }
        "i" => live.as_array()?.get(rest.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(manager: &str, replicas: u64) -> Value {
        json!({
            "metadata": {"managedFields": [
                {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {
                    "f:replicas": {}, "f:ports": {"k:{\"port\":80}": {".": {}, "f:name": {}}}, "f:words": {"v:\"a\"": {}}}}},
            ]},
            "spec": {"replicas": replicas, "ports": [{"port": 80, "name": "web", "other": 1}], "words": ["a", "b"]},
        })
    }

    #[test]
    fn only_the_fields_of_our_manager_count() {
        let ours_now = ours(&live("sliceway", 2));
        assert_eq!(
            ours_now,
            json!([{"f:spec": {"f:replicas": 2, "f:ports": {"k:{\"port\":80}": {"f:name": "web"}}, "f:words": {"v:\"a\"": "a"}}}])
        );
        assert_ne!(ours_now, ours(&live("sliceway", 3)));
        assert_eq!(ours(&live("somebody", 2)), json!([]));
    }
}
