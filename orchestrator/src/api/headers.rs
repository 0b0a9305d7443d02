//! Headers of a request that mean something here. One that stands twice, or cannot be read, is refused: passed over, it
//! would change what the request means. It must never put a header's value into an answer that could be a secret.

use super::problem::Problem;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
pub(super) const TENANT: &str = "sliceway-tenant";
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// The text of a header that stands once, or not at all.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let Some(first) = all.next() else { return Ok(None) };
    let bad = |why: &str| Problem::bad(format!("the header {name} {why}")).next("mend the header, and send it again");
    if all.next().is_some() {
        return Err(bad("stands twice"));
    }
    first.to_str().map(Some).map_err(|_| bad("holds bytes that are no visible ASCII"))
}

/// Without its parameters.
pub(super) fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Where a watcher that comes back left off.
pub(super) fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let read = |text: &str| {
        let detail = format!("the header {LAST_EVENT_ID}: {text:?} is no id of an event; send the last one unchanged");
        text.trim().parse().map_err(|_| Problem::bad(detail))
    };
    one(headers, LAST_EVENT_ID)?.map(read).transpose()
}

/// The token of `Authorization: Bearer T`; `None` is an answer of 401.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, AUTHORIZATION.as_str()).ok()??.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
