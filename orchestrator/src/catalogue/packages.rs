//! NFV packages of a tenant. A package is kept as it came, and never changes: another content has another name. A function's
//! package stays while a service's descriptor names it, and any while a slice is made of it.

use super::awaited::{self, Awaited};
use super::charts::mend;
use super::expansion::newer;
use super::repositories::{Repositories, problem};
use super::usage::{Says, beside, marks};
use super::users::Thing;
use super::{CatalogueError, deletion, pinning, readable, tenants};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::ops::footing::package_key;
use crate::packages::verdict::{Verdict, verdict};
use crate::store::{Blobs, Digest, Expect, Key, Kind, Object, Query, Random, Revision, Secret, Store, StoreError, Txn};
use adapters::helm::Helm;
use models::package::{Descriptor, DescriptorKind, Member, OnboardingState, OperationalState, Package, UsageState};
use models::problem::nearest;
use models::{Name, Problem};
use serde::Serialize;
use serde_json::json;
use sol005::onboarding::{Onboarded, onboard};
use sol005::signature::Trust;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

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
    pub onboarding: OnboardingState,
    pub usage: UsageState,
    /// Packages of services whose descriptors name this one's, and slices that are made of it.
    pub users: Vec<String>,
}

impl PackageShown {
    pub(super) fn of(package: Package, users: Vec<String>) -> Self {
        let usage = if users.is_empty() { UsageState::NotInUse } else { UsageState::InUse };
        Self { package, onboarding: OnboardingState::Onboarded, usage, users }
    }
}

#[derive(Clone)]
pub struct Packages {
    repositories: Repositories,
    random: Random,
    /// Who comes and who goes is judged by what is there: one at a time.
    turn: Arc<Mutex<()>>,
    /// What a package inflates to is held in memory: few at a time.
    judges: Arc<Semaphore>,
}

/// Packages that are looked into at one time.
const JUDGES: usize = 2;

impl Packages {
    pub fn new(repositories: Repositories, random: Random) -> Self {
        Self { repositories, random, turn: Arc::default(), judges: Arc::new(Semaphore::new(JUDGES)) }
    }

    pub(super) fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    pub(super) fn random(&self) -> &Random {
        &self.random
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.repositories.0.store
    }

    pub(super) fn blobs(&self) -> &Blobs {
        &self.repositories.0.blobs
    }

    pub(super) fn helm(&self) -> &Helm {
        &self.repositories.0.helm
    }

