//! Carries one operation out: launches what is ready, gathers results, and ends it. Recovery calls the same function.

use super::codec;
use super::ending;
use super::engine::Inner;
use super::error::OpsError;
use super::graph::{self, Board};
use super::model::{ChangeDoc, OperationDoc};
use super::orphan;
use super::start::deadline;
use super::step::{Note, Step, Stop};
use super::unplanned;
use crate::store::Txn;
use jiff::{SignedDuration, Timestamp};
use models::change::{ChangeRecord, ChangeState, Failure, Seq, Verb};
use models::operation::{OperationEvent, OperationState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Steps tell what they wait for; more than this many unread notes are dropped, which loses nothing but freshness.
const NOTES: usize = 64;

/// How often what an operation waits for is written down, at most.
const NOTE_EVERY: SignedDuration = SignedDuration::from_secs(1);

pub(super) async fn run(inner: &Arc<Inner>, doc: OperationDoc, cancel: CancellationToken) -> Result<(), OpsError> {
    let waits = doc.wish.is_some() && doc.operation.state == OperationState::Processing;
    let doc = match waits && codec::readable(&doc.operation) {
        true => match unplanned::plan(inner, doc, &cancel).await? {
            Some(planned) => planned,
            None => return Ok(()),
        },
        false => doc,
    };
    let tenant = doc.operation.tenant.clone();
    let read = codec::changes(&inner.store, &tenant, &doc.operation.id).await?;
    let unreadable = |words: String| Failure {
        code: "unreadable".into(),
        message: words,
        next: "install the version that wrote it, or restore a backup".into(),
    };
    match read {
        _ if !codec::readable(&doc.operation) => {
            let words = format!("operation {} is of a newer format", doc.operation.id);
            ending::stuck(inner, doc, unreadable(words)).await
        }
        Err(words) => ending::stuck(inner, doc, unreadable(words)).await,
        Ok(changes) => {
            let board = changes.into_iter().map(|change| (change.record.change.seq, change)).collect();
            Run::new(inner, doc, board).carry_out(cancel).await
        }
    }
}

struct Run<'a> {
    inner: &'a Arc<Inner>,
    doc: OperationDoc,
    board: Board,
    in_flight: BTreeSet<Seq>,
    /// Those of them whose effect is there and whose result is being written.
    made: BTreeSet<Seq>,
    steps: JoinSet<(Seq, Result<ChangeDoc, Stop>)>,
    waiting: BTreeMap<Seq, String>,
    noted: Timestamp,
    /// Set when something failed for good: nothing new is launched, and whoever pauses stops.
    drain: CancellationToken,
    failure: Option<Failure>,
}

impl<'a> Run<'a> {
    fn new(inner: &'a Arc<Inner>, doc: OperationDoc, board: Board) -> Self {
        Self {
            inner,
            doc,
            board,
            in_flight: BTreeSet::new(),
            made: BTreeSet::new(),
            steps: JoinSet::new(),
            waiting: BTreeMap::new(),
            noted: Timestamp::UNIX_EPOCH,
            drain: inner.stopping().child_token(),
            failure: None,
        }
    }

    fn undoing(&self) -> bool {
        self.doc.operation.state == OperationState::RollingBack
    }

    async fn carry_out(mut self, cancel: CancellationToken) -> Result<(), OpsError> {
        let (tell, mut notes) = mpsc::channel(NOTES);
        loop {
            self.launch(&tell);
            if self.steps.is_empty() {
                return self.end().await;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return self.cancelled().await,
                Some(note) = notes.recv() => self.note(note).await?,
                Some(joined) = self.steps.join_next() => {
                    self.joined(joined).await?;
                    self.tell_waiting().await?;
                }
            }
        }
    }

    fn launch(&mut self, tell: &mpsc::Sender<Note>) {
        if self.drain.is_cancelled() {
            return;
        }
        let ready = match self.undoing() {
            false => graph::to_do(&self.board, (&self.in_flight, &self.made)),
            true => graph::to_undo(&self.board, &self.in_flight),
        };
        for seq in ready {
            self.in_flight.insert(seq);
            let step = Step {
                inner: Arc::clone(self.inner),
                operation: self.doc.operation.clone(),
                adopted: self.doc.adopted(),
                doc: self.board[&seq].clone(),
                tell: tell.clone(),
                drain: self.drain.clone(),
                idle: graph::is_idle(&self.board, seq),
            };
            let undoing = self.undoing();
            let away = !undoing && orphan::is_given_up(&self.board, seq);
            self.steps.spawn(async move {
                let result = match (undoing, away) {
                    (true, _) => step.undo().await,
                    (false, true) => step.bury(ChangeState::Left).await,
                    (false, false) => step.carry_out().await,
                };
                (seq, result)
            });
        }
    }

