//! The one thread that writes. It takes what waits (up to a bound), checks each transaction's preconditions against what
//! stands and what the group wrote before it, and makes all of them durable by one flush. It must never answer before
//! the flush, and must stay alive when the disk is full.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::failure::{is_fatal, translate};
use super::folder::Folder;
use super::{Options, Stats};
use crate::store::{Key, Kind, Precondition, Revision, StoreError, Txn};

/// Events are looked at for pruning after so many new ones ...
const PRUNE_EVERY: u64 = 1000;
/// ... and so many go at once: more than came, and few enough that a commit never waits long.
const PRUNE_ROWS: u32 = 4000;

/// A transaction on its way to the writer.
pub(super) struct Request {
    pub(super) prepared: Prepared,
    pub(super) reply: oneshot::Sender<Result<Revision, StoreError>>,
}

/// A transaction that was checked and serialised before it reached the writer.
pub(super) struct Prepared {
    when: Vec<Precondition>,
    puts: Vec<(Key, String)>,
    deletes: Vec<Key>,
}

impl Prepared {
    pub(super) fn new(txn: Txn, limit: usize) -> Result<Self, StoreError> {
        let mut seen = HashSet::new();
        for key in txn.puts.iter().map(|(key, _)| key).chain(&txn.deletes) {
            if key.id.is_empty() {
                return Err(StoreError::Invalid(format!("a {} needs an id", key.kind)));
            }
            if !seen.insert(key) {
                return Err(StoreError::Invalid(format!("{key} stands twice in one transaction")));
            }
        }
        let puts = txn.puts.iter().map(|(key, doc)| serialise(key, doc, limit)).collect::<Result<_, _>>()?;
        Ok(Self { when: txn.when, puts, deletes: txn.deletes })
    }

    /// How many objects it touches at most.
    fn keys(&self) -> u64 {
        (self.puts.len() + self.deletes.len()) as u64
    }
}

fn serialise(key: &Key, doc: &serde_json::Value, limit: usize) -> Result<(Key, String), StoreError> {
    let text = doc.to_string();
    if text.len() > limit {
        return Err(StoreError::TooLarge { key: key.clone(), bytes: text.len(), limit });
    }
    Ok((key.clone(), text))
}

/// What `Stats` is read from, and when each kind was changed last.
#[derive(Debug)]
pub(super) struct Counters {
    transactions: AtomicU64,
    flushes: AtomicU64,
    /// In the order of [`Kind::ALL`].
    kinds: Vec<AtomicU64>,
}

impl Counters {
    pub(super) fn at(head: Revision) -> Self {
        let kinds = Kind::ALL.iter().map(|_| AtomicU64::new(head.0)).collect();
        Self { transactions: AtomicU64::default(), flushes: AtomicU64::default(), kinds }
    }

    pub(super) fn newest_of(&self, kind: Kind) -> Revision {
        Revision(self.kinds.get(kind as usize).map_or(u64::MAX, |newest| newest.load(Ordering::Acquire)))
    }

    fn changed(&self, prepared: &Prepared, rev: Revision) {
        for key in prepared.puts.iter().map(|(key, _)| key).chain(&prepared.deletes) {
            if let Some(newest) = self.kinds.get(key.kind as usize) {
                newest.store(rev.0, Ordering::Release);
            }
        }
    }

    pub(super) fn read(&self) -> Stats {
        Stats { transactions: self.transactions.load(Ordering::Relaxed), flushes: self.flushes.load(Ordering::Relaxed) }
    }
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) head: Revision,
    pub(super) newest: watch::Sender<Revision>,
    pub(super) counters: Arc<Counters>,
    pub(super) options: Options,
    pub(super) events_since_prune: u64,
    // Last, so that the lock goes when the connection has gone.
    pub(super) folder: Arc<Folder>,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Serve,
    End,
}

/// What became of one transaction of a group.
enum Outcome {
    Committed(Revision),
    Refused(StoreError),
}

