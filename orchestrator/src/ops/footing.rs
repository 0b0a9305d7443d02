//! What an operation stands on: its tenant, the clusters that its slice is placed on and the repositories of its charts.
//!
//! Whoever starts one says so in the transaction that starts it: each of them must exist, and each gets a mark. Whoever
//! deletes one of them reads its mark before looking for users, and deletes only where the mark is still that one; so of
//! a start and a deletion exactly one happens, and starts never wait for each other.

use super::error::OpsError;
use crate::plan::Plan;
use crate::store::{Key, Kind, StoreError, Txn};
use models::Name;
use models::resource::Target;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn tenant_key(name: &Name) -> Key {
    Key::installation(Kind::Tenant, name.as_str())
}

/// Its revision moves whenever something begins to use the thing.
pub(crate) fn mark(thing: &Key) -> Key {
    Key::new(Kind::Meta, thing.tenant.clone(), format!("used/{}/{}", thing.kind, thing.id))
}

/// The thing exists at the commit, and whoever deletes it at that moment learns that it is used.
pub(crate) fn stand_on(txn: Txn, thing: Key) -> Txn {
    let mark = mark(&thing);
    txn.exists(thing).put(mark, json!({}))
}

/// Everything that a plan stands on, once.
pub(super) fn all(mut txn: Txn, plan: &Plan) -> Txn {
    txn = stand_on(txn, tenant_key(&plan.tenant));
    let Some(after) = &plan.after else { return txn };
    let made = plan.changes.iter().filter(|planned| planned.change.after.is_some());
    let targets = made.filter_map(|planned| match &planned.change.id.target {
        Target::Cluster(name) => Some(name.as_str()),
        Target::Local => None,
    });
    let clusters: BTreeSet<&str> = after.placed.values().map(String::as_str).chain(targets).collect();
    let workloads = after.spec.workloads();
    let repositories: BTreeSet<&str> =
        workloads.iter().filter_map(|workload| Some(workload.chart.repository()?.as_str())).collect();
    for (kind, names) in [(Kind::Cluster, clusters), (Kind::Repository, repositories)] {
        for name in names {
            txn = stand_on(txn, Key::installation(kind, name));
        }
    }
    for package in after.spec.packages() {
        let user = user_key((&plan.tenant, package), &plan.subject);
        txn = stand_on(txn, package_key(&plan.tenant, package)).put(user, json!({}));
    }
    txn
}

pub(crate) fn package_key(tenant: &Name, package: &Name) -> Key {
    Key::new(Kind::Package, tenant.as_str(), package.as_str())
}

pub(crate) fn users_of(package: &Name) -> String {
    format!("package-user/{package}/")
}

/// What says that a slice may use a package, so that nobody reads all slices to know; whether it does, the slice says.
pub(crate) fn user_key((tenant, package): (&Name, &Name), slice: &Name) -> Key {
    Key::new(Kind::Meta, tenant.as_str(), format!("{}{slice}", users_of(package)))
}

/// A start that was refused because something under it is gone says what.
pub(super) fn told(error: OpsError) -> OpsError {
    match error {
        OpsError::Store(StoreError::Conflict { key, found: None })
            if matches!(key.kind, Kind::Tenant | Kind::Cluster | Kind::Repository | Kind::Package) =>
        {
            OpsError::Vanished(format!("{} {}", key.kind, key.id))
        }
        other => other,
    }
}
