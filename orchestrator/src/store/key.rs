//! What an object is called and how its versions are counted. The names of kinds stand in files on disk: a name is never
//! changed and never used again for something else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),+ $(,)?) => {
        /// What sort of thing an object is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        impl Kind {
            /// Every kind, in the order of the declaration.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// The stable name, as stored.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// What the installation knows about itself (the check value of the vault, the epoch).
    Meta = "meta",
    Tenant = "tenant",
    Token = "token",
    Cluster = "cluster",
    Repository = "repository",
    Package = "package",
    /// What SOL005 created and has no content yet.
    Awaited = "awaited",
    Service = "service",
    Template = "template",
    Slice = "slice",
    Plan = "plan",
    Operation = "operation",
    Change = "change",
    Resource = "resource",
    Orphan = "orphan",
    Alarm = "alarm",
    Claim = "claim",
    Bundle = "bundle",
    Secret = "secret",
    Idempotency = "idempotency",
    Subscription = "subscription",
    /// What happened, for those who have subscribed.
    Notice = "notice",
}

impl Kind {
    /// Whether its objects are also kept in the order of what follows the first `/` of their ids.
    pub fn has_tail(self) -> bool {
        matches!(self, Self::Resource | Self::Orphan | Self::Alarm)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind `{0}`")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// The name of an object. The tenant is empty for what belongs to the installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub kind: Kind,
    pub tenant: String,
    pub id: String,
}

impl Key {
    pub fn new(kind: Kind, tenant: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind, tenant: tenant.into(), id: id.into() }
    }

    /// The key of something that belongs to no tenant.
    pub fn installation(kind: Kind, id: impl Into<String>) -> Self {
        Self::new(kind, "", id)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tenant.is_empty() {
            write!(f, "{} `{}`", self.kind, self.id)
        } else {
            write!(f, "{} `{}` of tenant `{}`", self.kind, self.id, self.tenant)
        }
    }
}

/// The number of a committed transaction; the version of what it put (an ETag).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_stored_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), *kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_revision_is_a_bare_number_on_the_wire() {
        assert_eq!(serde_json::to_string(&Revision(7)).unwrap(), "7");
    }
}
