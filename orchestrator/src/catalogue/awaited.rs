//! Resources that SOL005 creates before their content comes (5.4.2, 9.4.2): each becomes the package of its name, and stands
//! in no other list until then. What was refused is told by the resource, and may be sent again.

use super::packages::{NewPackage, PackageShown, Packages};
use super::repositories::problem;
use super::{CatalogueError, readable};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::ops::footing::{package_key, stand_on, tenant_key};
use crate::store::{Expect, Key, Kind, Object, Query, Revision, Secret, StoreError, Txn};
use jiff::Timestamp;
use models::package::{DescriptorKind, OperationalState, Package, UsageState};
use models::{Name, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bytes of what a user writes at a resource.
const LARGEST: usize = 64 << 10;
/// Resources of a tenant that wait at one time.
const WAITING: usize = 2_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Awaited {
    pub name: Name,
    pub kind: DescriptorKind,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub user_defined: Map<String, Value>,
    pub created: Timestamp,
    /// What was wrong with the content that came last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure: Vec<Problem>,
}

/// A resource before and after its content came.
#[derive(Debug, Clone)]
pub enum Described {
    Awaited(Awaited),
    Package(Box<PackageShown>),
}

impl Described {
    pub fn name(&self) -> &Name {
        match self {
            Self::Awaited(awaited) => &awaited.name,
            Self::Package(shown) => &shown.package.name,
        }
    }

    fn kind(&self) -> DescriptorKind {
        match self {
            Self::Awaited(awaited) => awaited.kind,
            Self::Package(shown) => shown.package.descriptor.kind,
        }
    }
}

/// What may be changed of one: absent is unchanged.
#[derive(Debug, Clone, Default)]
pub struct Modified {
    pub operational: Option<OperationalState>,
    /// A merge patch (RFC 7396).
    pub user_defined: Option<Map<String, Value>>,
    /// All of the user's data goes.
    pub clear: bool,
}

/// The state does not allow it: 409, with what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub message: String,
    pub next: String,
}

impl From<Unfit> for CatalogueError {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

pub(super) fn key(tenant: &Name, name: &str) -> Key {
    Key::new(Kind::Awaited, tenant.as_str(), name)
}

fn unfit(message: impl Into<String>, next: impl Into<String>) -> CatalogueError {
    Unfit { message: message.into(), next: next.into() }.into()
}

impl Packages {
    /// A resource without content, under a name that nobody had.
    pub async fn create(
        &self,
        permit: &WritePermit,
        (kind, user_defined): (DescriptorKind, Map<String, Value>),
    ) -> Result<(Described, Revision), CatalogueError> {
        let tenant = permit.tenant();
        bounded(&user_defined)?;
        if codec::all(self.store(), Query::of(Kind::Awaited, tenant.as_str())).await?.len() >= WAITING {
            return Err(unfit(
                format!("{WAITING} resources wait for their content"),
                "send it, or delete those that nobody fills",
            ));
        }
        let name = self.drawn(kind)?;
        let awaited = Awaited { name, kind, user_defined, created: self.now(), failure: vec![] };
        let (own, package) = (key(tenant, awaited.name.as_str()), package_key(tenant, &awaited.name));
        let txn = stand_on(Txn::new(), tenant_key(tenant)).absent(own.clone()).absent(package);
        let rev = self.store().commit(txn.put(own, codec::json(&awaited)?)).await?;
        Ok((Described::Awaited(awaited), rev))
    }

    /// Only of that kind: another is not there.
    pub async fn resource(
        &self,
        permit: &ReadPermit,
        (kind, name): (DescriptorKind, &str),
    ) -> Result<(Described, Revision), CatalogueError> {
        self.either(permit.tenant(), (kind, name)).await
    }

