//! Bodies of requests that are no documents of `models::file`.

use crate::catalogue::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use models::labels::Labels;
use models::repository::RepositorySpec;
use models::tenant::Role;
use models::{ClusterSpec, Name};
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantBody {
    #[serde(default)]
    pub(crate) description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    pub(crate) tenant: Option<Name>,
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) ends: Option<Timestamp>,
}

/// `kubeconfig` is the text itself, with everything inlined.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterBody {
    #[serde(default)]
    pub(crate) labels: Labels,
    #[serde(default)]
    pub(crate) spec: ClusterSpec,
    pub(crate) kubeconfig: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepositoryBody {
    #[serde(default)]
    pub(crate) spec: RepositorySpec,
    #[serde(default)]
    pub(crate) charts: Vec<ChartBody>,
    pub(crate) credentials: Option<CredentialsBody>,
}

/// A user with a password, or a bearer token.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum CredentialsBody {
    Basic { username: String, password: Zeroizing<String> },
    Bearer { token: Zeroizing<String> },
}

impl From<CredentialsBody> for Credentials {
    fn from(body: CredentialsBody) -> Self {
        match body {
            CredentialsBody::Basic { username, password } => Self::Basic { username, password },
            CredentialsBody::Bearer { token } => Self::Bearer { token },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChartBody {
    pub(crate) name: String,
    /// The packed chart, base64.
    archive: String,
}

impl ChartBody {
    pub(crate) fn archive(&self) -> Result<Vec<u8>, super::problem::Problem> {
        STANDARD.decode(&self.archive).map_err(|_| {
            super::problem::Problem::new(422, "invalid", format!("charts.{}.archive is not base64", self.name))
        })
    }
}
