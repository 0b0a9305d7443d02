//! Who uses a tenant, a cluster, a repository or a package: open operations, what is recorded in the world, and slices, read in
//! this order, so that what moves from one to the next while it is read is found. It must never miss a use: what cannot
//! be read counts as one.

use crate::ops::{OperationDoc, codec, footing};
use crate::store::{Key, Kind, Object, Query, Store, StoreError};
use models::{Name, Slice};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So many are named.
const NAMED: usize = 20;

#[derive(Debug, Clone, Copy)]
pub(super) enum Thing<'a> {
    Tenant(&'a Name),
    Cluster(&'a Name),
    Repository(&'a Name),
    /// Of a tenant.
    Package(&'a Name, &'a Name),
}

impl Thing<'_> {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Tenant(name) => Key::installation(Kind::Tenant, name.as_str()),
            Self::Cluster(name) => Key::installation(Kind::Cluster, name.as_str()),
            Self::Repository(name) => Key::installation(Kind::Repository, name.as_str()),
            Self::Package(tenant, name) => footing::package_key(tenant, name),
        }
    }

    fn query(&self, kind: Kind) -> Query {
        match self {
            Self::Tenant(name) | Self::Package(name, _) => Query::of(kind, name.as_str()),
            Self::Cluster(_) | Self::Repository(_) => Query::all(kind),
        }
    }

    fn is_used_by(&self, slice: &Slice) -> bool {
        match self {
            Self::Tenant(name) => slice.tenant == **name,
            Self::Cluster(name) => slice.placed.values().any(|at| at == name.as_str()),
            Self::Repository(name) => slice.spec.workloads().iter().any(|w| w.chart.repository() == Some(name)),
            Self::Package(tenant, name) => slice.tenant == **tenant && slice.spec.packages().contains(name),
        }
    }
}

/// As a person calls them; no more than can be read.
pub(super) async fn users(store: &Arc<dyn Store>, thing: Thing<'_>) -> Result<Vec<String>, StoreError> {
    let mut users = BTreeSet::new();
    operations(store, thing, &mut users).await?;
    if let Thing::Package(tenant, name) = thing {
        services(store, (tenant, name), &mut users).await?;
    }
    let recorded = recorded(store, thing).await?;
    let mut named = BTreeSet::new();
    for object in codec::all(store, thing.query(Kind::Slice)).await? {
        let tenant = &object.key.tenant;
        match object.read::<Slice>() {
            Ok(slice) => {
                let stands = recorded.contains_key(&(tenant.clone(), slice.uid.clone()));
                named.insert((tenant.clone(), slice.uid.clone()));
                if stands || thing.is_used_by(&slice) {
                    users.insert(format!("slice {} of tenant {tenant}", slice.name));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "counts as a user");
                users.insert(format!("slice {} of tenant {tenant}, which cannot be read", object.key.id));
            }
        }
    }
    for ((tenant, uid), count) in recorded.iter().filter(|(owner, _)| !named.contains(*owner)) {
        users.insert(format!("{count} resources of a slice {uid} of tenant {tenant} that is gone"));
    }
    Ok(bounded(users))
}

/// Services that were created of a package and do not run.
async fn services(
    store: &Arc<dyn Store>,
    (tenant, package): (&Name, &Name),
    users: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    for object in codec::all(store, Query::of(Kind::Service, tenant.as_str())).await? {
        if object.doc["package"] == package.as_str() {
            users.insert(format!("service {}", object.key.id));
        }
    }
    Ok(())
}

fn bounded(users: BTreeSet<String>) -> Vec<String> {
    let more = users.len().saturating_sub(NAMED);
    let mut users: Vec<String> = users.into_iter().take(NAMED).collect();
    if more > 0 {
        users.push(format!("{more} more"));
    }
    users
}

/// Operations that are not over: what they go to, what they come from, and what their changes touch.
async fn operations(store: &Arc<dyn Store>, thing: Thing<'_>, users: &mut BTreeSet<String>) -> Result<(), StoreError> {
    for object in codec::all(store, thing.query(Kind::Operation)).await? {
        let (tenant, id) = (&object.key.tenant, &object.key.id);
        match object.read::<OperationDoc>() {
            Ok(doc) if doc.operation.state.is_final() => {}
            Ok(doc) => {
                let sides = [&doc.before, &doc.after];
                let named = sides.into_iter().flatten().any(|slice| thing.is_used_by(slice));
                if named || touched(store, thing, &object).await? {
                    users.insert(format!("operation {id} of tenant {tenant}"));
                }
            }
            Err(_) if object.doc.get("ended").is_some_and(|ended| !ended.is_null()) => {}
            Err(error) => {
                tracing::warn!(%error, "counts as a user");
                users.insert(format!("operation {id} of tenant {tenant}, which cannot be read"));
            }
        }
    }
    Ok(())
}

async fn touched(store: &Arc<dyn Store>, thing: Thing<'_>, operation: &Object) -> Result<bool, StoreError> {
    let cluster = match thing {
        Thing::Tenant(_) => return Ok(true),
        Thing::Repository(_) | Thing::Package(..) => return Ok(false),
        Thing::Cluster(name) => name,
    };
    let query = Query::of(Kind::Change, operation.key.tenant.as_str()).prefix(format!("{}/", operation.key.id));
    let changes = codec::all(store, query).await?;
    let target = |change: &Object| change.doc.pointer("/change/id/target").and_then(Value::as_str).map(str::to_owned);
    // One without a target cannot be read.
    Ok(changes.iter().any(|change| target(change).is_none_or(|target| target == cluster.as_str())))
}

/// How many resources stand there, by tenant and uid of their slice. Told from their ids, which can always be read.
async fn recorded(store: &Arc<dyn Store>, thing: Thing<'_>) -> Result<BTreeMap<(String, String), usize>, StoreError> {
    let mut counts = BTreeMap::new();
    let query = match thing {
        Thing::Repository(_) | Thing::Package(..) => return Ok(counts),
        Thing::Cluster(name) => codec::on_cluster(Kind::Resource, name),
        Thing::Tenant(name) => Query::of(Kind::Resource, name.as_str()),
    };
    let count = |object: Object| {
        if let Some((uid, _)) = object.key.id.split_once('/') {
            *counts.entry((object.key.tenant.clone(), uid.to_owned())).or_default() += 1;
        }
    };
    codec::each(store, query, count).await?;
    Ok(counts)
}
