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

/// The managers of an object with Helm's entries joined to ours; `None`: Helm wrote nothing of it. Helm is whoever wrote
/// Helm's marks, under whichever name.
pub(super) fn with_helms(live: &Value) -> Option<Value> {
    let all = live.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let ours = entries(live).next()?;
    let is_helms = |entry: &&Value| {
        let own = entry.get("manager") == ours.get("manager");
        let same = entry.get("apiVersion") == ours.get("apiVersion") && entry.get("subresource").is_none();
        !own && same && entry.pointer(MARK).is_some()
    };
    let mut joined = ours.clone();
    let mut found = false;
    for entry in all.iter().filter(is_helms) {
        found = true;
        join(&mut joined["fieldsV1"], &entry["fieldsV1"]);
    }
    let others = all.iter().filter(|entry| *entry != ours && !is_helms(entry)).cloned();
    found.then(|| others.chain([joined]).collect())
}

/// Where the fields of an entry say that it wrote Helm's name for a release.
const MARK: &str = "/fieldsV1/f:metadata/f:annotations/f:meta.helm.sh~1release-name";

fn join(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        for (key, inner) in from {
            join(into.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())), inner);
        }
    }
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
    fn what_helm_wrote_is_joined_to_ours_and_others_keep_theirs() {
        let marks =
            json!({"f:metadata": {"f:annotations": {"f:meta.helm.sh/release-name": {}}}, "f:data": {"f:old": {}}});
        let entry = |manager: &str, operation: &str, fields: &Value| json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields});
        let ours = entry("sliceway", "Apply", &json!({"f:data": {"f:new": {}}}));
        let other = entry("kubectl", "Update", &json!({"f:data": {"f:more": {}}}));
        let live = |all: Vec<&Value>| json!({"metadata": {"managedFields": all}});
        let helms = entry("helm-controller", "Update", &marks);
        let all = with_helms(&live(vec![&helms, &other, &ours])).unwrap();
        assert_eq!(all[0], other);
        assert_eq!(all[1]["manager"], "sliceway");
        assert_eq!(all[1]["fieldsV1"]["f:data"], json!({"f:new": {}, "f:old": {}}));
        assert_eq!(with_helms(&live(vec![&other, &ours])), None);
        assert_eq!(with_helms(&live(vec![&entry("sliceway", "Apply", &marks)])), None);
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
