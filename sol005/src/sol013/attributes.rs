//! The attributes of a data type, as its schema has them: whoever names one that is not there is told so.

use models::problem::nearest;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    Simple,
    Structure(BTreeMap<String, Attribute>),
    /// Keys are their writer's (KeyValuePairs).
    Pairs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its lowest cardinality is one.
    pub required: bool,
    pub list: bool,
    pub of: Attributes,
}

impl Attribute {
    /// Structured, or several: what selectors are about (SOL013 5.3.2).
    pub fn is_complex(&self) -> bool {
        self.list || self.of != Attributes::Simple
    }
}

impl Attributes {
    pub fn of<T: JsonSchema>() -> Self {
        let mut settings = SchemaSettings::draft2020_12().for_deserialize();
        settings.inline_subschemas = true;
        Self::read(&settings.into_generator().into_root_schema_for::<T>().to_value())
    }

    fn read(schema: &Value) -> Self {
        let schema = present(schema);
        match schema["properties"].as_object() {
            Some(properties) => {
                let required =
                    |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
                let attribute = |(name, schema): (&String, &Value)| {
                    let schema = present(schema);
                    let list = is(schema, "array");
                    let of = if list { Self::read(&schema["items"]) } else { Self::read(schema) };
                    (name.clone(), Attribute { required: required(name), list, of })
                };
                Self::Structure(properties.iter().map(attribute).collect())
            }
            None if is(schema, "object") || *schema == Value::Bool(true) => Self::Pairs,
            None => Self::Simple,
        }
    }

    /// What stands at a path; the names that are there, where a step of it leads nowhere.
    pub fn at(&self, path: &[String]) -> Result<Option<&Attribute>, String> {
        let mut here = self;
        let mut found = None;
        for name in path {
            match here {
                // What is below a key is its writer's as well.
                Self::Pairs => return Ok(None),
                Self::Structure(known) => match known.get(name) {
                    Some(attribute) => (found, here) = (Some(attribute), &attribute.of),
                    None => return Err(unknown(name, known)),
                },
                Self::Simple => return Err(format!("nothing is below a simple attribute, such as {name:?}")),
            }
        }
        Ok(found)
    }
}

fn unknown(name: &str, known: &BTreeMap<String, Attribute>) -> String {
    let names = || known.keys().map(String::as_str);
    match nearest(name, names()) {
        Some(near) => format!("there is no attribute {name:?}; did you mean {near}?"),
        None => format!("there is no attribute {name:?}; there are {}", names().collect::<Vec<_>>().join(", ")),
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    let named = &schema["type"];
    named == kind || named.as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind))
}

/// Without the other, by which an optional one may be nothing.
fn present(schema: &Value) -> &Value {
    let among = schema["anyOf"].as_array().into_iter().flatten();
    among.into_iter().find(|one| one["type"] != "null").unwrap_or(schema)
}
