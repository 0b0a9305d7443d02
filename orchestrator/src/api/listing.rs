//! Lists: pages by an opaque marker, label and field filters.

use super::params;
use super::problem::Problem;
use super::reply::{Input, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LIMIT: usize = 100;
const MOST: usize = 500;
/// Bytes of a marker's check.
const CHECK: usize = 8;

/// One page of items that are in order of their key; each item is (key, body).
pub(crate) fn page(input: &Input, path: &str, items: Vec<(String, Value)>) -> Result<Reply, Problem> {
    let limit = limit(input)?;
    let after = input.query("marker").map(|marker| unwrap(marker, (input, path))).transpose()?;
    let filters = Filter::all(input)?;
    let fits = |(_, body): &(String, Value)| filters.iter().all(|filter| filter.fits(body));
    let all: Vec<(String, Value)> = items.into_iter().filter(fits).collect();
    let begin = after.as_deref().map_or(0, |after| place_after(&all, after));
    let mut rest = all.into_iter().skip(begin);
    let page: Vec<(String, Value)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last()).map(|(key, _)| wrap(key, (input, path)));
    answered(input, path, (page.into_iter().map(|(_, body)| body).collect(), next))
}

fn answered(input: &Input, path: &str, (items, next): (Vec<Value>, Option<String>)) -> Result<Reply, Problem> {
    let link = next.as_ref().map(|marker| link(input, path, marker));
    Ok(Reply::ok(&json!({"items": items, "next": next, "revision": input.newest}))?.link(link))
}

/// The part of a list that a request without filters asks for: what its source gives without reading the rest.
pub(crate) struct Part {
    /// The key of the last item of the page before.
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

/// `None`: there are filters, and every item must be looked at.
pub(crate) fn part(input: &Input, path: &str) -> Result<Option<Part>, Problem> {
    let after = input.query("marker").map(|marker| unwrap(marker, (input, path))).transpose()?;
    let limit = limit(input)?;
    Ok(if Filter::all(input)?.is_empty() { Some(Part { after, limit }) } else { None })
}

/// The page of a [`Part`]; `last` is the key of its last item where there are more.
pub(crate) fn partial(
    input: &Input,
    path: &str,
    (items, last): (Vec<Value>, Option<String>),
) -> Result<Reply, Problem> {
    answered(input, path, (items, last.map(|key| wrap(&key, (input, path)))))
}

fn limit(input: &Input) -> Result<usize, Problem> {
    let Some(text) = input.query("limit") else { return Ok(LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| params::value("limit", format!("limit: {text:?} is no number from 1 to {MOST}")))
}

/// RFC 8288: the same question, one page on.
fn link(input: &Input, path: &str, marker: &str) -> String {
    let kept = input.query.iter().filter(|(key, _)| key != "marker");
    let pairs = kept.map(|(key, value)| format!("{}={}&", params::escape(key), params::escape(value)));
    format!("<{path}?{}marker={marker}>; rel=\"next\"", pairs.collect::<String>())
}

/// Where the next page begins; also where the last item of the page before is gone meanwhile.
fn place_after(all: &[(String, Value)], after: &str) -> usize {
    if let Some(found) = all.iter().position(|(key, _)| key == after) {
        return found + 1;
    }
    let falling = all.first().zip(all.last()).is_some_and(|((first, _), (last, _))| first > last);
    let beyond = |(key, _): &(String, Value)| if falling { key.as_str() < after } else { key.as_str() > after };
    all.iter().position(beyond).unwrap_or(all.len())
}

/// The key of the last item, and what tells that it is one of this list with these filters.
pub(super) fn wrap(key: &str, list: (&Input, &str)) -> String {
    let mut bytes = check(key, list).to_vec();
    bytes.extend(key.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn unwrap(marker: &str, list: (&Input, &str)) -> Result<String, Problem> {
    let key = || {
        let bytes = URL_SAFE_NO_PAD.decode(marker).ok()?;
        let (given, key) = bytes.split_at_checked(CHECK)?;
        let key = std::str::from_utf8(key).ok()?;
        (given == check(key, list)).then(|| key.to_owned())
    };
    let detail =
        format!("marker: {marker:?} is none of this list with these filters; take it from the page before, unchanged");
    key().ok_or_else(|| params::value("marker", detail))
}

fn check(key: &str, (input, path): (&Input, &str)) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    let filters =
        input.query.iter().filter(|(name, _)| !matches!(name.as_str(), "marker" | "limit" | "nextpage_opaque_marker"));
    for part in [path, key].into_iter().chain(filters.flat_map(|(name, value)| [name.as_str(), value.as_str()])) {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let whole = hash.finalize();
    std::array::from_fn(|index| whole[index])
}

pub(crate) enum Filter {
    Label(String, String),
    /// A path of dots into the item.
    Field(String, String),
}

impl Filter {
    pub(super) fn all(input: &Input) -> Result<Vec<Self>, Problem> {
        let pair = |key: &str, text: &str| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(params::value(key, format!("{key}: {text:?} is no pair; write {key}=name=value"))),
        };
        let labels = input.all("label").map(|text| pair("label", text).map(|(name, value)| Self::Label(name, value)));
        let field = |(name, value): (String, String)| Self::Field(name.replace('.', "/"), value);
        let fields = input.all("field").map(|text| pair("field", text).map(field));
        labels.chain(fields).collect()
    }

    pub(super) fn fits(&self, body: &Value) -> bool {
        match self {
            Self::Label(name, value) => {
                body.get("labels").and_then(|l| l.get(name)).and_then(Value::as_str) == Some(value)
            }
            Self::Field(path, value) => match body.pointer(&format!("/{path}")) {
                Some(Value::String(text)) => text == value,
                Some(other) => value == &other.to_string(),
                None => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<(String, Value)> {
        (0..5).map(|n| (format!("k{n}"), json!({"n": n, "labels": {"odd": (n % 2 == 1).to_string()}}))).collect()
    }

    fn get(query: &[(&str, &str)]) -> Value {
        let query = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match page(&Input { query, ..Input::default() }, "/x", items()) {
            Ok(Reply::Json { body, .. }) => body,
            _ => Value::Null,
        }
    }

    #[test]
    fn pages_follow_each_other_by_marker_until_there_is_none() {
        let first = get(&[("limit", "2")]);
        assert_eq!(first["items"][1]["n"], 1);
        let marker = first["next"].as_str().unwrap().to_owned();
        let second = get(&[("limit", "3"), ("marker", &marker)]);
        assert_eq!(second["items"][0]["n"], 2);
        assert_eq!(second["next"], Value::Null);
    }

    #[test]
    fn a_page_goes_on_where_the_last_item_is_gone_meanwhile_in_either_order() {
        let mut rising = items();
        rising.remove(1);
        assert_eq!(place_after(&rising, "k1"), 1);
        rising.reverse();
        assert_eq!(place_after(&rising, "k1"), 3);
        assert_eq!(place_after(&rising, "a"), 4);
    }

    #[test]
    fn labels_and_fields_filter() {
        assert_eq!(get(&[("label", "odd=true")])["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(get(&[("field", "n=3")])["items"][0]["n"], 3);
    }
}
