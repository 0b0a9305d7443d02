//! What a handler gets and what it gives.

use super::nfvo::Spoken;
use super::params;
use super::problem::Problem;
use super::watch::Feed;
use crate::store::{Expect, Revision};
use models::Name;
use models::file::{Form, read_as};
use models::name::BadName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request that was matched, authenticated and bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: Vec<(String, String)>,
    /// What the caller expects to stand there (RFC 9110 13.1).
    pub(crate) expect: Expect,
    /// The newest revision when the request came: whoever lists now misses nothing by watching from it.
    pub(crate) newest: Revision,
    /// Where a watcher that comes back left off (WHATWG HTML 9.2.4).
    pub(crate) last_event: Option<u64>,
    pub(crate) body: Vec<u8>,
    /// The path as it was sent.
    pub(crate) at: String,
    /// What is spoken, of SOL005's interfaces.
    pub(crate) spoken: Option<Spoken>,
    /// The headers `Range` and `Accept`, and the media type of the body.
    pub(crate) range: Option<String>,
    pub(crate) accept: Option<String>,
    pub(crate) kind: Option<String>,
}

impl Input {
    pub(crate) fn name(&self, key: &str) -> Result<Name, Problem> {
        let text = self.path.get(key).map(String::as_str).unwrap_or("");
        // What is no name cannot exist.
        text.parse().map_err(|_| Problem::not_found(format!("{key} {text:?}")))
    }

    /// The name of something that this request may make.
    pub(crate) fn new_name(&self) -> Result<Name, Problem> {
        let bad = |error: BadName| Problem::bad(format!("name: {error}")).next("choose another name in the path");
        self.text("name").parse().map_err(bad)
    }

    pub(crate) fn query_name(&self, key: &str) -> Result<Option<Name>, Problem> {
        let bad = |error: BadName| params::value(key, format!("{key}: {error}"));
        self.query(key).map(|text| text.parse().map_err(bad)).transpose()
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.path.get(key).map(String::as_str).unwrap_or("")
    }

    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self, key: &str) -> Result<Vec<Name>, Problem> {
        let parse = |text: &str| text.parse().map_err(|error| params::value(key, format!("{key}: {text:?}: {error}")));
        self.all(key).flat_map(|text| text.split(',')).filter(|text| !text.is_empty()).map(parse).collect()
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Problem> {
        let bad = |text: &str| params::value(key, format!("{key}: {text:?} is no whole number from 0 to {}", u64::MAX));
        let parse = |text: &str| text.parse().map_err(|_| bad(text));
        self.query(key).map(parse).transpose()
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, Problem> {
        match self.query(key) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(params::word(key, other, &["true", "false"])),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, form: &Form) -> Result<T, Problem> {
        read_as(form, self.body_text()?).map_err(|problems| Problem::findings(&problems))
    }

    pub(crate) fn body_text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.body).map_err(|_| Problem::bad("the body is not UTF-8"))
    }
}

pub(crate) enum Reply {
    Json {
        status: u16,
        body: Value,
        etag: Option<Revision>,
        location: Option<String>,
        link: Option<String>,
    },
    Text {
        status: u16,
        kind: &'static str,
        body: String,
    },
    /// Without a body.
    Empty {
        status: u16,
    },
    /// It is there already: 303.
    Elsewhere {
        location: String,
    },
    /// Begun, without a body: 202.
    Accepted {
        location: String,
    },
    Events(Box<Feed>),
    /// A content, or the range of it that `Content-Range` says.
    Bytes {
        status: u16,
        kind: String,
        range: Option<String>,
        body: Vec<u8>,
    },
}

impl Reply {
    pub(crate) fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::with(200, body)
    }

    pub(crate) fn with(status: u16, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_value(body).map_err(|error| Problem::new(500, "internal", error.to_string()))?;
        Ok(Self::Json { status, body, etag: None, location: None, link: None })
    }

    pub(crate) fn none() -> Self {
        Self::Empty { status: 204 }
    }

    pub(crate) fn etag(mut self, rev: Revision) -> Self {
        if let Self::Json { etag, .. } = &mut self {
            *etag = Some(rev);
        }
        self
    }

    pub(crate) fn location(mut self, at: String) -> Self {
        if let Self::Json { location, .. } = &mut self {
            *location = Some(at);
        }
        self
    }

    /// One more field of the body.
    pub(crate) fn also(mut self, field: &str, value: Value) -> Self {
        if let Self::Json { body, .. } = &mut self {
            body[field] = value;
        }
        self
    }

    pub(crate) fn link(mut self, next: Option<String>) -> Self {
        if let Self::Json { link, .. } = &mut self {
            *link = next;
        }
        self
    }
}