    /// Work on what is in a package, beside the requests; a few at a time, since it is held in memory.
    pub async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let _judge = self.judge().await?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| CatalogueError::Unavailable(error.to_string()))
    }

    /// Who holds it may look into a package.
    pub(super) async fn judge(&self) -> Result<SemaphorePermit<'_>, CatalogueError> {
        self.judges.acquire().await.map_err(|error| CatalogueError::Unavailable(error.to_string()))
    }

    pub(super) async fn names(&self, tenant: &Name) -> Result<Vec<Name>, StoreError> {
        let all = codec::all(self.store(), Query::of(Kind::Package, tenant.as_str())).await?;
        Ok(all.iter().filter_map(|object| object.key.id.parse().ok()).collect())
    }

    pub async fn list(&self, permit: &ReadPermit) -> Result<Vec<PackageShown>, CatalogueError> {
        let query = Query::of(Kind::Package, permit.tenant().as_str());
        self.each(permit.tenant(), &codec::all(self.store(), query).await?).await
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
        let mut objects = self.store().list(&query).await?;
        let more = objects.len() > limit;
        objects.truncate(limit);
        let last = objects.last().filter(|_| more).map(|object| object.key.id.clone());
        Ok((self.each(tenant, &objects).await?, last))
    }

    pub(super) async fn each(&self, tenant: &Name, objects: &[Object]) -> Result<Vec<PackageShown>, CatalogueError> {
        let packages: Vec<Package> = objects.iter().filter_map(readable).collect();
        let begun = self.begun(tenant, packages.iter().flat_map(marks).collect()).await?;
        let mut all = Vec::with_capacity(packages.len());
        for package in packages {
            let unused = marks(&package).iter().all(|mark| !begun.contains(mark));
            all.push(match unused {
                true => PackageShown::of(package, vec![]),
                false => self.shown(tenant, package).await?,
            });
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
        if let Some(taken) = awaited::in_the_way(self, (permit.tenant(), &new.name)).await? {
            return Err(taken);
        }
        self.keep(permit, new, (expect, None)).await
    }

    /// As [`Packages::put`]; the content of a resource that waits for it becomes the package in its place.
    pub(super) async fn keep(
        &self,
        permit: &WritePermit,
        new: NewPackage,
        (expect, awaited): (&Expect, Option<(&Awaited, Revision)>),
    ) -> Result<(PackageShown, Revision), CatalogueError> {
        let (tenant, file, name) = (permit.tenant(), new.file.clone(), new.name);
        let onboarded = self.now();
        let (trust, of) = tenants::trust(self.store(), tenant, onboarded).await?;
        let _judge = self.judge().await?;
        let judged = tokio::task::spawn_blocking(move || (verdict(&new.file, &new.bytes, &trust), new.bytes)).await;
        let (told, bytes) = judged.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let Verdict { digest, descriptor, mut charts, warnings, signature, problems, .. } = told;
        let Some(mut descriptor) = descriptor else { return Err(CatalogueError::Problems(problems)) };
        if let Some(other) = awaited.filter(|(awaited, _)| awaited.kind != descriptor.kind) {
            return Err(of_another_kind(&descriptor, other.0));
        }
        let _turn = self.turn.lock().await;
        let key = package_key(tenant, &name);
        let found = self.store().get(&key).await?;
        expect.check(&key, found.as_ref().map(|object| object.rev))?;
        if let Some(object) = found {
            let package: Package = object.read()?;
            return match package.digest == digest {
                true => Ok((self.shown(tenant, package).await?, object.rev)),
                false => Err(taken(&package)),
            };
        }
        self.allowed(tenant, &mut descriptor).await?;
        pinning::pin(&self.repositories, (&descriptor.entry, &mut charts)).await?;
        let size = bytes.len() as u64;
        let hashed: Digest =
            digest.parse().map_err(|_| CatalogueError::Unavailable(format!("{digest} is no digest")))?;
        let kept = self.blobs().put_hashed(hashed, bytes).await;
        kept.map_err(|error| CatalogueError::Unavailable(error.to_string()))?;
        let package = Package {
            name,
            file,
            digest,
            bytes: size,
            descriptor,
            charts,
            warnings,
            signature,
            onboarded,
            operational: OperationalState::Enabled,
            user_defined: awaited.map(|(awaited, _)| awaited.user_defined.clone()).unwrap_or_default(),
        };
        let own = awaited::key(tenant, package.name.as_str());
        // It was judged by what the tenant asks for: another answer of the tenant's asks for another judgement.
        let txn = Txn::new().absent(key.clone()).at(of.0, of.1).put(key, codec::json(&package)?);
        let txn = match awaited {
            Some((_, rev)) => txn.at(own.clone(), rev).delete(own),
            None => txn.absent(own),
        };
        let txn = beside(tenant, &package).into_iter().fold(txn, |txn, key| txn.put(key, json!({})));
        let rev = self.store().commit(txn).await?;
        Ok((self.shown(tenant, package).await?, rev))
    }

    /// Whether something new may be made of it.
    pub async fn set(
        &self,
        permit: &WritePermit,
        (name, operational): (&Name, OperationalState),
        expect: &Expect,
    ) -> Result<(PackageShown, Revision), CatalogueError> {
        let tenant = permit.tenant();
        let (package, rev) = self.one(tenant, name).await?;
        let key = package_key(tenant, name);
        expect.check(&key, Some(rev))?;
        if package.operational == operational {
            return Ok((self.shown(tenant, package).await?, rev));
        }
        let package = Package { operational, ..package };
        let rev = self.store().commit(Txn::new().at(key.clone(), rev).put(key, codec::json(&package)?)).await?;
        Ok((self.shown(tenant, package).await?, rev))
    }

    pub async fn delete(&self, permit: &WritePermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let tenant = permit.tenant();
        let _turn = self.turn.lock().await;
        let (package, rev) = self.one(tenant, name).await?;
        expect.check(&package_key(tenant, name), Some(rev))?;
        let users = self.services(tenant, &package).await?;
        if !users.is_empty() {
            let users = users.iter().map(|user| format!("package {user}"));
            return Err(CatalogueError::InUse { users: users.chain(self.slices(tenant, name).await?).collect() });
        }
        deletion::delete(self.store(), Thing::Package(tenant, name), expect).await
    }

    /// The bytes behind a digest.
    pub(super) async fn bytes(&self, digest: &str) -> Result<Secret, CatalogueError> {
        let wrong = |error: String| CatalogueError::Unavailable(format!("{digest}: {error}"));
        let digest: Digest = digest.parse().map_err(|_| wrong("it is no digest".into()))?;
        self.blobs().get(&digest).await.map_err(|error| wrong(error.to_string()))
    }

    /// All that is in a package, read once more. Whom the tenant trusts was asked when it came.
    pub(super) async fn opened(&self, package: &Package) -> Result<Onboarded, CatalogueError> {
        let bytes = self.bytes(&package.digest).await?;
        let _judge = self.judge().await?;
        let file = package.file.clone();
        let judged = Trust { now: package.onboarded, ..Trust::default() };
        let read = tokio::task::spawn_blocking(move || onboard(&file, bytes.expose(), &judged)).await;
        let read = read.map_err(|error| unreadable(package, error))?;
        read.map_err(|_| unreadable(package, "it cannot be opened any more"))
    }

    /// A package that is named in a field; a name that is none is told with the nearest.
    pub(super) async fn found(
        &self,
        tenant: &Name,
        (field, name): (&str, &Name),
    ) -> Result<(Package, Revision), CatalogueError> {
        if let Some(object) = self.store().get(&package_key(tenant, name)).await? {
            return Ok((object.read()?, object.rev));
        }
        let known = self.names(tenant).await?;
        let known = || known.iter().map(Name::as_str);
        let mend = mend(nearest(name.as_str(), known()), known(), "sliceway package add FILE");
        Err(problem(field, format!("no package is called {:?}", name.as_str()), mend))
    }

    pub(super) fn now(&self) -> jiff::Timestamp {
        self.repositories.now()
    }

    async fn one(&self, tenant: &Name, name: &Name) -> Result<(Package, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("package {name}"));
        let object = self.store().get(&package_key(tenant, name)).await?.ok_or_else(missing)?;
        Ok((object.read()?, object.rev))
    }

    /// One descriptor of a version is there once; a service's functions are there before it, and a slice's services, of which
    /// each is its package's from then on.
    async fn allowed(&self, tenant: &Name, new: &mut Descriptor) -> Result<(), CatalogueError> {
        let mut problems = Vec::new();
        for name in self.who(tenant, (Says::Describes, new.kind, &new.id)).await? {
            let (same, _) = self.one(tenant, &name).await?;
            if same.descriptor.version == new.version {
                let (kind, id, version) = (new.kind.as_str(), &new.id, &new.version);
                let message = format!("{kind} {id} in version {version} is in package {name}");
                problems.push(Problem::at("name", message).mend("raise the version, or delete that package first"));
            }
        }
        let parts = new.kind.parts();
        for Member { name, descriptor: id, package } in &mut new.functions {
            let mut known = self.saying(tenant, (Says::Describes, parts, id)).await?;
            if known.is_empty() {
                let part = if new.kind == DescriptorKind::Nst { "service" } else { "function" };
                let message = format!("no package describes {id}, the {part} {name}");
                let problem = Problem { file: Some(new.entry.clone()), ..Problem::at("", message) };
                problems.push(problem.mend(self.near(tenant, (parts, id)).await?));
            } else if new.kind == DescriptorKind::Nst {
                known.sort_by(newer);
                *package = known.pop().map(|newest| newest.name);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(CatalogueError::Problems(problems)) }
    }

    async fn near(&self, tenant: &Name, (kind, id): (DescriptorKind, &str)) -> Result<String, StoreError> {
        let all = codec::all(self.store(), Query::of(Kind::Package, tenant.as_str())).await?;
        let functions = all.iter().filter(|object| object.doc["descriptor"]["kind"] == kind.as_str());
        let known = functions.filter_map(|object| object.doc["descriptor"]["id"].as_str());
        Ok(match nearest(id, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("on-board the package of that {} first", kind.as_str()),
        })
    }
}

pub(super) fn unreadable(package: &Package, why: impl std::fmt::Display) -> CatalogueError {
    CatalogueError::Unavailable(format!("package {}: {why}", package.name))
}

fn of_another_kind(of: &Descriptor, awaited: &Awaited) -> CatalogueError {
    let (is, wanted) = (of.kind.as_str(), awaited.kind.as_str());
    problem("", format!("it describes {is} {}, and this resource takes a {wanted}", of.id), format!("send a {wanted}"))
}

fn taken(package: &Package) -> CatalogueError {
    let Descriptor { name, version, .. } = &package.descriptor;
    let message = format!("package {} is {name} {version} with other bytes, and a package never changes", package.name);
    let mend = "give the new one a version and a name of its own, or delete the old one first";
    CatalogueError::Problems(vec![Problem::at("name", message).mend(mend)])
}
