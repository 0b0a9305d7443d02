//! Repositories: folders of charts, Helm repositories and OCI registries. Credentials are kept sealed and never returned.

use super::folder::{self, Upload};
use super::users::Thing;
use super::{CatalogueError, deletion, readable};
use crate::auth::AdminPermit;
use crate::ops::{codec, safe};
use crate::store::{Blobs, Clock, Expect, Key, Kind, Query, Revision, Store, StoreError, Txn, Vault};
use adapters::Sealed;
use adapters::charts::{Bounds, Dependency, Fault, Login, Origin, Sources, Tree};
use adapters::helm::Helm;
use jiff::Timestamp;
use models::repository::{CredentialKind, PinnedDependency, Repository, RepositorySpec, StoredChart};
use models::{Name, Problem};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is given beside a repository's address.
pub enum Credentials {
    Basic { username: String, password: Zeroizing<String> },
    Bearer { token: Zeroizing<String> },
}

/// What registering takes.
pub struct NewRepository {
    pub name: Name,
    pub spec: RepositorySpec,
    pub uploads: Vec<Upload>,
    /// Absent: those that are kept stay, as long as the address is on the same host.
    pub credentials: Option<Credentials>,
}

/// What repositories stand on.
#[derive(Clone)]
pub struct Shelf {
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
    pub blobs: Arc<Blobs>,
    pub helm: Arc<Helm>,
    pub clock: Clock,
    pub allow_paths: Vec<PathBuf>,
    pub bounds: Bounds,
}

#[derive(Clone)]
pub struct Repositories(pub(super) Arc<Shelf>);

pub(super) fn key(name: &Name) -> Key {
    Key::installation(Kind::Repository, name.as_str())
}

pub(super) fn credentials_key(name: &Name) -> Key {
    Key::installation(Kind::Secret, format!("repository/{name}/credentials"))
}

pub(super) fn problem(field: &str, message: impl Into<String>, mend: impl Into<String>) -> CatalogueError {
    CatalogueError::Problems(vec![Problem::at(field, message).mend(mend)])
}

impl Repositories {
    pub fn new(shelf: Shelf) -> Self {
        Self(Arc::new(shelf))
    }

