//! The engine: owns the tasks that carry out operations, one per operation.
//!
//! **Guarantees.** Intent is on disk before an effect, the result after it. After a crash [`Engine::recover`] calls the
//! same executor. Every write carries this process's epoch. No task outlives [`Engine::shutdown`].

use super::codec;
use super::error::OpsError;
use super::executor;
use super::fence::{Fence, Fenced};
use super::model::{ChangeDoc, OperationDoc};
use super::safe::StoreSafe;
use super::settled::{Settled, Stopped};
use super::unplanned::Planner;
use super::unreadable;
use super::waiting::{Patience, Pauses};
use crate::store::{Blobs, Clock, Kind, Query, Random, Revision, Store, StoreError, Txn, Vault};
use adapters::{Port, PortError, Safe};
use async_trait::async_trait;
use jiff::Timestamp;
use models::Name;
use models::change::{ChangeState, Verb};
use models::resource::{ResourceId, Target};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// So many operations are taken up in one transaction.
const RESUMED: usize = 200;
/// How long a cancel waits until it is written down.
const CANCEL: Duration = Duration::from_secs(3);

/// Finds the port of a target.
#[async_trait]
pub trait Ports: Send + Sync {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError>;
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at one time on one target, over all operations.
    pub per_target: usize,
    pub call_deadline: Duration,
    /// How long a cause that can pass is waited for, where the caller says nothing.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_target: 8, call_deadline: Duration::from_secs(10), patience: Duration::from_secs(600) }
    }
}

/// What the engine works with; all of it is handed in.
pub struct Means {
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
    pub blobs: Arc<Blobs>,
    pub ports: Arc<dyn Ports>,
    pub clock: Clock,
    pub random: Random,
    pub limits: Limits,
}

#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) ports: Arc<dyn Ports>,
    pub(super) safe: Arc<dyn Safe>,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) limits: Limits,
    pub(super) fence: Fence,
    settled: Settled,
    pub(super) planner: OnceLock<Weak<dyn Planner>>,
    lanes: Mutex<HashMap<Target, Arc<Semaphore>>>,
    running: Mutex<HashMap<String, Running>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// One operation that is carried out now.
#[derive(Clone)]
struct Running {
    cancel: CancellationToken,
    ended: watch::Receiver<bool>,
}

/// An operation with its changes, for readers.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct OperationView {
    #[serde(flatten)]
    pub operation: models::Operation,
    pub moves: Vec<String>,
    pub steps: Vec<ChangeDoc>,
    /// What it forgot and left where it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub residue: Vec<ResourceId>,
    /// The newest revision of what it shows.
    #[serde(skip)]
    pub rev: Revision,
}

impl Engine {
    /// What a slice holds of whole clusters, and nothing that is recorded needs any more.
    pub async fn give_back(&self, tenant: &Name, uid: &str) -> Result<(), OpsError> {
        super::claims::give_back(&self.0, (tenant, uid)).await
    }

