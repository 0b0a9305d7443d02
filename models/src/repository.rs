//! Where charts come from: a folder, a Helm repository, an OCI registry.

use crate::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Exactly one of `path` and `url` is given. A folder on the client's side is packed and uploaded by the CLI, so that the
/// server keeps `charts`; `path` on the server's side needs the server's allow-list. Credentials are no field of it:
/// they are a secret, stored sealed and never returned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositorySpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `https://…` or `http://…` of a Helm repository, `oci://…` of a registry (`oci+http://…` speaks without TLS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The only authorities that are believed, as PEM; absent: those of the server's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// One chart as the server holds it: an archive in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoredChart {
    /// The folder's name in the repository; what a slice file says under `chart.name`.
    pub name: String,
    pub version: String,
    /// `sha256:…` of the archive.
    pub digest: String,
    /// What was put into it because its folder does not hold it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<PinnedDependency>,
}

/// A dependency as it was resolved when the chart was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PinnedDependency {
    pub name: String,
    pub version: String,
    /// As Chart.yaml says it.
    pub repository: String,
    /// `sha256:…` of its archive.
    pub digest: String,
}

/// How the server shows who it is; the secret itself is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    Basic,
    Bearer,
}

/// What was last read of an HTTP repository's index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IndexRead {
    pub charts: usize,
    pub versions: usize,
    pub read_at: Timestamp,
    /// The blob with what is needed of it, for searching while the repository is away.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Repository {
    pub name: Name,
    pub spec: RepositorySpec,
    #[serde(default)]
    pub charts: Vec<StoredChart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexRead>,
}
