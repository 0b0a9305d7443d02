//! NFV packages of a tenant. A package is kept as it came, and never changes: another content has another name. A function's
//! package stays while a service's descriptor names it.

use super::{CatalogueError, readable, tenants};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::packages::verdict::{Verdict, verdict};
use crate::store::{Blobs, Clock, Digest, Expect, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::package::{Descriptor, DescriptorKind, Member, Package, UsageState};
use models::problem::nearest;
use models::{Name, Problem};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

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
    /// What a package inflates to is held in memory: few at a time.
    judges: Arc<Semaphore>,
}

/// Packages that are looked into at one time.
const JUDGES: usize = 2;

fn key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Package, tenant.as_str(), name.as_str())
}

/// Beside each package stand who describes what and who names what, so that nobody reads all to know of one.
#[derive(Clone, Copy)]
enum Says {
    Describes,
    Uses,
}

impl Says {
    /// Ids of descriptors are any text.
    fn prefix(self, kind: DescriptorKind, id: &str) -> String {
        let word = match self {
            Self::Describes => "describes",
            Self::Uses => "uses",
        };
        format!("{word}/{}", Digest::of(format!("{}/{id}", kind.as_str()).as_bytes()))
    }

    fn key(self, tenant: &Name, (kind, id): (DescriptorKind, &str), name: &Name) -> Key {
        Key::new(Kind::Meta, tenant.as_str(), format!("{}/{name}", self.prefix(kind, id)))
    }
}

/// All that stands beside a package.
fn beside(tenant: &Name, package: &Package) -> Vec<Key> {
    let Descriptor { kind, id, functions, .. } = &package.descriptor;
    let ids: BTreeSet<&str> = functions.iter().map(|member| member.descriptor.as_str()).collect();
    let uses = ids.into_iter().map(|id| Says::Uses.key(tenant, (DescriptorKind::Vnfd, id), &package.name));
    uses.chain([Says::Describes.key(tenant, (*kind, id), &package.name)]).collect()
}

impl Packages {
    pub fn new(store: Arc<dyn Store>, blobs: Arc<Blobs>, clock: Clock) -> Self {
        Self { store, blobs, clock, turn: Arc::default(), judges: Arc::new(Semaphore::new(JUDGES)) }
    }

    pub async fn list(&self, permit: &ReadPermit) -> Result<Vec<PackageShown>, CatalogueError> {
        let query = Query::of(Kind::Package, permit.tenant().as_str());
        self.each(permit.tenant(), &codec::all(&self.store, query).await?).await
    }

    /// So many by name, from the one after `after`; and the last of them where there are more.
    pub async fn part(
        &self,
        permit: &ReadPermit,
        (after, limit): (Option<&str>, usize),
    ) -> Result<(Vec<PackageShown>, Option<String>), CatalogueError> {
        let tenant = permit.tenant();
        let mut query = Query::of(Kind::Package, tenant.as_str()).limit(limit + 1);
        if let Some(name) = after {
            query = query.after(&Key::new(Kind::Package, tenant.as_str(), name));
        }
        let mut objects = self.store.list(&query).await?;
        let more = objects.len() > limit;
        objects.truncate(limit);
        let last = objects.last().filter(|_| more).map(|object| object.key.id.clone());
        Ok((self.each(tenant, &objects).await?, last))
    }

    async fn each(&self, tenant: &Name, objects: &[Object]) -> Result<Vec<PackageShown>, CatalogueError> {
        let mut all = Vec::with_capacity(objects.len());
        for package in objects.iter().filter_map(readable::<Package>) {
            all.push(self.shown(tenant, package).await?);
        }
        Ok(all)
    }

    pub async fn get(&self, permit: &ReadPermit, name: &Name) -> Result<(PackageShown, Revision), CatalogueError> {
        let (package, rev) = self.one(permit.tenant(), name).await?;
        Ok((self.shown(permit.tenant(), package).await?, rev))
    }

    /// What is there with the same bytes stays as it is.
    pub async fn put(
        &self,
        permit: &WritePermit,
        new: NewPackage,
        expect: &Expect,
    ) -> Result<(PackageShown, Revision), CatalogueError> {
        let (tenant, file, name) = (permit.tenant(), new.file.clone(), new.name);
        let onboarded = Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let (trust, of) = tenants::trust(&self.store, tenant, onboarded).await?;
        let judge = self.judges.acquire().await;
        let _judge = judge.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let judged = tokio::task::spawn_blocking(move || (verdict(&new.file, &new.bytes, &trust), new.bytes)).await;
        let (told, bytes) = judged.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let Verdict { digest, descriptor, charts, warnings, signature, problems, .. } = told;
        let Some(descriptor) = descriptor else { return Err(CatalogueError::Problems(problems)) };
        let _turn = self.turn.lock().await;
        let key = key(tenant, &name);
        let found = self.store.get(&key).await?;
        expect.check(&key, found.as_ref().map(|object| object.rev))?;
        if let Some(object) = found {
            let package: Package = object.read()?;
            return match package.digest == digest {
                true => Ok((self.shown(tenant, package).await?, object.rev)),
                false => Err(taken(&package)),
            };
        }
        self.allowed(tenant, &descriptor).await?;
        let size = bytes.len() as u64;
        let kept = self.blobs.put(bytes).await;
        kept.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let package = Package { name, file, digest, bytes: size, descriptor, charts, warnings, signature, onboarded };
        // It was judged by what the tenant asks for: another answer of the tenant's asks for another judgement.
        let txn = Txn::new().absent(key.clone()).at(of.0, of.1).put(key, codec::json(&package)?);
        let txn = beside(tenant, &package).into_iter().fold(txn, |txn, key| txn.put(key, json!({})));
        let rev = self.store.commit(txn).await?;
        Ok((self.shown(tenant, package).await?, rev))
    }

