//! Conditions of a request (RFC 9110 13.1): what must stand there for a write to happen.

use super::problem::Problem;
use super::table::Endpoint;
use crate::store::{Expect, Revision};
use axum::http::{HeaderMap, HeaderName, header};

pub(super) fn expect(endpoint: &Endpoint, headers: &HeaderMap) -> Result<Expect, Problem> {
    let (matching, absent) = (all(headers, &header::IF_MATCH), all(headers, &header::IF_NONE_MATCH));
    if endpoint.method == super::table::Method::Get {
        return Ok(Expect::Anything);
    }
    let name = match (&matching, &absent) {
        (None, None) => return Ok(Expect::Anything),
        (Some(_), Some(_)) => return Err(Problem::bad("If-Match and If-None-Match in one request: send one of them")),
        (Some(_), None) => "If-Match",
        (None, Some(_)) => "If-None-Match",
    };
    if !endpoint.is_conditional() {
        let detail = format!("{name} means nothing here: {} has no ETag", endpoint.path);
        return Err(Problem::bad(detail).next("send it again without that header"));
    }
    match (matching, absent) {
        (Some(tags), _) if tags == "*" => Ok(Expect::Exists),
        (Some(tags), _) => Ok(Expect::At(tags.split(',').filter_map(revision).collect())),
        (None, Some(tags)) if tags == "*" => Ok(Expect::Absent),
        (None, _) => Err(Problem::bad("If-None-Match: only * is taken here, for what must not exist yet")),
    }
}

/// A tag of ours; any other, and every weak one, matches nothing (RFC 9110 8.8.3.2).
fn revision(tag: &str) -> Option<Revision> {
    tag.trim().trim_matches('"').parse().ok().map(Revision)
}

fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("")).collect();
    (!values.is_empty()).then(|| values.join(",").trim().to_owned())
}
