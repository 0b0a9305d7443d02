//! Charts of every kind of repository: resolved for a plan, searched, shown. Only what a plan needs is kept.

use super::CatalogueError;
use super::repositories::{Repositories, key, pinned, refused};
use crate::ops::codec;
use crate::slices::{ChartPin, Charts, Retry, Unresolved};
use crate::store::{Digest, StoreError, Txn};
use adapters::charts::{Fault, Fetched, Index, Origin, Reason, Sources};
use adapters::helm::{ChartSource, PickRequest, Release, RenderRequest, Shown};
use async_trait::async_trait;
use models::problem::nearest;
use models::repository::{IndexRead, Repository, StoredChart};
use models::slice::Chart;
use models::{Name, Problem};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Charts that are fetched at one time.
const AT_ONCE: usize = 4;

/// What is searched for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub text: String,
    pub repository: Option<Name>,
    /// Every version, not only the newest.
    pub versions: Versions,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    #[default]
    Newest,
    All,
}

/// What was found, and which repositories could not be asked.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub items: Vec<Value>,
    pub warnings: Vec<String>,
}

impl Repositories {
    /// Reads what the address answers now; a registry has no index, and is asked when a chart is wanted.
    pub(super) async fn look(&self, origin: &Origin) -> Result<Option<IndexRead>, Fault> {
        let origins = std::slice::from_ref(origin);
        let sources = Sources::new(&self.0.helm, origins, &self.0.bounds);
        if origin.is_oci() {
            return sources.knock(&origin.name).await.map(|()| None);
        }
        let index = sources.index(&origin.name).await?;
        let copy = serde_json::to_vec(&*index).unwrap_or_default();
        let versions = index.entries.values().map(Vec::len).sum();
        // Without its copy the index serves as well; only searching while it is away does not.
        let digest = self.keep(copy).await.unwrap_or_default();
        Ok(Some(IndexRead { charts: index.entries.len(), versions, read_at: self.now(), digest }))
    }

    /// Asks the repository anew. Slices keep what they have.
    pub async fn update(&self, name: &Name) -> Result<Repository, CatalogueError> {
        let (mut repository, rev) = self.get(name).await?;
        let origins = self.origins().await?;
        let Some(origin) = origins.iter().find(|origin| origin.name == name.as_str()) else {
            let mend = format!("upload it again: sliceway repository add {name} --path DIR");
            return Err(super::repositories::problem("spec.url", "the repository has no address", mend));
        };
        repository.index = self.look(origin).await.map_err(|fault| refused("spec.url", &fault))?;
        let txn = Txn::new().at(key(name), rev).put(key(name), codec::json(&repository)?);
        self.0.store.commit(txn).await?;
        Ok(repository)
    }

    pub async fn search(&self, search: &Search) -> Result<Found, CatalogueError> {
        let origins = self.origins().await?;
        let mut found = Found::default();
        let all = self.list().await?;
        if let Some(name) = &search.repository {
            self.get(name).await?;
        }
        let asked = |r: &Repository| search.repository.as_ref().is_none_or(|name| *name == r.name);
        for repository in all.into_iter().map(|(r, _)| r).filter(asked) {
            if repository.spec.url.is_none() {
                found.items.extend(
                    repository.charts.iter().filter(|c| c.name.contains(&search.text)).map(
                        |chart| json!({"repository": repository.name, "name": chart.name, "version": chart.version}),
                    ),
                );
                continue;
            }
            if let Err(fault) = self.search_one(&repository, (search, &origins), &mut found).await {
                found.warnings.push(format!("{fault}; {}", fault.mend()));
            }
        }
        Ok(found)
    }

