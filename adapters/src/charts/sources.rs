//! One chart out of a registered repository: which version is meant, its archive as promised, its dependencies in it.

use super::assemble::{Assembled, Dependency, Packaging, Whole};
use super::fault::{Fault, Reason};
use super::http::{HttpRepository, hex};
use super::index::Index;
use super::oci::{OciRegistry, Pulled, Which};
use super::origin::{Bounds, Origin};
use super::tree::Tree;
use crate::helm::{ChartSource, Helm, PickRequest, Picked};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell};

/// What is registered, for the time of one call: an index is read once.
pub struct Sources<'a> {
    pub(super) helm: &'a Helm,
    pub(super) origins: &'a [Origin],
    bounds: &'a Bounds,
    indexes: Mutex<HashMap<String, Arc<OnceCell<Arc<Index>>>>>,
}

/// A chart that needs nothing more.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub name: String,
    pub version: String,
    pub archive: Vec<u8>,
    /// What the repository knows it by: the archive's digest, or the manifest's in a registry.
    pub digest: String,
    pub dependencies: Vec<Dependency>,
}

/// As it came from the repository.
pub(super) struct Raw {
    pub(super) version: String,
    pub(super) archive: Vec<u8>,
    pub(super) digest: String,
}

/// `1.2.0`, a range, `1.2.0@sha256:…` or `sha256:…`.
struct Asked<'a> {
    version: &'a str,
    digest: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn of(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((version, digest)) => Self { version, digest: Some(digest) },
            None if text.starts_with("sha256:") => Self { version: "", digest: Some(text) },
            None => Self { version: text, digest: None },
        }
    }
}

impl<'a> Sources<'a> {
    pub fn new(helm: &'a Helm, origins: &'a [Origin], bounds: &'a Bounds) -> Self {
        Self { helm, origins, bounds, indexes: Mutex::default() }
    }

    /// The chart that `version` means (absent: the newest), with its dependencies.
    pub async fn fetch(&self, repository: &str, chart: &str, version: Option<&str>) -> Result<Fetched, Fault> {
        let origin = self.origin(repository)?;
        let raw = self.raw(origin, chart, version.unwrap_or_default()).await?;
        let Raw { version, archive, digest } = raw;
        let charts = BTreeMap::from([(chart.to_owned(), archive)]);
        let whole = Whole { tree: Tree { base: chart, charts: &charts }, packaging: Packaging::Published };
        let Assembled { archive, dependencies, .. } =
            self.assemble(whole).await.map_err(|fault| Fault { repository: repository.to_owned(), ..fault })?;
        Ok(Fetched { name: chart.to_owned(), version, archive, digest, dependencies })
    }

    /// What an HTTP repository holds.
    pub async fn index(&self, repository: &str) -> Result<Arc<Index>, Fault> {
        self.index_of(self.origin(repository)?).await
    }

