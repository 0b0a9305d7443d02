//! Bodies of requests that are no documents of `models::file`.

use crate::catalogue::{Credentials, Scaling, Step};
use crate::slices::{Adoption, HelmRelease};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use models::labels::Labels;
use models::repository::RepositorySpec;
use models::slice::{FunctionUse, ServiceUse};
use models::template::TemplateUse;
use models::tenant::Role;
use models::{ClusterSpec, Name};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
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

/// A slice of a template that is made or changed: what is not said stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferBody {
    pub(crate) slice: Name,
    version: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    set: Map<String, Value>,
}

impl OfferBody {
    /// With what the slice has already; a value that is `null` goes back to the default.
    pub(crate) fn over(self, name: Name, before: Option<&TemplateUse>) -> TemplateUse {
        let mut said = before.cloned().unwrap_or(TemplateUse { name, version: None, profile: None, set: Map::new() });
        said.version = self.version.or(said.version);
        said.profile = self.profile.or(said.profile);
        said.set.extend(self.set);
        said.set.retain(|_, value| !value.is_null());
        said
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceBody {
    pub(crate) package: Name,
    #[serde(default)]
    pub(crate) description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstantiateBody {
    /// Creates it of this package first.
    pub(crate) package: Option<Name>,
    #[serde(default)]
    pub(crate) functions: BTreeMap<String, FunctionUse>,
}

/// What is not said stays; a parameter that is `null` is forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateBody {
    package: Option<Name>,
    #[serde(default)]
    functions: BTreeMap<String, FunctionUse>,
    #[serde(default)]
    pub(crate) newest: bool,
}

impl UpdateBody {
    pub(crate) fn apply(self, service: &mut ServiceUse) {
        service.package = self.package.unwrap_or_else(|| service.package.clone());
        if self.newest {
            service.functions.values_mut().for_each(|of| of.package = None);
        }
        for (id, new) in self.functions {
            let of = service.functions.entry(id).or_default();
            if new.cluster.is_some() || new.select.is_some() {
                (of.cluster, of.select) = (new.cluster, new.select);
            }
            of.package = new.package.or(of.package.take());
            of.level = new.level.or(of.level.take());
            of.scale.extend(new.scale);
            of.parameters.extend(new.parameters);
            of.parameters.retain(|_, value| !value.is_null());
        }
    }
}

/// The form takes exactly one of `level` and `direction`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaleBody {
    function: String,
    aspect: Option<String>,
    level: Option<u32>,
    direction: Option<Direction>,
    steps: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Out,
    In,
}

impl From<ScaleBody> for Scaling {
    fn from(body: ScaleBody) -> Self {
        let steps = body.steps.unwrap_or(1);
        let step = match (body.level, body.direction) {
            (Some(level), _) => Step::To(level),
            (None, Some(Direction::In)) => Step::In(steps),
            (None, Some(Direction::Out) | None) => Step::Out(steps),
        };
        Self { function: body.function, aspect: body.aspect, step }
    }
}

impl ChartBody {
    pub(crate) fn archive(&self) -> Result<Vec<u8>, super::problem::Problem> {
        STANDARD.decode(&self.archive).map_err(|_| {
            super::problem::Problem::new(422, "invalid", format!("charts.{}.archive is not base64", self.name))
        })
    }
}