    pub async fn delete(&self, permit: &WritePermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let tenant = permit.tenant();
        let _turn = self.turn.lock().await;
        let (package, rev) = self.one(tenant, name).await?;
        let key = key(tenant, name);
        expect.check(&key, Some(rev))?;
        let users = self.users(tenant, &package.descriptor).await?;
        if !users.is_empty() {
            return Err(CatalogueError::InUse { users: users.iter().map(|user| format!("package {user}")).collect() });
        }
        let txn = Txn::new().at(key.clone(), rev).delete(key);
        self.store.commit(beside(tenant, &package).into_iter().fold(txn, Txn::delete)).await?;
        Ok(())
    }

    async fn one(&self, tenant: &Name, name: &Name) -> Result<(Package, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("package {name}"));
        let object = self.store.get(&key(tenant, name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    /// Packages that say this of a descriptor.
    async fn who(
        &self,
        tenant: &Name,
        (says, kind, id): (Says, DescriptorKind, &str),
    ) -> Result<Vec<Name>, StoreError> {
        let query = Query::of(Kind::Meta, tenant.as_str()).prefix(format!("{}/", says.prefix(kind, id)));
        let found = codec::all(&self.store, query).await?;
        Ok(found.iter().filter_map(|object| object.key.id.rsplit('/').next()?.parse().ok()).collect())
    }

    /// Services whose descriptors name it, where no other version of it is there.
    async fn users(&self, tenant: &Name, of: &Descriptor) -> Result<Vec<Name>, StoreError> {
        if of.kind != DescriptorKind::Vnfd {
            return Ok(vec![]);
        }
        let users = self.who(tenant, (Says::Uses, of.kind, &of.id)).await?;
        if users.is_empty() || self.who(tenant, (Says::Describes, of.kind, &of.id)).await?.len() > 1 {
            return Ok(vec![]);
        }
        Ok(users)
    }

    async fn shown(&self, tenant: &Name, package: Package) -> Result<PackageShown, StoreError> {
        let users = self.users(tenant, &package.descriptor).await?;
        let usage = if users.is_empty() { UsageState::NotInUse } else { UsageState::InUse };
        Ok(PackageShown { package, usage, users })
    }

    /// One descriptor of a version is there once; a service's functions are there before it.
    async fn allowed(&self, tenant: &Name, new: &Descriptor) -> Result<(), CatalogueError> {
        let mut problems = Vec::new();
        for name in self.who(tenant, (Says::Describes, new.kind, &new.id)).await? {
            let (same, _) = self.one(tenant, &name).await?;
            if same.descriptor.version == new.version {
                let (kind, id, version) = (new.kind.as_str(), &new.id, &new.version);
                let message = format!("{kind} {id} in version {version} is in package {name}");
                problems.push(Problem::at("name", message).mend("raise the version, or delete that package first"));
            }
        }
        for Member { name, descriptor: id } in &new.functions {
            if self.who(tenant, (Says::Describes, DescriptorKind::Vnfd, id)).await?.is_empty() {
                let message = format!("no package describes {id}, the function {name}");
                let problem = Problem { file: Some(new.entry.clone()), ..Problem::at("", message) };
                problems.push(problem.mend(self.near(tenant, id).await?));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Problems(problems)) }
    }

    async fn near(&self, tenant: &Name, id: &str) -> Result<String, StoreError> {
        let all = codec::all(&self.store, Query::of(Kind::Package, tenant.as_str())).await?;
        let functions = all.iter().filter(|object| object.doc["descriptor"]["kind"] == DescriptorKind::Vnfd.as_str());
        let known = functions.filter_map(|object| object.doc["descriptor"]["id"].as_str());
        Ok(match nearest(id, known) {
            Some(near) => format!("did you mean {near}?"),
            None => "on-board the package of that function first".to_owned(),
        })
    }
}

fn taken(package: &Package) -> CatalogueError {
    let Descriptor { name, version, .. } = &package.descriptor;
    let message = format!("package {} is {name} {version} with other bytes, and a package never changes", package.name);
    let mend = "give the new one a version and a name of its own, or delete the old one first";
    CatalogueError::Problems(vec![Problem::at("name", message).mend(mend)])
}
