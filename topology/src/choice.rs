//! What placement answers: a choice per site, with what was found out about every candidate.
//!
//! These are stored with a plan and shown by `explain`; it must never hold a choice without its reason.

use crate::request::Standing;
use crate::room::Room;
use models::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every site with a function, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub sites: Vec<Choice>,
}

impl Placement {
    /// Function to cluster.
    pub fn functions(&self) -> BTreeMap<Name, Name> {
        let each = |choice: &Choice| {
            let cluster = choice.standing.cluster.clone();
            choice.standing.demands.iter().map(move |d| (d.function.clone(), cluster.clone())).collect::<Vec<_>>()
        };
        self.sites.iter().flat_map(each).collect()
    }
}

/// Where one site goes. `standing` is what the next call is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub standing: Standing,
    pub candidates: Vec<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What was found out about one candidate, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub cluster: Name,
    /// It could carry the site, chosen or not.
    pub accepted: bool,
    pub reason: String,
    /// What would be left free there; absent where the cluster was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
}

/// No candidate can carry the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoPlace {
    pub site: Name,
    pub functions: Vec<Name>,
    pub candidates: Vec<Verdict>,
    /// Only capacity or reachability is missing somewhere: waiting can help.
    pub passing: bool,
    /// What no candidate's verdict says: the cluster that is asked for does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl std::error::Error for NoPlace {}

impl std::fmt::Display for NoPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let functions: Vec<&str> = self.functions.iter().map(Name::as_str).collect();
        write!(f, "no cluster can carry site {} ({})", self.site, functions.join(", "))?;
        let verdicts = self.candidates.iter().map(|v| format!("{}: {}", v.cluster, v.reason));
        let reasons: Vec<String> = self.note.iter().cloned().chain(verdicts).collect();
        match reasons.is_empty() {
            true => write!(f, ": no cluster is registered"),
            false => write!(f, ": {}", reasons.join("; ")),
        }
    }
}