    pub async fn get(&self, name: &Name) -> Result<(Repository, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("repository {name}"));
        let object = self.0.store.get(&key(name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    pub async fn list(&self) -> Result<Vec<(Repository, Revision)>, StoreError> {
        let objects = codec::all(&self.0.store, Query::of(Kind::Repository, "")).await?;
        Ok(objects.iter().filter_map(|object| Some((readable(object)?, object.rev))).collect())
    }

    /// Makes or refreshes a repository, where the caller finds what it expects: from the upload, from an allowed folder,
    /// or from what its address answers.
    pub async fn put(
        &self,
        _: &AdminPermit,
        new: NewRepository,
        expect: &Expect,
    ) -> Result<(Repository, Revision), CatalogueError> {
        let before = self.0.store.get(&key(&new.name)).await?;
        let found = before.as_ref().map(|object| object.rev);
        expect.check(&key(&new.name), found)?;
        if new.spec.url.is_some() && new.spec.path.is_some() {
            return Err(problem("spec.url", "cannot stand beside path", "give only one of path or url"));
        }
        let before: Option<Repository> = before.as_ref().and_then(readable);
        let mut txn = Txn::new();
        let mut repository =
            Repository { name: new.name.clone(), spec: new.spec, charts: vec![], credentials: None, index: None };
        match (&repository.spec.url, new.uploads.is_empty()) {
            (Some(_), false) => {
                return Err(problem("charts", "a repository with an address takes no upload", "leave one out"));
            }
            (Some(url), true) => {
                let kept = before.as_ref().filter(|b| b.spec.url.as_deref().is_some_and(|old| host(old) == host(url)));
                if let (None, Some(_), Some(rev)) = (&new.credentials, kept, found) {
                    // Credentials that are kept are still this host's when it is written.
                    txn = txn.at(key(&new.name), rev);
                }
                let (login, kind) = self.login(&new.name, (new.credentials, kept), &mut txn).await?;
                let url = url.clone();
                let origin = Origin { name: new.name.to_string(), url, ca: repository.spec.ca.clone(), login };
                repository.credentials = kind;
                repository.index = self.look(&origin).await.map_err(|fault| refused("spec.url", &fault))?;
            }
            (None, upload) => {
                let uploads =
                    if upload { folder::allowed(&repository.spec, &self.0.allow_paths)? } else { new.uploads };
                repository.charts = self.take_in(uploads).await?;
                txn = txn.delete(credentials_key(&new.name));
            }
        }
        let txn = txn.put(key(&new.name), codec::json(&repository)?);
        let rev = self.0.store.commit(expect.bind(txn, (&key(&new.name), found))?).await?;
        Ok((repository, rev))
    }

    /// What the server will say that it is: what is given now, or what was kept for the same host.
    async fn login(
        &self,
        name: &Name,
        (given, kept): (Option<Credentials>, Option<&Repository>),
        txn: &mut Txn,
    ) -> Result<(Login, Option<CredentialKind>), CatalogueError> {
        let key = credentials_key(name);
        let (login, kind) = match (given, kept) {
            (None, Some(kept)) => return Ok((self.kept(name).await?, kept.credentials)),
            (None, None) => {
                *txn = std::mem::take(txn).delete(key);
                return Ok((Login::None, None));
            }
            (Some(Credentials::Basic { username, password }), _) => {
                (Login::Basic { username, password }, CredentialKind::Basic)
            }
            (Some(Credentials::Bearer { token }), _) => (Login::Bearer(token), CredentialKind::Bearer),
        };
        let fields = fields(&login).map_err(|what| {
            problem("credentials", format!("{what} holds characters that no header takes"), "give it without line ends")
        })?;
        let sealed = safe::seal(&self.0.vault, &key, &fields);
        let sealed = sealed.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        *txn = std::mem::take(txn).put(key, sealed);
        Ok((login, Some(kind)))
    }

    async fn kept(&self, name: &Name) -> Result<Login, CatalogueError> {
        let key = credentials_key(name);
        let Some(sealed) = self.0.store.get(&key).await? else { return Ok(Login::None) };
        let opened = safe::open(&self.0.vault, &key, &sealed.doc);
        let opened = opened.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let field = |wanted: &str| {
            let found = opened.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| Zeroizing::new(String::from_utf8_lossy(value).into_owned()))
        };
        Ok(match (field("username"), field("password"), field("token")) {
            (Some(username), Some(password), _) => Login::Basic { username: username.to_string(), password },
            (_, _, Some(token)) => Login::Bearer(token),
            _ => Login::None,
        })
    }

    /// Every registered address, opened for one call.
    pub(super) async fn origins(&self) -> Result<Vec<Origin>, CatalogueError> {
        let mut origins = Vec::new();
        for (repository, _) in self.list().await? {
            let Some(url) = repository.spec.url else { continue };
            let login = match self.kept(&repository.name).await {
                // Asked without them the repository says what is missing; the others go on.
                Err(CatalogueError::Unavailable(error)) => {
                    tracing::warn!(%error, repository = %repository.name, "its credentials cannot be opened");
                    Login::None
                }
                login => login?,
            };
            origins.push(Origin { name: repository.name.to_string(), url, ca: repository.spec.ca, login });
        }
        Ok(origins)
    }

    /// The charts of a folder, each with what it needs put in.
    async fn take_in(&self, uploads: Vec<Upload>) -> Result<Vec<StoredChart>, CatalogueError> {
        let origins = self.origins().await?;
        let sources = Sources::new(&self.0.helm, &origins, &self.0.bounds);
        let own: Vec<String> = uploads.iter().filter(|u| u.is_own()).map(|u| u.name.clone()).collect();
        let tree: BTreeMap<String, Vec<u8>> = uploads.into_iter().map(|u| (u.name, u.archive)).collect();
        let mut charts = Vec::new();
        for name in own {
            let field = format!("charts.{name}");
            let built = sources.build(Tree { base: &name, charts: &tree }).await;
            let built = built.map_err(|fault| refused(&field, &fault))?;
            let digest = self.keep(built.archive).await?;
            let dependencies = built.dependencies.into_iter().map(pinned).collect();
            charts.push(StoredChart { name, version: built.version, digest, dependencies });
        }
        charts.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(charts)
    }

    pub(super) async fn keep(&self, bytes: Vec<u8>) -> Result<String, CatalogueError> {
        let kept = self.0.blobs.put(bytes).await.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        Ok(kept.to_string())
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.0.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub async fn delete(&self, _: &AdminPermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        deletion::delete(&self.0.store, Thing::Repository(name), expect).await
    }
}

pub(super) fn pinned(dependency: Dependency) -> PinnedDependency {
    let Dependency { name, version, repository, digest } = dependency;
    PinnedDependency { name, version, repository, digest }
}

/// What can pass is "not now"; the rest has to be mended.
pub(super) fn refused(field: &str, fault: &Fault) -> CatalogueError {
    match fault.retryable() {
        true => CatalogueError::Unavailable(format!("{fault}; {}", fault.mend())),
        false => problem(field, fault.to_string(), fault.mend()),
    }
}

/// Scheme, host and port: where credentials may go.
fn host(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    format!("{scheme}://{}", rest.split('/').next().unwrap_or_default().to_lowercase())
}

fn fields(login: &Login) -> Result<Vec<(String, Sealed)>, &'static str> {
    let plain = |text: &str| text.chars().all(|c| !c.is_control());
    let field = |name: &str, text: &str| (name.to_owned(), Zeroizing::new(text.as_bytes().to_vec()));
    match login {
        Login::None => Ok(vec![]),
        Login::Basic { username, password } if plain(username) && plain(password) => {
            Ok(vec![field("username", username), field("password", password)])
        }
        Login::Basic { .. } => Err("the user's name or password"),
        Login::Bearer(token) if token.is_ascii() && plain(token) => Ok(vec![field("token", token)]),
        Login::Bearer(_) => Err("the token"),
    }
}
