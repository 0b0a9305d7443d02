//! Network services of a tenant: created of an on-boarded descriptor before they run, and kept when they run no more. What
//! runs is the slice of the same name, which alone knows what it is made of; a record here is never its second truth.

use super::expansion::enabled;
use super::packages::Packages;
use super::repositories::problem;
use super::{CatalogueError, readable};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::ops::footing::{package_key, stand_on, tenant_key, user_key};
use crate::store::{Expect, Key, Kind, Query, Revision, StoreError, Txn};
use models::package::{DescriptorKind, Package};
use models::service::{Service, ServiceShown, ServiceState};
use models::{Name, Slice};
use std::collections::BTreeMap;

/// What somebody creates.
pub struct NewService {
    pub name: Name,
    pub package: Name,
    pub description: String,
    /// What people call it; empty: by its name.
    pub title: String,
}

#[derive(Clone)]
pub struct Services {
    packages: Packages,
}

pub(super) fn key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Service, tenant.as_str(), name.as_str())
}

impl Services {
    pub fn new(packages: Packages) -> Self {
        Self { packages }
    }

    pub(super) fn packages(&self) -> &Packages {
        &self.packages
    }

    /// Those that were created, and slices that are services without that.
    pub async fn list(&self, permit: &ReadPermit) -> Result<Vec<ServiceShown>, CatalogueError> {
        let (tenant, store) = (permit.tenant(), self.packages.store());
        let records = codec::all(store, Query::of(Kind::Service, tenant.as_str())).await?;
        let mut all: BTreeMap<Name, (Option<Service>, Option<Slice>)> = BTreeMap::new();
        for service in records.iter().filter_map(readable::<Service>) {
            let name = service.name.clone();
            all.entry(name).or_default().0 = Some(service);
        }
        for slice in codec::all(store, Query::of(Kind::Slice, tenant.as_str())).await? {
            let Some(slice) = readable::<Slice>(&slice).filter(|slice| slice.spec.service.is_some()) else { continue };
            let name = slice.name.clone();
            all.entry(name).or_default().1 = Some(slice);
        }
        Ok(all.into_values().filter_map(|(service, slice)| shown(service, slice)).collect())
    }

    pub async fn get(&self, permit: &ReadPermit, name: &Name) -> Result<(ServiceShown, Revision), CatalogueError> {
        let tenant = permit.tenant();
        let record = self.record(tenant, name).await?;
        let slice = self.slice(tenant, name).await?;
        let rev = record.as_ref().map(|(_, rev)| *rev).or(slice.as_ref().map(|(_, rev)| *rev));
        let found = shown(record.map(|(service, _)| service), slice.map(|(slice, _)| slice));
        found.zip(rev).ok_or_else(|| CatalogueError::NotFound(format!("service {name}")))
    }

    /// What it was created of; `None`: nobody created it.
    pub async fn created(&self, tenant: &Name, name: &Name) -> Result<Option<Service>, CatalogueError> {
        Ok(self.record(tenant, name).await?.map(|(service, _)| service))
    }

    /// Makes it, or changes what it is made of while it is not instantiated.
    pub async fn put(
        &self,
        permit: &WritePermit,
        new: NewService,
        expect: &Expect,
    ) -> Result<(ServiceShown, Revision), CatalogueError> {
        let (tenant, key) = (permit.tenant(), key(permit.tenant(), &new.name));
        let before = self.record(tenant, &new.name).await?;
        let found = before.as_ref().map(|(_, rev)| *rev);
        expect.check(&key, found)?;
        self.is_service(tenant, &new.package).await?;
        if before.as_ref().is_none_or(|(service, _)| service.package != new.package) {
            enabled(&self.packages.found(tenant, ("package", &new.package)).await?.0, "package")?;
        }
        let slice = self.slice(tenant, &new.name).await?.map(|(slice, _)| slice);
        if let Some(other) = slice.as_ref().and_then(|slice| in_the_way(slice, &new)) {
            return Err(other);
        }
        let created = before.map_or_else(|| self.packages.now(), |(service, _)| service.created);
        let NewService { name, package, description, title } = new;
        let service = Service { name, package, description, title, created };
        let slice_key = codec::slice_key(tenant, &service.name);
        let txn = stand_on(stand_on(Txn::new(), tenant_key(tenant)), package_key(tenant, &service.package));
        let txn = if slice.is_none() { txn.absent(slice_key) } else { txn };
        let txn = txn.put(user_key((tenant, &service.package), &service.name), serde_json::json!({}));
        let txn = expect.bind(txn.put(key.clone(), codec::json(&service)?), (&key, found))?;
        let rev = self.packages.store().commit(txn).await?;
        let lost = || CatalogueError::NotFound(format!("service {}", key.id));
        shown(Some(service), slice).map(|shown| (shown, rev)).ok_or_else(lost)
    }

