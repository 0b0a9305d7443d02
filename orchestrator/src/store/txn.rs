//! What goes into the store and what comes out: transactions, queries, objects and events. Plain data; it must never
//! know which engine keeps it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Key, Kind, Revision, StoreError};

/// A stored document and its version.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub key: Key,
    pub rev: Revision,
    pub doc: Value,
}

impl Object {
    /// The document as the type that its kind promises.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        T::deserialize(&self.doc).map_err(|e| StoreError::Unreadable {
            key: self.key.clone(),
            rev: self.rev,
            why: e.to_string(),
        })
    }
}

/// What must hold at the moment of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    Absent(Key),
    At(Key, Revision),
    Exists(Key),
}

/// Changes that are made together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Txn {
    pub when: Vec<Precondition>,
    pub puts: Vec<(Key, Value)>,
    pub deletes: Vec<Key>,
}

impl Txn {
    pub fn new() -> Self {
        Self::default()
    }

    /// Write this document, whatever stood there before.
    #[must_use]
    pub fn put(mut self, key: Key, doc: Value) -> Self {
        self.puts.push((key, doc));
        self
    }

    /// Remove this object; absent is success.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.deletes.push(key);
        self
    }

    /// Only if there is no such object.
    #[must_use]
    pub fn absent(mut self, key: Key) -> Self {
        self.when.push(Precondition::Absent(key));
        self
    }

    /// Only if the object still has this revision.
    #[must_use]
    pub fn at(mut self, key: Key, rev: Revision) -> Self {
        self.when.push(Precondition::At(key, rev));
        self
    }

    /// Only if there is such an object.
    #[must_use]
    pub fn exists(mut self, key: Key) -> Self {
        self.when.push(Precondition::Exists(key));
        self
    }
}

/// Which objects to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub kind: Kind,
    /// `None` is every tenant.
    pub tenant: Option<String>,
    /// What the id begins with.
    pub prefix: Option<String>,
    /// What the id goes on with after its first `/`, whatever stands before it.
    pub tail: Option<String>,
    /// The (tenant, id) of the last object of the page before.
    pub after: Option<(String, String)>,
    pub limit: usize,
}

impl Query {
    /// Every object of a kind, of every tenant.
    pub fn all(kind: Kind) -> Self {
        Self { kind, tenant: None, prefix: None, tail: None, after: None, limit: usize::MAX }
    }

    /// The objects of one tenant ("" for what belongs to the installation).
    pub fn of(kind: Kind, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..Self::all(kind) }
    }

    /// It reads no more than it finds. A prefix of every tenant is looked for among all of the kind.
    pub(super) fn is_range(&self) -> bool {
        self.tenant.is_some() || self.prefix.is_none()
    }

    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Of every tenant, as fast as there are few of them; ordered by that tail, then by (tenant, id). Only of kinds that
    /// are kept in this order ([`Kind::has_tail`]), and without a prefix.
    pub fn of_tail(kind: Kind, tail: impl Into<String>) -> Self {
        Self { tail: Some(tail.into()), ..Self::all(kind) }
    }

    #[must_use]
    pub fn after(mut self, last: &Key) -> Self {
        self.after = Some((last.tenant.clone(), last.id.clone()));
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Put,
    Delete,
}

/// One change of one object. `doc` is what was put; a deletion has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub rev: Revision,
    pub key: Key,
    pub op: Op,
    pub doc: Option<Value>,
}
