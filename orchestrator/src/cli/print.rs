//! Tables for people, JSON and YAML for programs.

use super::args::Output;
use super::pipe::{self, out, say};
use comfy_table::{Table, presets};
use models::yaml;
use serde_json::{Value, json};

/// One column: its head, and where its value stands in an item.
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) value: fn(&Value) -> String,
    /// Only with `-o wide`.
    pub(crate) wide: Width,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Always,
    Wide,
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

pub(crate) fn items(output: Output, columns: &[Column], items: &[Value]) {
    match output {
        Output::Json => out!("{}", pretty(&Value::Array(items.to_vec()))),
        Output::Yaml => pipe::data(format_args!("{}", yaml::block(&Value::Array(items.to_vec())))),
        Output::Table | Output::Wide => {
            let mut table = table(output, columns, &items.iter().collect::<Vec<_>>());
            let shown = columns.iter().filter(|c| output == Output::Wide || c.wide == Width::Always);
            table.set_header(shown.map(|c| c.head));
            out!("{}", trimmed(&table));
            if items.is_empty() {
                say!("nothing");
            }
        }
    }
}

/// One thing whole: YAML where a person looks, since a table cannot hold it.
pub(crate) fn one(output: Output, value: &Value) {
    match output {
        Output::Json => out!("{}", pretty(value)),
        Output::Yaml | Output::Table | Output::Wide => pipe::data(format_args!("{}", yaml::block(value))),
    }
}

/// Several documents' results as one document; one stands alone.
pub(crate) fn all(output: Output, (asked, values): (usize, Vec<Value>)) {
    match (asked, values.as_slice()) {
        (1, []) => {}
        (1, [only]) => data(output, only),
        _ => data(output, &Value::Array(values)),
    }
}

/// What was done, for a program; a person was told in words.
pub(crate) fn data(output: Output, value: &Value) {
    if matches!(output, Output::Json | Output::Yaml) {
        one(output, value);
    }
}

/// One thing that changed, in a stream: a row, a line of JSON, or a YAML document.
pub(crate) fn event(output: Output, columns: &[Column], (event, object): (&str, &Value)) {
    let whole = || json!({"event": event, "object": object});
    match output {
        Output::Json => out!("{}", whole()),
        Output::Yaml => pipe::data(format_args!("---\n{}", yaml::block(&whole()))),
        Output::Table | Output::Wide if event == "put" => out!("{}", trimmed(&table(output, columns, &[object]))),
        Output::Table | Output::Wide => say!("{} {event}", text(object, "/id")),
    }
}

fn table(output: Output, columns: &[Column], items: &[&Value]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for item in items {
        let shown = columns.iter().filter(|c| output == Output::Wide || c.wide == Width::Always);
        table.add_row(shown.map(|c| (c.value)(item)));
    }
    table
}

pub(crate) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
