//! SOL006: descriptors by YANG, as JSON (RFC 7951) and, being the same tree, as YAML.
//!
//! The chart of a function stands in OSM's augment `kdu`, since SOL006 3.6.1 has no word of its own for it; everything
//! else is the standard's.

mod nsd;
mod vnfd;

pub use nsd::nsd;
pub use vnfd::vnfd;

use serde_json::{Map, Value};

const NFV: &str = "etsi-nfv-descriptors";

fn identity(name: &str) -> String {
    format!("{NFV}:{name}")
}

/// A list of keys with values: many places of the model have one.
fn pairs<K: AsRef<str>, V: AsRef<str>>(all: impl IntoIterator<Item = (K, Option<V>)>) -> Value {
    let pair = |(key, value): (K, Option<V>)| {
        let mut entry = Map::from_iter([("key".to_owned(), Value::from(key.as_ref()))]);
        if let Some(value) = value {
            entry.insert("value".into(), Value::from(value.as_ref()));
        }
        Value::Object(entry)
    };
    Value::Array(all.into_iter().map(pair).collect())
}

/// An object without what nobody said: empty lists, empty words and nothing at all are left out.
fn said<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let told = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    let fields = fields.into_iter().filter(|(_, value)| told(value));
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
}
