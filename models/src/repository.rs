//! Where charts come from.

use crate::Name;
use serde::{Deserialize, Serialize};

/// Exactly one of the two is given. A folder on the client's side is packed and uploaded by the CLI, so that the
/// server keeps `charts`; `path` on the server's side needs the server's allow-list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One chart as the server holds it: an archive in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChart {
    /// The folder's name in the repository; what a slice file says under `chart.name`.
    pub name: String,
    pub version: String,
    /// `sha256:…` of the archive.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    pub name: Name,
    pub spec: RepositorySpec,
    #[serde(default)]
    pub charts: Vec<StoredChart>,
}
