//! A file's text as a tree whose every part knows its line and column.
//!
//! It knows YAML and nothing of what the fields mean. It must never follow an input without a limit: text from a stranger
//! ends in a [`Problem`], not in a full stack or a full memory.

use super::finding::{At, Findings, Path};
use crate::Problem;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Error, MessageFormatter, Options, Spanned, UserMessageFormatter};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};

/// The longest text of one source.
const MOST_BYTES: usize = 1 << 20;
const MOST_DEPTH: usize = 64;
const MOST_VALUES: usize = 100_000;
/// Values that anchors may repeat, over the whole source.
const MOST_REPEATED: usize = 50_000;
const MOST_ALIASES: usize = 1_000;
const MOST_DOCUMENTS: usize = 256;
/// Brackets that the scanner may see before it knows whether the first of them begins a key: 1,024 characters of them.
const SCANNED_AHEAD: usize = 2_048;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub at: At,
    pub value: Tree,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// With its spelling, because `1.20` and `000001` are meant as they are written.
    Number(Number, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub at: At,
    pub node: Node,
}

impl Node {
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Tree::Map(entries) => entries,
            Tree::Null | Tree::Bool(_) | Tree::Number(..) | Tree::Text(_) | Tree::List(_) => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            Tree::List(items) => items,
            Tree::Null | Tree::Bool(_) | Tree::Number(..) | Tree::Text(_) | Tree::Map(_) => &[],
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Tree::Text(text) => Some(text),
            Tree::Null | Tree::Bool(_) | Tree::Number(..) | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    /// What it is, for a message: `the number 3`.
    pub fn what(&self) -> String {
        match &self.value {
            Tree::Null => "nothing".to_owned(),
            Tree::Bool(value) => format!("the truth value {value}"),
            Tree::Number(_, spelling) => format!("the number {spelling}"),
            Tree::Text(text) => format!("the text {}", super::finding::quoted(text)),
            Tree::List(_) => "a list".to_owned(),
            Tree::Map(_) => "a map".to_owned(),
        }
    }

    /// As [`Node::json`], but a number with a fraction as it is written: `1.10` of a version is not 1.1.
    pub fn spelled(&self) -> Value {
        match &self.value {
            Tree::Number(number, spelling) if number.is_f64() => Value::String(spelling.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Node::spelled).collect()),
            Tree::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.node.spelled()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(..) | Tree::Text(_) => self.json(),
        }
    }

    pub fn json(&self) -> Value {
        match &self.value {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(*value),
            Tree::Number(number, _) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Node::json).collect()),
            Tree::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.node.json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

/// The documents of one source, empty ones left out. A key that stands twice is a finding; its first value counts.
pub(crate) fn read(text: &str, findings: &mut Findings) -> Vec<Node> {
    if text.len() > MOST_BYTES {
        findings.push(Problem::at("", format!("is {} bytes long; at most {MOST_BYTES} are read", text.len())));
        return Vec::new();
    }
    let text = &*json_as_yaml(text);
    match on_own_stack(|| documents(text)) {
        Ok(documents) => {
            let mut grow = Grow { text, findings };
            documents.into_iter().map(|raw| grow.node(raw, &Path::Root)).collect()
        }
        Err(problem) => {
            findings.push(*problem);
            Vec::new()
        }
    }
}

/// JSON lets some characters stand in a string that YAML wants escaped (YAML 1.2.2, 5.1 against RFC 8259, 7).
fn json_as_yaml(text: &str) -> Cow<'_, str> {
    let unprintable = |c: char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(unprintable) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if unprintable(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn documents(text: &str) -> Result<Vec<Spanned<Raw>>, Box<Problem>> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| Box::new(unreadable(&error)))
}