    async fn either(
        &self,
        tenant: &Name,
        (kind, name): (DescriptorKind, &str),
    ) -> Result<(Described, Revision), CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("{} {name:?}", kind.as_str()));
        let found = match self.store().get(&key(tenant, name)).await? {
            Some(object) => (Described::Awaited(object.read()?), object.rev),
            None => {
                let name = name.parse().map_err(|_| missing())?;
                let object = self.store().get(&package_key(tenant, &name)).await?.ok_or_else(missing)?;
                (Described::Package(Box::new(self.shown(tenant, object.read()?).await?)), object.rev)
            }
        };
        if found.0.kind() == kind { Ok(found) } else { Err(missing()) }
    }

    /// Those of a kind by name, of at most `looked` names after `after`; and the last name, where there may be more.
    pub async fn resources(
        &self,
        permit: &ReadPermit,
        kind: DescriptorKind,
        (after, looked): (Option<&str>, usize),
    ) -> Result<(Vec<Described>, Option<String>), CatalogueError> {
        let tenant = permit.tenant();
        let of = |kind: Kind| {
            let query = Query::of(kind, tenant.as_str()).limit(looked + 1);
            match after {
                Some(name) => query.after(&Key::new(kind, tenant.as_str(), name)),
                None => query,
            }
        };
        // What is filled between the two reads is found as its package.
        let mut all = self.store().list(&of(Kind::Awaited)).await?;
        all.extend(self.store().list(&of(Kind::Package)).await?);
        all.sort_by(|one, other| (&one.key.id, one.key.kind).cmp(&(&other.key.id, other.key.kind)));
        all.dedup_by(|next, first| next.key.id == first.key.id);
        let more = all.len() > looked;
        all.truncate(looked);
        let last = all.last().filter(|_| more).map(|object| object.key.id.clone());
        let (awaited, packages): (Vec<Object>, Vec<Object>) =
            all.into_iter().partition(|object| object.key.kind == Kind::Awaited);
        let is = |object: &Object| object.doc["descriptor"]["kind"] == kind.as_str();
        let packages: Vec<Object> = packages.into_iter().filter(is).collect();
        let awaited = awaited.iter().filter_map(readable::<Awaited>).filter(|awaited| awaited.kind == kind);
        let mut found: Vec<Described> = awaited.map(Described::Awaited).collect();
        found.extend(self.each(tenant, &packages).await?.into_iter().map(|shown| Described::Package(Box::new(shown))));
        found.sort_by(|one, other| one.name().cmp(other.name()));
        Ok((found, last))
    }

    /// Its content comes: it is the package of its name then. What is wrong with it the resource tells afterwards, and so does
    /// this.
    pub async fn fill(
        &self,
        permit: &WritePermit,
        (kind, name): (DescriptorKind, &str),
        (file, bytes): (String, Vec<u8>),
    ) -> Result<PackageShown, CatalogueError> {
        let tenant = permit.tenant();
        let (found, rev) = self.either(tenant, (kind, name)).await?;
        let Described::Awaited(awaited) = found else {
            return Err(unfit(format!("{name} has its content"), "create another resource for another version"));
        };
        let new = NewPackage { name: awaited.name.clone(), file, bytes };
        match self.keep(permit, new, (&Expect::Absent, Some((&awaited, rev)))).await {
            Ok((shown, _)) => Ok(shown),
            Err(CatalogueError::Problems(problems)) => {
                let failed = Awaited { failure: problems.clone(), ..awaited };
                let own = key(tenant, name);
                self.store().commit(Txn::new().at(own.clone(), rev).put(own, codec::json(&failed)?)).await?;
                Err(CatalogueError::Problems(problems))
            }
            Err(other) => Err(other),
        }
    }

    /// What was changed (5.4.3.3.4, 9.4.3.3.4).
    pub async fn modify(
        &self,
        permit: &WritePermit,
        (kind, name, modified): (DescriptorKind, &str, &Modified),
        expect: &Expect,
    ) -> Result<Revision, CatalogueError> {
        let tenant = permit.tenant();
        let (found, rev) = self.either(tenant, (kind, name)).await?;
        let (key, doc) = match found {
            Described::Awaited(awaited) => {
                if modified.operational.is_some() {
                    return Err(unfit(format!("{name} has no content yet"), "send its content first"));
                }
                let user_defined = patched(awaited.user_defined.clone(), modified)?;
                (key(tenant, name), codec::json(&Awaited { user_defined, ..awaited })?)
            }
            Described::Package(shown) => {
                let package = shown.package;
                if let Some(same) = modified.operational.filter(|state| *state == package.operational) {
                    let word = serde_json::to_value(same).unwrap_or_default();
                    return Err(unfit(format!("{name} is {} already", word.as_str().unwrap_or("")), "leave it out"));
                }
                let operational = modified.operational.unwrap_or(package.operational);
                let user_defined = patched(package.user_defined.clone(), modified)?;
                let key = package_key(tenant, &package.name);
                (key, codec::json(&Package { operational, user_defined, ..package })?)
            }
        };
        expect.check(&key, Some(rev))?;
        Ok(self.store().commit(Txn::new().at(key.clone(), rev).put(key, doc)).await?)
    }

    /// Only what is disabled, and used by nobody, goes (5.4.3.3.5, 9.4.3.3.5).
    pub async fn discard(
        &self,
        permit: &WritePermit,
        (kind, name): (DescriptorKind, &str),
        expect: &Expect,
    ) -> Result<(), CatalogueError> {
        let tenant = permit.tenant();
        let (found, rev) = self.either(tenant, (kind, name)).await?;
        match found {
            Described::Awaited(_) => {
                let own = key(tenant, name);
                expect.check(&own, Some(rev))?;
                self.store().commit(Txn::new().at(own.clone(), rev).delete(own)).await?;
                Ok(())
            }
            Described::Package(shown) if shown.usage == UsageState::InUse => {
                Err(CatalogueError::InUse { users: shown.users })
            }
            Described::Package(shown) if shown.package.operational == OperationalState::Enabled => {
                Err(unfit(format!("{name} is ENABLED"), "disable it first, with PATCH"))
            }
            Described::Package(shown) => self.delete(permit, &shown.package.name, expect).await,
        }
    }

    /// The bytes as they came, and what its sender called them.
    pub async fn content(
        &self,
        permit: &ReadPermit,
        (kind, name): (DescriptorKind, &str),
    ) -> Result<(Package, Secret), CatalogueError> {
        match self.either(permit.tenant(), (kind, name)).await?.0 {
            Described::Awaited(_) => Err(unfit(format!("{name} has no content yet"), "send its content first")),
            Described::Package(shown) => {
                let bytes = self.bytes(&shown.package.digest).await?;
                Ok((shown.package, bytes))
            }
        }
    }

    /// So many that nobody guesses.
    pub(super) fn letters(&self, count: usize) -> Result<String, CatalogueError> {
        const KNOWN: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut bytes = vec![0u8; count];
        let failed = |error: std::io::Error| CatalogueError::Unavailable(format!("no random bytes: {error}"));
        self.random().fill(&mut bytes).map_err(failed)?;
        Ok(bytes.iter().map(|byte| char::from(KNOWN[usize::from(byte % 32)])).collect())
    }

    /// `nsd-` or `vnf-` and what nobody guesses.
    fn drawn(&self, kind: DescriptorKind) -> Result<Name, CatalogueError> {
        let failed = |error: &dyn std::fmt::Display| CatalogueError::Unavailable(format!("no name: {error}"));
        let prefix = match kind {
            DescriptorKind::Vnfd => "vnf",
            DescriptorKind::Nsd | DescriptorKind::Nst => "nsd",
        };
        format!("{prefix}-{}", self.letters(10)?).parse().map_err(|error| failed(&error))
    }
}

