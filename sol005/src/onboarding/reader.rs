//! Reading a tree of others: what is missing or of another sort is noted with its place, and reading goes on.

use models::Problem;
use models::problem::nearest;
use serde_json::{Map, Value};

/// One part of a document, with where it stands.
#[derive(Clone)]
pub(super) struct Part<'v> {
    pub(super) value: &'v Value,
    pub(super) path: String,
}

#[derive(Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Notes {
    pub(super) fn wrong(&mut self, path: &str, message: impl Into<String>, mend: impl Into<String>) {
        self.problems.push(Problem::at(path, message).mend(mend));
    }
}

/// A name without its module's: `kdu:kdu` is `kdu`.
pub(super) fn bare(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, bare)| bare)
}

impl<'v> Part<'v> {
    pub(super) fn top(value: &'v Value) -> Self {
        Self { value, path: String::new() }
    }

    fn map(&self) -> Option<&'v Map<String, Value>> {
        self.value.as_object()
    }

    /// Whether it has fields; what has none is told.
    pub(super) fn is_map(&self, notes: &mut Notes) -> bool {
        if self.map().is_none() {
            let message = format!("{} stands where a map is wanted", sort(self.value));
            notes.wrong(&self.path, message, "write a map: id: …");
        }
        self.map().is_some()
    }

    /// The field of that name, with or without a module's name before it.
    pub(super) fn get(&self, name: &str) -> Option<Part<'v>> {
        let (key, value) = self.map()?.iter().find(|(key, _)| bare(key) == name)?;
        Some(self.below(key, value))
    }

    fn below(&self, key: &str, value: &'v Value) -> Part<'v> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Part { value, path }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'v str, Part<'v>)> {
        let parts: Vec<_> =
            self.map().into_iter().flatten().map(|(key, value)| (key.as_str(), self.below(key, value))).collect();
        parts.into_iter()
    }

    /// Each item of the list of that name; nothing where there is none.
    pub(super) fn list(&self, name: &str, notes: &mut Notes) -> Vec<Part<'v>> {
        let Some(part) = self.get(name) else { return vec![] };
        part.items(notes)
    }

    pub(super) fn items(&self, notes: &mut Notes) -> Vec<Part<'v>> {
        match self.value {
            Value::Array(items) => {
                let item = |(at, value): (usize, &'v Value)| Part { value, path: format!("{}[{at}]", self.path) };
                items.iter().enumerate().map(item).collect()
            }
            Value::Null => vec![],
            other => {
                notes.wrong(&self.path, format!("{} stands where a list is wanted", sort(other)), "write a list");
                vec![]
            }
        }
    }

    /// A text; a number or truth value as it is written.
    pub(super) fn text(&self, name: &str, notes: &mut Notes) -> Option<String> {
        let part = self.get(name)?;
        match part.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(part.value.to_string()),
            Value::Null => None,
            other => {
                notes.wrong(&part.path, format!("{} stands where a text is wanted", sort(other)), "write a text");
                None
            }
        }
    }

    /// As [`Part::text`], of what must be there.
    pub(super) fn must(&self, name: &str, notes: &mut Notes) -> String {
        match self.text(name, notes) {
            Some(text) if !text.is_empty() => text,
            Some(_) => {
                notes.wrong(&format!("{}.{name}", self.path), "it is empty", "say what it is");
                String::new()
            }
            None => {
                if self.get(name).is_none_or(|part| part.value.is_null()) {
                    notes.wrong(&self.path, format!("{name} is missing"), format!("say {name}"));
                }
                String::new()
            }
        }
    }

    pub(super) fn number(&self, name: &str, notes: &mut Notes) -> Option<u32> {
        let part = self.get(name)?;
        let number = match part.value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            notes.wrong(&part.path, format!("{} is no whole number", sort(part.value)), "write a whole number");
        }
        number
    }

    /// Names that nobody knows here.
    pub(super) fn only(&self, known: &[&str], notes: &mut Notes) {
        for (key, part) in self.entries() {
            if known.contains(&bare(key)) {
                continue;
            }
            let mend = match nearest(bare(key), known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", known.join(", ")),
            };
            notes.wrong(&part.path, format!("{key:?} is not known here"), mend);
        }
    }
}

fn sort(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => format!("the truth value {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map".into(),
    }
}