impl Writer {
    /// Serves until the store is dropped or the file cannot be trusted any more.
    pub(super) fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        self.prune();
        while let Some(first) = requests.blocking_recv() {
            let mut group = vec![first];
            while group.len() < self.options.group {
                let Ok(request) = requests.try_recv() else {
                    break;
                };
                group.push(request);
            }
            if self.serve(group) == Next::End {
                return;
            }
            if self.events_since_prune >= PRUNE_EVERY.min(self.options.event_rows) {
                self.prune();
            }
        }
    }

    fn serve(&mut self, mut group: Vec<Request>) -> Next {
        match self.commit(&group) {
            Ok(outcomes) => {
                self.announce(&group, &outcomes);
                for (request, outcome) in group.into_iter().zip(outcomes) {
                    // Who asked may have gone.
                    let _ = request.reply.send(match outcome {
                        Outcome::Committed(rev) => Ok(rev),
                        Outcome::Refused(error) => Err(error),
                    });
                }
                Next::Serve
            }
            Err(error) if is_fatal(&error) => {
                tracing::error!(file = %self.folder.file.display(), error = %error, "the store closes: what is on disk is not known");
                let error = translate(&self.folder.file, error);
                // The others learn from the end of their channel that the store is closed.
                let _ = group.swap_remove(0).reply.send(Err(error));
                Next::End
            }
            Err(error) if group.len() == 1 => {
                let error = translate(&self.folder.file, error);
                let _ = group.swap_remove(0).reply.send(Err(error));
                Next::Serve
            }
            // One of them is too much for the disk: each has its own try.
            Err(_) => self.serve_each(group),
        }
    }

    fn serve_each(&mut self, group: Vec<Request>) -> Next {
        for request in group {
            if self.serve(vec![request]) == Next::End {
                return Next::End;
            }
        }
        Next::Serve
    }

    /// One flush for the whole group. An error means that nothing of it was written.
    fn commit(&mut self, group: &[Request]) -> rusqlite::Result<Vec<Outcome>> {
        let at_ms = unix_ms(self.options.clock.now());
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = self.head;
        let mut outcomes = Vec::with_capacity(group.len());
        for request in group {
            outcomes.push(match refusal(&tx, &request.prepared.when)? {
                Some(error) => Outcome::Refused(error),
                None => {
                    head = write(&tx, &request.prepared, Stamp { newest: head, at_ms })?;
                    Outcome::Committed(head)
                }
            });
        }
        if head != self.head {
            tx.prepare_cached("UPDATE head SET rev = ?1")?.execute([head.0.cast_signed()])?;
        }
        tx.commit()?;
        Ok(outcomes)
    }

    fn announce(&mut self, group: &[Request], outcomes: &[Outcome]) {
        let mut head = self.head;
        for (request, outcome) in group.iter().zip(outcomes) {
            if let Outcome::Committed(rev) = outcome {
                head = *rev;
                self.counters.changed(&request.prepared, head);
                self.events_since_prune += request.prepared.keys();
                self.counters.transactions.fetch_add(1, Ordering::Relaxed);
            }
        }
        if head != self.head {
            self.counters.flushes.fetch_add(1, Ordering::Relaxed);
            self.head = head;
            self.newest.send_replace(head);
        }
    }

    /// Forgets events that are too old or too many. A failure is no one's fault and is tried again later.
    fn prune(&mut self) {
        self.events_since_prune = 0;
        let keep = Keep::of(&self.options);
        if let Err(error) = prune(&mut self.conn, &keep) {
            tracing::warn!(file = %self.folder.file.display(), error = %error, "old events could not be removed; tried again later");
        }
    }
}

/// What a transaction builds on, and when it happens.
struct Stamp {
    newest: Revision,
    at_ms: i64,
}