/// serde-saphyr descends by recursion and takes about 40 KiB of stack per level where nothing is optimised; a caller's
/// stack, such as that of a worker of an async runtime, may be smaller than [`MOST_DEPTH`] levels need.
fn on_own_stack<T: Send>(work: impl FnOnce() -> Result<T, Box<Problem>> + Send) -> Result<T, Box<Problem>> {
    const STACK_BYTES: usize = 16 << 20;
    let failed = |why: &str| Box::new(Problem::at("", format!("cannot be read now: {why}")));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("file".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(failed("the reader of YAML gave up"))),
            Err(error) => Err(failed(&error.to_string())),
        }
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 3 * MOST_VALUES,
            max_nodes: MOST_VALUES,
            max_depth: MOST_DEPTH,
            // The scanner reads ahead of the depth check; its own limit speaks only where that check cannot.
            flow_nesting_limit: SCANNED_AHEAD,
            max_aliases: MOST_ALIASES,
            max_anchors: MOST_ALIASES,
            max_documents: MOST_DOCUMENTS,
            max_total_scalar_bytes: MOST_BYTES,
            max_merge_keys: MOST_ALIASES,
            max_recorded_anchor_events: MOST_VALUES,
            max_recorded_anchor_bytes: MOST_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_REPEATED,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn unreadable(error: &Error) -> Problem {
    let error = innermost(error);
    let message = match error {
        Error::Budget { breach, .. } => too_much(breach),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => "repeats too much by anchors and aliases".to_owned(),
        Error::NonFiniteFloat { value, .. } => format!("{value} is no number that JSON has"),
        Error::NullIntoString { .. } => "a key is missing before the colon".to_owned(),
        other => other_reason(other),
    };
    let place = error.location().filter(|location| location.line() > 0);
    Problem {
        line: place.map(|location| location.line()),
        column: place.map(|location| location.column()),
        ..Problem::at("", message)
    }
}

fn innermost(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => innermost(error),
        other => other,
    }
}

fn other_reason(error: &Error) -> String {
    let said = UserMessageFormatter.format_message(error);
    let said: String = said.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("cannot be read: {said}")
}

fn too_much(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => format!("is nested deeper than {MOST_DEPTH} levels"),
        BudgetBreach::Documents { .. } => format!("holds more than {MOST_DOCUMENTS} documents"),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => format!("holds more than {MOST_VALUES} values"),
        // The library's enum is open; every other breach of ours is about anchors, aliases and merge keys.
        _ => "repeats too much by anchors and aliases".to_owned(),
    }
}

/// What serde-saphyr hands over, before spellings are looked up.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Raw, E> {
        Number::from_f64(value).map(Raw::Number).ok_or_else(|| E::custom("a number that JSON does not have"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            if entries.len() >= MOST_VALUES {
                return Err(A::Error::custom("a map with too many keys"));
            }
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Turns what was read into nodes, and finds keys that stand twice.
struct Grow<'a> {
    text: &'a str,
    findings: &'a mut Findings,
}

impl Grow<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: &Path<'_>) -> Node {
        let at = At { line: raw.referenced.line(), column: raw.referenced.column() };
        let value = match raw.value {
            Raw::Null => Tree::Null,
            Raw::Bool(value) => Tree::Bool(value),
            Raw::Number(number) => {
                let spelling = self.spelling(&raw.defined).unwrap_or_else(|| number.to_string());
                Tree::Number(number, spelling)
            }
            Raw::Text(text) => Tree::Text(text),
            Raw::List(items) => {
                let nodes = items.into_iter().enumerate().map(|(index, item)| self.node(item, &path.item(index)));
                Tree::List(nodes.collect())
            }
            Raw::Map(entries) => Tree::Map(self.entries(entries, path)),
        };
        Node { at, value }
    }

    fn entries(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>, path: &Path<'_>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(raw.len());
        let mut first: HashMap<String, At> = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let at = At { line: key.referenced.line(), column: key.referenced.column() };
            let key = key.value;
            if let Some(earlier) = first.get(&key) {
                let say = || Problem::at("", format!("stands twice; it stands at {earlier} already"));
                self.findings.add(at, &path.key(&key), say);
                continue;
            }
            first.insert(key.clone(), at);
            let node = self.node(value, &path.key(&key));
            entries.push(Entry { key, at, node });
        }
        entries
    }

    /// How a number is written, cut out of the source.
    fn spelling(&self, location: &serde_saphyr::Location) -> Option<String> {
        let span = location.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
        self.text.get(start..end).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}
