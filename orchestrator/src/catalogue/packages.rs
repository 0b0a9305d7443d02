//! NFV packages of a tenant. A package is kept as it came, and never changes: another content has another name. A function's
//! package stays while a service's descriptor names it.

use super::{CatalogueError, readable};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::packages::verdict::{Verdict, verdict};
use crate::store::{Blobs, Clock, Expect, Key, Kind, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::package::{Descriptor, DescriptorKind, Package, UsageState};
use models::problem::nearest;
use models::{Name, Problem};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A package that somebody brings.
pub struct NewPackage {
    pub name: Name,
    /// What its sender calls the file.
    pub file: String,
    pub bytes: Vec<u8>,
}

/// A package, and who rests on it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct PackageShown {
    #[serde(flatten)]
    pub package: Package,
    pub usage: UsageState,
    /// Packages of services whose descriptors name this one's.
    pub users: Vec<Name>,
}

#[derive(Clone)]
pub struct Packages {
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    clock: Clock,
    /// Who comes and who goes is judged by what is there: one at a time.
    turn: Arc<Mutex<()>>,
}

fn key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Package, tenant.as_str(), name.as_str())
}

impl Packages {
    pub fn new(store: Arc<dyn Store>, blobs: Arc<Blobs>, clock: Clock) -> Self {
        Self { store, blobs, clock, turn: Arc::default() }
    }

    pub async fn list(&self, permit: &ReadPermit) -> Result<Vec<PackageShown>, CatalogueError> {
        let all = self.all(permit.tenant()).await?;
        Ok(all.iter().map(|package| shown(package, &all)).collect())
    }

    pub async fn get(&self, permit: &ReadPermit, name: &Name) -> Result<(PackageShown, Revision), CatalogueError> {
        let (package, rev) = self.one(permit.tenant(), name).await?;
        Ok((shown(&package, &self.all(permit.tenant()).await?), rev))
    }

    /// What is there with the same bytes stays as it is.
    pub async fn put(
        &self,
        permit: &WritePermit,
        new: NewPackage,
        expect: &Expect,
    ) -> Result<(PackageShown, Revision), CatalogueError> {
        let (tenant, file) = (permit.tenant(), new.file.clone());
        let judged = tokio::task::spawn_blocking(move || (verdict(&file, &new.bytes), new.bytes)).await;
        let (told, bytes) = judged.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let Verdict { digest, descriptor, charts, warnings, problems, .. } = told;
        let Some(descriptor) = descriptor else { return Err(CatalogueError::Problems(problems)) };
        let _turn = self.turn.lock().await;
        let key = key(tenant, &new.name);
        let found = self.store.get(&key).await?;
        expect.check(&key, found.as_ref().map(|object| object.rev))?;
        let all = self.all(tenant).await?;
        if let Some(object) = found {
            let package: Package = object.read()?;
            return match package.digest == digest {
                true => Ok((shown(&package, &all), object.rev)),
                false => Err(taken(&package)),
            };
        }
        allowed(&descriptor, &all).map_err(CatalogueError::Problems)?;
        let kept = self.blobs.put(bytes.clone()).await;
        kept.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let onboarded = Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let bytes = bytes.len() as u64;
        let package =
            Package { name: new.name, file: new.file, digest, bytes, descriptor, charts, warnings, onboarded };
        let tenant = Key::installation(Kind::Tenant, tenant.as_str());
        let txn = Txn::new().absent(key.clone()).exists(tenant).put(key, codec::json(&package)?);
        let rev = self.store.commit(txn).await?;
        Ok((shown(&package, &all), rev))
    }

    pub async fn delete(&self, permit: &WritePermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let tenant = permit.tenant();
        let _turn = self.turn.lock().await;
        let (package, rev) = self.one(tenant, name).await?;
        expect.check(&key(tenant, name), Some(rev))?;
        let users = users(&package, &self.all(tenant).await?);
        if !users.is_empty() {
            return Err(CatalogueError::InUse { users: users.iter().map(|user| format!("package {user}")).collect() });
        }
        let key = key(tenant, name);
        self.store.commit(Txn::new().at(key.clone(), rev).delete(key)).await?;
        Ok(())
    }

    async fn one(&self, tenant: &Name, name: &Name) -> Result<(Package, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("package {name}"));
        let object = self.store.get(&key(tenant, name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    async fn all(&self, tenant: &Name) -> Result<Vec<Package>, StoreError> {
        let objects = codec::all(&self.store, Query::of(Kind::Package, tenant.as_str())).await?;
        Ok(objects.iter().filter_map(readable).collect())
    }
}

fn taken(package: &Package) -> CatalogueError {
    let Descriptor { name, version, .. } = &package.descriptor;
    let message = format!("package {} is {name} {version} with other bytes, and a package never changes", package.name);
    CatalogueError::Problems(vec![
        Problem::at("name", message)
            .mend("give the new one a version and a name of its own, or delete the old one first"),
    ])
}

/// One descriptor of a version is there once; a service's functions are there before it.
fn allowed(new: &Descriptor, all: &[Package]) -> Result<(), Vec<Problem>> {
    let is_same = |of: &Descriptor| (of.kind, &of.id, &of.version) == (new.kind, &new.id, &new.version);
    let mut problems = Vec::new();
    if let Some(same) = all.iter().find(|package| is_same(&package.descriptor)) {
        let message =
            format!("{} {} in version {} is in package {}", new.kind.as_str(), new.id, new.version, same.name);
        problems.push(Problem::at("name", message).mend("raise the version, or delete that package first"));
    }
    let functions = all.iter().filter(|package| package.descriptor.kind == DescriptorKind::Vnfd);
    let known: Vec<&str> = functions.map(|package| package.descriptor.id.as_str()).collect();
    for id in new.functions.iter().filter(|id| !known.contains(&id.as_str())) {
        let mend = match nearest(id, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => "on-board the package of that function first".to_owned(),
        };
        problems.push(
            Problem {
                file: Some(new.entry.clone()),
                ..Problem::at("", format!("no package describes the function {id}"))
            }
            .mend(mend),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Services whose descriptors name it, where no other version of it is there.
fn users(package: &Package, all: &[Package]) -> Vec<Name> {
    let of = &package.descriptor;
    let others = |other: &&Package| other.name != package.name && other.descriptor.kind == of.kind;
    if of.kind != DescriptorKind::Vnfd || all.iter().filter(others).any(|other| other.descriptor.id == of.id) {
        return vec![];
    }
    all.iter().filter(|user| user.descriptor.functions.contains(&of.id)).map(|user| user.name.clone()).collect()
}

fn shown(package: &Package, all: &[Package]) -> PackageShown {
    let users = users(package, all);
    let usage = if users.is_empty() { UsageState::NotInUse } else { UsageState::InUse };
    PackageShown { package: package.clone(), usage, users }
}
