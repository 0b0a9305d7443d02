//! Repositories: folders of charts, uploaded by the CLI or read from a folder of the server's that is allowed.

use super::users::Thing;
use super::{CatalogueError, deletion, readable};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::store::{Blobs, Expect, Key, Kind, Query, Revision, Store, StoreError, Txn};
use adapters::helm::{ChartSource, Helm, pack_folder};
use models::repository::{Repository, RepositorySpec, StoredChart};
use models::{Name, Problem};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One packed chart folder.
pub struct Upload {
    /// The folder's name.
    pub name: String,
    pub archive: Vec<u8>,
}

#[derive(Clone)]
pub struct Repositories {
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    helm: Arc<Helm>,
    allow_paths: Arc<Vec<PathBuf>>,
}

fn key(name: &Name) -> Key {
    Key::installation(Kind::Repository, name.as_str())
}

fn problem(field: &str, message: impl Into<String>, mend: impl Into<String>) -> CatalogueError {
    CatalogueError::Problems(vec![Problem::at(field, message).mend(mend)])
}

impl Repositories {
    pub fn new(store: Arc<dyn Store>, blobs: Arc<Blobs>, helm: Arc<Helm>, allow_paths: Vec<PathBuf>) -> Self {
        Self { store, blobs, helm, allow_paths: Arc::new(allow_paths) }
    }

    pub async fn get(&self, name: &Name) -> Result<(Repository, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("repository {name}"));
        let object = self.store.get(&key(name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    pub async fn list(&self) -> Result<Vec<(Repository, Revision)>, StoreError> {
        let objects = codec::all(&self.store, Query::of(Kind::Repository, "")).await?;
        Ok(objects.iter().filter_map(|object| Some((readable(object)?, object.rev))).collect())
    }

    /// Makes or refreshes a repository, where the caller finds what it expects. The charts are those of the upload, or
    /// those of an allowed folder.
    pub async fn put(
        &self,
        _: &AdminPermit,
        (name, spec, uploads): (Name, RepositorySpec, Vec<Upload>),
        expect: &Expect,
    ) -> Result<(Repository, Revision), CatalogueError> {
        let found = self.store.get(&key(&name)).await?.map(|object| object.rev);
        expect.check(&key(&name), found)?;
        if spec.url.is_some() {
            let mend = "give a folder: sliceway repository add NAME --path DIR";
            return Err(problem("spec.url", "HTTP and OCI repositories are not read yet", mend));
        }
        let uploads = if uploads.is_empty() { self.folder(&spec)? } else { uploads };
        let mut charts = Vec::new();
        for upload in uploads {
            charts.push(self.keep(upload).await?);
        }
        charts.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let repository = Repository { name: name.clone(), spec, charts };
        let txn = Txn::new().put(key(&name), codec::json(&repository)?);
        let rev = self.store.commit(expect.bind(txn, (&key(&name), found))?).await?;
        Ok((repository, rev))
    }

    async fn keep(&self, upload: Upload) -> Result<StoredChart, CatalogueError> {
        let field = format!("charts.{}", upload.name);
        let source = ChartSource::Archive(upload.archive.as_slice().into());
        let info = self.helm.inspect(&source).await.map_err(|error| match error.retryable() {
            true => CatalogueError::Unavailable(error.to_string()),
            false => problem(&field, error.to_string(), "mend the chart; helm lint shows more"),
        })?;
        let digest = self.blobs.put(upload.archive).await.map_err(|e| CatalogueError::Unavailable(e.to_string()))?;
        Ok(StoredChart { name: upload.name, version: info.version, digest: digest.to_string() })
    }

    /// Every folder with a Chart.yaml directly below an allowed path.
    fn folder(&self, spec: &RepositorySpec) -> Result<Vec<Upload>, CatalogueError> {
        let path = spec.path.as_deref().ok_or_else(|| problem("spec", "neither path nor charts", "give spec.path"))?;
        let path = Path::new(path);
        let real = path.canonicalize().map_err(|error| {
            problem("spec.path", format!("{}: {error}", path.display()), "give a folder that exists on the server")
        })?;
        if !self.allow_paths.iter().any(|allowed| real.starts_with(allowed)) {
            let mend = "allow it by [repositories] allow_paths in the server's configuration, or upload by the CLI: \
                        sliceway repository add NAME --path DIR";
            return Err(problem("spec.path", format!("the server may not read {}", real.display()), mend));
        }
        chart_folders(&real).map_err(|error| problem("spec.path", error, "mend or move the folder"))
    }

    pub async fn delete(&self, _: &AdminPermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        deletion::delete(&self.store, Thing::Repository(name), expect).await
    }
}

/// Packs every chart directly below a folder; also what the CLI uploads.
pub(crate) fn chart_folders(folder: &Path) -> Result<Vec<Upload>, String> {
    let mut uploads = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.join("Chart.yaml").is_file() {
            let archive = pack_folder(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            uploads.push(Upload { name: entry.file_name().to_string_lossy().into_owned(), archive });
        }
    }
    if uploads.is_empty() {
        return Err(format!("{} holds no folder with a Chart.yaml", folder.display()));
    }
    uploads.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(uploads)
}
