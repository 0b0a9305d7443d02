//! The JSON Schema (draft 2020-12) of the file, for editors; made from the same table as the check.

use super::body::may_be_null;
use super::shape::{Bare, Field, Fields, Form, List, Need, Rule, Shape, Twice};
use super::table::KINDS;
use serde_json::{Map, Value, json};

/// Whether an optional field may be written as `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Taken,
    Refused,
}

/// The schema of a body.
pub(crate) fn body(fields: &Fields) -> Value {
    Value::Object(map(fields, Nulls::Taken))
}

/// One schema for every kind.
pub(crate) fn schema() -> Value {
    let kinds = KINDS.iter().map(|(kind, doc, fields)| {
        let mut schema = map(fields, Nulls::Refused);
        schema.insert("title".to_owned(), json!(kind));
        schema.insert("description".to_owned(), json!(doc));
        (kind, Value::Object(schema))
    });
    let defs: Map<String, Value> = kinds.map(|(kind, schema)| ((*kind).to_owned(), schema)).collect();
    let one_of: Vec<Value> = KINDS.iter().map(|(kind, ..)| json!({"$ref": format!("#/$defs/{kind}")})).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sliceway file",
        "description": "a document of a file for sliceway apply",
        "type": "object",
        "oneOf": one_of,
        "$defs": defs,
    })
}

fn of(shape: &Shape, nulls: Nulls) -> Map<String, Value> {
    match shape {
        Shape::Map(fields) => map(fields, nulls),
        Shape::Table { key, value } => object(json!({
            "type": "object",
            "propertyNames": {"pattern": key.pattern},
            "additionalProperties": of(value, nulls),
        })),
        Shape::List(list) => of_list(list, nulls),
        Shape::Text(form) => of_text(form),
        Shape::Word([only]) => object(json!({"const": only})),
        Shape::Word(words) => object(json!({"enum": words})),
        Shape::Integer { least, most } => object(json!({"type": "integer", "minimum": least, "maximum": most})),
        Shape::Truth => object(json!({"type": "boolean"})),
        Shape::Scalar => object(json!({"type": ["string", "number", "boolean"]})),
        Shape::Any => Map::new(),
        Shape::Free => object(json!({"type": "object", "not": {"required": ["sliceway"]}})),
    }
}

fn map(fields: &Fields, nulls: Nulls) -> Map<String, Value> {
    let properties: Map<String, Value> = fields
        .fields
        .iter()
        .map(|field| {
            let mut schema = of_field(field, (fields.rules, nulls));
            let doc = match &field.shape {
                Shape::Text(form) => format!("{}: {}", field.doc, form.allowed),
                _ => field.doc.to_owned(),
            };
            schema.insert("description".to_owned(), json!(doc));
            (field.name.to_owned(), Value::Object(schema))
        })
        .collect();
    let required: Vec<&str> = fields.fields.iter().filter(|f| f.need == Need::Required).map(|f| f.name).collect();
    let mut schema = object(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "required": required,
    }));
    if !fields.rules.is_empty() {
        schema.insert("allOf".to_owned(), fields.rules.iter().map(rule).collect());
    }
    schema
}

fn of_field(field: &Field, (rules, nulls): (&[Rule], Nulls)) -> Map<String, Value> {
    let schema = of(&field.shape, nulls);
    match nulls == Nulls::Taken && may_be_null(field, rules) {
        true => object(json!({"anyOf": [schema, {"type": "null"}]})),
        false => schema,
    }
}

fn rule(rule: &Rule) -> Value {
    let has = |name: &&str| json!({"required": [name]});
    match rule {
        Rule::ExactlyOne(names) => json!({"oneOf": names.iter().map(has).collect::<Vec<_>>()}),
        Rule::AtMostOne(names) => json!({"not": {"required": names}}),
        Rule::Needs(what, beside) => json!({"dependentRequired": {*what: [beside]}}),
    }
}

fn of_list(list: &List, nulls: Nulls) -> Map<String, Value> {
    let mut schema = object(json!({"type": "array", "items": of(&list.item, nulls), "maxItems": list.most}));
    if list.least > 0 {
        schema.insert("minItems".to_owned(), json!(list.least));
    }
    if list.twice == Twice::Refused {
        schema.insert("uniqueItems".to_owned(), json!(true));
    }
    schema
}

fn of_text(form: &Form) -> Map<String, Value> {
    let kind = match form.bare {
        Bare::Taken => json!(["string", "number"]),
        Bare::Refused => json!("string"),
    };
    let mut schema = object(json!({"type": kind, "title": form.title, "examples": [form.example]}));
    if !form.pattern.is_empty() {
        schema.insert("pattern".to_owned(), json!(form.pattern));
    }
    schema
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