    async fn search_one(
        &self,
        repository: &Repository,
        (search, origins): (&Search, &[Origin]),
        found: &mut Found,
    ) -> Result<(), Fault> {
        let sources = Sources::new(&self.0.helm, origins, &self.0.bounds);
        let name = repository.name.as_str();
        if origins.iter().any(|origin| origin.name == name && origin.is_oci()) {
            if search.text.is_empty() {
                let words = format!("repository {name}: a registry tells nothing without a chart's whole name");
                found.warnings.push(words);
                return Ok(());
            }
            let versions = match sources.versions(name, &search.text).await {
                Err(Fault { reason: Reason::NotFound { .. } | Reason::NoChart { .. }, .. }) => return Ok(()),
                versions => versions?,
            };
            let item = |version: &String| json!({"repository": name, "name": search.text, "version": version});
            found.items.extend(versions.iter().take(search.most()).map(item));
            return Ok(());
        }
        let index = match sources.index(name).await {
            Ok(index) => (*index).clone(),
            Err(fault) => match self.copy(repository).await {
                Some(copy) => {
                    let at = repository.index.as_ref().map(|index| index.read_at.to_string()).unwrap_or_default();
                    found.warnings.push(format!("{fault}; this is what it had at {at}"));
                    copy
                }
                None => return Err(fault),
            },
        };
        for (chart, entries) in index.entries.iter().filter(|(chart, _)| chart.contains(&search.text)) {
            let request = PickRequest { versions: index.versions(chart), constraint: String::new(), tags: false };
            let Ok(picked) = self.0.helm.pick(&request).await else { continue };
            for version in picked.sorted.iter().take(search.most()) {
                let Some(entry) = entries.iter().find(|entry| entry.version == *version) else { continue };
                found.items.push(json!({
                    "repository": name, "name": chart, "version": version, "app_version": entry.app_version,
                    "description": entry.description, "deprecated": entry.deprecated,
                }));
            }
        }
        Ok(())
    }

    async fn copy(&self, repository: &Repository) -> Option<Index> {
        let digest: Digest = repository.index.as_ref()?.digest.parse().ok()?;
        let bytes = self.0.blobs.get(&digest).await.ok()?;
        serde_json::from_slice(bytes.expose()).ok()
    }

    /// A chart as who wants to use it reads it, and what it would create with nothing but its own values.
    pub async fn show(&self, chart: &Chart) -> Result<Value, CatalogueError> {
        let (repository, _) = self.get(&chart.repository).await?;
        let origins = self.origins().await?;
        let sources = Sources::new(&self.0.helm, &origins, &self.0.bounds);
        let (pin, archive) = self.one((&repository, &sources), chart).await.map_err(|fault| match fault.retry {
            Retry::Later => CatalogueError::Unavailable(Problem { field: String::new(), ..fault.problem }.to_string()),
            Retry::Never => CatalogueError::Problems(vec![Problem { field: String::new(), ..fault.problem }]),
        })?;
        let source = ChartSource::Archive(archive.as_slice().into());
        let shown: Shown =
            self.0.helm.show(&source).await.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let request = RenderRequest {
            chart: source,
            release: Release { name: "release".into(), namespace: "namespace".into(), revision: 1, is_upgrade: false },
            values: String::new(),
            capabilities: None,
            include_crds: false,
            check_reproducible: false,
        };
        let (creates, refusal) = match self.0.helm.render(&request).await {
            Ok(rendered) => {
                let all = rendered.crds.iter().chain(&rendered.objects).map(|object| named(&object.object, &[]));
                let hooks = rendered
                    .hooks
                    .iter()
                    .map(|hook| json!({"kind": hook.kind, "name": hook.name, "hook": hook.events}));
                (all.chain(hooks).collect(), None)
            }
            Err(error) => (vec![], Some(error.to_string())),
        };
        let schema: Value = serde_json::from_str(&shown.schema).unwrap_or(Value::Null);
        Ok(json!({
            "repository": repository.name, "name": pin.name, "version": pin.version, "source": pin.source,
            "digest": pin.digest, "app_version": shown.chart.app_version, "kube_version": shown.chart.kube_version,
            "description": shown.chart.description, "type": shown.chart.kind, "deprecated": shown.chart.deprecated,
            "dependencies": shown.dependencies, "resolved": pin.dependencies, "readme": shown.readme,
            "values": shown.values, "schema": schema, "creates": creates, "creates_not": refusal,
        }))
    }

