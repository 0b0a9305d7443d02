//! Charts for a plan: what the file means is resolved, fetched and kept, so that the plan rests on blobs alone.

use super::CatalogueError;
use super::repositories::{Repositories, pinned};
use crate::slices::{ChartPin, Retry, Unresolved};
use crate::store::{Digest, StoreError};
use adapters::charts::{Fault, Fetched, Reason, Sources};
use adapters::helm::PickRequest;
use models::problem::nearest;
use models::repository::{Repository, StoredChart};
use models::slice::Chart;
use models::{Name, Problem};
use std::collections::BTreeMap;

/// Charts that are fetched at one time.
const AT_ONCE: usize = 4;

impl Repositories {
    /// One chart with what pins it; nothing is kept yet.
    pub(super) async fn one(
        &self,
        (repository, sources): (&Repository, &Sources<'_>),
        chart: &Chart,
    ) -> Result<(ChartPin, Vec<u8>), Unresolved> {
        if repository.spec.url.is_some() {
            return fetched((repository, sources), chart).await;
        }
        let pin = self.in_folder(repository, chart).await?;
        let digest: Digest = pin.digest.parse().map_err(|_| later("a chart's digest is not readable"))?;
        let archive = self.0.blobs.get(&digest).await.map_err(|error| later(error.to_string()))?;
        Ok((pin, archive.expose().to_vec()))
    }

    async fn in_folder(&self, repository: &Repository, chart: &Chart) -> Result<ChartPin, Unresolved> {
        let stored = self.stored(repository, chart).await?;
        Ok(ChartPin {
            name: stored.name.clone(),
            version: stored.version.clone(),
            digest: stored.digest.clone(),
            repository: Some(repository.name.clone()),
            package: None,
            asked: chart.version.clone(),
            source: None,
            dependencies: stored.dependencies.clone(),
        })
    }

    async fn stored<'r>(&self, repository: &'r Repository, chart: &Chart) -> Result<&'r StoredChart, Unresolved> {
        let named: Vec<&StoredChart> = repository.charts.iter().filter(|stored| stored.name == chart.name).collect();
        if named.is_empty() {
            let known = repository.charts.iter().map(|stored| stored.name.as_str());
            let message = format!("repository {} has no chart {:?}", repository.name, chart.name);
            let mend = mend(nearest(&chart.name, known.clone()), known, "sliceway get repository -o wide");
            return Err(never(Problem::at(".name", message).mend(mend)));
        }
        // As Helm takes a folder: whatever it holds, also a prerelease.
        let Some(asked) = chart.version.as_deref() else { return Ok(named[0]) };
        let (range, digest) = asked.split_once('@').unwrap_or((asked, ""));
        let fits = |stored: &&&StoredChart| digest.is_empty() || stored.digest == digest;
        let versions = named.iter().filter(fits).map(|stored| stored.version.clone()).collect();
        let request = PickRequest { versions, constraint: range.to_owned(), tags: false };
        let picked = self.0.helm.pick(&request).await.map_err(|error| Unresolved {
            problem: Problem::at(".version", error.to_string()).mend("write a version or a range as Helm reads it"),
            retry: if error.retryable() { Retry::Later } else { Retry::Never },
        })?;
        named.into_iter().find(|stored| stored.version == picked.version).ok_or_else(|| {
            let known = repository.charts.iter().filter(|stored| stored.name == chart.name);
            let message = format!("chart {} has no version {asked:?}", chart.name);
            let mend = mend(None, known.map(|s| s.version.as_str()), "leave the version out for the newest");
            never(Problem::at(".version", message).mend(mend))
        })
    }
}

impl Repositories {
    /// Resolves, fetches and keeps charts of repositories, one answer for each.
    pub(super) async fn resolve(&self, charts: &[&Chart]) -> Result<Vec<Result<ChartPin, Unresolved>>, StoreError> {
        let all: BTreeMap<Name, Repository> =
            self.list().await?.into_iter().map(|(r, _)| (r.name.clone(), r)).collect();
        let origins = match self.origins().await {
            Ok(origins) => origins,
            Err(CatalogueError::Store(error)) => return Err(error),
            Err(other) => {
                let away = Unresolved { problem: Problem::at("", other.to_string()), retry: Retry::Later };
                return Ok(charts.iter().map(|_| Err(away.clone())).collect());
            }
        };
        let sources = Sources::new(&self.0.helm, &origins, &self.0.bounds);
        let (all, sources) = (&all, &sources);
        let answer = async |chart: &Chart| {
            let Some(name) = chart.repository() else {
                return Err(never(Problem::at(".repository", "is missing").mend("name a repository")));
            };
            match all.get(name) {
                Some(repository) => self.kept_one((repository, sources), chart).await,
                None => Err(unknown(name, all)),
            }
        };
        let mut answers = Vec::new();
        for some in charts.chunks(AT_ONCE) {
            answers.extend(futures::future::join_all(some.iter().map(|chart| answer(chart))).await);
        }
        Ok(answers)
    }

    async fn kept_one(&self, from: (&Repository, &Sources<'_>), chart: &Chart) -> Result<ChartPin, Unresolved> {
        if from.0.spec.url.is_none() {
            return self.in_folder(from.0, chart).await;
        }
        let (pin, archive) = fetched(from, chart).await?;
        self.keep(archive).await.map_err(|error| later(error.to_string()))?;
        Ok(pin)
    }
}

async fn fetched(
    (repository, sources): (&Repository, &Sources<'_>),
    chart: &Chart,
) -> Result<(ChartPin, Vec<u8>), Unresolved> {
    let fetched = sources.fetch(repository.name.as_str(), &chart.name, chart.version.as_deref()).await;
    let Fetched { name, version, archive, digest, dependencies } = fetched.map_err(|fault| unresolved(&fault))?;
    let pin = ChartPin {
        name,
        version,
        digest: Digest::of(&archive).to_string(),
        repository: Some(repository.name.clone()),
        package: None,
        asked: chart.version.clone(),
        source: Some(digest),
        dependencies: dependencies.into_iter().map(pinned).collect(),
    };
    Ok((pin, archive))
}

pub(super) fn later(cause: impl Into<String>) -> Unresolved {
    Unresolved { problem: Problem::at("", cause), retry: Retry::Later }
}

pub(super) fn never(problem: Problem) -> Unresolved {
    Unresolved { problem, retry: Retry::Never }
}

fn unresolved(fault: &Fault) -> Unresolved {
    let field = match &fault.reason {
        Reason::NoChart { .. } => ".name",
        Reason::NoVersion { .. } => ".version",
        _ => ".repository",
    };
    let retry = if fault.retryable() { Retry::Later } else { Retry::Never };
    Unresolved { problem: Problem::at(field, fault.to_string()).mend(fault.mend()), retry }
}

fn unknown(name: &Name, all: &BTreeMap<Name, Repository>) -> Unresolved {
    let known = all.keys().map(Name::as_str);
    let message = format!("no repository is called {:?}", name.as_str());
    let near = nearest(name.as_str(), known.clone());
    let mend = mend(near, known, "sliceway repository add NAME --path DIR, or --url URL");
    never(Problem::at(".repository", message).mend(mend))
}

pub(super) fn mend<'a>(near: Option<&str>, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let known: Vec<&str> = known.collect();
    match (near, known.is_empty()) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, false) => format!("there are: {}", known.join(", ")),
        (None, true) => otherwise.to_owned(),
    }
}
