//! A chart with its dependencies in `charts/`, as `helm dependency build` leaves it.
//!
//! Must never look anywhere but into what is vendored, what was uploaded together, and what is registered.

use super::fault::{Fault, Reason};
use super::http::hex;
use super::origin::{Origin, oci, plain};
use super::sources::Sources;
use super::tree::Tree;
use crate::helm::{ChartFiles, ChartSource, DependRequest, Lock, Needs, Wanted};
use std::collections::BTreeMap;

/// What a dependency was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub version: String,
    /// The address that it came from.
    pub repository: String,
    /// Of its archive.
    pub digest: String,
}

#[derive(Debug, Clone)]
pub struct Assembled {
    /// As its Chart.yaml says.
    pub version: String,
    pub archive: Vec<u8>,
    pub dependencies: Vec<Dependency>,
}

/// How strictly `charts/` is held against the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packaging {
    /// A published archive is taken as it is, as Helm takes it.
    Published,
    /// A folder is built first.
    Folder,
}

pub(super) struct Whole<'a> {
    /// The chart is the tree's base.
    pub(super) tree: Tree<'a>,
    pub(super) packaging: Packaging,
}

impl Sources<'_> {
    /// The chart of an uploaded folder, which is the tree's base.
    pub async fn build(&self, tree: Tree<'_>) -> Result<Assembled, Fault> {
        self.assemble(Whole { tree, packaging: Packaging::Folder }).await
    }

    pub(super) async fn assemble(&self, whole: Whole<'_>) -> Result<Assembled, Fault> {
        let base = whole.tree.base;
        let of = |reason: Reason| reason.of("", Some(base));
        let archive = whole.tree.charts.get(base).cloned().unwrap_or_default();
        let needs = self.needs(&archive).await.map_err(of)?;
        let version = needs.chart.version.clone();
        let missing: Vec<&Wanted> = needs.wanted.iter().filter(|wanted| !there(wanted, whole.packaging)).collect();
        if missing.is_empty() {
            return Ok(Assembled { version, archive, dependencies: vec![] });
        }
        if needs.lock == Lock::Stale {
            return Err(of(Reason::StaleLock));
        }
        let mut files = ChartFiles::read(&archive).map_err(|error| of(Reason::Chart(error)))?;
        let mut dependencies: Vec<Dependency> = Vec::new();
        let mut fetched: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for wanted in missing {
            let (dependency, packed) = self.dependency(wanted, &whole.tree).await?;
            fetched.insert(format!("charts/{}-{}.tgz", dependency.name, dependency.version), packed);
            if !dependencies.contains(&dependency) {
                dependencies.push(dependency);
            }
        }
        for old in needs.packed.iter().filter(|old| dependencies.iter().any(|new| new.name == old.name)) {
            files.remove(&old.file);
        }
        for (file, data) in fetched {
            files.add(file, data);
        }
        let archive = files.pack().map_err(|error| of(Reason::Chart(error)))?;
        Ok(Assembled { version, archive, dependencies })
    }

    async fn needs(&self, archive: &[u8]) -> Result<Needs, Reason> {
        let address = |origin: &Origin| match oci(&origin.url) {
            Some(_) => origin.plain(),
            None => origin.url.clone(),
        };
        let repositories = self.origins.iter().map(|origin| (origin.name.clone(), address(origin))).collect();
        let request = DependRequest { chart: ChartSource::Archive(archive.into()), repositories };
        self.helm.needs(&request).await.map_err(Reason::helm)
    }

    async fn dependency(&self, wanted: &Wanted, tree: &Tree<'_>) -> Result<(Dependency, Vec<u8>), Fault> {
        let range = if wanted.locked.is_empty() { &wanted.version } else { &wanted.locked };
        let of = |reason: Reason| reason.of("", Some(tree.base));
        let name = wanted.name.clone();
        if wanted.repository.is_empty() {
            return Err(of(Reason::NotVendored { name }));
        }
        let (version, archive) = if wanted.repository.starts_with("file://") {
            self.local((wanted, range), tree).await.map_err(of)?
        } else {
            let origin = self.registered(&wanted.repository);
            let origin = origin.ok_or_else(|| of(Reason::NotRegistered { name, url: wanted.repository.clone() }))?;
            let raw = self.raw(&origin, &wanted.name, range).await?;
            (raw.version, raw.archive)
        };
        let digest = format!("sha256:{}", hex(&archive));
        let repository = wanted.said.clone();
        Ok((Dependency { name: wanted.name.clone(), version, repository, digest }, archive))
    }

    async fn local(&self, (wanted, range): (&Wanted, &str), tree: &Tree<'_>) -> Result<(String, Vec<u8>), Reason> {
        let archive = tree.find(&wanted.name, &wanted.repository)?;
        let source = ChartSource::Archive(archive.as_slice().into());
        let info = self.helm.inspect(&source).await.map_err(Reason::helm)?;
        let picked = self.pick(vec![info.version.clone()], (range, false)).await?;
        match picked.version.is_empty() {
            true => {
                let (name, path) = (wanted.name.clone(), wanted.repository.clone());
                let cause = format!("which has version {}, and {range} is wanted", info.version);
                Err(Reason::Outside { name, path, cause })
            }
            false => Ok((info.version, archive)),
        }
    }

    /// The registered repository of an address; a path below a registered registry is the registry's.
    fn registered(&self, url: &str) -> Option<Origin> {
        let url = plain(url);
        if let Some(origin) = self.origins.iter().find(|origin| origin.plain() == url) {
            return Some(origin.clone());
        }
        let above = |origin: &&Origin| {
            origin.is_oci() && url.strip_prefix(&origin.plain()).is_some_and(|rest| rest.starts_with('/'))
        };
        let origin = self.origins.iter().find(above)?;
        let rest = url.strip_prefix(&origin.plain())?;
        Some(Origin { url: format!("{}{rest}", origin.url.trim_end_matches('/')), ..origin.clone() })
    }
}

fn there(wanted: &Wanted, packaging: Packaging) -> bool {
    match packaging {
        Packaging::Published => wanted.present,
        Packaging::Folder => wanted.fits,
    }
}
