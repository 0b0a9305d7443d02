//! Whether a definition (CRD) may take the place of another one: objects that are stored, and whoever reads them, must not
//! notice. Pure.

use serde_json::Value;
use std::collections::BTreeMap;

/// How what a chart brings stands to what is on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// What is there says everything that is wanted.
    Covered,
    /// What is wanted says more, and breaks nothing.
    Newer,
    /// What is there is newer, and breaks nothing that is wanted.
    Older,
    /// Each breaks something of the other's; in words, what taking the wanted one would break.
    Apart(Vec<String>),
}

pub fn fit(live: &Value, wanted: &Value) -> Fit {
    if covers(live.pointer("/spec"), wanted.pointer("/spec")) {
        return Fit::Covered;
    }
    let broken = breaks(live, wanted);
    match (broken.is_empty(), breaks(wanted, live).is_empty()) {
        (true, _) => Fit::Newer,
        (false, true) => Fit::Older,
        (false, false) => Fit::Apart(broken),
    }
}

/// Where objects would be sent to be converted, if that is another place than now: whoever answers there reads and writes
/// them all.
pub fn converted_elsewhere(live: &Value, wanted: &Value) -> Option<String> {
    let place = |definition: &Value| {
        let client = definition.pointer("/spec/conversion/webhook/clientConfig")?;
        let word = |at: &str| client.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(format!("{}{}/{}", word("/url"), word("/service/namespace"), word("/service/name")))
    };
    let wanted = place(wanted)?;
    (place(live).as_ref() != Some(&wanted)).then(|| format!("its objects would be converted by {wanted}"))
}

/// Everything that is wanted stands there; a server adds defaults of its own.
fn covers(live: Option<&Value>, wanted: Option<&Value>) -> bool {
    match (live, wanted) {
        (_, None) => true,
        (Some(Value::Object(live)), Some(Value::Object(wanted))) => {
            wanted.iter().all(|(key, value)| covers(live.get(key), Some(value)))
        }
        (Some(Value::Array(live)), Some(Value::Array(wanted))) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| covers(Some(live), Some(wanted)))
        }
        (live, wanted) => live == wanted,
    }
}

/// What of `old` would no longer hold under `new`.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for field in ["/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural"] {
        if old.pointer(field) != new.pointer(field) {
            broken.push(format!("{} is another one", &field[1..].replace('/', ".")));
        }
    }
    let (old_versions, new_versions) = (versions(old), versions(new));
    for (name, before) in &old_versions {
        match new_versions.get(name) {
            None => broken.push(format!("version {name} is gone")),
            Some(after) if flag(before, "served") && !flag(after, "served") => {
                broken.push(format!("version {name} is no longer served"));
            }
            Some(after) => {
                let schema =
                    |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(Value::Null);
                narrowed((&schema(before), &schema(after)), name, &mut broken);
            }
        }
    }
    let stored = old.pointer("/status/storedVersions").and_then(Value::as_array);
    for name in stored.into_iter().flatten().filter_map(Value::as_str) {
        if !new_versions.contains_key(name) && !old_versions.contains_key(name) {
            broken.push(format!("objects are stored in version {name}, which is gone"));
        }
    }
    broken
}

fn versions(definition: &Value) -> BTreeMap<&str, &Value> {
    let all = definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|version| Some((version.get("name")?.as_str()?, version))).collect()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// Rules that let fewer values through the more there is of them.
const RULES: &[&str] = &[
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "multipleOf",
    "uniqueItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "not",
    "oneOf",
    "anyOf",
    "allOf",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-int-or-string",
];