    /// Before it ends, it is of what it runs: made again, it is the same.
    pub async fn follow(&self, permit: &WritePermit, name: &Name, slice: &Slice) -> Result<(), CatalogueError> {
        let (tenant, key) = (permit.tenant(), key(permit.tenant(), name));
        let (Some((record, rev)), Some(made)) = (self.record(tenant, name).await?, &slice.spec.service) else {
            return Ok(());
        };
        if record.package == made.package {
            return Ok(());
        }
        let record = Service { package: made.package.clone(), ..record };
        let txn = stand_on(Txn::new(), package_key(tenant, &made.package)).at(key.clone(), rev);
        let user = user_key((tenant, &made.package), name);
        self.packages.store().commit(txn.put(user, serde_json::json!({})).put(key, codec::json(&record)?)).await?;
        Ok(())
    }

    /// Forgets one that is not instantiated (SOL005 6.4.3.3.5).
    pub async fn delete(&self, permit: &WritePermit, name: &Name, expect: &Expect) -> Result<(), CatalogueError> {
        let (tenant, key) = (permit.tenant(), key(permit.tenant(), name));
        let slice = self.slice(tenant, name).await?;
        // Another's slice of that name is no part of it.
        let slice_there = slice.is_some();
        if slice.is_some_and(|(slice, _)| slice.spec.service.is_some()) {
            let mend = format!("sliceway ns terminate {name}, then delete it");
            return Err(problem("", format!("service {name} is instantiated"), mend));
        }
        let missing = || CatalogueError::NotFound(format!("service {name}"));
        let (_, rev) = self.record(tenant, name).await?.ok_or_else(missing)?;
        expect.check(&key, Some(rev))?;
        // One that is instantiated at this moment stays.
        let txn = Txn::new().at(key.clone(), rev).delete(key);
        let txn = if slice_there { txn } else { txn.absent(codec::slice_key(tenant, name)) };
        self.packages.store().commit(txn).await?;
        Ok(())
    }

    async fn record(&self, tenant: &Name, name: &Name) -> Result<Option<(Service, Revision)>, StoreError> {
        let found = self.packages.store().get(&key(tenant, name)).await?;
        found.map(|object| Ok((object.read()?, object.rev))).transpose()
    }

    async fn slice(&self, tenant: &Name, name: &Name) -> Result<Option<(Slice, Revision)>, StoreError> {
        let found = self.packages.store().get(&codec::slice_key(tenant, name)).await?;
        found.map(|object| Ok((object.read()?, object.rev))).transpose()
    }

    async fn is_service(&self, tenant: &Name, package: &Name) -> Result<(), CatalogueError> {
        let (package, _) = self.packages.found(tenant, ("package", package)).await?;
        expect_service(&package, "package")
    }
}

pub(super) fn expect_service(package: &Package, field: &str) -> Result<(), CatalogueError> {
    match package.descriptor.kind {
        DescriptorKind::Nsd | DescriptorKind::Nst => Ok(()),
        DescriptorKind::Vnfd => {
            let message = format!("package {} describes a function (VNFD), not a service", package.name);
            Err(problem(field, message, "name the package of a service (NSD): sliceway get packages"))
        }
    }
}

/// Why a slice of that name is no other than the service: it is one already, of the same package.
fn in_the_way(slice: &Slice, new: &NewService) -> Option<CatalogueError> {
    let (message, mend) = match &slice.spec.service {
        None => (format!("slice {} is there already, and is no service", new.name), "take another name".to_owned()),
        Some(service) if service.package != new.package => (
            format!("service {} is instantiated of package {}", new.name, service.package),
            format!("sliceway ns update {} --package {}", new.name, new.package),
        ),
        Some(_) => return None,
    };
    Some(problem("name", message, mend))
}

fn shown(service: Option<Service>, slice: Option<Slice>) -> Option<ServiceShown> {
    let slice = slice.filter(|slice| slice.spec.service.is_some());
    let made = slice.as_ref().and_then(|slice| slice.spec.service.as_ref());
    let name = slice.as_ref().map(|slice| slice.name.clone()).or(service.as_ref().map(|s| s.name.clone()))?;
    let package = made.map(|made| made.package.clone()).or(service.as_ref().map(|s| s.package.clone()))?;
    Some(ServiceShown {
        name,
        package,
        description: service.as_ref().map(|service| service.description.clone()).unwrap_or_default(),
        state: if slice.is_some() { ServiceState::Instantiated } else { ServiceState::NotInstantiated },
        phase: slice.as_ref().map(|slice| slice.phase),
        operation: slice.and_then(|slice| slice.operation),
        created: service.map(|service| service.created),
    })
}
