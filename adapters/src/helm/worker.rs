//! One run of the worker's process: who waits for which answer, until when, and what happens to them when it ends.
//!
//! Must never leave someone waiting: every way out of `run` ends in `Waiting::close`.

use super::client::Limits;
use super::error::HelmError;
use super::wire::{Answer, Problem, ProblemKind};
use std::collections::HashMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The worker's exit status for "more memory than allowed".
const MEMORY_EXIT: i32 = 75;
/// How long the worker's pipes may stay open after its end.
const DRAIN: Duration = Duration::from_secs(2);
/// What is kept of a line of the worker's words. A chart can have its own text in them.
const LONGEST_LINE: usize = 1000;

type Reply = oneshot::Sender<Result<Answer, HelmError>>;

pub(super) struct Worker {
    frames: mpsc::UnboundedSender<Arc<[u8]>>,
    waiting: Arc<Waiting>,
    pid: Option<u32>,
    render: Duration,
    task: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(path: &Path, limits: &Limits) -> Result<Worker, HelmError> {
        let failed = |source| HelmError::Start { path: path.to_owned(), source };
        let mut child = Command::new(path)
            .arg(format!("-frame-bytes={}", limits.frame_bytes))
            .arg(format!("-memory-bytes={}", limits.memory_bytes))
            .arg(format!("-output-bytes={}", limits.output_bytes))
            .arg(format!("-chart-bytes={}", limits.chart_bytes))
            .arg(format!("-chart-files={}", limits.chart_files))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let no_pipe = || failed(std::io::Error::other("a pipe is missing"));
        let pipes = Pipes {
            stdin: child.stdin.take().ok_or_else(no_pipe)?,
            stdout: child.stdout.take().ok_or_else(no_pipe)?,
            stderr: child.stderr.take().ok_or_else(no_pipe)?,
        };
        // The semaphore of the client bounds what is in here.
        let (frames, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let pid = child.id();
        tracing::info!(worker.pid = pid, "started the chart worker");
        let run = Run { child, waiting: Arc::clone(&waiting), frame_bytes: limits.frame_bytes, render: limits.render };
        let task = tokio::spawn(run.until_end(pipes, queue));
        Ok(Worker { frames, waiting, pid, render: limits.render, task })
    }

    pub(super) fn open(&self) -> bool {
        self.waiting.lock().open()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The turn is held until the worker has answered, also when nobody waits any more.
    pub(super) fn send(
        &self,
        id: u64,
        frame: Arc<[u8]>,
        turn: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Answer, HelmError>>, HelmError> {
        let (reply, answer) = oneshot::channel();
        let entry = Entry { reply, until: Instant::now() + self.render, _turn: turn };
        if !self.waiting.add(id, entry) || self.frames.send(frame).is_err() {
            return Err(HelmError::Interrupted);
        }
        Ok(answer)
    }

    pub(super) async fn close(self) {
        drop(self.frames);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the chart worker's supervisor failed");
        }
    }
}

struct Entry {
    reply: Reply,
    until: Instant,
    _turn: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    entries: HashMap<u64, Entry>,
}

impl State {
    fn open(&self) -> bool {
        !self.closed
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: u64, entry: Entry) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.entries.insert(id, entry);
        self.added.notify_one();
        true
    }

    /// `false`: nobody asked for this answer.
    fn answer(&self, answer: Answer) -> bool {
        let Some(entry) = self.lock().entries.remove(&answer.id) else { return false };
        // Who asked may have gone.
        let _ = entry.reply.send(Ok(answer));
        true
    }

    /// Returns when someone has waited too long, and has told them.
    async fn overdue(&self, render: Duration) {
        loop {
            let first = self.lock().entries.values().map(|entry| entry.until).min();
            match first {
                None => self.added.notified().await,
                Some(until) => tokio::time::sleep_until(until).await,
            }
            let late = self.take_late();
            if !late.is_empty() {
                for entry in late {
                    let _ = entry.reply.send(Err(HelmError::TimedOut(render)));
                }
                return;
            }
        }
    }

    /// Who waited too long. Nobody may join a worker that is about to be stopped for it.
    fn take_late(&self) -> Vec<Entry> {
        let now = Instant::now();
        let mut state = self.lock();
        let late: Vec<Entry> = state.entries.extract_if(|_, entry| entry.until <= now).map(|(_, e)| e).collect();
        state.closed |= !late.is_empty();
        late
    }

    /// From now on nobody may join; who waits goes on waiting.
    fn shut(&self) {
        self.lock().closed = true;
    }

    /// Tells everyone who still waits. Who was alone with a worker that ended by itself was the reason.
    fn close(&self, end: &End, last: &str) {
        let mut state = self.lock();
        let alone = state.entries.len() == 1;
        for (_, entry) in state.entries.drain() {
            let error = match end {
                End::Gone(status) if alone => blame(*status, last),
                End::Garbled(why) if alone => HelmError::Protocol(why.clone()),
                End::Garbled(_) | End::Gone(_) | End::Overdue | End::Closed => HelmError::Interrupted,
            };
            let _ = entry.reply.send(Err(error));
        }
    }
}

fn blame(status: Option<ExitStatus>, last: &str) -> HelmError {
    let memory = status.and_then(|s| s.code()) == Some(MEMORY_EXIT)
        || ["out of memory", "cannot allocate memory"].iter().any(|words| last.contains(words));
    if memory {
        return over("the chart needs more memory to render than allowed");
    }
    if last.contains("stack exceeds") {
        return over("the chart's templates or values lead into themselves without end");
    }
    let status = status.map_or_else(|| "unknown status".to_owned(), |s| s.to_string());
    HelmError::Crashed(if last.is_empty() { status } else { format!("{status}, {last}") })
}

fn over(message: &str) -> HelmError {
    let (kind, message) = (ProblemKind::Limit, message.to_owned());
    HelmError::Chart(vec![Problem { kind, message, file: None, line: None, column: None, path: None }])
}

/// Why a run is over.
enum End {
    /// The process ended by itself.
    Gone(Option<ExitStatus>),
    Overdue,
    /// Nobody needs the worker any more.
    Closed,
    Garbled(String),
}

struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

struct Run {
    child: Child,
    waiting: Arc<Waiting>,
    frame_bytes: usize,
    render: Duration,
}

impl Run {
    async fn until_end(mut self, pipes: Pipes, queue: mpsc::UnboundedReceiver<Arc<[u8]>>) {
        let words = tokio::spawn(listen(pipes.stderr));
        let mut end = tokio::select! {
            end = read_answers(pipes.stdout, &self.waiting, self.frame_bytes) => end,
            end = write_frames(pipes.stdin, queue) => end,
            () = self.waiting.overdue(self.render) => End::Overdue,
        };
        self.waiting.shut();
        if !matches!(end, End::Gone(_)) {
            // An error here means that it is gone already.
            let _ = self.child.start_kill();
        }
        let status = match tokio::time::timeout(DRAIN, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                let _ = self.child.kill().await;
                None
            }
        };
        if let End::Gone(known) = &mut end {
            *known = status;
        }
        let last = match tokio::time::timeout(DRAIN, words).await {
            Ok(Ok(last)) => last,
            Ok(Err(_)) | Err(_) => String::new(),
        };
        if !matches!(end, End::Closed) {
            tracing::warn!(?status, why = %end, last, "the chart worker ended");
        }
        self.waiting.close(&end, &last);
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Gone(_) => f.write_str("it ended by itself"),
            End::Overdue => f.write_str("a chart took too long"),
            End::Closed => f.write_str("it is not needed any more"),
            End::Garbled(why) => f.write_str(why),
        }
    }
}

