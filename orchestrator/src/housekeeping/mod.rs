//! What is over goes after its time: ended operations with their changes, plans that were only shown, kept answers, and
//! blobs that nothing refers to any more.
//!
//! One pass does a bounded amount of work in small transactions, and the next one goes on. It must never take what is
//! open, what a slice or an undo rests on, nor a blob whose reference may still be on its way into the store.

mod old;
mod references;
mod trust;

pub use trust::Trust;

use crate::ops::{Engine, OpsError};
use crate::store::{BlobError, Blobs, Digest, Revision, Store, StoreError, Swept, Txn};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks at everything.
const EVERY: Duration = Duration::from_secs(3600);
/// Before the rest of what one pass left.
const REST: Duration = Duration::from_secs(10);
/// So much goes in one pass at most, of each sort.
const MOST: usize = 500;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// An operation and its changes after it ended.
    pub operations: SignedDuration,
    /// The newest ended operations of every slice that exists stay, whatever their age.
    pub per_slice: usize,
    /// A plan that was shown and not applied.
    pub plans: SignedDuration,
    /// A blob after it was last put, while nothing refers to it.
    pub blobs: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ops(#[from] OpsError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// What one pass removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleared {
    pub operations: usize,
    pub plans: usize,
    pub answers: usize,
    pub blobs: Swept,
}

impl Cleared {
    /// There may be more of it.
    fn is_full(&self) -> bool {
        self.operations.max(self.plans).max(self.answers) >= MOST
    }
}

pub struct Housekeeping {
    store: Arc<dyn Store>,
    engine: Engine,
    blobs: Arc<Blobs>,
    keep: Keep,
    trust: Arc<Trust>,
    stop: CancellationToken,
    /// Blobs that nothing referred to when they were last looked at. Only what is found twice goes: a request that read a
    /// reference just before it was removed has until then to write it elsewhere.
    unreferred: HashSet<Digest>,
}

/// What housekeeping works with; all of it is handed in.
pub struct Means {
    pub store: Arc<dyn Store>,
    pub engine: Engine,
    pub blobs: Arc<Blobs>,
    pub keep: Keep,
    pub trust: Arc<Trust>,
}

impl Housekeeping {
    pub fn new(means: Means, stop: CancellationToken) -> Self {
        let Means { store, engine, blobs, keep, trust } = means;
        Self { store, engine, blobs, keep, trust, stop, unreferred: HashSet::new() }
    }

    /// Now and every hour, until `stop`. What fails is tried again at the next pass.
    pub(crate) async fn run(mut self) {
        let mut pause = Duration::ZERO;
        let mut next_look = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let done = match tokio::time::Instant::now() >= next_look {
                true => {
                    next_look = tokio::time::Instant::now() + EVERY;
                    self.pass().await
                }
                false => match self.trust.now() {
                    Some(now) => self.records(now).await,
                    None => Ok(Cleared::default()),
                },
            };
            let rest = match done {
                Ok(cleared) => {
                    tell(&cleared);
                    cleared.is_full()
                }
                Err(error) => {
                    tracing::warn!(%error, "what is old could not be cleared away; tried again later");
                    false
                }
            };
            pause = if rest { REST } else { next_look.saturating_duration_since(tokio::time::Instant::now()) };
        }
    }

    /// One look at everything; at nothing while the clock is not believed.
    pub async fn pass(&mut self) -> Result<Cleared, HousekeepingError> {
        let Some(now) = self.trust.now() else { return Ok(Cleared::default()) };
        let head = *self.store.changed().borrow();
        self.engine.commit(self.trust.note(head)).await?;
        let mut cleared = self.records(now).await?;
        if !self.stop.is_cancelled() {
            cleared.blobs = self.sweep(now).await?;
        }
        Ok(cleared)
    }

    async fn records(&self, now: Timestamp) -> Result<Cleared, HousekeepingError> {
        Ok(Cleared {
            operations: self.operations(now).await?,
            plans: self.plans(now).await?,
            answers: self.answers(now).await?,
            blobs: Swept::default(),
        })
    }

    async fn sweep(&mut self, now: Timestamp) -> Result<Swept, HousekeepingError> {
        let floor = self.trust.floor().map(|floor| now.duration_since(floor.at));
        if floor.is_some_and(|since| since < SignedDuration::try_from(self.keep.blobs).unwrap_or(SignedDuration::MAX)) {
            // The age of a file may be of another year.
            return Ok(Swept::default());
        }
        let referred = references::collect(self.store.as_ref()).await?;
        let found = self.blobs.unreferred(referred, self.keep.blobs).await?;
        let doomed: Vec<Digest> = found.intersection(&self.unreferred).take(MOST).copied().collect();
        // Changes nothing, and fails in a process that another one took over from: the blobs are the other's now.
        self.engine.commit(Txn::new()).await?;
        let swept = self.blobs.remove(doomed.clone(), self.keep.blobs).await?;
        self.unreferred = found.into_iter().filter(|digest| !doomed.contains(digest)).collect();
        Ok(swept)
    }

    /// When something was written, by its stamp, where the stamp can be believed.
    fn stamped(&self, rev: Revision, at: Timestamp) -> Timestamp {
        self.trust.floor().filter(|floor| rev <= floor.rev).map_or(at, |floor| at.max(floor.at))
    }
}

fn tell(cleared: &Cleared) {
    if *cleared != Cleared::default() {
        let Cleared { operations, plans, answers, blobs } = cleared;
        let (blobs, bytes) = (blobs.removed, blobs.removed_bytes);
        tracing::info!(operations, plans, answers, blobs, bytes, "cleared away what was old");
    }
}
