//! Holds the JSON Schema and the parser together: what one refuses the other refuses, field by field.
//!
//! The schema is the list of fields; a fixture uses every one of them, and is then broken in every place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is a test, its helpers too")]

use models::file::{Source, parse, schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const EVERYTHING: &str = include_str!("fixtures/every-field.yaml");

fn documents() -> Vec<Value> {
    let all = parse(&[Source { name: "f", text: EVERYTHING }]).unwrap();
    all.iter().map(|parsed| parsed.document.json()).collect()
}

struct Judges {
    schema: jsonschema::Validator,
}

impl Judges {
    fn new() -> Self {
        Self { schema: jsonschema::draft202012::new(&schema()).unwrap() }
    }

    fn schema_takes(&self, document: &Value) -> bool {
        self.schema.is_valid(document)
    }

    fn parser_takes(&self, document: &Value) -> bool {
        parse(&[Source { name: "f", text: &document.to_string() }]).is_ok()
    }

    fn both_refuse(&self, document: &Value, what: &str) {
        assert!(!self.schema_takes(document), "the schema takes {what}: {document}");
        assert!(!self.parser_takes(document), "the parser takes {what}: {document}");
    }
}

/// Visits every map of a document that the schema knows: JSON pointer, path of field names, schema of the map.
fn each_map(at: (&str, &str), document: &Value, schema: &Value, visit: &mut dyn FnMut(&str, &str, &Value)) {
    let (pointer, path) = at;
    match document {
        Value::Object(map) => {
            if schema.get("properties").is_some() {
                visit(pointer, path, schema);
            }
            for (key, value) in map {
                let known = schema.pointer(&format!("/properties/{key}"));
                let (name, inner) = match (known, schema.get("additionalProperties")) {
                    (Some(inner), _) => (key.as_str(), inner),
                    (None, Some(inner @ Value::Object(_))) => ("*", inner),
                    _ => continue,
                };
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                each_map((&pointer, &format!("{path}.{name}")), value, inner, visit);
            }
        }
        Value::Array(items) => {
            let Some(inner) = schema.get("items") else { return };
            for (index, item) in items.iter().enumerate() {
                each_map((&format!("{pointer}/{index}"), &format!("{path}[]")), item, inner, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every field that the schema knows below `path`.
fn each_field(path: &str, schema: &Value, fields: &mut BTreeSet<String>) {
    for (name, inner) in schema.get("properties").and_then(Value::as_object).unwrap_or(&Map::new()) {
        fields.insert(format!("{path}.{name}"));
        each_field(&format!("{path}.{name}"), inner, fields);
    }
    if let Some(inner @ Value::Object(_)) = schema.get("additionalProperties") {
        each_field(&format!("{path}.*"), inner, fields);
    }
    if let Some(inner) = schema.get("items") {
        each_field(&format!("{path}[]"), inner, fields);
    }
}

fn with_schema(document: &Value) -> (String, Value) {
    let kind = document["kind"].as_str().unwrap().to_owned();
    let schema = schema()["$defs"][&kind].clone();
    (kind, schema)
}

fn object<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap()
}

#[test]
fn the_fixture_uses_every_field_of_the_schema() {
    let mut known = BTreeSet::new();
    for (kind, schema) in schema()["$defs"].as_object().unwrap() {
        each_field(kind, schema, &mut known);
    }
    let mut used = BTreeSet::new();
    for document in documents() {
        let (kind, schema) = with_schema(&document);
        each_map(("", &kind), &document, &schema, &mut |pointer, path, _| {
            let map = document.pointer(pointer).and_then(Value::as_object).unwrap();
            used.extend(map.keys().map(|key| format!("{path}.{key}")));
        });
    }
    assert!(known.len() > 60, "{known:?}");
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn both_take_every_document_of_the_fixtures() {
    let judges = Judges::new();
    for document in documents() {
        assert!(judges.parser_takes(&document), "{document}");
        let errors: Vec<String> = judges.schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{document}");
    }
}

#[test]
fn both_refuse_a_document_without_a_required_field() {
    let judges = Judges::new();
    let mut tried = 0;
    for document in documents() {
        let (kind, schema) = with_schema(&document);
        each_map(("", &kind), &document, &schema, &mut |pointer, path, schema| {
            for field in schema["required"].as_array().unwrap().iter().filter_map(Value::as_str) {
                let mut less = document.clone();
                object(&mut less, pointer).remove(field);
                judges.both_refuse(&less, &format!("{path} without {field}"));
                tried += 1;
            }
        });
    }
    assert!(tried > 50, "only {tried} tried");
}

#[test]
fn both_refuse_an_unknown_field_in_every_map() {
    let judges = Judges::new();
    let mut tried = 0;
    for document in documents() {
        let (kind, schema) = with_schema(&document);
        each_map(("", &kind), &document, &schema, &mut |pointer, path, _| {
            let mut more = document.clone();
            object(&mut more, pointer).insert("surprise".to_owned(), json!(1));
            judges.both_refuse(&more, &format!("surprise in {path}"));
            tried += 1;
        });
    }
    assert!(tried > 30, "only {tried} tried");
}

#[test]
fn both_refuse_a_value_of_a_wrong_type_in_every_field() {
    let judges = Judges::new();
    for document in documents() {
        let (kind, schema) = with_schema(&document);
        each_map(("", &kind), &document, &schema, &mut |pointer, path, schema| {
            let keys: Vec<String> =
                document.pointer(pointer).and_then(Value::as_object).unwrap().keys().cloned().collect();
            for key in keys {
                for wrong in [json!(null), json!(true), json!([[]]), json!({"surprise": {"a": 1}})] {
                    let mut changed = document.clone();
                    object(&mut changed, pointer).insert(key.clone(), wrong.clone());
                    let was = document.pointer(pointer).and_then(|map| map.get(&key));
                    let scalar = schema["properties"][&key]["type"].is_array();
                    let is_truth = wrong.is_boolean() && (scalar || was.is_some_and(Value::is_boolean));
                    if is_anybodys(&schema["properties"][&key]) && wrong.is_object() || is_truth {
                        continue;
                    }
                    judges.both_refuse(&changed, &format!("{wrong} as {path}.{key}"));
                }
            }
        });
    }
}

/// A map whose keys are its writer's.
fn is_anybodys(field: &Value) -> bool {
    field["type"] == "object" && field.get("properties").is_none() && !field["additionalProperties"].is_object()
}

#[test]
fn both_refuse_what_is_impossible() {
    let judges = Judges::new();
    let check = |document: usize, pointer: &str, value: Value| {
        let mut changed = documents()[document].clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match changed.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.insert(key.replace("~1", "/"), value.clone())),
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            other => panic!("{other}"),
        }
        judges.both_refuse(&changed, &format!("{value} at {pointer}"));
    };
    check(1, "/spec/sim", json!({}));
    check(2, "/spec/context", json!("c"));
    check(2, "/spec/sim/nodes", json!(0));
    check(2, "/spec/sim/cpu", json!("4 cores"));
    check(2, "/spec/sim/away", json!("yes"));
    check(1, "/spec/address", json!("a b"));
    check(1, "/metadata/labels/sliceway.io~1x", json!("y"));
    check(1, "/metadata/labels/region", json!("-"));
    check(3, "/spec/url", json!("oci://x/y"));
    check(4, "/spec/url", json!("ftp://x/y"));
    for (pointer, value) in [
        ("/metadata/name", json!("Upper")),
        ("/spec/quality/sst", json!(256)),
        ("/spec/quality/sd", json!("0000G1")),
        ("/spec/quality/latency", json!("50")),
        ("/spec/quality/uplink", json!("5mbps")),
        ("/spec/quality/availability", json!(99)),
        ("/spec/quality/isolation", json!("none")),
        ("/spec/sites/edge/select", json!({})),
        ("/spec/sites/edge/policy", json!("best-fit")),
        ("/spec/sites/Edge", json!({"cluster": "c"})),
        ("/spec/sites/cloud/quota/memory", json!("1GB")),
        ("/spec/servers/0/port", json!("1883")),
        ("/spec/servers/0/chart/name", json!("../x")),
        ("/spec/servers/0/chart/version", json!("latest")),
        ("/spec/servers/0/bind/a.b", json!("password")),
        ("/spec/servers/0/bind/sliceway.port", json!("port")),
        ("/spec/servers/0/values/sliceway", json!({})),
        ("/spec/gateways/0/servers", json!([])),
        ("/spec/gateways/0/servers", json!(["store", "store"])),
        ("/spec/gateways/0/server", json!("store")),
        ("/spec/devices/0/protocol", json!("coap")),
        ("/spec/devices/0/resources/0/type", json!("int")),
        ("/spec/access/0/ports", json!([])),
    ] {
        check(5, pointer, value);
    }
}

#[test]
fn both_take_every_word_and_every_example() {
    let judges = Judges::new();
    let mut tried = 0;
    for document in documents() {
        let (kind, schema) = with_schema(&document);
        each_map(("", &kind), &document, &schema, &mut |pointer, path, schema| {
            for (key, field) in schema["properties"].as_object().unwrap() {
                if object(&mut document.clone(), pointer).get(key).is_none() || is_reference(path, key) {
                    continue;
                }
                let words = field.get("enum").or_else(|| field.get("examples")).and_then(Value::as_array);
                for word in words.unwrap_or(&Vec::new()) {
                    let mut changed = document.clone();
                    object(&mut changed, pointer).insert(key.clone(), word.clone());
                    assert!(judges.parser_takes(&changed), "{word} as {path}.{key}");
                    assert!(judges.schema_takes(&changed), "{word} as {path}.{key}");
                    tried += 1;
                }
            }
        });
    }
    assert!(tried > 50, "only {tried} tried");
}

/// Names that others in the document lead to, or that lead to others.
fn is_reference(path: &str, key: &str) -> bool {
    let workload = ["servers[]", "gateways[]", "functions[]"].iter().any(|list| path.ends_with(list));
    (workload && key == "name") || ["site", "server", "gateway", "from", "to"].contains(&key)
}

#[test]
fn every_field_says_what_it_is() {
    fn each(schema: &Value, path: &str) {
        for (name, field) in schema.get("properties").and_then(Value::as_object).unwrap_or(&Map::new()) {
            let doc = field["description"].as_str().unwrap_or_default();
            assert!(doc.len() > 5 && !doc.ends_with('.'), "{path}.{name}: {doc:?}");
            each(field, &format!("{path}.{name}"));
        }
        for inner in ["items", "additionalProperties"].iter().filter_map(|key| schema.get(*key)) {
            each(inner, path);
        }
    }
    for (kind, schema) in schema()["$defs"].as_object().unwrap() {
        each(schema, kind);
    }
}
