//! A slice that is a service gets its sites, functions and access rules from on-boarded descriptors. A function keeps the
//! version of its package that it has; a new one takes the newest that is there. It must never take another version because
//! one was on-boarded meanwhile.

use super::CatalogueError;
use super::packages::{Packages, unreadable};
use super::repositories::problem;
use super::services::expect_service;
use crate::packages::build::{Order, build};
use crate::packages::completed;
use crate::packages::composed::{self, Composed, Described, Parts};
use crate::packages::scaled::{Scaling, scaled};
use models::package::{Member, OperationalState, Package};
use models::problem::nearest;
use models::quantity::Latency;
use models::slice::{Quality, ServiceUse};
use models::version::rank;
use models::{Name, Problem, SliceSpec};
use serde_json::{Value, json};
use sol005::descriptor::{self as nfv, Nsd, Nst, Vnfd};
use sol005::onboarding::Descriptor;
use std::collections::{BTreeMap, BTreeSet};

/// Which versions of its functions a service gets.
#[derive(Debug, Clone, Copy)]
pub enum Taken<'a> {
    /// Those that it has, if it is there already; else the newest of the descriptors that the service names.
    Kept(Option<&'a SliceSpec>),
    /// The newest of the same products.
    Newest(Option<&'a SliceSpec>),
}

impl<'a> Taken<'a> {
    /// The packages that the service is made of already.
    fn standing(self) -> BTreeSet<&'a Name> {
        let (Self::Kept(before) | Self::Newest(before)) = self;
        before.map(SliceSpec::packages).unwrap_or_default()
    }

    /// The package that one member is made of.
    fn of(self, member: &nfv::Member) -> Option<&'a Name> {
        let (Self::Kept(before) | Self::Newest(before)) = self;
        before?
            .workloads()
            .iter()
            .find(|workload| composed::is_of(member, workload))
            .and_then(|own| own.chart.package())
    }
}

/// A service with the descriptors of everything in it.
pub struct Opened {
    nsd: Nsd,
    /// What a slice's template asks for; a slice that says its own keeps it.
    quality: Option<Quality>,
    functions: BTreeMap<String, Described>,
}

impl Opened {
    fn parts<'p>(&'p self, said: &'p ServiceUse) -> Parts<'p> {
        Parts { nsd: &self.nsd, functions: &self.functions, said }
    }

    /// What its descriptor calls a function of the slice.
    pub fn member(&self, (spec, function): (&SliceSpec, &Name)) -> Option<String> {
        let workload = spec.workload(function)?;
        let found = self.nsd.members.iter().find(|member| composed::is_of(member, &workload));
        found.map(|member| member.id.clone())
    }

    /// What is said of the service once it is scaled.
    pub fn scaled(&self, said: &ServiceUse, scaling: &Scaling) -> Result<ServiceUse, Problem> {
        scaled(&self.parts(said), scaling)
    }

    /// What the slice is in whole. Fields of the problems begin with `field`, which ends with a dot where it is not empty.
    pub fn whole(&self, (spec, said): (&SliceSpec, &ServiceUse), field: &str) -> Result<Composed, CatalogueError> {
        let mut composed = composed::slice(&self.parts(said)).map_err(|problems| below(field, problems))?;
        let whole = &mut composed.spec;
        (whole.quality, whole.heal) = (spec.quality.clone().or(self.quality.clone()), spec.heal);
        whole.devices.clone_from(&spec.devices);
        whole.template.clone_from(&spec.template);
        let mut wrong = lost(spec, whole);
        wrong.extend(foreign(spec, whole, "service"));
        if wrong.is_empty() { Ok(composed) } else { Err(CatalogueError::Problems(wrong)) }
    }
}

fn below(field: &str, problems: Vec<Problem>) -> CatalogueError {
    let inside = |problem: Problem| Problem { field: format!("{field}{}", problem.field), ..problem };
    CatalogueError::Problems(problems.into_iter().map(inside).collect())
}

