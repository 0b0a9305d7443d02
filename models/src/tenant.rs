//! Who owns everything else, and what a bearer of a token may do.

use crate::Name;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    pub name: Name,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Packages that none of the trusted signers signed are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_signature: bool,
    /// Certificates of signers, or of authorities that vouch for them, as PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_signers: Vec<String>,
}

impl Tenant {
    pub fn new(name: Name) -> Self {
        Self { name, description: String::new(), require_signature: false, trusted_signers: vec![] }
    }
}

/// What a token allows. Each role may do all that the ones below it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads within one tenant.
    Viewer,
    /// Changes slices and operations within one tenant.
    Operator,
    /// Changes clusters, repositories, tenants and tokens of the installation.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}
