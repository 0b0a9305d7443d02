//! The client of the Helm worker: one process for all renders, started when first needed, started again after its end.
//!
//! **Guarantees.** Every call ends: with an answer, or within five times [`Limits::render`] of the moment its turn came. A
//! chart that takes too long ends the worker, which nothing else can stop. Whose worker ended before the answer is asked
//! again beside others, and then, where that one is free, by a worker of its own: what goes wrong there is the chart's own
//! fault, and no other chart's work can be in the way. So hostile charts cost the others time and nothing else. A call that
//! is dropped keeps its turn until the worker is done with it, so that the bound holds.

use super::error::HelmError;
use super::wire::{
    Answer, Ask, ChartInfo, ChartSource, Object, ObjectsRequest, PROTOCOL, RenderRequest, Rendered, Request,
};
use super::worker::Worker;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{AcquireError, Mutex, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

type Turn = Result<OwnedSemaphorePermit, AcquireError>;

/// What a chart may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time of one render.
    pub render: Duration,
    /// Renders in work at once; the others wait for their turn.
    pub in_flight: usize,
    /// One frame, in either direction.
    pub frame_bytes: usize,
    /// Memory of the worker.
    pub memory_bytes: u64,
    /// Output of one render.
    pub output_bytes: u64,
    /// One chart, unpacked.
    pub chart_bytes: u64,
    pub chart_files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            render: Duration::from_secs(30),
            in_flight: 16,
            frame_bytes: 64 << 20,
            memory_bytes: 768 << 20,
            output_bytes: 16 << 20,
            chart_bytes: 64 << 20,
            chart_files: 10_000,
        }
    }
}

pub struct Helm {
    path: PathBuf,
    limits: Limits,
    turns: Arc<Semaphore>,
    /// One chart at a time has a worker of its own: two workers are all that there ever are.
    alone: Arc<Semaphore>,
    next: AtomicU64,
    worker: Mutex<Option<Worker>>,
}

impl Helm {
    /// `path` is the worker's program; see [`super::locate`]. Starts nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        let turns = Arc::new(Semaphore::new(limits.in_flight));
        let alone = Arc::new(Semaphore::new(1));
        Helm { path, limits, turns, alone, next: AtomicU64::new(1), worker: Mutex::new(None) }
    }

    pub async fn render(&self, request: &RenderRequest) -> Result<Rendered, HelmError> {
        let answer = self.ask(Ask::Render(request)).await?;
        answer.rendered.ok_or_else(|| HelmError::Protocol("an answer without what was asked for".into()))
    }

    /// Costs less than half of a render, of which most is the reading of YAML. In the order of the chart's files.
    pub async fn objects(&self, request: &ObjectsRequest) -> Result<Vec<Object>, HelmError> {
        let answer = self.ask(Ask::Objects(request)).await?;
        answer.objects.ok_or_else(|| HelmError::Protocol("an answer without what was asked for".into()))
    }

    /// What a packed chart says of itself.
    pub async fn inspect(&self, chart: &ChartSource) -> Result<ChartInfo, HelmError> {
        let answer = self.ask(Ask::Inspect(chart)).await?;
        answer.chart.ok_or_else(|| HelmError::Protocol("an answer without what was asked for".into()))
    }

    /// The worker's process, if it runs.
    pub async fn worker_pid(&self) -> Option<u32> {
        self.worker.lock().await.as_ref().filter(|w| w.open()).and_then(Worker::pid)
    }

    /// Ends the worker and waits for its end.
    pub async fn close(self) {
        if let Some(worker) = self.worker.into_inner() {
            worker.close().await;
        }
    }

    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, HelmError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let frame = serde_json::to_vec(&Request { id, protocol: PROTOCOL, ask })
            .map_err(|error| HelmError::Protocol(error.to_string()))?;
        if frame.len() > self.limits.frame_bytes {
            return Err(HelmError::TooLarge { size: frame.len(), limit: self.limits.frame_bytes });
        }
        let frame: Arc<[u8]> = frame.into();
        let answer = self.answer(id, frame).await?;
        if answer.problems.is_empty() { Ok(answer) } else { Err(HelmError::Chart(answer.problems)) }
    }

    /// Beside others, by the one worker for all, and again where that one ended; alone, where this chart may be the reason.
    async fn answer(&self, id: u64, frame: Arc<[u8]>) -> Result<Answer, HelmError> {
        let mut until = None;
        let mut ended = 0;
        loop {
            let sent = self.send(id, Arc::clone(&frame)).await;
            let begun = Instant::now();
            let until = *until.get_or_insert(begun + self.limits.render * 3);
            let answer = match sent {
                Ok(answer) => answer.await.map_err(|_| HelmError::Interrupted).flatten(),
                Err(error) => Err(error),
            };
            ended += 1;
            let suspect = match answer {
                Err(HelmError::Crashed(_)) => return self.alone(id, frame, self.alone.clone().acquire_owned()).await,
                Err(HelmError::Interrupted) => ended > 1 || begun.elapsed() > self.limits.render / 2,
                other => return other,
            };
            if suspect && let Ok(turn) = Arc::clone(&self.alone).try_acquire_owned() {
                return self.alone(id, frame, std::future::ready(Ok(turn))).await;
            }
            if Instant::now() > until {
                return Err(HelmError::Interrupted);
            }
        }
    }

    /// By a worker that has nothing else in work and ends with it.
    async fn alone(&self, id: u64, frame: Arc<[u8]>, turn: impl Future<Output = Turn>) -> Result<Answer, HelmError> {
        let turn = tokio::time::timeout(self.limits.render, turn).await;
        let Ok(Ok(turn)) = turn else { return Err(HelmError::Interrupted) };
        let worker = Worker::start(&self.path, &self.limits)?;
        let answer = match worker.send(id, frame, turn) {
            Ok(answer) => answer.await.map_err(|_| HelmError::Interrupted).flatten(),
            Err(error) => Err(error),
        };
        worker.close().await;
        answer
    }

    /// Waits for a turn and hands the request to the worker, which is started if there is none.
    async fn send(&self, id: u64, frame: Arc<[u8]>) -> Result<oneshot::Receiver<Result<Answer, HelmError>>, HelmError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HelmError::Interrupted)?;
        let mut slot = self.worker.lock().await;
        if let Some(ended) = slot.take_if(|worker| !worker.open()) {
            ended.close().await;
        }
        let worker = match slot.as_ref() {
            Some(worker) => worker,
            None => slot.insert(Worker::start(&self.path, &self.limits)?),
        };
        worker.send(id, frame, turn)
    }
}
