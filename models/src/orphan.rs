//! What stands in the world and is wanted by nobody: left behind by an operation, or found there under our label.

use crate::Name;
use crate::resource::ResourceId;
use crate::slice::Adopted;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Stored under its tenant, with the id `<slice uid>/<resource id>`. What is known of the thing itself stands in its
/// record of the same id, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Orphan {
    /// The stored format's version.
    pub format: u32,
    /// The slice that made it; it may be gone, and its name may be another one's.
    pub slice: Name,
    pub uid: String,
    pub id: ResourceId,
    pub cause: OrphanCause,
    pub since: Timestamp,
    /// The operation that left it; empty where it was found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// The Helm releases that its slice had taken over: what carries their marks is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

impl Orphan {
    pub const FORMAT: u32 = 1;
}

/// Why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrphanCause {
    /// Its cluster could not be reached when it was to go: a tombstone, carried out when the cluster returns.
    Unreachable,
    /// An operator left it out, or gave its operation up.
    LeftOut,
    /// It was given up because its cluster could not be reached, and nobody waits for it.
    Forgotten,
    /// It carries our label, and stands in no record.
    Found,
}

impl OrphanCause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::LeftOut => "left-out",
            Self::Forgotten => "forgotten",
            Self::Found => "found",
        }
    }

    /// It goes by itself as soon as that is possible.
    pub fn goes_by_itself(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::LeftOut | Self::Forgotten | Self::Found => false,
        }
    }
}
