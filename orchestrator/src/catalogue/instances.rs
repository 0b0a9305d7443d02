//! NS instances as SOL005 sees them: what was created of a descriptor, and every slice, whoever made it and of what.

use super::services::{NewService, Services, key};
use super::{CatalogueError, Unfit, readable};
use crate::auth::{ReadPermit, WritePermit};
use crate::ops::codec;
use crate::store::{Expect, Key, Kind, Object, Query, Revision};
use models::package::{DescriptorKind, OperationalState};
use models::service::Service;
use models::{Name, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// At least one of the two is there.
#[derive(Debug, Clone)]
pub struct Instance {
    pub name: Name,
    pub service: Option<Service>,
    pub slice: Option<Slice>,
    /// The newest of what it is made of.
    pub rev: Revision,
    /// The slice's own.
    pub slice_rev: Option<Revision>,
}

/// What is created (CreateNsRequest).
pub struct NewInstance {
    /// The id of the descriptor, not of its package.
    pub nsd: String,
    pub title: String,
    pub description: String,
}

/// Letters that tell apart what has one title.
const LETTERS: usize = 6;

impl Services {
    pub async fn instance(&self, permit: &ReadPermit, name: &str) -> Result<Instance, CatalogueError> {
        let missing = || CatalogueError::NotFound(format!("service {name:?}"));
        let (tenant, name): (&Name, Name) = (permit.tenant(), name.parse().map_err(|_| missing())?);
        let service = self.packages().store().get(&key(tenant, &name)).await?;
        let slice = self.packages().store().get(&codec::slice_key(tenant, &name)).await?;
        let rev = service.iter().chain(&slice).map(|object| object.rev).max().ok_or_else(missing)?;
        let service = service.map(|object| object.read()).transpose()?;
        let slice_rev = slice.as_ref().map(|object| object.rev);
        Ok(Instance { name, service, slice: slice.map(|object| object.read()).transpose()?, rev, slice_rev })
    }

    /// By name, of at most `looked` after `after`; and the last name where there may be more.
    pub async fn instances(
        &self,
        permit: &ReadPermit,
        (after, looked): (Option<&str>, usize),
    ) -> Result<(Vec<Instance>, Option<String>), CatalogueError> {
        let tenant = permit.tenant();
        let of = |kind: Kind| {
            let query = Query::of(kind, tenant.as_str()).limit(looked + 1);
            after.map_or(query.clone(), |name| query.after(&Key::new(kind, tenant.as_str(), name)))
        };
        let mut all: BTreeMap<String, Vec<Object>> = BTreeMap::new();
        for kind in [Kind::Service, Kind::Slice] {
            for object in self.packages().store().list(&of(kind)).await? {
                all.entry(object.key.id.clone()).or_default().push(object);
            }
        }
        let last = (all.len() > looked).then(|| all.keys().nth(looked - 1).cloned()).flatten();
        let instance = |(name, objects): (String, Vec<Object>)| {
            let of = |kind: Kind| objects.iter().find(|object| object.key.kind == kind);
            let service = of(Kind::Service).and_then(readable::<Service>);
            let slice = of(Kind::Slice).and_then(readable::<Slice>);
            let rev = objects.iter().map(|object| object.rev).max()?;
            let slice_rev = of(Kind::Slice).map(|object| object.rev);
            let is_there = service.is_some() || slice.is_some();
            is_there.then_some(Instance { name: name.parse().ok()?, service, slice, rev, slice_rev })
        };
        Ok((all.into_iter().take(looked).filter_map(instance).collect(), last))
    }

    /// Under a name that its title makes, and that nobody had.
    pub async fn create(&self, permit: &WritePermit, new: NewInstance) -> Result<Instance, CatalogueError> {
        let tenant = permit.tenant();
        let known = self.packages().described_by(tenant, (DescriptorKind::Nsd, &new.nsd)).await?;
        let Some(package) = known.iter().rfind(|package| package.operational == OperationalState::Enabled) else {
            return Err(match known.last() {
                Some(package) => Unfit {
                    message: format!("the NSD {} is DISABLED", new.nsd),
                    next: format!("enable it first: {}", package.name),
                }
                .into(),
                None => super::repositories::problem(
                    "nsdId",
                    format!("no NSD has the id {:?}", new.nsd),
                    "on-board it first",
                ),
            });
        };
        let NewInstance { title, description, .. } = new;
        let name = called(&title, &self.packages().letters(LETTERS)?);
        let new = NewService { name: name.clone(), package: package.name.clone(), description, title };
        self.put(permit, new, &Expect::Absent).await?;
        let service = self.created(tenant, &name).await?;
        Ok(Instance { name, service, slice: None, rev: Revision::default(), slice_rev: None })
    }

    /// Forgets one that is not instantiated (SOL005 6.4.3.3.5).
    pub async fn forget(
        &self,
        permit: &WritePermit,
        instance: &Instance,
        expect: &Expect,
    ) -> Result<(), CatalogueError> {
        if instance.slice.is_some() {
            let message = format!("{} is INSTANTIATED", instance.name);
            return Err(Unfit { message, next: "terminate it first".into() }.into());
        }
        self.delete(permit, &instance.name, expect).await
    }

    /// Whatever it is made of, by the packages' names.
    pub async fn packages_of(
        &self,
        tenant: &Name,
        names: &BTreeSet<&Name>,
    ) -> Result<BTreeMap<Name, models::package::Package>, CatalogueError> {
        let mut found = BTreeMap::new();
        for name in names {
            if let Some(object) = self.packages().store().get(&crate::ops::footing::package_key(tenant, name)).await? {
                found.insert((*name).clone(), object.read()?);
            }
        }
        Ok(found)
    }
}

/// The title's letters, digits and hyphens, and what nobody guesses.
fn called(title: &str, letters: &str) -> Name {
    let plain: String =
        title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(30).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let name = if parts.is_empty() { format!("ns-{letters}") } else { format!("{}-{letters}", parts.join("-")) };
    name.parse().expect("letters, digits and hyphens between them, and fewer than 40")
}