impl Packages {
    /// What a slice that may be a service is in whole ([`Opened::whole`]).
    pub async fn expand(
        &self,
        (tenant, spec): (&Name, &SliceSpec),
        (taken, field): (Taken<'_>, &str),
    ) -> Result<Composed, CatalogueError> {
        let Some(said) = &spec.service else {
            return Ok(Composed { spec: spec.clone(), warnings: vec![] });
        };
        let opened = self.open(tenant, (said, taken)).await.map_err(|error| match error {
            CatalogueError::Problems(problems) => below(field, problems),
            other => other,
        })?;
        opened.whole((spec, said), field)
    }

    /// The descriptors of a service and its functions.
    pub async fn open(&self, tenant: &Name, (said, taken): (&ServiceUse, Taken<'_>)) -> Result<Opened, CatalogueError> {
        let (package, _) = self.found(tenant, ("package", &said.package)).await?;
        expect_service(&package, "package")?;
        if !taken.standing().contains(&package.name) {
            enabled(&package, "package")?;
        }
        let (mut nsd, quality) = self.service(tenant, &package).await?;
        groups(&mut nsd, said)?;
        let (mut functions, mut problems) = (BTreeMap::new(), Vec::new());
        // A package is opened once, whoever is made of it.
        let mut opened: BTreeMap<Name, Described> = BTreeMap::new();
        for member in &nsd.members {
            let asked = said.functions.get(&member.id).and_then(|function| function.package.as_ref());
            let chosen = match asked {
                Some(name) => self.asked((tenant, name), (member, taken)).await,
                None => self.kept_or_newest((tenant, taken), member).await,
            };
            match chosen {
                Ok(package) => {
                    let described = match opened.get(&package.name) {
                        Some(known) => known.clone(),
                        None => self.described(package).await?,
                    };
                    opened.insert(described.package.clone(), described.clone());
                    functions.insert(member.id.clone(), described);
                }
                Err(CatalogueError::Problems(more)) => problems.extend(more),
                Err(other) => return Err(other),
            }
        }
        if problems.is_empty() {
            Ok(Opened { nsd, quality, functions })
        } else {
            Err(CatalogueError::Problems(problems))
        }
    }

    /// The service that a package describes; of a slice's template all of its services, as one.
    async fn service(&self, tenant: &Name, package: &Package) -> Result<(Nsd, Option<Quality>), CatalogueError> {
        let nst = match self.descriptor(package).await? {
            Descriptor::Service(nsd) => return Ok((*nsd, None)),
            Descriptor::Slice(nst) => nst,
            Descriptor::Function(_) => return Err(changed(package)),
        };
        let mut services = BTreeMap::new();
        for Member { name: subnet, package: from, .. } in &package.descriptor.functions {
            let from = from.as_ref().ok_or_else(|| changed(package))?;
            let (from, _) = self.found(tenant, ("package", from)).await?;
            let Descriptor::Service(nsd) = self.descriptor(&from).await? else { return Err(changed(&from)) };
            services.insert(subnet.clone(), *nsd);
        }
        let nsd = nst.service(&services).map_err(|lost| CatalogueError::Problems(no_points(&nst, &services, lost)))?;
        Ok((nsd, asked_by(&nst)))
    }

    /// One that was said: it describes the function, and is enabled where the function is not made of it already.
    async fn asked(
        &self,
        (tenant, name): (&Name, &Name),
        (member, taken): (&nfv::Member, Taken<'_>),
    ) -> Result<Package, CatalogueError> {
        let field = format!("functions.{}.package", member.id);
        let (package, _) = self.found(tenant, (&field, name)).await?;
        let known = self.versions(tenant, &member.vnfd).await?;
        if known.iter().any(|known| known.name == package.name) {
            if taken.of(member) != Some(name) {
                enabled(&package, &field)?;
            }
            return Ok(package);
        }
        let of = &package.descriptor;
        let (kind, id, wanted) = (of.kind.as_str(), &of.id, &member.vnfd);
        let known: Vec<&str> = known.iter().map(|package| package.name.as_str()).collect();
        let message = format!("package {name} describes {kind} {id}, and the function is {wanted}");
        Err(problem(&field, message, format!("name one of {}", known.join(", "))))
    }

    /// The package that the slice has the function from, as long as it is still meant; else the newest version that is
    /// enabled, and never an older one than it has.
    async fn kept_or_newest(
        &self,
        (tenant, taken): (&Name, Taken<'_>),
        member: &nfv::Member,
    ) -> Result<Package, CatalogueError> {
        let mut known = self.versions(tenant, &member.vnfd).await?;
        known.sort_by(newer);
        let standing = taken.of(member);
        let kept = known.iter().position(|package| Some(&package.name) == standing);
        if let (Some(at), Taken::Kept(_)) = (kept, taken) {
            return Ok(known.swap_remove(at));
        }
        let exact = matches!(taken, Taken::Kept(_));
        let fits = |package: &Package| {
            package.operational == OperationalState::Enabled && (!exact || package.descriptor.id == member.vnfd)
        };
        let best = known.iter().rposition(fits);
        let missing = || {
            let message = format!("no package that is enabled describes the function {}", member.vnfd);
            problem("package", message, "sliceway package add FILE, or sliceway package enable NAME")
        };
        // In the order of versions: the later of the two.
        best.max(kept).map(|at| known.swap_remove(at)).ok_or_else(missing)
    }

    async fn described(&self, package: Package) -> Result<Described, CatalogueError> {
        match self.descriptor(&package).await? {
            Descriptor::Function(mut vnfd) => {
                if completed::is_bare(&vnfd) {
                    self.complete(&package, &mut vnfd).await?;
                }
                Ok(Described { package: package.name, vnfd: *vnfd })
            }
            Descriptor::Service(_) | Descriptor::Slice(_) => Err(changed(&package)),
        }
    }

    /// A chart that cannot be rendered with its own values tells nothing more; its slice's plan says why.
    async fn complete(&self, package: &Package, vnfd: &mut Vnfd) -> Result<(), CatalogueError> {
        for part in &package.charts {
            let digest =
                self.brought(package, part).await.map_err(|fault| unreadable(package, fault.problem.message))?;
            let archive = self.bytes(&digest).await?;
            let order = Order { archive: archive.expose().into(), ..Order::default() };
            match build(self.helm(), &order).await {
                Ok(built) => completed::complete(vnfd, (&part.function, built.drawn.vnfd)),
                Err(error) if error.retryable() => return Err(unreadable(package, error)),
                Err(error) => tracing::debug!(%error, package = %package.name, "its chart tells nothing more"),
            }
        }
        Ok(())
    }

    /// What a package describes, in whole.
    async fn descriptor(&self, package: &Package) -> Result<Descriptor, CatalogueError> {
        Ok(self.opened(package).await?.descriptor)
    }
}

/// Groups that are said beside those of the descriptor.
fn groups(nsd: &mut Nsd, said: &ServiceUse) -> Result<(), CatalogueError> {
    let mut problems = Vec::new();
    let both = [("together", &said.together, true), ("apart", &said.apart, false)];
    let all = both.iter().flat_map(|(field, groups, together)| {
        groups.iter().enumerate().map(move |(at, group)| (format!("{field}[{at}]"), group, *together))
    });
    for (id, group, together) in all {
        for function in group {
            match nsd.members.iter_mut().find(|member| member.id == *function) {
                Some(member) => member.groups.push(id.clone()),
                None => {
                    let known = || nsd.members.iter().map(|member| member.id.as_str());
                    let mend = match nearest(function, known()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("its functions are {}", known().collect::<Vec<_>>().join(", ")),
                    };
                    let message = format!("the service {} has no function {function:?}", nsd.name);
                    problems.push(Problem::at(&id, message).mend(mend));
                }
            }
        }
        nsd.groups.push(nfv::PlacementGroup { id, together, scope: "nfvi-pop" });
    }
    if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Problems(problems)) }
}

fn no_points(nst: &Nst, services: &BTreeMap<String, Nsd>, lost: Vec<(String, String)>) -> Vec<Problem> {
    let told = |(subnet, sap): (String, String)| {
        let known: Vec<&str> = services[&subnet].saps.iter().map(|(id, _)| id.as_str()).collect();
        let message = format!("in template {}: service {subnet} has no access point {sap:?}", nst.name);
        let mend = match (nearest(&sap, known.iter().copied()), known.is_empty()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, false) => format!("its access points are {}", known.join(", ")),
            (None, true) => "it has none: leave the reference out".to_owned(),
        };
        Problem::at("package", message).mend(mend)
    };
    lost.into_iter().map(told).collect()
}

fn asked_by(nst: &Nst) -> Option<Quality> {
    let (sst, sd) = nst.snssai.clone().map_or((None, None), |(sst, sd)| (Some(sst), sd));
    let latency = nst.latency_us.map(|latency_us| Latency { latency_us });
    (sst.is_some() || latency.is_some()).then(|| Quality { sst, sd, latency, ..Quality::default() })
}

fn changed(package: &Package) -> CatalogueError {
    unreadable(package, "it is not what was on-boarded")
}

/// What is disabled makes nothing new.
pub(super) fn enabled(package: &Package, field: &str) -> Result<(), CatalogueError> {
    match package.operational {
        OperationalState::Enabled => Ok(()),
        OperationalState::Disabled => {
            let mend = format!("sliceway package enable {}, or take another version", package.name);
            Err(problem(field, format!("package {} is disabled", package.name), mend))
        }
    }
}

/// By version; of one version by when they came.
pub(super) fn newer(one: &Package, other: &Package) -> std::cmp::Ordering {
    let rank = |package: &Package| rank(&package.descriptor.version);
    rank(one).cmp(&rank(other)).then(one.onboarded.cmp(&other.onboarded)).then(one.name.cmp(&other.name))
}

/// Devices of gateways that the service has not.
fn lost(spec: &SliceSpec, whole: &SliceSpec) -> Vec<Problem> {
    let gateways = || whole.gateways.iter().map(|gateway| gateway.name.as_str());
    let lost =
        spec.devices.iter().enumerate().filter(|(_, device)| gateways().all(|name| name != device.gateway.as_str()));
    let problem = |(at, device): (usize, &models::slice::Device)| {
        let message = format!("the service has no gateway called {:?}", device.gateway.as_str());
        let mend = match gateways().next() {
            Some(_) => format!("its gateways are {}", gateways().collect::<Vec<_>>().join(", ")),
            None => "leave the device out: no chart of it is a gateway".into(),
        };
        Problem::at(format!("spec.devices[{at}].gateway"), message).mend(mend)
    };
    lost.map(problem).collect()
}

/// What a file says beside the template or the service that makes the slice: nothing, or just what that makes.
pub fn foreign(spec: &SliceSpec, whole: &SliceSpec, made_by: &str) -> Vec<Problem> {
    let empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    let (said, whole) = (json!(spec), json!(whole));
    let fields = said.as_object().into_iter().flatten();
    let wrong = fields.filter(|(field, value)| *field != made_by && !empty(value) && whole.get(*field) != Some(value));
    let problem = |(field, _): (&String, &Value)| {
        Problem::at(format!("spec.{field}"), format!("is not what the {made_by} makes"))
            .mend(format!("leave it out: it follows from spec.{made_by}"))
    };
    wrong.map(problem).collect()
}
