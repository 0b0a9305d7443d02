//! Query parameters: which ones a request may carry. A parameter that nobody reads is an error, never silence.

use super::problem::Problem;
use super::table::Endpoint;
use models::problem::nearest;
use serde_json::{Value, json};

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Name,
    /// Names, joined by commas, or one by one.
    Names,
    /// `name=value`; may stand more than once.
    Pairs,
    /// May stand more than once.
    Texts,
    Number {
        least: u64,
        most: u64,
    },
    Flag,
    Word(&'static [&'static str]),
}

/// Every parameter that some endpoint takes.
const KINDS: &[(&str, Kind)] = &[
    ("limit", Kind::Number { least: 1, most: 500 }),
    ("marker", Kind::Text),
    ("label", Kind::Pairs),
    ("field", Kind::Pairs),
    ("watch", Kind::Flag),
    ("revision", Kind::Number { least: 0, most: u64::MAX }),
    ("state", Kind::Flag),
    ("query", Kind::Text),
    ("repository", Kind::Name),
    ("versions", Kind::Flag),
    ("version", Kind::Text),
    ("timeout", Kind::Number { least: 1, most: u64::MAX }),
    ("replace", Kind::Names),
    ("allowDataLoss", Kind::Names),
    ("upgrade", Kind::Names),
    ("function", Kind::Names),
    ("plan", Kind::Text),
    ("supersede", Kind::Word(&["failed", "any", "never"])),
    ("dryRun", Kind::Flag),
    ("slice", Kind::Name),
    ("template", Kind::Name),
    ("drain", Kind::Flag),
    ("forget", Kind::Flag),
    ("cluster", Kind::Names),
    ("id", Kind::Texts),
    ("file", Kind::Text),
    ("filter", Kind::Text),
    ("all_fields", Kind::Text),
    ("fields", Kind::Text),
    ("exclude_fields", Kind::Text),
    ("exclude_default", Kind::Text),
    ("nextpage_opaque_marker", Kind::Text),
];

/// Parameters that mean something else below a path.
const ELSEWHERE: &[(&str, &str, Kind)] = &[
    ("/api/v1/alarms", "slice", Kind::Names),
    ("/api/v1/orphans", "slice", Kind::Names),
    ("/api/v1/orphans", "allowDataLoss", Kind::Flag),
];

fn kind(path: &str, name: &str) -> Kind {
    let here = ELSEWHERE.iter().find(|(below, known, _)| path.starts_with(below) && *known == name);
    let kind = || KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    here.map(|(_, _, kind)| *kind).or_else(kind).unwrap_or(Kind::Text)
}

