//! Query parameters: which ones a request may carry. A parameter that nobody reads is an error, never silence.

use super::problem::Problem;
use super::table::Endpoint;
use models::problem::nearest;
use serde_json::json;

/// These may stand more than once.
const LISTS: &[&str] = &["label", "field", "replace", "allowDataLoss", "upgrade", "id"];

/// Refuses what the endpoint does not take, what stands twice, and what does not go together.
pub(super) fn check(endpoint: &Endpoint, query: &[(String, String)]) -> Result<(), Problem> {
    let allowed: Vec<&str> = endpoint.query.iter().map(|(name, _)| *name).collect();
    for (index, (name, _)) in query.iter().enumerate() {
        if !allowed.contains(&name.as_str()) {
            return Err(unknown(name, &allowed));
        }
        let twice = query[..index].iter().any(|(before, _)| before == name);
        if twice && !LISTS.contains(&name.as_str()) {
            return Err(value(name, format!("{name} stands once in a query")));
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
fn percent(text: &str) -> Option<String> {
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
    fn what_was_escaped_reads_back() {
        for text in ["x & y", "a=b", "größe", "100%", "a+b", ""] {
            let read = pairs(&format!("k={}", escape(text))).unwrap();
            assert_eq!(read, [("k".to_owned(), text.to_owned())]);
        }
    }
}