async fn write_frames(mut stdin: ChildStdin, mut queue: mpsc::UnboundedReceiver<Arc<[u8]>>) -> End {
    while let Some(frame) = queue.recv().await {
        let Ok(size) = u32::try_from(frame.len()) else { return End::Garbled("a request over 4 GiB".into()) };
        let written = async {
            stdin.write_all(&size.to_be_bytes()).await?;
            stdin.write_all(&frame).await?;
            stdin.flush().await
        };
        if written.await.is_err() {
            return End::Gone(None);
        }
    }
    End::Closed
}

async fn read_answers(stdout: ChildStdout, waiting: &Waiting, limit: usize) -> End {
    let mut stdout = BufReader::new(stdout);
    loop {
        let Ok(size) = stdout.read_u32().await else { return End::Gone(None) };
        let size = size as usize;
        if size > limit {
            return End::Garbled(format!("an answer of {size} bytes, at most {limit} are allowed"));
        }
        let mut frame = vec![0; size];
        if stdout.read_exact(&mut frame).await.is_err() {
            return End::Gone(None);
        }
        match serde_json::from_slice::<Answer>(&frame) {
            Ok(answer) => {
                if !waiting.answer(answer) {
                    return End::Garbled("an answer that nobody asked for".into());
                }
            }
            Err(error) => return End::Garbled(error.to_string()),
        }
    }
}

/// Passes the worker's words on to the log. Returns why it ended in its own words: the first line of a crash, which goes
/// on for pages, or else the last line.
async fn listen(stderr: ChildStderr) -> String {
    let mut stderr = BufReader::new(stderr);
    let mut reason = String::new();
    let mut crash = false;
    while let Some(line) = next_line(&mut stderr).await {
        tracing::debug!(target: "sliceway::helm_worker", "{line}");
        if !crash {
            crash = ["fatal error: ", "panic: ", "runtime: goroutine stack"].iter().any(|p| line.starts_with(p));
            reason = line;
        }
    }
    reason
}

/// The beginning of a line of any length.
async fn next_line(from: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let read = from.fill_buf().await.ok()?;
        if read.is_empty() {
            return (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned());
        }
        let end = read.iter().position(|&byte| byte == b'\n');
        let text = &read[..end.unwrap_or(read.len())];
        let room = LONGEST_LINE - line.len();
        line.extend_from_slice(&text[..text.len().min(room)]);
        let used = end.map_or(read.len(), |at| at + 1);
        from.consume(used);
        if end.is_some() {
            return Some(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_line_of_any_length_the_beginning_is_kept() {
        let long = "x".repeat(3 * LONGEST_LINE);
        let text = format!("first\n{long}\n\nlast");
        let mut from = BufReader::with_capacity(64, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut from).await {
            lines.push(line);
        }
        assert_eq!(lines, ["first", &long[..LONGEST_LINE], "", "last"]);
    }
}