    async fn joined(
        &mut self,
        joined: Result<(Seq, Result<ChangeDoc, Stop>), tokio::task::JoinError>,
    ) -> Result<(), OpsError> {
        let (seq, result) = match joined {
            Ok(joined) => joined,
            Err(error) => {
                self.drain.cancel();
                self.failure.get_or_insert_with(|| Failure {
                    code: "internal".into(),
                    message: format!("a step ended unexpectedly: {error}"),
                    next: format!("sliceway operation retry {}", self.doc.operation.id),
                });
                return Ok(());
            }
        };
        self.in_flight.remove(&seq);
        self.made.remove(&seq);
        self.waiting.remove(&seq);
        match result {
            Ok(doc) => {
                self.board.insert(seq, doc);
            }
            Err(Stop::Failed(doc, failure)) => {
                self.board.insert(seq, *doc);
                self.drain.cancel();
                self.failure.get_or_insert(failure);
            }
            Err(Stop::Left(doc)) => {
                self.board.insert(seq, *doc);
                // The others have waited for it, and have done nothing yet.
                self.doc.operation.deadline = deadline(self.inner.now(), self.doc.operation.timeout_s);
                self.write().await?;
            }
            Err(Stop::Drained) => {}
            Err(Stop::Store(error)) => return Err(error),
        }
        Ok(())
    }

    async fn note(&mut self, note: Note) -> Result<(), OpsError> {
        match note {
            Note::Waits(seq, text) => {
                self.waiting.insert(seq, text);
                self.tell_waiting().await
            }
            Note::Made(seq) => {
                // One that was told late has ended already.
                if self.in_flight.contains(&seq) {
                    self.made.insert(seq);
                }
                Ok(())
            }
        }
    }

    /// Writes down what the operation waits for, when it changed and not more often than once a second.
    async fn tell_waiting(&mut self) -> Result<(), OpsError> {
        let now = self.inner.now();
        let text = self.waiting.values().next().cloned();
        let changed = self.doc.operation.waiting_for != text;
        if changed && now.duration_since(self.noted) >= NOTE_EVERY {
            self.noted = now;
            match text {
                Some(text) => self.doc.operation.wait_for(text, now),
                None => self.doc.operation.go_on(),
            }
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&self) -> Result<(), OpsError> {
        self.inner.commit(Txn::new().put(self.doc.key(), codec::json(&self.doc)?)).await.map(|_| ())
    }

    /// At once: calls in flight are dropped, their changes stay as they are on disk and count as touched.
    async fn cancelled(mut self) -> Result<(), OpsError> {
        self.steps.abort_all();
        while self.steps.join_next().await.is_some() {}
        ending::cancelled(self.inner, self.doc).await
    }

    async fn end(self) -> Result<(), OpsError> {
        if let Some(failure) = self.failure {
            return ending::stuck(self.inner, self.doc, failure).await;
        }
        if self.drain.is_cancelled() {
            // The process ends; the next one goes on.
            return Ok(());
        }
        let partly = self.board.values().any(|doc| is_left(&doc.record));
        let event = match (self.undoing(), partly) {
            (true, _) => OperationEvent::Undone,
            (false, true) => OperationEvent::DonePartly,
            (false, false) => OperationEvent::Done,
        };
        ending::ended(self.inner, self.doc, event).await
    }
}

/// Something that was to be done is not done: an operator left it out, or its target could not be reached.
fn is_left(record: &ChangeRecord) -> bool {
    match record.state {
        ChangeState::Skipped | ChangeState::Left => true,
        ChangeState::Pending
        | ChangeState::Doing
        | ChangeState::Done
        | ChangeState::Failed
        | ChangeState::Undoing
        | ChangeState::Undone => record.change.verb == Verb::Bury,
    }
}
