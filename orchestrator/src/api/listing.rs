//! Lists: pages by an opaque marker, label and field filters.

use super::problem::Problem;
use super::reply::{Input, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const LIMIT: usize = 100;
const MOST: usize = 500;

/// One page of items that are in order of their key; each item is (key, body).
pub(crate) fn page(input: &Input, path: &str, items: Vec<(String, Value)>) -> Result<Reply, Problem> {
    let limit = limit(input)?;
    let after = input.query("marker").map(|marker| unwrap(path, marker)).transpose()?;
    let filters = filters(input)?;
    let fits = |(_, body): &(String, Value)| filters.iter().all(|filter| filter.fits(body));
    let all: Vec<(String, Value)> = items.into_iter().filter(fits).collect();
    let begin = after.as_deref().map_or(0, |after| place_after(&all, after));
    let mut rest = all.into_iter().skip(begin);
    let page: Vec<(String, Value)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last()).map(|(key, _)| wrap(path, key));
    let link = next.as_ref().map(|marker| format!("<{path}?{}>; rel=\"next\"", following(input, marker)));
    let items: Vec<Value> = page.into_iter().map(|(_, body)| body).collect();
    Ok(Reply::ok(&json!({"items": items, "next": next}))?.link(link))
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

fn limit(input: &Input) -> Result<usize, Problem> {
    let bad = |n: u64| Problem::bad(format!("limit: {n} is not within 1 to {MOST}"));
    match input.number("limit")? {
        None => Ok(LIMIT),
        Some(n) => usize::try_from(n).ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| bad(n)),
    }
}

/// The query of the next page: the same filters, another marker.
fn following(input: &Input, marker: &str) -> String {
    let kept = input.query.iter().filter(|(name, _)| name != "marker");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("marker", marker).finish()
}

/// A marker holds the list that it is of, so that one of another list is told from one of this.
fn wrap(path: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{path}\n{key}"))
}

fn unwrap(path: &str, marker: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.strip_prefix(path)).and_then(|rest| rest.strip_prefix('\n'));
    key.map(str::to_owned)
        .ok_or_else(|| Problem::bad("marker: take it from the answer before of the same list, unchanged"))
}

enum Filter {
    Label(String, String),
    /// A path of dots into the item.
    Field(String, String),
}

fn filters(input: &Input) -> Result<Vec<Filter>, Problem> {
    let pair = |key: &str, text: &str| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| Problem::bad(format!("{key}: write {key}=name=value")))?;
        Ok::<_, Problem>((name.to_owned(), value.to_owned()))
    };
    let mut filters = Vec::new();
    for text in input.all("label") {
        let (name, value) = pair("label", text)?;
        filters.push(Filter::Label(name, value));
    }
    for text in input.all("field") {
        let (name, value) = pair("field", text)?;
        filters.push(Filter::Field(name.replace('.', "/"), value));
    }
    Ok(filters)
}

impl Filter {
    fn fits(&self, body: &Value) -> bool {
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