/// Values that the old schema takes and the new one refuses, or drops.
fn narrowed((old, new): (&Value, &Value), at: &str, broken: &mut Vec<String>) {
    if old.get("type") != new.get("type") && new.get("type").is_some() && old.get("type").is_some() {
        broken.push(format!("{at} is another type"));
        return;
    }
    let open = |schema: &Value| flag(schema, "x-kubernetes-preserve-unknown-fields");
    if open(old) && !open(new) {
        broken.push(format!("{at} no longer keeps fields that it does not know"));
    }
    for rule in RULES {
        if new.get(rule).is_some() && old.get(rule) != new.get(rule) && !widened(rule, (old, new)) {
            broken.push(format!("{at} has another {rule}"));
        }
    }
    let words = |schema: &Value, key: &str| schema.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (was, is) = (words(old, "enum"), words(new, "enum"));
    if !is.is_empty() && (was.is_empty() || was.iter().any(|word| !is.contains(word))) {
        broken.push(format!("{at} takes fewer words"));
    }
    let required = words(old, "required");
    for name in words(new, "required").iter().filter(|name| !required.contains(name)).filter_map(Value::as_str) {
        if new.pointer(&format!("/properties/{}/default", name.replace('~', "~0").replace('/', "~1"))).is_none() {
            broken.push(format!("{at}.{name} is required now"));
        }
    }
    fields((old, new), at, broken);
}

fn fields((old, new): (&Value, &Value), at: &str, broken: &mut Vec<String>) {
    let map = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let (was, is) = (map(old), map(new));
    let open = flag(new, "x-kubernetes-preserve-unknown-fields") || new.get("additionalProperties").is_some();
    for (name, before) in &was {
        match is.get(name) {
            Some(after) => narrowed((before, after), &format!("{at}.{name}"), broken),
            None if open => {}
            None => broken.push(format!("{at}.{name} is gone")),
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let (Some(before), Some(after)) = (old.get(inner), new.get(inner)) {
            narrowed((before, after), &format!("{at}[]"), broken);
        }
    }
}

/// A bound that moved outwards.
fn widened(rule: &str, (old, new): (&Value, &Value)) -> bool {
    let number = |schema: &Value| schema.get(rule).and_then(Value::as_f64);
    match (rule, number(old), number(new)) {
        ("minimum" | "minLength" | "minItems" | "minProperties", Some(was), Some(is)) => is <= was,
        ("maximum" | "maxLength" | "maxItems" | "maxProperties", Some(was), Some(is)) => is >= was,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(versions: Value) -> Value {
        json!({"spec": {"group": "g", "scope": "Namespaced", "names": {"kind": "Pump", "plural": "pumps"}, "versions": versions}})
    }

    fn version(name: &str, spec: Value) -> Value {
        let schema = json!({"type": "object", "properties": {"spec": spec}});
        json!({"name": name, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}})
    }

    fn of(spec: Value) -> Value {
        definition(json!([version("v1", spec)]))
    }

    #[test]
    fn a_definition_is_covered_newer_older_or_apart() {
        let size = |more: Value| {
            let mut field = json!({"type": "integer"});
            field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            of(json!({"type": "object", "properties": {"size": field}}))
        };
        let plain = size(json!({}));
        let wider =
            of(json!({"type": "object", "properties": {"size": {"type": "integer"}, "more": {"type": "string"}}}));
        let text = of(json!({"type": "object", "properties": {"size": {"type": "string"}}}));
        let two =
            definition(json!([version("v1", json!({"type": "object"})), version("v2", json!({"type": "object"}))]));
        let one = definition(json!([version("v1", json!({"type": "object"}))]));
        let mut defaulted = plain.clone();
        defaulted["spec"]["conversion"] = json!({"strategy": "None"});
        assert_eq!(fit(&defaulted, &plain), Fit::Covered);
        for (what, live, wanted, expected) in [
            ("a new field", &plain, &wider, Fit::Newer),
            ("a field less", &wider, &plain, Fit::Covered),
            ("a new version", &one, &two, Fit::Newer),
            ("a version less", &two, &one, Fit::Older),
            ("a wider bound", &size(json!({"maximum": 5})), &size(json!({"maximum": 9})), Fit::Newer),
            ("a narrower bound", &size(json!({"maximum": 9})), &size(json!({"maximum": 5})), Fit::Older),
        ] {
            assert_eq!(fit(live, wanted), expected, "{what}");
        }
        assert_eq!(fit(&plain, &text), Fit::Apart(vec!["v1.spec.size is another type".into()]));
        let required = of(json!({"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}}));
        assert_eq!(fit(&plain, &required), Fit::Older, "what is there takes everything that is wanted");
        let mut moved = two.clone();
        moved["spec"]["scope"] = json!("Cluster");
        assert!(matches!(fit(&two, &moved), Fit::Apart(words) if words == ["spec.scope is another one"]));
    }
}
