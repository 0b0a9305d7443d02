//! Attribute selectors (SOL013 5.3): which complex attributes an answer has. Simple ones, and those that a type must have,
//! always stand in it.

use super::attributes::{Attribute, Attributes};
use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    all: bool,
    /// Of complex attributes these, and no others.
    only: Option<Vec<Vec<String>>>,
    without: Vec<Vec<String>>,
}

/// The parameters of which it is read.
pub const SELECTORS: [&str; 4] = ["all_fields", "fields", "exclude_fields", "exclude_default"];

impl Selector {
    /// `left_out` is what a list leaves out unless it is asked for.
    pub fn read(query: &[(String, String)], (of, left_out): (&Attributes, &[&str])) -> Result<Self, String> {
        let has = |name: &str| query.iter().any(|(known, _)| known == name);
        let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if let Some(name) = SELECTORS.iter().find(|name| query.iter().filter(|(known, _)| known == *name).count() > 1) {
            return Err(format!("{name} stands once in a query"));
        }
        for flag in ["all_fields", "exclude_default"] {
            if value(flag).is_some_and(|value| !value.is_empty()) {
                return Err(format!("{flag} has no value"));
            }
        }
        let paths = |name: &str| match value(name) {
            Some("") => Err(format!("{name} names no attribute")),
            Some(text) => text.split(',').map(|path| complex(path, of)).collect::<Result<Vec<_>, _>>().map(Some),
            None => Ok(None),
        };
        let (fields, excluded) = (paths("fields")?, paths("exclude_fields")?);
        let both =
            [("all_fields", has("all_fields")), ("fields", fields.is_some()), ("exclude_fields", excluded.is_some())];
        let said: Vec<&str> = both.iter().filter(|(_, said)| *said).map(|(name, _)| *name).collect();
        if let [one, other, ..] = said.as_slice() {
            return Err(format!("{one} and {other} in one query: say one of them"));
        }
        if has("all_fields") && has("exclude_default") {
            return Err("all_fields and exclude_default in one query: say one of them".into());
        }
        let by_default = || left_out.iter().map(|name| vec![(*name).to_owned()]);
        Ok(match (fields, excluded) {
            // Both together: what a list has by default, and these.
            (Some(fields), _) if has("exclude_default") => {
                let without = by_default().filter(|path| !fields.iter().any(|field| field.starts_with(path))).collect();
                Self { without, ..Self::default() }
            }
            (Some(fields), _) => Self { only: Some(fields), ..Self::default() },
            (None, Some(without)) => Self { without, ..Self::default() },
            (None, None) if has("all_fields") => Self { all: true, ..Self::default() },
            (None, None) => Self { without: by_default().collect(), ..Self::default() },
        })
    }

    /// Everything that there is.
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Whether an answer has an attribute at the top, so that nobody computes what nobody sees.
    pub fn takes(&self, name: &str) -> bool {
        let at = |path: &Vec<String>| path.first().is_some_and(|first| first == name);
        let dropped = self.without.iter().any(|path| path.len() == 1 && at(path));
        self.all || (!dropped && self.only.as_ref().is_none_or(|only| only.iter().any(at)))
    }

    pub fn apply(&self, mut value: Value, of: &Attributes) -> Value {
        if let Some(only) = &self.only {
            let paths: Vec<&[String]> = only.iter().map(Vec::as_slice).collect();
            keep(&mut value, of, &paths);
        }
        for path in &self.without {
            drop_at(&mut value, of, path);
        }
        value
    }
}

fn complex(path: &str, of: &Attributes) -> Result<Vec<String>, String> {
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    of.at(&path)?;
    Ok(path)
}

/// Of optional complex attributes only those on one of the paths.
fn keep(value: &mut Value, of: &Attributes, paths: &[&[String]]) {
    match (value, of) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| keep(item, of, paths)),
        (Value::Object(map), Attributes::Structure(known)) => map.retain(|name, inner| {
            let Some(attribute) = known.get(name).filter(|attribute| attribute.is_complex()) else { return true };
            let below: Vec<&[String]> =
                paths.iter().filter(|path| path.first() == Some(name)).map(|path| &path[1..]).collect();
            if below.is_empty() {
                return attribute.required;
            }
            if !below.iter().any(|path| path.is_empty()) {
                keep(inner, &attribute.of, &below);
            }
            true
        }),
        _ => {}
    }
}

/// What must be there stays.
fn drop_at(value: &mut Value, of: &Attributes, path: &[String]) {
    match (value, of, path) {
        (Value::Array(items), _, _) => items.iter_mut().for_each(|item| drop_at(item, of, path)),
        (Value::Object(map), Attributes::Structure(known), [name, rest @ ..]) => {
            let Some(attribute): Option<&Attribute> = known.get(name) else { return };
            match (rest.is_empty(), map.get_mut(name)) {
                (true, _) if !attribute.required && attribute.is_complex() => drop(map.shift_remove(name)),
                (false, Some(inner)) => drop_at(inner, &attribute.of, rest),
                _ => {}
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde_json::json;

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Thing {
        id: String,
        note: Option<String>,
        links: Links,
        parts: Option<Vec<Part>>,
        data: Option<Part>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Links {
        this: String,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Part {
        kind: String,
        more: Option<Links>,
    }

    fn chosen(query: &[(&str, &str)]) -> Result<Value, String> {
        let of = Attributes::of::<Thing>();
        let query: Vec<(String, String)> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let whole = json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": [{"kind": "k", "more": {"this": "y"}}],
            "data": {"kind": "d"}});
        Ok(Selector::read(&query, (&of, &["parts"]))?.apply(whole, &of))
    }

    #[test]
    fn an_answer_has_what_was_asked_for_and_what_it_must_have() {
        let check = |query: &[(&str, &str)], wanted: Value| assert_eq!(chosen(query).unwrap(), wanted, "{query:?}");
        let parts = json!([{"kind": "k", "more": {"this": "y"}}]);
        let whole = json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": parts, "data": {"kind": "d"}});
        let plain = json!({"id": "a", "note": "n", "links": {"this": "x"}, "data": {"kind": "d"}});
        check(&[], plain.clone());
        check(&[("exclude_default", "")], plain.clone());
        check(&[("all_fields", "")], whole.clone());
        check(&[("fields", "parts")], json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": parts}));
        check(
            &[("fields", "parts/kind")],
            json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": [{"kind": "k"}]}),
        );
        check(&[("fields", "parts"), ("exclude_default", "")], whole);
        check(&[("exclude_fields", "data")], json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": parts}));
        let less =
            json!({"id": "a", "note": "n", "links": {"this": "x"}, "parts": [{"kind": "k"}], "data": {"kind": "d"}});
        check(&[("exclude_fields", "parts/more,links")], less);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |query: &[(&str, &str)], words: &str| {
            let error = chosen(query).unwrap_err();
            assert!(error.contains(words), "{query:?}: {error}");
        };
        check(&[("fields", "prats")], "did you mean parts?");
        check(&[("fields", "")], "names no attribute");
        check(&[("all_fields", "yes")], "all_fields has no value");
        check(&[("all_fields", ""), ("fields", "parts")], "say one of them");
        check(&[("fields", "parts"), ("fields", "data")], "stands once");
        check(&[("all_fields", ""), ("exclude_default", "")], "say one of them");
    }
}
