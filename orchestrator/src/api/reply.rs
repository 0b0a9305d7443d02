//! What a handler gets and what it gives.

use super::problem::Problem;
use super::watch::Feed;
use crate::store::Revision;
use models::Name;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request that was matched, authenticated and bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Input {
    pub(crate) fn name(&self, key: &str) -> Result<Name, Problem> {
        let text = self.path.get(key).map(String::as_str).unwrap_or("");
        // What is no name cannot exist.
        text.parse().map_err(|_| Problem::not_found(format!("{key} {text:?}")))
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
        let parse = |text: &str| text.parse().map_err(|error| Problem::bad(format!("{key}: {error}")));
        self.all(key).flat_map(|text| text.split(',')).filter(|text| !text.is_empty()).map(parse).collect()
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Problem> {
        let parse = |text: &str| text.parse().map_err(|_| Problem::bad(format!("{key}: {text:?} is not a number")));
        self.query(key).map(parse).transpose()
    }

    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.query(key).is_some_and(|value| value.is_empty() || value == "true")
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::new(422, "invalid", format!("body:{}:{}: {error}", error.line(), error.column())))
    }

    pub(crate) fn body_text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.body).map_err(|_| Problem::bad("the body is not UTF-8"))
    }

    /// If-Match (RFC 9110 13.1.1) beside what is there now: the revision that the write must meet, or 412.
    pub(crate) fn at(&self, now: Option<Revision>) -> Result<Option<Revision>, Problem> {
        let Some(text) = self.if_match.as_deref().map(str::trim) else { return Ok(None) };
        let changed =
            |detail: String| Problem::new(412, "changed", detail).next("read it again, then send your change");
        let now = now.ok_or_else(|| changed(format!("If-Match: {text}, but it does not exist")))?;
        let wanted = match text {
            "*" => now,
            _ => {
                let number = text.trim_start_matches("W/").trim_matches('"').parse().map(Revision);
                number.map_err(|_| changed(format!("If-Match: {text} is no revision of ours")))?
            }
        };
        match wanted == now {
            true => Ok(Some(wanted)),
            false => Err(changed(format!("it is at revision {now}, not {wanted}"))),
        }
    }
}

pub(crate) enum Reply {
    Json { status: u16, body: Value, etag: Option<Revision>, location: Option<String>, link: Option<String> },
    Text { status: u16, kind: &'static str, body: String },
    Events(Box<Feed>),
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
        Self::Text { status: 204, kind: "text/plain", body: String::new() }
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

    pub(crate) fn link(mut self, next: Option<String>) -> Self {
        if let Self::Json { link, .. } = &mut self {
            *link = next;
        }
        self
    }
}
