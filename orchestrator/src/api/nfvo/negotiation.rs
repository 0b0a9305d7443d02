//! What a request must say before it is looked at (SOL013 4, 9): the version, what it sends, and what it takes.

use crate::api::headers;
use crate::api::problem::Problem;
use crate::api::table::{BodyForm, Endpoint, Face, Method};
use axum::http::{HeaderMap, header};
use sol005::interface::Interface;
use sol005::sol013::Version;

/// What is spoken with a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken {
    pub(crate) interface: Interface,
    pub(crate) version: Version,
}

pub(crate) const VERSION: &str = "version";

/// Nothing of our own interface; of the standard's what is spoken, or why nothing can be.
pub(crate) fn negotiated(endpoint: &Endpoint, headers: &HeaderMap) -> Result<Option<Spoken>, Problem> {
    let Face::Nfvo(interface, major) = endpoint.face else { return Ok(None) };
    let known = interface.versions(major);
    // Which there are is asked above all versions.
    let asked = if major == 0 { None } else { headers::one(headers, VERSION)? };
    let version = Version::meant(asked, known).map_err(|unsupported| {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let detail = format!("version {:?} of {} is not spoken here", unsupported.asked, interface.name());
        Problem::new(406, "not-acceptable", detail)
            .next(format!("send one of {}, or no header Version", known.join(", ")))
    })?;
    accepted(endpoint, headers)?;
    sent(endpoint, headers)?;
    Ok(Some(Spoken { interface, version }))
}

/// Before anybody is asked who they are, one thing is wrong with the header itself (SOL013 8.3).
pub(crate) fn refused(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::AUTHORIZATION).is_some();
    if endpoint.face == Face::Own || !given || headers::bearer(headers).is_some() {
        return Ok(());
    }
    let detail = "the header Authorization holds no bearer token";
    Err(Problem::new(400, "invalid-request", detail).next("send Authorization: Bearer TOKEN"))
}

fn accepted(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), Problem> {
    let all: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let given = endpoint.gives;
    if all.is_empty() || given.is_empty() || given.iter().any(|kind| takes(&all.join(","), kind)) {
        return Ok(());
    }
    let detail = format!("nothing that the header Accept takes is given here: {}", all.join(","));
    Err(Problem::new(406, "not-acceptable", detail).next(format!("accept {}", given.join(" or "))))
}

/// RFC 9110 12.5.1; what has the weight 0 is not taken.
pub(super) fn takes(accept: &str, kind: &str) -> bool {
    let (top, _) = kind.split_once('/').unwrap_or((kind, ""));
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let none = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
        let fits = name == "*/*" || name.eq_ignore_ascii_case(kind) || name.strip_suffix("/*") == Some(top);
        fits && !none
    })
}

fn sent(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(form) = endpoint.body else { return Ok(()) };
    let wanted: &[&str] = match form {
        BodyForm::Content(kinds) => kinds,
        BodyForm::Typed(_) if endpoint.method == Method::Patch => &["application/merge-patch+json", "application/json"],
        BodyForm::Typed(_) | BodyForm::Of(_) | BodyForm::Slice | BodyForm::Package => &["application/json"],
    };
    let given = headers::one(headers, header::CONTENT_TYPE.as_str())?;
    match given.map(headers::media_type) {
        // Whoever says nothing means what is wanted.
        None => Ok(()),
        Some(kind) if wanted.contains(&kind.as_str()) => Ok(()),
        Some(kind) => {
            let detail = format!("a body of {kind} is not taken here");
            Err(Problem::new(415, "unsupported-media-type", detail).next(format!("send {}", wanted.join(" or "))))
        }
    }
}
