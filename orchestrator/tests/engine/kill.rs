//! Death at the n-th durable write or port call: from there on nothing that this engine does has an effect.

use adapters::{Call, Port, PortError};
use async_trait::async_trait;
use models::resource::{self, Resource, ResourceId, Seen};
use orchestrator::store::{Event, Key, Kind, Object, Query, Revision, Store, StoreError, Txn};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// Counts down; at zero the process is dead.
pub struct Kill {
    left: AtomicI64,
    when: When,
    dead: watch::Sender<bool>,
    /// A planted bug: the intent is acknowledged and not written.
    forgets_intents: bool,
    /// Commits that are refused because the disk is full: from the first number, so many.
    full: Option<(i64, i64)>,
    commits: AtomicI64,
    /// From now on, until it is said otherwise.
    full_now: AtomicBool,
}

impl Kill {
    pub fn at(n: i64, when: When) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(n),
            when,
            dead: watch::channel(false).0,
            forgets_intents: false,
            full: None,
            commits: AtomicI64::new(0),
            full_now: AtomicBool::new(false),
        })
    }

    pub fn with_forgotten_intents(n: i64, when: When) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(n),
            when,
            dead: watch::channel(false).0,
            forgets_intents: true,
            full: None,
            commits: AtomicI64::new(0),
            full_now: AtomicBool::new(false),
        })
    }

    /// The disk is full for `times` commits from the n-th on; nobody dies.
    pub fn full(n: i64, times: i64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(i64::MAX),
            when: When::Before,
            dead: watch::channel(false).0,
            forgets_intents: false,
            full: Some((n, times)),
            commits: AtomicI64::new(0),
            full_now: AtomicBool::new(false),
        })
    }

    /// Fills the disk, or makes room.
    pub fn fill(&self, full: bool) {
        self.full_now.store(full, Ordering::SeqCst);
    }

    fn is_full(&self) -> bool {
        let commit = self.commits.fetch_add(1, Ordering::SeqCst);
        if self.full_now.load(Ordering::SeqCst) {
            return true;
        }
        self.full.is_some_and(|(from, times)| (from..from + times).contains(&commit))
    }

    pub fn never() -> Arc<Self> {
        Self::at(i64::MAX, When::Before)
    }

    pub async fn died(&self) {
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    /// Runs an effect, unless the process dies before it; never returns once it is dead.
    async fn pass<T>(&self, effect: impl Future<Output = T>) -> T {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left < 1 || (left == 1 && self.when == When::Before) {
            self.dead.send_replace(true);
            return std::future::pending().await;
        }
        let result = effect.await;
        if left == 1 {
            self.dead.send_replace(true);
            return std::future::pending().await;
        }
        result
    }
}

pub struct KilledStore(pub Arc<dyn Store>, pub Arc<Kill>);

#[async_trait]
impl Store for KilledStore {
    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.0.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Object>, StoreError> {
        self.0.list(query).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        if self.1.is_full() {
            return Err(StoreError::Full { file: "sliceway.db".into() });
        }
        let intent = txn.puts.iter().any(|(key, doc)| key.kind == Kind::Change && doc["state"] == "doing");
        if self.1.forgets_intents && intent {
            return Ok(*self.0.changed().borrow());
        }
        self.1.pass(self.0.commit(txn)).await
    }

    async fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.0.events(after, limit).await
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.0.changed()
    }

    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.0.snapshot(to).await
    }
}

pub struct KilledPort(pub Arc<dyn Port>, pub Arc<Kill>);

#[async_trait]
impl Port for KilledPort {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        self.1.pass(self.0.apply(call, want, seen)).await
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        self.1.pass(self.0.remove(call, what, seen)).await
    }

    async fn disown(&self, call: &Call, object: &resource::Object) -> Result<(), PortError> {
        self.1.pass(self.0.disown(call, object)).await
    }

    async fn own(&self, call: &Call, object: &resource::Object) -> Result<(), PortError> {
        self.1.pass(self.0.own(call, object)).await
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        self.0.observe(call, id).await
    }
}