/// RFC 7396.
fn patched(data: Map<String, Value>, modified: &Modified) -> Result<Map<String, Value>, CatalogueError> {
    if modified.clear {
        return Ok(Map::new());
    }
    let Some(patch) = &modified.user_defined else { return Ok(data) };
    let mut data = Value::Object(data);
    merge(&mut data, &Value::Object(patch.clone()));
    let Value::Object(data) = data else { return Ok(Map::new()) };
    bounded(&data)?;
    Ok(data)
}

fn bounded(data: &Map<String, Value>) -> Result<(), CatalogueError> {
    match serde_json::to_vec(data).map_or(0, |text| text.len()) {
        0..=LARGEST => Ok(()),
        size => {
            Err(problem("userDefinedData", format!("has {size} bytes, and {LARGEST} at most"), "keep it elsewhere"))
        }
    }
}

fn merge(data: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *data = patch.clone();
        return;
    };
    if !data.is_object() {
        *data = Value::Object(Map::new());
    }
    let Some(map) = data.as_object_mut() else { return };
    for (key, value) in patch {
        match value {
            Value::Null => drop(map.shift_remove(key)),
            value => merge(map.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}

/// A resource that waits has the name.
pub(super) async fn in_the_way(
    packages: &Packages,
    (tenant, name): (&Name, &Name),
) -> Result<Option<CatalogueError>, StoreError> {
    let found = packages.store().get(&key(tenant, name.as_str())).await?;
    let mend = "take another name, or send it as the content of that resource";
    Ok(found.map(|_| problem("name", format!("{name} waits for the content of SOL005's resource"), mend)))
}