    /// Whether a registry is there: what it says to a stranger's question does not matter.
    pub async fn knock(&self, repository: &str) -> Result<(), Fault> {
        let origin = self.origin(repository)?;
        match OciRegistry::new(origin, self.bounds)?.tags("sliceway").await {
            Err(fault) if fault.is_connection() => Err(Fault { chart: None, ..fault }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Every version of a chart, newest first.
    pub async fn versions(&self, repository: &str, chart: &str) -> Result<Vec<String>, Fault> {
        let origin = self.origin(repository)?;
        let (versions, tags) = match origin.is_oci() {
            true if !is_word(chart) => return Err(Reason::NoChart { near: vec![] }.of(repository, Some(chart))),
            true => (OciRegistry::new(origin, self.bounds)?.tags(chart).await?, true),
            false => (self.index_of(origin).await?.versions(chart), false),
        };
        let request = PickRequest { versions, constraint: String::new(), tags };
        let picked = self.helm.pick(&request).await.map_err(|error| Reason::helm(error).of(repository, Some(chart)))?;
        Ok(picked.sorted.into_iter().map(|version| if tags { version.replace('_', "+") } else { version }).collect())
    }

    fn origin(&self, repository: &str) -> Result<&'a Origin, Fault> {
        let unknown = || Reason::Address { url: String::new(), cause: "no such repository is registered".into() };
        let found = self.origins.iter().find(|origin| origin.name == repository);
        found.ok_or_else(|| unknown().of(repository, None))
    }

    async fn index_of(&self, origin: &Origin) -> Result<Arc<Index>, Fault> {
        let cell = Arc::clone(self.indexes.lock().await.entry(origin.url.clone()).or_default());
        let read = async { Ok(Arc::new(HttpRepository::new(origin, self.bounds)?.index().await?)) };
        cell.get_or_try_init(|| read).await.cloned()
    }

    pub(super) async fn raw(&self, origin: &Origin, chart: &str, asked: &str) -> Result<Raw, Fault> {
        let asked = Asked::of(asked);
        let raw = match origin.is_oci() {
            true => self.in_registry(origin, chart, &asked).await?,
            false => self.in_index(origin, chart, &asked).await?,
        };
        let of = |reason: Reason| reason.of(&origin.name, Some(chart));
        let source = ChartSource::Archive(raw.archive.as_slice().into());
        let info = self.helm.inspect(&source).await.map_err(|error| of(Reason::helm(error)))?;
        if info.name != chart {
            return Err(of(Reason::Chart(format!("its Chart.yaml calls it {:?}", info.name))));
        }
        let version = if raw.version.is_empty() { info.version } else { raw.version };
        Ok(Raw { version, ..raw })
    }

    async fn in_index(&self, origin: &Origin, chart: &str, asked: &Asked<'_>) -> Result<Raw, Fault> {
        let index = self.index_of(origin).await?;
        let of = |reason: Reason| reason.of(&origin.name, Some(chart));
        if !index.entries.contains_key(chart) {
            let near = models::problem::nearest(chart, index.entries.keys().map(String::as_str));
            return Err(of(Reason::NoChart { near: near.map(str::to_owned).into_iter().collect() }));
        }
        let mut versions = index.versions(chart);
        if let (Some(digest), "") = (asked.digest, asked.version) {
            let promised = |entry: &&super::index::Entry| entry.digest.as_deref().is_some_and(|d| same(d, digest));
            versions = index.entries[chart].iter().filter(promised).map(|entry| entry.version.clone()).collect();
        }
        let picked = self.pick(versions, (asked.version, false)).await.map_err(of)?;
        let entry = index.entries[chart].iter().find(|e| e.version == picked.version && !e.urls.is_empty());
        let none = || {
            let word = if asked.version.is_empty() { asked.digest.unwrap_or("") } else { asked.version };
            Reason::NoVersion { asked: word.to_owned(), near: picked.near.clone() }
        };
        let entry = entry.ok_or_else(|| of(none()))?;
        let archive = HttpRepository::new(origin, self.bounds)?.archive(chart, entry).await?;
        let actual = format!("sha256:{}", hex(&archive));
        match asked.digest {
            Some(expected) if !same(expected, &actual) => {
                let (url, expected) = (entry.urls[0].clone(), expected.to_owned());
                Err(of(Reason::Digest { url, expected, actual }))
            }
            Some(_) | None => Ok(Raw { version: entry.version.clone(), archive, digest: actual }),
        }
    }

    async fn in_registry(&self, origin: &Origin, chart: &str, asked: &Asked<'_>) -> Result<Raw, Fault> {
        let registry = OciRegistry::new(origin, self.bounds)?;
        let of = |reason: Reason| reason.of(&origin.name, Some(chart));
        if !is_word(chart) {
            return Err(of(Reason::NoChart { near: vec![] }));
        }
        let done = |version: String, pulled: Pulled| Raw { version, archive: pulled.archive, digest: pulled.digest };
        if let Some(digest) = asked.digest {
            if !is_digest(digest) {
                return Err(of(Reason::NoVersion { asked: digest.to_owned(), near: vec![] }));
            }
            let pulled = registry.pull(chart, Which::Digest(digest.to_owned())).await?;
            return Ok(done(asked.version.to_owned(), pulled));
        }
        // A version that is one is taken without asking which there are, which not every registry tells.
        let exact = !asked.version.is_empty()
            && self
                .pick(vec![asked.version.to_owned()], (asked.version, false))
                .await
                .is_ok_and(|p| !p.version.is_empty());
        if exact {
            match registry.pull(chart, Which::Tag(asked.version.to_owned())).await {
                Err(Fault { reason: Reason::NotFound { .. }, .. }) => {}
                pulled => return Ok(done(asked.version.to_owned(), pulled?)),
            }
        }
        let tags = registry.tags(chart).await.map_err(|fault| match fault.reason {
            Reason::NotFound { .. } => of(Reason::NoChart { near: vec![] }),
            reason => of(reason),
        })?;
        let picked = self.pick(tags, (asked.version, true)).await.map_err(of)?;
        if exact || picked.version.is_empty() {
            let near = picked.near.into_iter().map(|tag| tag.replace('_', "+")).collect();
            return Err(of(Reason::NoVersion { asked: asked.version.to_owned(), near }));
        }
        let pulled = registry.pull(chart, Which::Tag(picked.version.clone())).await?;
        Ok(done(picked.version.replace('_', "+"), pulled))
    }

    /// `tags`: whether the versions are a registry's tags.
    pub(super) async fn pick(&self, versions: Vec<String>, (constraint, tags): (&str, bool)) -> Result<Picked, Reason> {
        let request = PickRequest { versions, constraint: constraint.to_owned(), tags };
        self.helm.pick(&request).await.map_err(Reason::helm)
    }
}

/// A name becomes a part of a path that is asked with credentials.
pub(super) fn is_word(chart: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    chart.starts_with(|c: char| c.is_ascii_alphanumeric()) && chart.chars().all(inner) && !chart.contains("..")
}

pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
}

fn same(one: &str, other: &str) -> bool {
    one.trim_start_matches("sha256:").eq_ignore_ascii_case(other.trim_start_matches("sha256:"))
}
