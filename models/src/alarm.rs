//! What somebody should know without having asked: raised, and gone when its cause is gone.

use crate::Name;
use crate::resource::ResourceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A resource that stands otherwise than it was left. Stored under its tenant, with the id `<slice uid>/<resource id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Alarm {
    /// The stored format's version.
    pub format: u32,
    pub slice: Name,
    pub uid: String,
    pub id: ResourceId,
    pub drift: Drift,
    /// The first places that differ from what was written there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    pub since: Timestamp,
    /// When it was put back, within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healed: Vec<Timestamp>,
    /// What becomes of it, for a person.
    pub next: String,
    /// False: it is as it was again, and this only remembers how often it was healed.
    pub raised: bool,
}

impl Alarm {
    pub const FORMAT: u32 = 1;
}

/// How a resource stands otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    Gone,
    /// Deleted and made again, and not by us.
    MadeAgain,
    Changed,
}

impl Drift {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::MadeAgain => "made-again",
            Self::Changed => "changed",
        }
    }
}
