//! The charts of packages: what a package only names is found in a registered repository when it is on-boarded, and kept
//! by its digest; what it brings is taken out of it when a slice needs it. Nothing is ever fetched from an address that
//! nobody registered.

use super::charts::{later, mend, never};
use super::expansion::enabled;
use super::packages::Packages;
use super::{CatalogueError, repositories::Repositories};
use crate::slices::{ChartPin, Retry, Unresolved};
use crate::store::StoreError;
use models::package::{ChartPlace, Package, PackagedChart};
use models::problem::nearest;
use models::slice::{Chart, ChartFrom};
use models::{Name, Problem};

/// Charts in repositories and at addresses get their name, version and digest; all that cannot be had are told at once.
pub(super) async fn pin(
    repositories: &Repositories,
    (entry, charts): (&str, &mut [PackagedChart]),
) -> Result<(), CatalogueError> {
    let mut problems = Vec::new();
    let placed = |function: &str, problem: Problem, mend: Option<String>| Problem {
        file: Some(entry.to_owned()),
        field: String::new(),
        message: format!("{function}: {}", problem.message),
        mend: mend.or(problem.mend),
        ..problem
    };
    for chart in charts.iter_mut().filter(|chart| chart.from != ChartPlace::Package) {
        let wanted = match wanted(repositories, chart).await? {
            Ok(wanted) => wanted,
            Err(problem) => {
                problems.push(placed(&chart.function, problem, None));
                continue;
            }
        };
        let mut answers = repositories.resolve(&[&wanted]).await?;
        match answers.pop().expect("one answer for each chart that was asked for") {
            Ok(pin) if is_meant(&chart.digest, &pin) => {
                (chart.name, chart.version, chart.digest) = (pin.name, pin.version, pin.digest);
            }
            Ok(pin) => {
                let message = format!(
                    "the chart {} has the digest {}, and the descriptor says {}",
                    chart.place, pin.digest, chart.digest
                );
                let mend = "name the version that the descriptor means, or mend the descriptor";
                problems.push(placed(&chart.function, Problem::at("", message).mend(mend), None));
            }
            Err(Unresolved { problem, retry: Retry::Later }) => {
                return Err(CatalogueError::Unavailable(format!("{}: {}", chart.function, problem.message)));
            }
            Err(Unresolved { problem, retry: Retry::Never }) => {
                problems.push(placed(&chart.function, problem, None));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Problems(problems)) }
}

fn is_meant(said: &str, pin: &ChartPin) -> bool {
    said.is_empty() || said == pin.digest || pin.source.as_deref() == Some(said)
}

/// As a slice would name it.
async fn wanted(repositories: &Repositories, chart: &PackagedChart) -> Result<Result<Chart, Problem>, StoreError> {
    let found = match chart.from {
        ChartPlace::Address => at_address(repositories, &chart.place).await?,
        ChartPlace::Repository | ChartPlace::Package => in_repository(&chart.place),
    };
    let version = (!chart.version.is_empty()).then(|| chart.version.clone());
    Ok(found.map(|(repository, name)| Chart { from: ChartFrom::Repository(repository), name, version }))
}

fn in_repository(place: &str) -> Result<(Name, String), Problem> {
    let (repository, name) = place.split_once('/').unwrap_or((place, ""));
    match repository.parse() {
        Ok(repository) => Ok((repository, name.to_owned())),
        Err(error) => Err(Problem::at("", format!("{repository:?} is no name of a repository: {error}"))
            .mend("name a repository that is registered here: REPOSITORY/NAME")),
    }
}

/// The registered repository whose address it begins with; of several the longest.
async fn at_address(repositories: &Repositories, address: &str) -> Result<Result<(Name, String), Problem>, StoreError> {
    let all = repositories.list().await?;
    let below = |url: &str| {
        let url = url.trim_end_matches('/').replacen("oci+http://", "oci://", 1);
        address.strip_prefix(url.as_str()).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
    };
    let found = all.into_iter().filter_map(|(repository, _)| {
        let url = repository.spec.url?;
        Some((url.len(), repository.name, below(&url)?))
    });
    let best = found.filter(|(_, _, name)| !name.is_empty()).max_by_key(|(length, _, _)| *length);
    Ok(best.map(|(_, repository, name)| (repository, name)).ok_or_else(|| {
        let above = address.rsplit_once('/').map_or(address, |(above, _)| above);
        Problem::at("", format!("no registered repository has {address}"))
            .mend(format!("sliceway repository add NAME --url {above}"))
    }))
}

impl Packages {
    /// The chart that makes a part of a function, as the package had it when it was on-boarded.
    pub(super) async fn chart(
        &self,
        (tenant, name): (&Name, &Name),
        chart: &Chart,
    ) -> Result<Result<ChartPin, Unresolved>, StoreError> {
        let found = self.found(tenant, (".package", name)).await;
        let package = match found.and_then(|(package, _)| enabled(&package, ".package").map(|()| package)) {
            Ok(package) => package,
            Err(CatalogueError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(unresolved(error))),
        };
        Ok(match packaged(&package, chart) {
            Ok(part) => self.brought(&package, part).await.map(|digest| ChartPin {
                name: chart.name.clone(),
                version: part.version.clone(),
                digest,
                repository: None,
                package: Some(name.clone()),
                asked: chart.version.clone(),
                source: None,
                dependencies: vec![],
            }),
            Err(problem) => Err(never(problem)),
        })
    }

    /// The digest of the chart's blob, which is there afterwards.
    pub(super) async fn brought(&self, package: &Package, part: &PackagedChart) -> Result<String, Unresolved> {
        if part.from != ChartPlace::Package || self.bytes(&part.digest).await.is_ok() {
            return Ok(part.digest.clone());
        }
        let read = self.opened(package).await.map_err(unresolved)?;
        let found = read.charts.into_iter().find(|chart| chart.function == part.function);
        let archive = found.and_then(|chart| chart.archive);
        let archive =
            archive.ok_or_else(|| later(format!("package {} has no {} any more", package.name, part.function)))?;
        let kept = self.blobs().put(archive).await.map_err(|error| later(error.to_string()))?.to_string();
        match kept == part.digest {
            true => Ok(kept),
            false => Err(later("a package's chart is not the one that was on-boarded")),
        }
    }
}

/// What is wrong with what was asked stays so; the rest may pass.
fn unresolved(error: CatalogueError) -> Unresolved {
    match error {
        CatalogueError::Problems(problems) => never(problems.into_iter().next().unwrap_or_default()),
        other => later(other.to_string()),
    }
}

fn packaged<'p>(package: &'p Package, chart: &Chart) -> Result<&'p PackagedChart, Problem> {
    let Some(part) = package.charts.iter().find(|part| part.function == chart.name) else {
        let known = || package.charts.iter().map(|part| part.function.as_str());
        let message = format!("package {} has no part {:?}", package.name, chart.name);
        let mend = mend(nearest(&chart.name, known()), known(), "name a package of a function (VNFD) that has a chart");
        return Err(Problem::at(".name", message).mend(mend));
    };
    match &chart.version {
        Some(asked) if *asked != part.version => {
            let message = format!("package {} has version {} of it, not {asked:?}", package.name, part.version);
            Err(Problem::at(".version", message).mend("leave the version out: a package never changes"))
        }
        Some(_) | None => Ok(part),
    }
}
