//! Bodies of requests that are no documents of `models::file`.

use crate::catalogue::{Credentials, Opened};
use crate::slices::{Adoption, HelmRelease};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use models::labels::Labels;
use models::problem::nearest;
use models::repository::RepositorySpec;
use models::slice::{FunctionUse, ServiceUse};
use models::template::TemplateUse;
use models::tenant::Role;
use models::{ClusterSpec, Name, Problem};
use serde::Deserialize;
use serde_json::{Map, Value};
use sol005::descriptor::LEVEL;
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
        if self.newest {
            service.functions.values_mut().for_each(|of| of.package = None);
        }
    }
}

/// To a level, or by steps (ScaleToLevelData and ScaleByStepData, SOL003 5.5.2.5).
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

impl ScaleBody {
    pub(crate) fn apply(self, (opened, service): (&Opened, &mut ServiceUse)) -> Result<(), Problem> {
        let known = || opened.functions.keys().map(String::as_str);
        let Some(vnfd) = opened.vnfd(&self.function) else {
            let message = format!("the service has no function {:?}", self.function);
            let mend = match nearest(&self.function, known()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("its functions are {}", known().collect::<Vec<_>>().join(", ")),
            };
            return Err(Problem::at("function", message).mend(mend));
        };
        let aspects = || vnfd.aspects.iter().map(|aspect| aspect.id.as_str()).collect::<Vec<_>>().join(", ");
        let aspect = match (&self.aspect, vnfd.aspects.as_slice()) {
            (Some(aspect), _) => aspect.clone(),
            (None, [only]) => only.id.clone(),
            (None, []) => {
                let message = format!("the descriptor of {} does not say how it scales", self.function);
                return Err(Problem::at("function", message).mend("change its parameters: sliceway ns update"));
            }
            (None, _) => return Err(Problem::at("aspect", "is missing").mend(format!("name one of {}", aspects()))),
        };
        let of = service.functions.entry(self.function.clone()).or_default();
        let member = opened.nsd.members.iter().find(|member| member.id == self.function);
        let asked = of.level.as_deref().or(member.map(|member| member.level.as_str())).unwrap_or(LEVEL);
        let named = |id: &str| vnfd.levels.iter().find(|known| known.id == id);
        let level = named(asked).or_else(|| named(LEVEL));
        let made = level.and_then(|level| level.aspects.iter().find(|(id, _)| *id == aspect)).map_or(0, |(_, n)| *n);
        let now = of.scale.get(&aspect).copied().unwrap_or(made);
        let steps = self.steps.unwrap_or(1);
        let next = match (self.level, self.direction) {
            (Some(level), _) => level,
            (None, Some(Direction::In)) => now.checked_sub(steps).ok_or_else(|| {
                Problem::at("steps", format!("{steps} steps down from level {now} lead below 0"))
                    .mend("take fewer steps")
            })?,
            (None, Some(Direction::Out) | None) => now.saturating_add(steps),
        };
        of.scale.insert(aspect, next);
        Ok(())
    }
}

impl ChartBody {
    pub(crate) fn archive(&self) -> Result<Vec<u8>, super::problem::Problem> {
        STANDARD.decode(&self.archive).map_err(|_| {
            super::problem::Problem::new(422, "invalid", format!("charts.{}.archive is not base64", self.name))
        })
    }
}
