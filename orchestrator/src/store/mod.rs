//! Where every durable fact of an installation lives: objects with revisions, the events of their changes, sealed
//! secrets and content-addressed blobs.
//!
//! SQL stands only below this module. It must never know what a document means, never hold a transaction across an
//! `.await`, and never acknowledge what could still be lost.

mod ambient;
mod blobs;
mod digest;

mod error;
mod expect;
mod files;
mod key;
mod secret;
mod sqlite;
mod txn;
mod vault;

use std::path::Path;

use async_trait::async_trait;
use tokio::sync::watch;

pub use ambient::{Clock, Random};
pub use blobs::{BlobError, Blobs, Swept};
pub use digest::{Digest, NoDigest};

pub use error::StoreError;
pub use expect::Expect;
pub use key::{Key, Kind, Revision, UnknownKind};
pub use secret::Secret;
pub use sqlite::{FORMAT, Options, Sqlite, Stats};
pub use txn::{Event, Object, Op, Precondition, Query, Txn};
pub use vault::{Vault, VaultError};

/// The store of one installation.
///
/// Guarantees: what `commit` acknowledged survives the death of the process and of the machine; a reader sees committed
/// transactions only, and each of them whole; revisions grow in the order of commits. Commits keep the order in which
/// they were begun (their futures first polled): what one wrote is durable, and seen by readers, no later than the next.
///
/// Assumptions: one process owns the store (a second one is refused when it opens).
///
/// Caveats: a caller that drops the future of `commit` does not learn the outcome; the transaction may be committed.
#[async_trait]
pub trait Store: Send + Sync {
    /// The object under this key, if there is one.
    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError>;

    /// The objects that match, ordered by (tenant, id), from one consistent read. To list and then watch without a gap,
    /// read `*changed().borrow()` first, list, and ask for the events after that revision: what shows up twice is the same.
    async fn list(&self, query: &Query) -> Result<Vec<Object>, StoreError>;

    /// All of it or nothing. Every put gets the revision that is returned. A transaction that changes nothing (no puts,
    /// deletes only of what is absent) gets the newest revision there is and makes no event.
    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError>;

    /// What changed after this revision, oldest first. A transaction is never cut in two: the answer may be longer than
    /// `limit` by the rest of its last transaction. `Gone` when the revision is older than what is kept, or newer than
    /// the store itself (an older snapshot was restored): list again.
    async fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// The newest committed revision; wakes whoever waits for a change.
    fn changed(&self) -> watch::Receiver<Revision>;

    /// Not older than the newest change of any object of this kind, for whoever keeps what it read: read it first, then list;
    /// while it is the same, so is the list. `None`: not known.
    fn newest_of(&self, _kind: Kind) -> Option<Revision> {
        None
    }

    /// A consistent copy of the whole store in the new file `to`, made while others read and write.
    async fn snapshot(&self, to: &Path) -> Result<(), StoreError>;
}