    pub async fn new(means: Means) -> Result<Self, StoreError> {
        let fence = Fence::take(Arc::clone(&means.store)).await?;
        let safe =
            StoreSafe { store: Arc::clone(&means.store), vault: means.vault, blobs: means.blobs, fence: fence.clone() };
        Ok(Self(Arc::new(Inner {
            store: means.store,
            ports: means.ports,
            safe: Arc::new(safe),
            clock: means.clock,
            random: means.random,
            limits: means.limits,
            fence,
            settled: Settled::default(),
            planner: OnceLock::new(),
            lanes: Mutex::default(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })))
    }

    /// Goes on with everything that was open when the last process ended.
    pub async fn recover(&self) -> Result<usize, OpsError> {
        let mut open = Vec::new();
        for object in codec::all(&self.0.store, Query::all(Kind::Operation)).await? {
            match object.read::<OperationDoc>() {
                Ok(doc) if doc.operation.state.is_running() => open.push(doc),
                Ok(_) => {}
                Err(_) => unreadable::stop(&self.0, &object).await?,
            }
        }
        for docs in open.chunks_mut(RESUMED) {
            let mut txn = Txn::new();
            for doc in docs.iter_mut() {
                doc.operation.epoch = self.0.fence.epoch;
                let (patience, now) = (Patience::left(&doc.operation, self.0.now()), self.0.now());
                doc.operation.deadline = patience.deadline(doc.operation.deadline, now);
                txn = txn.put(doc.key(), codec::json(doc)?);
            }
            self.0.commit(txn).await?;
        }
        let resumed = open.len();
        open.into_iter().for_each(|doc| self.0.spawn(doc));
        Ok(resumed)
    }

    pub async fn get(&self, tenant: &Name, id: &str) -> Result<OperationView, OpsError> {
        let found = codec::operation(&self.0.store, tenant, id).await?;
        let (doc, rev) = found.ok_or_else(|| OpsError::NotFound(id.to_owned()))?;
        let (steps, newest) = codec::changes_at(&self.0.store, tenant, id).await?;
        let steps = steps.unwrap_or_default();
        let mut operation = doc.operation;
        operation.done = count(&steps);
        let moves = operation.state.moves().iter().map(|word| (*word).to_owned()).collect();
        let residue = residue(&steps);
        Ok(OperationView { operation, moves, steps, residue, rev: rev.max(newest) })
    }

    /// Newest first. One that cannot be read is told and left out: it is shown as that where its id is asked for.
    pub async fn list(&self, tenant: &Name) -> Result<Vec<(models::Operation, Revision)>, OpsError> {
        let objects = codec::all(&self.0.store, Query::of(Kind::Operation, tenant.as_str())).await?;
        let mut all = Vec::with_capacity(objects.len());
        for object in objects.into_iter().rev() {
            match object.read::<OperationDoc>() {
                Ok(doc) => all.push((doc.operation, object.rev)),
                Err(error) => tracing::warn!(%error, "left out of a list"),
            }
        }
        Ok(all)
    }

    /// Returns when nothing works on the operation any more.
    pub async fn wait(&self, id: &str) {
        let running = self.0.running().get(id).cloned();
        if let Some(mut running) = running {
            // An error says that its task is gone, which is the same.
            let _ = running.ended.wait_for(|ended| *ended).await;
        }
    }

    /// Carries work through to its end even where whoever asked for it goes away; [`Engine::shutdown`] waits for it.
    /// What is half done between a commit and what follows from it would otherwise stay half done.
    pub async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, OpsError> {
        match self.0.tasks.spawn(work).await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(OpsError::Stopping),
        }
    }

    /// Launches nothing more, and waits for the calls in flight.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The safe of this engine, for what is handed out to users.
    pub fn safe(&self) -> Arc<dyn Safe> {
        Arc::clone(&self.0.safe)
    }

    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// What was read of a target before is not true any more.
    pub fn settled(&self) -> Timestamp {
        self.0.settled.since(self.0.now())
    }

    /// Operations that made something and stopped a moment ago: what was read of a target before does not show it.
    pub fn stopped(&self) -> Vec<Stopped> {
        self.0.settled.made(self.0.now())
    }

    pub fn epoch(&self) -> u64 {
        self.0.fence.epoch
    }

    /// The store with every write under this engine's fence.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(Fenced(self.clone()))
    }

    /// A write outside of an operation, under the same fence.
    pub async fn commit(&self, txn: Txn) -> Result<Revision, OpsError> {
        self.0.commit(txn).await
    }
}

fn residue(steps: &[ChangeDoc]) -> Vec<ResourceId> {
    let records = steps.iter().map(|step| &step.record);
    let left = records.filter(|record| record.change.verb == Verb::Abandon && record.state == ChangeState::Done);
    left.filter(|record| record.change.id.target != Target::Local).map(|record| record.change.id.clone()).collect()
}

