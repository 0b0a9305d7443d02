//! Bodies of requests that are no documents of `models::file`.

use crate::catalogue::Credentials;
use crate::slices::{Adoption, HelmRelease};
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

/// Helm releases of one namespace that become a slice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptionBody {
    cluster: Name,
    namespace: String,
    releases: Vec<ReleaseBody>,
}

/// `function` is the release's name where it is absent; chart and version are what Helm recorded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    release: String,
    function: Option<Name>,
    repository: Name,
    chart: Option<String>,
    version: Option<String>,
}

impl AdoptionBody {
    pub(crate) fn adoption(self, name: Name, timeout_s: Option<u64>) -> Result<Adoption, super::problem::Problem> {
        let release = |(index, body): (usize, ReleaseBody)| {
            let ReleaseBody { release, function, repository, chart, version } = body;
            let function = match function {
                Some(function) => function,
                None => release.parse().map_err(|error| {
                    let message = format!("{release} cannot be the name of a function: {error}");
                    models::Problem::at(format!("releases[{index}].function"), message).mend("say how it is called")
                })?,
            };
            Ok(HelmRelease { release, function, repository, chart, version })
        };
        let releases: Result<_, models::Problem> = self.releases.into_iter().enumerate().map(release).collect();
        let releases = releases.map_err(|problem| super::problem::Problem::findings(&[problem]))?;
        let (cluster, namespace) = (self.cluster, self.namespace);
        Ok(Adoption { name, cluster, namespace, releases, timeout_s })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChartBody {
    pub(crate) name: String,
    /// The packed chart, base64.
    archive: String,
}

/// `archive` is the package in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackageBody {
    pub(crate) file: Option<String>,
    archive: String,
}

impl PackageBody {
    pub(crate) fn archive(&self) -> Result<Vec<u8>, super::problem::Problem> {
        let wrong = |_| super::problem::Problem::new(422, "invalid", "archive is not base64");
        STANDARD.decode(&self.archive).map_err(wrong)
    }
}

impl ChartBody {
    pub(crate) fn archive(&self) -> Result<Vec<u8>, super::problem::Problem> {
        STANDARD.decode(&self.archive).map_err(|_| {
            super::problem::Problem::new(422, "invalid", format!("charts.{}.archive is not base64", self.name))
        })
    }
}
