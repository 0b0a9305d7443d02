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
        (Some(tags), _) => {
            let known = tags.split(',').map(revision).collect::<Result<Vec<_>, _>>()?;
            Ok(Expect::At(known.into_iter().flatten().collect()))
        }
        (None, Some(tags)) if tags == "*" => Ok(Expect::Absent),
        (None, _) => Err(Problem::bad("If-None-Match: only * is taken here, for what must not exist yet")),
    }
}

/// A tag of ours; any other, and every weak one, matches nothing (RFC 9110 8.8.3.2).
fn revision(tag: &str) -> Result<Option<Revision>, Problem> {
    let tag = tag.trim();
    let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let opaque = opaque.filter(|opaque| !opaque.contains('"')).ok_or_else(|| {
        Problem::bad(format!("If-Match: {tag:?} is no entity tag; send the ETag as it came, in its quotes, or *"))
    })?;
    let digits = !tag.starts_with("W/") && opaque.chars().all(|c| c.is_ascii_digit());
    Ok(opaque.parse().ok().filter(|_| digits).map(Revision))
}

fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    (!values.is_empty()).then(|| values.join(",").trim().to_owned())
}