/// A parameter as the published document has it.
pub(super) fn published(path: &str, (name, meaning): (&str, &str)) -> Value {
    let a_name = json!({"type": "string", "pattern": NAME});
    let schema = match kind(path, name) {
        Kind::Text => json!({"type": "string"}),
        Kind::Name => a_name,
        Kind::Names => json!({"type": "array", "items": a_name}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Pairs => json!({"type": "array", "items": {"type": "string", "pattern": "^[^=]+="}}),
        Kind::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
    };
    json!({"name": name, "in": "query", "description": meaning, "schema": schema})
}

/// The form of a name in a path or a query.
pub(super) const NAME: &str = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$";

/// Refuses what the endpoint does not take, what stands twice, and what does not go together.
pub(super) fn check(endpoint: &Endpoint, query: &[(String, String)]) -> Result<(), Problem> {
    let allowed: Vec<&str> = endpoint.query.iter().map(|(name, _)| *name).collect();
    // Up to SOL005 2.4.1 every other name is an attribute's, which the list judges.
    let open = std::ptr::eq(endpoint.query, super::nfvo::LIST);
    for (index, (name, _)) in query.iter().enumerate() {
        if !allowed.contains(&name.as_str()) {
            if open {
                continue;
            }
            return Err(unknown(name, &allowed));
        }
        let twice = query[..index].iter().any(|(before, _)| before == name);
        match kind(endpoint.path, name) {
            Kind::Names | Kind::Pairs | Kind::Texts => {}
            Kind::Text | Kind::Name | Kind::Number { .. } | Kind::Flag | Kind::Word(_) if !twice => {}
            Kind::Text | Kind::Name | Kind::Number { .. } | Kind::Flag | Kind::Word(_) => {
                return Err(value(name, format!("{name} stands once in a query")));
            }
        }
    }
    together(query)
}

/// A watch has no pages, and a list has no revision to begin from.
fn together(query: &[(String, String)]) -> Result<(), Problem> {
    let has = |name: &str| query.iter().any(|(known, _)| known == name);
    let watch = query.iter().any(|(name, value)| name == "watch" && value != "false");
    let paged = ["limit", "marker"].into_iter().find(|name| has(name));
    match (watch, paged) {
        (true, Some(name)) => Err(value(name, format!("{name} means nothing with watch=true"))),
        (false, _) if has("revision") => Err(value("revision", "revision means nothing without watch=true")),
        (true | false, _) => Ok(()),
    }
}

fn unknown(name: &str, allowed: &[&str]) -> Problem {
    let known = match allowed {
        [] => "this path takes none".to_owned(),
        some => format!("this path takes {}", some.join(", ")),
    };
    let problem = bad(name, format!("there is no query parameter {name:?} here; {known}"), (name, allowed));
    Problem { more: with(problem.more, json!({"allowed": allowed})), ..problem }
}

/// A value that is none of the words that are allowed.
pub(super) fn word(name: &str, value: &str, allowed: &[&str]) -> Problem {
    let detail = format!("{name}: {value:?} is none of {}", allowed.join(", "));
    bad(name, detail, (value, allowed))
}

/// A value that is wrong in another way; the detail says what is allowed.
pub(super) fn value(name: &str, detail: impl Into<String>) -> Problem {
    bad(name, detail.into(), ("", &[]))
}

fn bad(name: &str, detail: String, (word, allowed): (&str, &[&str])) -> Problem {
    let near = nearest(word, allowed.iter().copied());
    let detail = match near {
        Some(near) => format!("{detail}; did you mean {near:?}?"),
        None => detail,
    };
    let next = "change the query, and send it again; /openapi.json has every parameter";
    let mut more = json!({"parameter": name});
    if !allowed.is_empty() {
        more = with(more, json!({"allowed": allowed}));
    }
    if let Some(near) = near {
        more = with(more, json!({"nearest": near}));
    }
    Problem { more, ..Problem::new(400, "bad-parameter", detail).next(next) }
}

fn with(mut more: serde_json::Value, other: serde_json::Value) -> serde_json::Value {
    if let (Some(more), Some(other)) = (more.as_object_mut(), other.as_object()) {
        more.extend(other.clone());
    }
    more
}

/// As a value of a query.
pub(super) fn escape(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The pairs of a query, decoded.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str| {
        let plain = text.replace('+', " ");
        percent(&plain).ok_or_else(|| Problem::bad(format!("the query holds a bad escape: {text:?}")))
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| Ok((decode(k)?, decode(v)?))).collect()
}

/// RFC 3986 2.1.
pub(super) fn percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_that_is_taken_has_a_kind() {
        for endpoint in super::super::table::TABLE {
            for (name, _) in endpoint.query {
                assert!(KINDS.iter().any(|(known, _)| known == name), "{name} of {}", endpoint.path);
            }
        }
    }

    #[test]
    fn what_was_escaped_reads_back() {
        for text in ["x & y", "a=b", "größe", "100%", "a+b", ""] {
            let read = pairs(&format!("k={}", escape(text))).unwrap();
            assert_eq!(read, [("k".to_owned(), text.to_owned())]);
        }
    }
}
