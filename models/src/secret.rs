//! Secrets as the planner sees them: a reference and how to make one, never the value.

use crate::resource::ResourceId;
use serde::{Deserialize, Serialize};

/// One version of a secret; `id` is the name of the secret's resource on the target `local`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SecretRef {
    pub id: String,
    pub version: u32,
}

/// A resource of the target `local`: apply makes the material if this version does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SecretSpec {
    pub id: ResourceId,
    pub version: u32,
    pub material: Material,
}

impl SecretSpec {
    pub fn reference(&self) -> SecretRef {
        SecretRef { id: self.id.name.clone(), version: self.version }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Material {
    /// Fields `ca.crt`, `ca.key`.
    Ca { common_name: String },
    /// Signed by `ca`. Fields `ca.crt`, `tls.crt`, `tls.key`. Good for server and client authentication.
    Certificate { ca: SecretRef, common_name: String, dns_names: Vec<String> },
    /// Fields `password` and `mosquitto`: the salted PBKDF2-SHA512 form `$7$…` of a mosquitto password file.
    Password,
}
