//! Our marks on an object: the labels of its owner, and our name as the manager of its fields.

use models::resource::Owner;
use serde_json::{Map, Value, json};

/// A merge patch that takes them off. Without managers whoever applies the object next meets no conflict with us.
pub(super) fn none(owner: &Owner) -> Value {
    let labels: Map<String, Value> = owner.labels().into_keys().map(|key| (key, Value::Null)).collect();
    json!({"metadata": {"labels": labels, "managedFields": [{}]}})
}

/// A merge patch that puts them on what is still as it was seen.
pub(super) fn all(owner: &Owner, live: &Value) -> Value {
    let version = live.pointer("/metadata/resourceVersion");
    json!({"metadata": {"labels": owner.labels(), "resourceVersion": version}})
}