/// The first precondition that does not hold.
fn refusal(tx: &Transaction<'_>, when: &[Precondition]) -> rusqlite::Result<Option<StoreError>> {
    for precondition in when {
        let key = match precondition {
            Precondition::Absent(key) | Precondition::At(key, _) | Precondition::Exists(key) => key,
        };
        let found = revision_of(tx, key)?;
        let holds = match precondition {
            Precondition::Absent(_) => found.is_none(),
            Precondition::At(_, rev) => found == Some(*rev),
            Precondition::Exists(_) => found.is_some(),
        };
        if !holds {
            return Ok(Some(StoreError::Conflict { key: key.clone(), found }));
        }
    }
    Ok(None)
}

fn revision_of(tx: &Transaction<'_>, key: &Key) -> rusqlite::Result<Option<Revision>> {
    tx.prepare_cached("SELECT rev FROM object WHERE kind = ?1 AND tenant = ?2 AND id = ?3")?
        .query_row(params![key.kind.name(), key.tenant, key.id], |row| row.get::<_, i64>(0))
        .optional()
        .map(|found| found.map(|rev| Revision(rev.cast_unsigned())))
}

/// Writes the objects and their events; the revision is a new one only if something changed.
fn write(tx: &Transaction<'_>, prepared: &Prepared, stamp: Stamp) -> rusqlite::Result<Revision> {
    let next = Revision(stamp.newest.0 + 1);
    let rev = next.0.cast_signed();
    let mut changed = !prepared.puts.is_empty();
    let mut event = tx.prepare_cached(
        "INSERT INTO event (rev, at_ms, kind, tenant, id, op, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (key, doc) in &prepared.puts {
        tx.prepare_cached(
            "INSERT INTO object (kind, tenant, id, rev, doc) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (kind, tenant, id) DO UPDATE SET rev = excluded.rev, doc = excluded.doc",
        )?
        .execute(params![key.kind.name(), key.tenant, key.id, rev, doc])?;
        event.execute(params![rev, stamp.at_ms, key.kind.name(), key.tenant, key.id, "put", doc])?;
    }
    for key in &prepared.deletes {
        let gone = tx
            .prepare_cached("DELETE FROM object WHERE kind = ?1 AND tenant = ?2 AND id = ?3")?
            .execute(params![key.kind.name(), key.tenant, key.id])?;
        if gone > 0 {
            event.execute(params![rev, stamp.at_ms, key.kind.name(), key.tenant, key.id, "delete", None::<&str>])?;
            changed = true;
        }
    }
    Ok(if changed { next } else { stamp.newest })
}

/// Which events stay.
struct Keep {
    rows: i64,
    after_ms: i64,
}

impl Keep {
    fn of(options: &Options) -> Self {
        let oldest = options.clock.now().checked_sub(options.event_keep).unwrap_or(UNIX_EPOCH);
        Self { rows: i64::try_from(options.event_rows).unwrap_or(i64::MAX), after_ms: unix_ms(oldest) }
    }
}

/// Goes by whole revisions, from the oldest on.
fn prune(conn: &mut Connection, keep: &Keep) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last: Option<i64> = tx.query_row("SELECT max(seq) FROM event", [], |row| row.get(0))?;
    let too_many = last.unwrap_or(0).saturating_sub(keep.rows);
    let cut: Option<i64> = {
        let mut oldest = tx.prepare_cached("SELECT seq, at_ms, rev FROM event ORDER BY seq LIMIT ?1")?;
        let rows = oldest
            .query_map([PRUNE_ROWS], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        let mut cut = None;
        for row in rows {
            let (seq, at_ms, rev) = row?;
            if seq > too_many && at_ms >= keep.after_ms {
                break;
            }
            cut = Some(rev);
        }
        cut
    };
    if let Some(rev) = cut {
        tx.execute("DELETE FROM event WHERE rev <= ?1", [rev])?;
        tx.execute("UPDATE head SET pruned = ?1", [rev])?;
    }
    tx.commit()
}

fn unix_ms(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