pub(super) fn count(steps: &[ChangeDoc]) -> u32 {
    use models::ChangeState as S;
    let done = steps.iter().filter(|step| matches!(step.record.state, S::Done | S::Undone | S::Skipped | S::Left));
    u32::try_from(done.count()).unwrap_or(u32::MAX)
}

impl Inner {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What it did is done.
    pub(super) fn settle(&self, operation: &models::Operation) {
        self.settled.tell(self.now(), operation);
    }

    /// A random byte; a machine without randomness loses the spreading of its pauses, nothing else.
    pub(super) fn dice(&self) -> u8 {
        let mut byte = [0];
        let _ = self.random.fill(&mut byte);
        byte[0]
    }

    pub(super) async fn commit(&self, txn: Txn) -> Result<Revision, OpsError> {
        self.fence.commit(txn).await.map_err(|error| {
            if self.fence.is_lost(&error) {
                tracing::error!("another server took this data folder over; this one stops working");
                self.stop.cancel();
                return OpsError::Fenced;
            }
            OpsError::Store(error)
        })
    }

    pub(super) fn lane(&self, target: &Target) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(target.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.limits.per_target))))
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Cancels an operation that runs here and waits until nothing works on it. Says whether one did. A store that
    /// takes no writes is not waited for: what was cancelled stays so, and is written down when there is room.
    pub(super) async fn interrupt(&self, id: &str) -> Result<bool, OpsError> {
        let running = self.running().get(id).cloned();
        let Some(mut running) = running else { return Ok(false) };
        running.cancel.cancel();
        let ended = tokio::time::timeout(CANCEL, running.ended.wait_for(|ended| *ended)).await;
        ended.map(|_| true).map_err(|_| OpsError::NotTold(id.to_owned()))
    }

    /// Starts the task that carries the operation out, unless one does.
    pub(super) fn spawn(self: &Arc<Self>, doc: OperationDoc) {
        let id = doc.operation.id.clone();
        let (tell, ended) = watch::channel(false);
        let cancel = CancellationToken::new();
        let mut running = self.running();
        if self.stop.is_cancelled() || running.contains_key(&id) {
            return;
        }
        running.insert(id.clone(), Running { cancel: cancel.clone(), ended });
        drop(running);
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            let tenant = doc.operation.tenant.clone();
            if let Err(error) = keep_at_it(&inner, doc, &cancel).await {
                tracing::error!(operation.id = %id, %error, "the operation cannot go on in this process");
                if let Err(error) = unreadable::halt(&inner, (&tenant, &id), &error).await {
                    tracing::error!(operation.id = %id, %error, "that could not be written down");
                }
            }
            inner.running().remove(&id);
            let _ = tell.send(true);
        });
    }
}

/// A store that is full or busy stops no operation for ever: it goes on from what is on disk when there is room again.
async fn keep_at_it(inner: &Arc<Inner>, mut doc: OperationDoc, cancel: &CancellationToken) -> Result<(), OpsError> {
    let mut pauses = Pauses::of_errors();
    let mut patience = Patience::left(&doc.operation, inner.now());
    loop {
        let error = match executor::run(inner, (doc.clone(), patience), cancel.clone()).await {
            Err(error) if error.retryable() && !inner.stop.is_cancelled() => error,
            ended => return ended,
        };
        tracing::warn!(operation.id = %doc.operation.id, %error, "the operation waits for the store");
        tokio::time::sleep(pauses.next(inner.dice())).await;
        let operation = &doc.operation;
        match codec::operation(&inner.store, &operation.tenant, &operation.id).await {
            Ok(Some((fresh, _))) if fresh.operation.state.is_running() => {
                if fresh.operation.deadline != doc.operation.deadline {
                    patience = Patience::left(&fresh.operation, inner.now());
                }
                doc = fresh;
            }
            Ok(_) => return Ok(()),
            // Not even readable now: what is known already is tried again.
            Err(_) => {}
        }
    }
}
