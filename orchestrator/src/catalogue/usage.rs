//! Who describes what, and who rests on it: marks that stand beside each package, so that nobody reads all packages or
//! slices to know of one.

use super::expansion::newer;
use super::packages::{PackageShown, Packages};
use super::{readable, services};
use crate::ops::codec;
use crate::ops::footing::{package_key, users_of};
use crate::store::{Digest, Key, Kind, Object, Query, Store, StoreError, Txn};
use models::package::{Descriptor, DescriptorKind, OperationalState, Package};
use models::{Name, Slice};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Slices that are named as users.
const NAMED: usize = 20;

/// Beside each package stand who describes what and who names what, so that nobody reads all to know of one.
#[derive(Clone, Copy)]
pub(super) enum Says {
    Describes,
    Uses,
    /// Which product it is a version of.
    Product,
}

impl Says {
    /// Ids of descriptors are any text.
    fn prefix(self, kind: DescriptorKind, id: &str) -> String {
        let word = match self {
            Self::Describes => "describes",
            Self::Uses => "uses",
            Self::Product => "product",
        };
        format!("{word}/{}", Digest::of(format!("{}/{id}", kind.as_str()).as_bytes()))
    }

    fn key(self, tenant: &Name, (kind, id): (DescriptorKind, &str), name: &Name) -> Key {
        Key::new(Kind::Meta, tenant.as_str(), format!("{}/{name}", self.prefix(kind, id)))
    }
}

/// All that stands beside a package.
pub(super) fn beside(tenant: &Name, package: &Package) -> Vec<Key> {
    let Descriptor { kind, id, functions, .. } = &package.descriptor;
    let product = product(&package.descriptor);
    let ids: BTreeSet<&str> = functions.iter().map(|member| member.descriptor.as_str()).collect();
    let uses = ids.into_iter().map(|id| Says::Uses.key(tenant, (kind.parts(), id), &package.name));
    let own = [(Says::Describes, id), (Says::Product, &product)];
    uses.chain(own.into_iter().map(|(says, id)| says.key(tenant, (*kind, id), &package.name))).collect()
}

/// The same over all versions.
fn product(of: &Descriptor) -> String {
    format!("{}/{}", of.provider, of.name)
}

/// What the marks of those begin with that rest on it.
pub(super) fn marks(package: &Package) -> Vec<String> {
    let Descriptor { kind, id, .. } = &package.descriptor;
    let named = (*kind != DescriptorKind::Nst).then(|| format!("{}/", Says::Uses.prefix(*kind, id)));
    named.into_iter().chain([users_of(&package.name)]).collect()
}

/// What goes with a package when it goes.
pub(super) async fn words(store: &Arc<dyn Store>, (tenant, key): (&Name, &Key)) -> Result<Txn, StoreError> {
    let package = store.get(key).await?.as_ref().map(Object::read::<Package>).transpose()?;
    let txn =
        package.map_or_else(Txn::new, |package| beside(tenant, &package).into_iter().fold(Txn::new(), Txn::delete));
    let Ok(name) = key.id.parse() else { return Ok(txn) };
    let marks = codec::all(store, Query::of(Kind::Meta, tenant.as_str()).prefix(users_of(&name))).await?;
    Ok(marks.into_iter().fold(txn, |txn, mark| txn.delete(mark.key)))
}

impl Packages {
    /// Those with which anything begins. Of many few are: each read goes to the next thing that there is, and leaves out all
    /// before it.
    pub(super) async fn begun(&self, tenant: &Name, marks: BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
        let mut begun = BTreeSet::new();
        let mut rest = marks.into_iter().peekable();
        while let Some(mark) = rest.next() {
            let from = Key::new(Kind::Meta, tenant.as_str(), mark.as_str());
            let next = self.store().list(&Query::of(Kind::Meta, tenant.as_str()).after(&from).limit(1)).await?;
            let Some(Object { key: Key { id, .. }, .. }) = next.first() else { break };
            if id.starts_with(&mark) {
                begun.insert(mark);
            } else {
                while rest.next_if(|mark| *mark < *id && !id.starts_with(mark.as_str())).is_some() {}
            }
        }
        Ok(begun)
    }

    /// Every version of a function that is there: what has its id, and what is the same provider's same product.
    pub(super) async fn versions(&self, tenant: &Name, vnfd: &str) -> Result<Vec<Package>, StoreError> {
        let mut all = self.saying(tenant, (Says::Describes, DescriptorKind::Vnfd, vnfd)).await?;
        let Some(product) = all.first().map(|package| product(&package.descriptor)) else { return Ok(all) };
        for other in self.saying(tenant, (Says::Product, DescriptorKind::Vnfd, &product)).await? {
            if all.iter().all(|known| known.name != other.name) {
                all.push(other);
            }
        }
        Ok(all)
    }

