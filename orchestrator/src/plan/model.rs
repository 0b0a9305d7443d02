//! What planning takes and gives: the records that plans rest on, and the plan itself.
//!
//! `Plan` and `Recorded` are stored: they are a file format with a version (ENGINE.md 4).

use super::names::digest;
use models::change::Change;
use models::resource::{Resource, ResourceId, Seen};
use models::slice::Adopted;
use models::{Name, OperationKind, Slice};
use serde::{Deserialize, Serialize};

/// One resource of a slice that exists in the world, or that may exist since an effect was begun.
/// Stored under `Kind::Resource`, tenant, id `<slice uid>/<resource id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    #[serde(deserialize_with = "models::format::known::<_, 1>")]
    pub format: u32,
    pub resource: Resource,
    /// Resources that had to be there before it; its removal goes before theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ResourceId>,
    /// The order of removal: everything of a higher tier is gone before this is removed.
    pub tier: u8,
    /// What the target said of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// False from the intent until the result is written: the effect may or may not have happened.
    pub certain: bool,
    /// The operation that wrote it last.
    pub operation: String,
}

impl Recorded {
    pub const FORMAT: u32 = 1;
}

/// What an operation will do, and why. Applying a plan applies exactly this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    #[serde(deserialize_with = "models::format::known::<_, 1>")]
    pub format: u32,
    pub id: String,
    pub kind: OperationKind,
    pub tenant: Name,
    pub subject: Name,
    pub uid: String,
    /// The slice before and after; `None`: it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Slice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Slice>,
    pub changes: Vec<PlannedChange>,
    /// What changes in the file's own words, also where nothing on a cluster does: `spec.heal: false -> true`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intent: Vec<String>,
    pub choices: Vec<Choice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Rendered bundles that the plan uses, by function: written beside it so that they are used again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    pub bundles: Vec<(String, serde_json::Value)>,
    /// Clusters that could not be read: what stands there was not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Name>,
    /// The Helm releases that its slice had taken over, where the slice is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// Digest of the changes: the same input gives the same.
    pub digest: String,
}

impl Plan {
    pub const FORMAT: u32 = 1;

    /// Nothing but its changes, of the slice as it was and will be.
    pub fn of(
        slice: &Slice,
        (kind, before, after): (OperationKind, Option<Slice>, Option<Slice>),
        changes: Vec<PlannedChange>,
    ) -> Self {
        // What was seen moves by itself (a status, a version); what is written does not.
        let written: Vec<_> =
            changes.iter().map(|c| (&c.change.id, c.change.verb, &c.change.before, &c.change.after)).collect();
        let digest = digest(&(written, &after));
        Self {
            format: Self::FORMAT,
            id: digest[..16].to_owned(),
            kind,
            tenant: slice.tenant.clone(),
            subject: slice.name.clone(),
            uid: slice.uid.clone(),
            before,
            after,
            changes,
            intent: vec![],
            choices: vec![],
            warnings: vec![],
            bundles: vec![],
            unread: vec![],
            adopted: None,
            digest,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A change with what its resource's record will hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlannedChange {
    #[serde(flatten)]
    pub change: Change,
    /// For [`Recorded::needs`] and [`Recorded::tier`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_needs: Vec<ResourceId>,
    pub tier: u8,
}

/// Why a function stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Choice {
    pub function: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    pub reason: String,
    pub candidates: Vec<Candidate>,
    /// What the choice rests on; the next plan is given it, so that a choice is sticky. `None`: there is no place yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub standing: Option<topology::Standing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Candidate {
    pub cluster: Name,
    pub accepted: bool,
    pub reason: String,
}

impl Candidate {
    pub fn of(verdict: &topology::Verdict) -> Self {
        Self { cluster: verdict.cluster.clone(), accepted: verdict.accepted, reason: verdict.reason.clone() }
    }
}
