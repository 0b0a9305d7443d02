//! Keys and stored forms of operations, changes and resource records.

use super::model::{ChangeDoc, OperationDoc};
use crate::plan::Recorded;
use crate::store::{Key, Kind, Object, Query, Revision, Store, StoreError};
use models::change::{ChangeRecord, Seq};
use models::resource::{ResourceId, Target};
use models::{Name, Operation, Orphan};
use std::sync::Arc;

/// A page of a list; what is stored for one subject fits into a few.
const PAGE: usize = 500;

pub(crate) fn operation_key(tenant: &Name, id: &str) -> Key {
    Key::new(Kind::Operation, tenant.as_str(), id)
}

pub(crate) fn change_key(tenant: &Name, operation: &str, seq: Seq) -> Key {
    Key::new(Kind::Change, tenant.as_str(), format!("{operation}/{seq:05}"))
}

pub(crate) fn resource_key(tenant: &Name, uid: &str, id: &ResourceId) -> Key {
    Key::new(Kind::Resource, tenant.as_str(), format!("{uid}/{id}"))
}

pub(crate) fn orphan_key(tenant: &Name, uid: &str, id: &ResourceId) -> Key {
    Key::new(Kind::Orphan, tenant.as_str(), format!("{uid}/{id}"))
}

/// What this installation is known by.
pub(crate) fn installation_key() -> Key {
    Key::installation(Kind::Meta, "instance")
}

/// The choices in force.
pub(crate) fn choices_key(tenant: &Name, uid: &str) -> Key {
    Key::new(Kind::Plan, tenant.as_str(), format!("{uid}/choices"))
}

/// What an operation wrote over.
pub(crate) fn before_key(tenant: &Name, uid: &str) -> Key {
    Key::new(Kind::Plan, tenant.as_str(), format!("{uid}/before"))
}

/// The rendered chart in force.
pub(crate) fn bundle_key(tenant: &Name, uid: &str, function: &str) -> Key {
    Key::new(Kind::Bundle, tenant.as_str(), format!("{uid}/{function}"))
}

pub(crate) fn alarm_key(tenant: &Name, uid: &str, id: &ResourceId) -> Key {
    Key::new(Kind::Alarm, tenant.as_str(), format!("{uid}/{id}"))
}

pub(crate) fn slice_key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Slice, tenant.as_str(), name.as_str())
}

pub(crate) fn claim_key(tenant: &Name, name: &Name) -> Key {
    Key::new(Kind::Claim, tenant.as_str(), format!("slice/{name}"))
}

/// What an operation holds while it is open: the name of its slice, or what a slice that is gone left.
pub(crate) fn claim_of(operation: &Operation) -> Key {
    match operation.kind.has_slice() {
        true => claim_key(&operation.tenant, &operation.subject),
        false => Key::new(Kind::Claim, operation.tenant.as_str(), format!("orphans/{}", operation.uid)),
    }
}

/// Everything that a query finds.
pub(crate) async fn all(store: &Arc<dyn Store>, query: Query) -> Result<Vec<Object>, StoreError> {
    let mut found = Vec::new();
    each(store, query, |object| found.push(object)).await?;
    Ok(found)
}

/// The same page by page, where nobody wants to hold all of it.
pub(crate) async fn each(store: &Arc<dyn Store>, query: Query, mut look: impl FnMut(Object)) -> Result<(), StoreError> {
    let mut query = query.limit(PAGE);
    loop {
        let page = store.list(&query).await?;
        let last = page.last().filter(|_| page.len() == PAGE).map(|object| object.key.clone());
        page.into_iter().for_each(&mut look);
        match last {
            Some(last) => query = query.after(&last),
            None => return Ok(()),
        }
    }
}

pub(crate) async fn operation(
    store: &Arc<dyn Store>,
    tenant: &Name,
    id: &str,
) -> Result<Option<(OperationDoc, Revision)>, StoreError> {
    let Some(object) = store.get(&operation_key(tenant, id)).await? else { return Ok(None) };
    let doc: OperationDoc = object.read()?;
    Ok(Some((doc, object.rev)))
}

/// The changes of an operation in their order. What cannot be read is said in words, by change.
pub(crate) async fn changes(
    store: &Arc<dyn Store>,
    tenant: &Name,
    operation: &str,
) -> Result<Result<Vec<ChangeDoc>, String>, StoreError> {
    Ok(changes_at(store, tenant, operation).await?.0)
}

/// With the newest revision of any of them.
pub(crate) async fn changes_at(
    store: &Arc<dyn Store>,
    tenant: &Name,
    operation: &str,
) -> Result<(Result<Vec<ChangeDoc>, String>, Revision), StoreError> {
    let query = Query::of(Kind::Change, tenant.as_str()).prefix(format!("{operation}/"));
    let objects = all(store, query).await?;
    let newest = objects.iter().map(|object| object.rev).max().unwrap_or_default();
    Ok((objects.iter().map(change).collect(), newest))
}

fn change(object: &Object) -> Result<ChangeDoc, String> {
    let format = object.doc.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if format > u64::from(ChangeRecord::FORMAT) {
        return Err(format!("change {} is of format {format}, written by a newer version", object.key.id));
    }
    serde_json::from_value(object.doc.clone())
        .map_err(|error| format!("change {} cannot be read: {error}", object.key.id))
}

pub(crate) async fn recorded(
    store: &Arc<dyn Store>,
    tenant: &Name,
    uid: &str,
) -> Result<Vec<(Recorded, Revision)>, StoreError> {
    let query = Query::of(Kind::Resource, tenant.as_str()).prefix(format!("{uid}/"));
    let objects = all(store, query).await?;
    objects.iter().map(|object| Ok((object.read()?, object.rev))).collect()
}

/// What is recorded, raised or left behind on a cluster, of all tenants.
pub(crate) fn on_cluster(kind: Kind, cluster: &Name) -> Query {
    Query::of_tail(kind, format!("{}:", Target::Cluster(cluster.clone())))
}

/// What a slice, or one that is gone, left behind.
pub(crate) async fn orphans(store: &Arc<dyn Store>, tenant: &Name, uid: &str) -> Result<Vec<Orphan>, StoreError> {
    let query = Query::of(Kind::Orphan, tenant.as_str()).prefix(format!("{uid}/"));
    all(store, query).await?.iter().map(Object::read).collect()
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

impl OperationDoc {
    pub(crate) fn key(&self) -> Key {
        operation_key(&self.operation.tenant, &self.operation.id)
    }

    /// The slice while this operation has not ended.
    pub(crate) fn subject(&self) -> Option<&models::Slice> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

pub(crate) fn readable(operation: &Operation) -> bool {
    operation.format <= Operation::FORMAT
}