    /// Packages of this descriptor, the newest last.
    pub(super) async fn described_by(
        &self,
        tenant: &Name,
        (kind, id): (DescriptorKind, &str),
    ) -> Result<Vec<Package>, StoreError> {
        let mut all = self.saying(tenant, (Says::Describes, kind, id)).await?;
        all.sort_by(newer);
        Ok(all)
    }

    /// The newest that is enabled of this descriptor.
    pub async fn named(&self, tenant: &Name, (kind, id): (DescriptorKind, &str)) -> Result<Option<Name>, StoreError> {
        let all = self.described_by(tenant, (kind, id)).await?;
        let enabled = |package: &Package| package.operational == OperationalState::Enabled;
        Ok(all.into_iter().rfind(enabled).map(|package| package.name))
    }

    pub(super) async fn saying(
        &self,
        tenant: &Name,
        (says, kind, id): (Says, DescriptorKind, &str),
    ) -> Result<Vec<Package>, StoreError> {
        let mut all = Vec::new();
        for name in self.who(tenant, (says, kind, id)).await? {
            if let Some(object) = self.store().get(&package_key(tenant, &name)).await? {
                all.push(object.read()?);
            }
        }
        Ok(all)
    }

    /// Packages that say this of a descriptor.
    pub(super) async fn who(
        &self,
        tenant: &Name,
        (says, kind, id): (Says, DescriptorKind, &str),
    ) -> Result<Vec<Name>, StoreError> {
        let query = Query::of(Kind::Meta, tenant.as_str()).prefix(format!("{}/", says.prefix(kind, id)));
        let found = codec::all(self.store(), query).await?;
        Ok(found.iter().filter_map(|object| object.key.id.rsplit('/').next()?.parse().ok()).collect())
    }

    /// Services whose descriptors name it, where no other version of it is there; slices' templates that have it from this
    /// package.
    pub(super) async fn services(&self, tenant: &Name, package: &Package) -> Result<Vec<Name>, StoreError> {
        let Descriptor { kind, id, .. } = &package.descriptor;
        let mut users = self.who(tenant, (Says::Uses, *kind, id)).await?;
        match kind {
            DescriptorKind::Nst => users.clear(),
            DescriptorKind::Nsd => {
                let using = self.saying(tenant, (Says::Uses, *kind, id)).await?;
                let has =
                    |of: &Package| of.descriptor.functions.iter().any(|m| m.package.as_ref() == Some(&package.name));
                users = using.into_iter().filter(has).map(|of| of.name).collect();
            }
            DescriptorKind::Vnfd => {
                if !users.is_empty() && self.who(tenant, (Says::Describes, *kind, id)).await?.len() > 1 {
                    users.clear();
                }
            }
        }
        Ok(users)
    }

    pub(super) async fn shown(&self, tenant: &Name, package: Package) -> Result<PackageShown, StoreError> {
        let services = self.services(tenant, &package).await?;
        let services = services.iter().map(|name| format!("package {name}"));
        let users: Vec<String> = services.chain(self.slices(tenant, &package.name).await?).collect();
        Ok(PackageShown::of(package, users))
    }

    /// Services and slices that are made of it; no more than a person reads. Marks may be left of what is not any more.
    pub(super) async fn slices(&self, tenant: &Name, package: &Name) -> Result<Vec<String>, StoreError> {
        let mut query = Query::of(Kind::Meta, tenant.as_str()).prefix(users_of(package)).limit(NAMED);
        let mut users = Vec::new();
        loop {
            let marks = self.store().list(&query).await?;
            for name in marks.iter().filter_map(|mark| mark.key.id.rsplit('/').next()?.parse::<Name>().ok()) {
                users.extend(self.user(tenant, (package, &name)).await?);
            }
            match marks.last() {
                Some(last) if marks.len() == NAMED && users.len() < NAMED => query = query.after(&last.key),
                _ => return Ok(users),
            }
        }
    }

    async fn user(&self, tenant: &Name, (package, name): (&Name, &Name)) -> Result<Option<String>, StoreError> {
        if let Some(service) = self.store().get(&services::key(tenant, name)).await?
            && service.doc["package"] == package.as_str()
        {
            return Ok(Some(format!("service {name}")));
        }
        let Some(object) = self.store().get(&codec::slice_key(tenant, name)).await? else { return Ok(None) };
        let uses = readable::<Slice>(&object).is_none_or(|slice| slice.spec.packages().contains(package));
        Ok(uses.then(|| format!("slice {name}")))
    }
}
