//! What changes of a slice in the words of its file, whatever that comes to on its clusters. Pure.

use models::Slice;
use serde_json::{Value, json};

/// So many places are told.
const MOST: usize = 40;
/// Longer values are not told: their place is enough.
const LONGEST: usize = 60;

/// `spec.heal: false -> true`, place by place.
pub(super) fn changes(before: &Slice, after: &Slice) -> Vec<String> {
    let mut found = Vec::new();
    walk((&json!(before.labels), &json!(after.labels)), "labels", &mut found);
    walk((&json!(before.spec), &json!(after.spec)), "spec", &mut found);
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    found.extend((more > 0).then(|| format!("and {more} more")));
    found
}

fn walk((before, after): (&Value, &Value), path: &str, found: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(was), Value::Object(is)) => {
            let gone =
                was.iter().filter(|(key, _)| !is.contains_key(*key)).map(|(key, value)| (key, value, &Value::Null));
            let now = is.iter().map(|(key, value)| (key, was.get(key).unwrap_or(&Value::Null), value));
            gone.chain(now).for_each(|(key, was, is)| walk((was, is), &format!("{path}.{key}"), found));
        }
        // Functions, devices and rules are known by their names.
        (Value::Array(was), Value::Array(is)) if named(was) && named(is) => {
            let of =
                |all: &[Value], name: &str| all.iter().find(|one| one["name"] == name).cloned().unwrap_or_default();
            let mut names: Vec<&str> = was.iter().chain(is).filter_map(|one| one["name"].as_str()).collect();
            names.dedup();
            let mut told: Vec<&str> = Vec::new();
            for name in names {
                if !told.contains(&name) {
                    told.push(name);
                    walk((&of(was, name), &of(is, name)), &format!("{path}[{name}]"), found);
                }
            }
        }
        (before, after) => found.push(format!("{path}: {} -> {}", short(before), short(after))),
    }
}

fn named(all: &[Value]) -> bool {
    all.iter().all(|one| one.get("name").is_some_and(Value::is_string))
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Object(_) | Value::Array(_) => "other".into(),
        scalar => Some(scalar.to_string()).filter(|text| text.len() <= LONGEST).unwrap_or_else(|| "other".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Value, after: Value, expect: &[&str]) {
        let mut found = Vec::new();
        walk((&before, &after), "spec", &mut found);
        assert_eq!(found, expect);
    }

    #[test]
    fn places_are_told_with_what_was_and_what_is() {
        check(json!({"heal": false, "a": 1}), json!({"heal": true, "a": 1}), &["spec.heal: false -> true"]);
        check(json!({}), json!({"quality": {"latency": "50ms"}}), &["spec.quality: nothing -> other"]);
        let devices = |names: &[&str]| json!({"devices": names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>()});
        check(
            devices(&["a", "b"]),
            devices(&["b", "c"]),
            &["spec.devices[a]: other -> nothing", "spec.devices[c]: nothing -> other"],
        );
        check(json!({"x": "y"}), json!({"x": "y"}), &[]);
    }
}
