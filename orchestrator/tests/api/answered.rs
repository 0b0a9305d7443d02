//! Holds every answer that a test gets against the published document: status, media type, headers, body. A field that
//! the document does not have fails the test that met it.

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The document with every form closed.
pub struct Published {
    document: Value,
    schemas: Value,
    known: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The first server's document is every server's.
static PUBLISHED: OnceLock<Published> = OnceLock::new();

pub struct Answer<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl Published {
    pub fn known() -> Option<&'static Self> {
        PUBLISHED.get()
    }

    pub fn learn(document: Value) -> &'static Self {
        PUBLISHED.get_or_init(|| {
            let schemas = document["components"]["schemas"].as_object().unwrap();
            let closed = schemas.iter().map(|(name, schema)| (name.clone(), closed(schema, schemas)));
            let schemas = json!(closed.collect::<Map<_, _>>());
            Self { document, schemas, known: Mutex::default() }
        })
    }

    pub fn hold(&self, answer: &Answer<'_>) {
        let path = answer.path.split('?').next().unwrap();
        let Some(operation) = self.operation(answer.method, path) else {
            return assert!(matches!(answer.status, 404 | 405), "{} {path}: {}", answer.method, answer.status);
        };
        let place = format!("{} {} {}", answer.method, operation["operationId"], answer.status);
        let said = String::from_utf8_lossy(answer.body);
        let documented = &operation["responses"][answer.status.to_string()];
        assert!(documented.is_object(), "{place} is not documented: {said}");
        for (name, header) in documented["headers"].as_object().into_iter().flatten() {
            let there = answer.headers.contains_key(name) || header["required"] == json!(false);
            assert!(there, "{place} lacks the header {name}");
        }
        let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        let kind = kind.map(|kind| kind.split(';').next().unwrap().trim());
        let Some(content) = documented["content"].as_object() else {
            return assert!(answer.body.is_empty(), "{place} has a body: {said}");
        };
        let kind = kind.unwrap_or_else(|| panic!("{place} has no media type"));
        let schema = content.get(kind).unwrap_or_else(|| panic!("{place} is {kind}"));
        if !kind.ends_with("json") {
            return;
        }
        let body: Value = serde_json::from_slice(answer.body).unwrap_or_else(|_| panic!("{place}: {said}"));
        let validator = self.validator(&format!("{place} {kind}"), &schema["schema"]);
        let wrong: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{place}: {}\n{said}", wrong.join("\n"));
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let fits = |pattern: &str| {
            let (want, have): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
            want.len() == have.len() && want.iter().zip(have).all(|(want, have)| part_fits(want, have))
        };
        let paths = self.document["paths"].as_object().unwrap();
        let mut found = paths.iter().filter(|(pattern, _)| fits(pattern)).map(|(_, all)| &all[method.to_lowercase()]);
        found.find(|operation| operation.is_object())
    }

    fn validator(&self, place: &str, schema: &Value) -> Arc<Validator> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let whole = json!({"allOf": [schema], "components": {"schemas": self.schemas}});
            Arc::new(jsonschema::draft202012::new(&whole).unwrap())
        };
        Arc::clone(known.entry(place.to_owned()).or_insert_with(make))
    }
}

fn part_fits(want: &str, have: &str) -> bool {
    match want.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, verb)) => have.strip_suffix(verb).is_some_and(|value| !value.is_empty() && !value.contains(':')),
        None => want == have,
    }
}

/// No field but those that are named; a schema beside a reference is put into it.
fn closed(schema: &Value, all: &Map<String, Value>) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| closed(item, all)).collect(),
        Value::Object(map) => {
            let mut map = map.clone();
            let target =
                map.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()).map(str::to_owned);
            if let (Some(target), true) = (target, map.contains_key("properties")) {
                map.remove("$ref");
                merge(&mut map, all[&target].as_object().unwrap());
            }
            let mut out: Map<String, Value> =
                map.iter().map(|(key, inner)| (key.clone(), closed(inner, all))).collect();
            let open = out.contains_key("additionalProperties") || out.contains_key("unevaluatedProperties");
            if out.contains_key("properties") && !open {
                out.insert("unevaluatedProperties".into(), json!(false));
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

fn merge(map: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match (map.get_mut(key), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => mine.extend(theirs.clone()),
            (Some(Value::Array(mine)), Value::Array(theirs)) => mine.extend(theirs.clone()),
            (Some(_), _) => {}
            (None, _) => drop(map.insert(key.clone(), value.clone())),
        }
    }
}
