//! The store in one SQLite file: a writer thread that commits in groups, and a small pool of read-only connections.
//! No other module of the product may speak SQL or open this file.

mod failure;
mod folder;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Clock, Event, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use folder::Folder;
use reader::Readers;
pub use schema::FORMAT;
use writer::{Counters, Prepared, Request, Writer};

/// A list of fewer objects is read where it is asked for; whoever reads more does it elsewhere.
const FEW: usize = 32;

/// The bounds of a store.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Clock,
    /// Read-only connections.
    pub readers: usize,
    /// Transactions that share one flush to disk at most.
    pub group: usize,
    /// How long events are kept at most.
    pub event_keep: Duration,
    /// How many events are kept at most.
    pub event_rows: u64,
    /// The size of one document.
    pub document_bytes: usize,
    /// How long to wait for another program that locks the file.
    pub busy_timeout: Duration,
    /// The size of the file in pages of 4 KiB; `None` is as much as the disk gives.
    pub max_pages: Option<u32>,
}

impl Options {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            readers: 4,
            group: 256,
            event_keep: Duration::from_secs(24 * 60 * 60),
            event_rows: 50_000,
            document_bytes: 4 * 1024 * 1024,
            busy_timeout: Duration::from_secs(5),
            max_pages: None,
        }
    }
}

/// What the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were committed.
    pub transactions: u64,
    /// Flushes to disk that they shared.
    pub flushes: u64,
}

/// A store in a data folder of its own.
pub struct Sqlite {
    /// Without a bound of its own: each transaction in it is held by somebody who waits for it, and only what is taken
    /// at once keeps the order in which commits were begun.
    sender: Option<mpsc::UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
    newest: watch::Receiver<Revision>,
    readers: Readers,
    counters: Arc<Counters>,
    document_bytes: usize,
    folder: Arc<Folder>,
}

impl Sqlite {
    /// Opens the store in `folder`; makes both when they do not exist. Blocks: call it before the server starts, or on
    /// a thread that may wait.
    pub fn open(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let folder = Arc::new(Folder::lock(folder)?);
        let conn = schema::open(&folder, &options)?;
        let readers = Readers::open(folder.clone(), &options)?;
        let head = failure::within(&folder.file, schema::head(&conn))?;
        let (watch_sender, newest) = watch::channel(head);
        let (sender, receiver) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::at(head));
        let document_bytes = options.document_bytes;
        let writer = Writer {
            conn,
            head,
            newest: watch_sender,
            counters: counters.clone(),
            options,
            events_since_prune: 0,
            folder: folder.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(|source| StoreError::Io { what: "the writer thread cannot be started".to_owned(), source })?;
        Ok(Self { sender: Some(sender), thread: Some(thread), newest, readers, counters, document_bytes, folder })
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    pub fn stats(&self) -> Stats {
        self.counters.read()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        drop(self.sender.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the store panicked");
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let key = key.clone();
        self.readers.run_here(move |conn| reader::get(conn, key)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Object>, StoreError> {
        if query.is_range() {
            let few = query.clone().limit(query.limit.min(FEW));
            let found = self.readers.run_here(move |conn| reader::list(conn, &few)).await?;
            if found.len() < FEW || query.limit <= FEW {
                return Ok(found);
            }
        }
        let query = query.clone();
        self.readers.run(move |conn| reader::list(conn, &query)).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        let prepared = Prepared::new(txn, self.document_bytes)?;
        let (reply, answer) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or(StoreError::Closed)?;
        sender.send(Request { prepared, reply }).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.readers.run(move |conn| reader::events(conn, after, limit)).await
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.newest.clone()
    }

    fn newest_of(&self, kind: Kind) -> Option<Revision> {
        Some(self.counters.newest_of(kind))
    }

    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        let to: PathBuf = to.to_owned();
        self.readers.run_whole(move |folder| reader::snapshot(folder, &to)).await
    }
}
