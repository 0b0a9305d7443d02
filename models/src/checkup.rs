//! What a look at a cluster found, check by check: what is well, what is not, what could not be known, and what to do.

use crate::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a check ended; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Finding {
    Ok,
    /// It could not be known; the check says why.
    Unknown,
    Warning,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// A stable word: `version`, `rights`, …
    pub name: String,
    pub state: Finding,
    /// What was found.
    pub found: String,
    /// Each thing of which there may be several: a node, a missing right, a certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do; empty where nothing is to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
}

impl Check {
    pub fn new(name: &str, state: Finding, found: impl Into<String>) -> Self {
        Self { name: name.into(), state, found: found.into(), details: Vec::new(), next: String::new() }
    }

    pub fn details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }
}

/// One look at one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Checkup {
    pub cluster: Name,
    /// It is a simulated one: nothing of it says anything about a real cluster.
    pub simulated: bool,
    pub at: Timestamp,
    /// The worst of its checks.
    pub state: Finding,
    pub checks: Vec<Check>,
}

/// A kind that is in use, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    /// `group/version/Kind`
    pub kind: String,
    /// `CronJob clean of slice factory-7 (tenant default)`
    pub by: String,
}

/// What a look has to know beforehand.
#[derive(Debug, Clone)]
pub struct Question {
    pub now: Timestamp,
    pub used: Vec<Used>,
}
