//! Templates: what an operator offers to all tenants. A version never changes, and stays while a slice is of it.

use super::repositories::problem;
use super::{CatalogueError, readable};
use crate::auth::{AdminPermit, ReadPermit};
use crate::ops::codec;
use crate::packages::offered;
use crate::store::{Clock, Expect, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::problem::nearest;
use models::slice::Phase;
use models::template::{Template, TemplateSpec, TemplateUse};
use models::version::rank;
use models::{Name, Slice, SliceSpec};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A slice of a template, whoever's it is.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct TemplateSlice {
    pub tenant: Name,
    pub slice: Name,
    pub template: Name,
    pub version: String,
    /// While it is not `Ready` it may go back to another version.
    pub phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

#[derive(Clone)]
pub struct Templates {
    store: Arc<dyn Store>,
    clock: Clock,
    /// What is counted against a quota is counted one at a time.
    turn: Arc<Mutex<()>>,
}

/// `/` is in no name.
fn key(name: &Name, version: &str) -> Key {
    Key::installation(Kind::Template, format!("{name}/{version}"))
}

impl Templates {
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, turn: Arc::default() }
    }

    /// Every version of every one, the newest of each name last.
    pub async fn list(&self, _: &ReadPermit) -> Result<Vec<Template>, CatalogueError> {
        let objects = codec::all(&self.store, Query::of(Kind::Template, "")).await?;
        let mut all: Vec<Template> = objects.iter().filter_map(readable).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| rank(&a.spec.version).cmp(&rank(&b.spec.version))));
        Ok(all)
    }

    /// A version, or the newest.
    pub async fn get(
        &self,
        _: &ReadPermit,
        (name, version): (&Name, Option<&str>),
    ) -> Result<(Template, Revision), CatalogueError> {
        self.one((name, version)).await
    }

    async fn one(&self, (name, version): (&Name, Option<&str>)) -> Result<(Template, Revision), CatalogueError> {
        let mut all = self.versions(name).await?;
        all.sort_by_key(|(template, _)| rank(&template.spec.version));
        let missing = || CatalogueError::NotFound(format!("template {name}"));
        let Some(version) = version else { return all.pop().ok_or_else(missing) };
        let at = all.iter().position(|(template, _)| template.spec.version == version);
        match at {
            Some(at) => Ok(all.swap_remove(at)),
            None if all.is_empty() => Err(missing()),
            None => {
                let known = || all.iter().map(|(template, _)| template.spec.version.as_str());
                let message = format!("template {name} has no version {version:?}");
                let mend = match nearest(version, known()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
                };
                Err(problem("version", message, mend))
            }
        }
    }

    async fn versions(&self, name: &Name) -> Result<Vec<(Template, Revision)>, StoreError> {
        let query = Query::of(Kind::Template, "").prefix(format!("{name}/"));
        let objects = codec::all(&self.store, query).await?;
        Ok(objects.iter().filter_map(|object: &Object| Some((readable(object)?, object.rev))).collect())
    }

    pub async fn put(
        &self,
        _: &AdminPermit,
        (name, spec): (Name, TemplateSpec),
        expect: &Expect,
    ) -> Result<(Template, Revision), CatalogueError> {
        let key = key(&name, &spec.version);
        let found = self.store.get(&key).await?;
        let rev = found.as_ref().map(|object| object.rev);
        expect.check(&key, rev)?;
        if let Some(object) = found {
            let stored: Template = object.read()?;
            if stored.spec == spec {
                return Ok((stored, object.rev));
            }
            let message =
                format!("template {name} {} is there with other words, and a version never changes", spec.version);
            return Err(problem("spec.version", message, "raise the version"));
        }
        let created = Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let template = Template { name, spec, created };
        offered::check(&template).map_err(CatalogueError::Problems)?;
        let rev = self.store.commit(Txn::new().absent(key.clone()).put(key, codec::json(&template)?)).await?;
        Ok((template, rev))
    }

    /// One version, or all of them where none is said.
    pub async fn delete(
        &self,
        _: &AdminPermit,
        (name, version): (&Name, Option<&str>),
        expect: &Expect,
    ) -> Result<(), CatalogueError> {
        let _turn = self.turn.lock().await;
        let all = self.versions(name).await?;
        let meant =
            |(template, _): &&(Template, Revision)| version.is_none_or(|version| template.spec.version == version);
        let doomed: Vec<&(Template, Revision)> = all.iter().filter(meant).collect();
        if doomed.is_empty() {
            return Err(CatalogueError::NotFound(format!("template {name}")));
        }
        let slices = self.used(Some(name), Query::all(Kind::Slice)).await?;
        let uses = |slice: &&TemplateSlice| {
            slice.phase != Phase::Ready || version.is_none_or(|version| slice.version == version)
        };
        let users: Vec<String> = slices
            .iter()
            .filter(uses)
            .map(|of| format!("slice {} of tenant {}", of.slice, of.tenant))
            .take(20)
            .collect();
        if !users.is_empty() {
            return Err(CatalogueError::InUse { users });
        }
        let mut txn = Txn::new();
        for (template, rev) in doomed {
            let key = key(name, &template.spec.version);
            expect.check(&key, Some(*rev))?;
            txn = txn.at(key.clone(), *rev).delete(key);
        }
        self.store.commit(txn).await?;
        Ok(())
    }

    /// Of one template, or of all.
    pub async fn slices(&self, _: &AdminPermit, name: Option<&Name>) -> Result<Vec<TemplateSlice>, CatalogueError> {
        if let Some(name) = name {
            self.one((name, None)).await?;
        }
        Ok(self.used(name, Query::all(Kind::Slice)).await?)
    }

    async fn used(&self, name: Option<&Name>, among: Query) -> Result<Vec<TemplateSlice>, StoreError> {
        let objects = codec::all(&self.store, among).await?;
        let of = |slice: Slice| {
            let used = slice.spec.template.filter(|used| name.is_none_or(|name| used.name == *name))?;
            Some(TemplateSlice {
                tenant: slice.tenant,
                slice: slice.name,
                template: used.name,
                version: used.version.unwrap_or_default(),
                phase: slice.phase,
                operation: slice.operation,
            })
        };
        Ok(objects.iter().filter_map(readable::<Slice>).filter_map(of).collect())
    }

    /// The slice that a template makes of what is said; fields of the problems are those of the use.
    pub async fn fill(
        &self,
        (tenant, slice): (&Name, &Name),
        (said, before): (&TemplateUse, Option<&SliceSpec>),
    ) -> Result<SliceSpec, CatalogueError> {
        let was = before.and_then(|spec| spec.template.as_ref()).filter(|was| was.name == said.name);
        let version = said.version.as_deref().or(was.and_then(|was| was.version.as_deref()));
        let (template, _) = self.one((&said.name, version)).await.map_err(|error| match error {
            CatalogueError::NotFound(what) => {
                problem("name", format!("{what} does not exist"), "sliceway get templates")
            }
            other => other,
        })?;
        let before = match was.and_then(|was| Some((was, was.version.as_deref()?))) {
            Some((was, version)) => Some(offered::said_of(&self.one((&said.name, Some(version))).await?.0, was)),
            None => None,
        };
        let spec = offered::fill((&template, slice), (said, before.as_ref())).map_err(CatalogueError::Problems)?;
        if was.is_none() {
            self.room((tenant, slice), &template).await?;
        }
        Ok(spec)
    }

    async fn room(&self, (tenant, slice): (&Name, &Name), template: &Template) -> Result<(), CatalogueError> {
        let Some(most) = template.spec.quota.as_ref().and_then(|quota| quota.of(tenant)) else { return Ok(()) };
        let all = self.used(Some(&template.name), Query::of(Kind::Slice, tenant.as_str())).await?;
        let own = all.iter().filter(|of| of.slice != *slice).count();
        if own < most as usize {
            return Ok(());
        }
        let message = format!("tenant {tenant} has {own} slices of template {}, and may have {most}", template.name);
        Err(problem("name", message, "delete one, or ask who offers it"))
    }

    /// Who holds it counts and begins: nobody else does in between.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }
}