    /// One chart with what pins it; nothing is kept yet.
    async fn one(
        &self,
        (repository, sources): (&Repository, &Sources<'_>),
        chart: &Chart,
    ) -> Result<(ChartPin, Vec<u8>), Unresolved> {
        if repository.spec.url.is_none() {
            return self.in_folder(repository, chart).await;
        }
        let fetched = sources.fetch(repository.name.as_str(), &chart.name, chart.version.as_deref()).await;
        let Fetched { name, version, archive, digest, dependencies } = fetched.map_err(|fault| unresolved(&fault))?;
        let pin = ChartPin {
            name,
            version,
            digest: Digest::of(&archive).to_string(),
            repository: Some(repository.name.clone()),
            asked: chart.version.clone(),
            source: Some(digest),
            dependencies: dependencies.into_iter().map(pinned).collect(),
        };
        Ok((pin, archive))
    }

    async fn in_folder(&self, repository: &Repository, chart: &Chart) -> Result<(ChartPin, Vec<u8>), Unresolved> {
        let stored = self.stored(repository, chart).await?;
        let away = |cause: String| Unresolved { problem: Problem::at("", cause), retry: Retry::Later };
        let digest: Digest = stored.digest.parse().map_err(|_| away("a chart's digest is not readable".into()))?;
        let archive = self.0.blobs.get(&digest).await.map_err(|error| away(error.to_string()))?;
        let pin = ChartPin {
            name: stored.name.clone(),
            version: stored.version.clone(),
            digest: stored.digest.clone(),
            repository: Some(repository.name.clone()),
            asked: chart.version.clone(),
            source: None,
            dependencies: stored.dependencies.clone(),
        };
        Ok((pin, archive.expose().to_vec()))
    }

    async fn stored<'r>(&self, repository: &'r Repository, chart: &Chart) -> Result<&'r StoredChart, Unresolved> {
        let named: Vec<&StoredChart> = repository.charts.iter().filter(|stored| stored.name == chart.name).collect();
        if named.is_empty() {
            let known = repository.charts.iter().map(|stored| stored.name.as_str());
            let message = format!("repository {} has no chart {:?}", chart.repository, chart.name);
            let mend = mend(nearest(&chart.name, known.clone()), known, "sliceway get repository -o wide");
            return Err(never(Problem::at(".name", message).mend(mend)));
        }
        let asked = chart.version.as_deref().unwrap_or_default();
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

#[async_trait]
impl Charts for Repositories {
    async fn resolve(&self, charts: &[&Chart]) -> Result<Vec<Result<ChartPin, Unresolved>>, StoreError> {
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
        let answer = async |chart: &Chart| match all.get(&chart.repository) {
            Some(repository) => self.kept_one((repository, sources), chart).await,
            None => Err(unknown(chart, all)),
        };
        let mut answers = Vec::new();
        for some in charts.chunks(AT_ONCE) {
            answers.extend(futures::future::join_all(some.iter().map(|chart| answer(chart))).await);
        }
        Ok(answers)
    }
}

impl Repositories {
    async fn kept_one(&self, from: (&Repository, &Sources<'_>), chart: &Chart) -> Result<ChartPin, Unresolved> {
        let (pin, archive) = self.one(from, chart).await?;
        if from.0.spec.url.is_some() {
            let failed =
                |error: CatalogueError| Unresolved { problem: Problem::at("", error.to_string()), retry: Retry::Later };
            self.keep(archive).await.map_err(failed)?;
        }
        Ok(pin)
    }
}

impl Search {
    fn most(&self) -> usize {
        match self.versions {
            Versions::Newest => 1,
            Versions::All => usize::MAX,
        }
    }
}

fn named(object: &Value, hook: &[String]) -> Value {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut item = json!({"kind": text("/kind"), "name": text("/metadata/name"), "api_version": text("/apiVersion")});
    if !hook.is_empty() {
        item["hook"] = json!(hook);
    }
    item
}

fn never(problem: Problem) -> Unresolved {
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

fn unknown(chart: &Chart, all: &BTreeMap<Name, Repository>) -> Unresolved {
    let known = all.keys().map(Name::as_str);
    let message = format!("no repository is called {:?}", chart.repository.as_str());
    let near = nearest(chart.repository.as_str(), known.clone());
    let mend = mend(near, known, "sliceway repository add NAME --path DIR, or --url URL");
    never(Problem::at(".repository", message).mend(mend))
}

fn mend<'a>(near: Option<&str>, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let known: Vec<&str> = known.collect();
    match (near, known.is_empty()) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, false) => format!("there are: {}", known.join(", ")),
        (None, true) => otherwise.to_owned(),
    }
}
