//! What there is to choose from: repositories read anew, charts searched and shown. Nothing of it is kept for a slice.

use super::CatalogueError;
use super::repositories::{Repositories, key, problem, refused};
use crate::ops::codec;
use crate::slices::Retry;
use crate::store::{Digest, Expect, Revision, Txn};
use adapters::charts::{Fault, Index, Origin, Reason, Sources};
use adapters::helm::{ChartSource, PickRequest, Release, RenderRequest, Shown};
use models::repository::{IndexRead, Repository};
use models::slice::Chart;
use models::{Name, Problem};
use serde_json::{Value, json};

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

    /// Asks the repository anew, where the caller finds what it expects. Slices keep what they have.
    pub async fn update(&self, name: &Name, expect: &Expect) -> Result<(Repository, Revision), CatalogueError> {
        let found = self.0.store.get(&key(name)).await?;
        expect.check(&key(name), found.as_ref().map(|object| object.rev))?;
        let (mut repository, rev) = self.get(name).await?;
        expect.check(&key(name), Some(rev))?;
        let origins = self.origins().await?;
        let Some(origin) = origins.iter().find(|origin| origin.name == name.as_str()) else {
            let mend = format!("upload it again: sliceway repository add {name} --path DIR");
            return Err(problem("spec.url", "the repository has no address", mend));
        };
        repository.index = self.look(origin).await.map_err(|fault| refused("spec.url", &fault))?;
        let txn = Txn::new().at(key(name), rev).put(key(name), codec::json(&repository)?);
        let rev = self.0.store.commit(txn).await?;
        Ok((repository, rev))
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
        let name = chart.repository().ok_or_else(|| problem("repository", "is missing", "name a repository"))?;
        let (repository, _) = self.get(name).await?;
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
            include_values: false,
            check_reproducible: false,
            found: vec![],
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
