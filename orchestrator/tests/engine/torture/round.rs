//! One round: a process after the other, each killed or paused at an instant that nobody could foresee.

use super::aim;
use super::chance::Chance;
use super::check::{Checker, Fault};
use super::child::{ORDERS, options};
use super::driver::Mode;
use super::near::{Guest, Heard, Near};
use adapters::PortError;
use adapters::sim::{Fault as Planned, Trouble, When, Word};
use orchestrator::store::{Key, Kind, Sqlite, Store, Txn};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bug {
    None,
    /// Intents are acknowledged and never written.
    NoIntent,
    /// Some commits are acknowledged and never written.
    Unwritten,
    /// What a cluster makes, it sometimes makes twice.
    Twice,
    /// A process writes without asking whether it still has its epoch.
    Unfenced,
}

/// What a process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    pub socket: PathBuf,
    pub folder: PathBuf,
    pub seed: u64,
    pub mode: Mode,
    pub bug: Bug,
}

/// What the deaths met.
#[derive(Debug, Clone, Copy, Default)]
pub struct Met {
    pub kills: u64,
    /// With an operation under way.
    pub open: u64,
    /// With a change between its intent and its result.
    pub intent: u64,
    /// With a call on its way to a cluster.
    pub calls: u64,
    /// Before the process had recovered.
    pub early: u64,
    /// Paused, while another took over and went on.
    pub paused: u64,
    /// Paused in the middle of a write, so that nobody could take over until it was dead.
    pub held: u64,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Met { kills, open, intent, calls, early, paused, held } = self;
        write!(
            f,
            "{kills} deaths, {open} with an operation under way, {intent} between intent and result, {calls} with a call \
             on its way, {early} before recovery had ended, {paused} paused and taken over from ({held} in a write)"
        )
    }
}

/// How often all is brought to rest and compared.
const SETTLE_EVERY: u64 = 50;
/// A process that does not begin, or does not come to rest, within this time is wedged.
const LONG: Duration = Duration::from_secs(90);

struct Process {
    child: Child,
    guest: Guest,
    served: JoinHandle<()>,
    cut: watch::Sender<bool>,
    begun: Instant,
    /// Paused in the middle of a write.
    holds: bool,
}

pub struct Round {
    near: Arc<Near>,
    folder: TempDir,
    checker: Checker,
    chance: Chance,
    bug: Bug,
    runtime: Option<Runtime>,
    /// Of processes that are dead, and not looked at yet.
    heard: Vec<Heard>,
    pub met: Met,
}

impl Round {
    pub fn new(seed: u64, bug: Bug) -> Self {
        let checker = Checker::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = TempDir::new().unwrap();
        runtime.block_on(register(folder.path().join("data")));
        let chance = Chance::new(seed);
        Self {
            near: Near::new(bug),
            folder,
            checker,
            chance,
            bug,
            runtime: Some(runtime),
            heard: vec![],
            met: Met::default(),
        }
    }

    pub fn run(&mut self, kills: u64) -> Vec<Fault> {
        let runtime = self.runtime.take().unwrap();
        runtime.block_on(async {
            let mut ghost = None;
            while self.met.kills < kills {
                let (faults, paused) = self.life(ghost.take()).await;
                ghost = paused;
                if !faults.is_empty() {
                    return faults;
                }
                if self.met.kills.is_multiple_of(SETTLE_EVERY) && ghost.is_none() {
                    let faults = self.settle().await;
                    if !faults.is_empty() {
                        return faults;
                    }
                }
            }
            if let Some(ghost) = ghost {
                let faults = self.died(ghost).await;
                if !faults.is_empty() {
                    return faults;
                }
            }
            self.settle().await
        })
    }

    /// What the deaths met, and which states operations reached in between.
    pub fn words(&self) -> String {
        format!("{}; states reached: {:?}", self.met, self.checker.reached)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn spawn(&mut self, mode: Mode) -> Process {
        let socket = self.folder.path().join("world");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let (seed, bug) = (self.chance.next(), self.bug);
        let orders = Orders { socket, folder: self.data(), seed, mode, bug };
        let words = std::fs::File::create(self.folder.path().join("words")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "torture::child::child_that_is_tormented", "--ignored", "--nocapture"])
            .env(ORDERS, serde_json::to_string(&orders).unwrap())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let stream = match timeout_at(begun + LONG, listener.accept()).await {
            Ok(accepted) => accepted.unwrap().0,
            Err(_) => {
                let _ = child.kill();
                panic!("the process does not begin: {}", self.last_words());
            }
        };
        let cut = watch::channel(false).0;
        let (guest, served) = self.near.serve(stream, cut.subscribe());
        Process { child, guest, served, cut, begun, holds: false }
    }

    /// What the last process said.
    fn last_words(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("words")).unwrap_or_default()
    }

    /// One process from its start to its death, or to its pause; one that was paused before wakes up meanwhile, and dies.
    async fn life(&mut self, ghost: Option<Process>) -> (Vec<Fault>, Option<Process>) {
        self.weather();
        let mut process = self.spawn(Mode::Work).await;
        let is_alone = ghost.is_none();
        let mut asleep = ghost;
        if let Some(holder) = asleep.take_if(|ghost| ghost.holds) {
            // The next one waits for the file, and gets it with what the dead one had begun.
            let soon = Instant::now() + Duration::from_millis(150);
            process.guest.until(soon, |heard| heard.ready).await;
            self.ended(holder).await;
        }
        if asleep.is_some() {
            process.guest.until(Instant::now() + LONG, |heard| heard.ready).await;
        }
        let awake = asleep.inspect(|ghost| signal(&ghost.child, Signal::CONT));
        self.instant(&mut process).await;
        if let Some(awake) = awake {
            self.ended(awake).await;
        }
        // One that has not taken its epoch yet would take it after the other, and be the rightful owner.
        let owns = process.guest.heard.lock().unwrap().ready;
        if is_alone && owns && (self.bug == Bug::Unfenced || self.chance.one_in(8)) {
            return (vec![], Some(self.pause(process).await));
        }
        (self.died(process).await, None)
    }

    /// The instant is drawn: after so much time, or after so many words and a moment more.
    async fn instant(&mut self, process: &mut Process) {
        let millis = |chance: &mut Chance, most: u64| Duration::from_micros(chance.below(most * 1_000));
        match self.chance.below(10) {
            0 => sleep_until(process.begun + millis(&mut self.chance, 60)).await,
            1..6 => {
                let frames = self.chance.below(150) + 1;
                let most = Instant::now() + Duration::from_secs(5);
                let _ = timeout_at(most, process.guest.frames.wait_for(|heard| *heard >= frames)).await;
                sleep_until(Instant::now() + millis(&mut self.chance, 4)).await;
            }
            _ => {
                process.guest.until(Instant::now() + LONG, |heard| heard.ready).await;
                sleep_until(Instant::now() + millis(&mut self.chance, 120)).await;
            }
        }
    }

    /// Latency, and faults that end operations in FAILED_TEMP or make them wait.
    fn weather(&mut self) {
        for (target, sim) in &self.near.sims {
            sim.heal();
            sim.latency(Duration::from_micros(self.chance.below(6_000)));
            sim.settle_after(u32::try_from(self.chance.below(3)).unwrap());
            if self.chance.one_in(2) {
                continue;
            }
            let target = target.to_string();
            let error = match self.chance.below(3) {
                0 => PortError::Forbidden { target, cause: "planned".into() },
                1 => PortError::Unreachable { target, cause: "planned".into() },
                _ => PortError::Busy { target, cause: "planned".into(), retry_after_s: None },
            };
            let verb = *self.chance.pick(&[Word::Apply, Word::Remove, Word::Observe]);
            let when = *self.chance.pick(&[When::Before, When::After]);
            let nth = u32::try_from(self.chance.below(40)).unwrap() + 1;
            sim.plan(Planned { verb, matching: String::new(), nth, when, trouble: Trouble::Error(error), times: 1 });
        }
    }

    /// It stands still, mostly not in the middle of a write, and its calls go nowhere any more; the next one is free to
    /// take over.
    async fn pause(&mut self, mut process: Process) -> Process {
        let may_hold = self.chance.one_in(4);
        let most = Instant::now() + LONG;
        loop {
            stop(&process.child);
            process.holds = is_written(&self.data());
            if !process.holds || may_hold || Instant::now() > most {
                break;
            }
            signal(&process.child, Signal::CONT);
            sleep_until(Instant::now() + Duration::from_micros(self.chance.below(2_000))).await;
        }
        process.guest.cut_off();
        while process.guest.in_flight.load(Ordering::SeqCst) > 0 && Instant::now() < most {
            sleep_until(Instant::now() + Duration::from_millis(1)).await;
        }
        std::fs::remove_file(self.data().join("lock")).unwrap();
        self.met.paused += 1;
        self.met.held += u64::from(process.holds);
        process
    }

    /// SIGKILL. What was heard of it is looked at when nobody writes.
    async fn ended(&mut self, mut process: Process) {
        let by_itself = process.child.try_wait().unwrap();
        let in_flight = process.guest.in_flight.load(Ordering::SeqCst);
        process.cut.send_replace(self.chance.one_in(2));
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        (&mut process.served).await.unwrap();
        let mut heard = std::mem::take(&mut *process.guest.heard.lock().unwrap());
        if let Some(status) = by_itself {
            heard.faults.push(Fault(format!("the process ended by itself, {status}: {}", self.last_words())));
        }
        self.met.kills += 1;
        self.met.early += u64::from(!heard.ready);
        self.met.calls += u64::from(in_flight > 0);
        self.heard.push(heard);
    }

    /// The death of the only process, and what the disk says.
    async fn died(&mut self, process: Process) -> Vec<Fault> {
        self.ended(process).await;
        let data = self.data();
        let (found, faults) = self.checker.look(&data, &self.near, std::mem::take(&mut self.heard)).await;
        self.met.open += u64::from(found.open > 0);
        self.met.intent += u64::from(found.intents > 0);
        faults
    }

    /// Everything ends, and is compared.
    async fn settle(&mut self) -> Vec<Fault> {
        for sim in self.near.sims.values() {
            sim.heal();
            sim.settle_after(1);
        }
        let mut process = self.spawn(Mode::Settle).await;
        let settled = process.guest.until(Instant::now() + LONG, |heard| heard.settled).await;
        let kills = self.met;
        let mut faults = self.died(process).await;
        self.met = kills;
        if !settled {
            faults.push(Fault(format!("it does not come to rest: {}", self.last_words())));
        }
        if faults.is_empty() {
            faults = self.checker.settled(&self.data(), &self.near).await;
        }
        faults
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody is in the middle of a write.
fn is_written(data: &Path) -> bool {
    let stranger = rusqlite::Connection::open(data.join("sliceway.db")).unwrap();
    stranger.busy_timeout(Duration::ZERO).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
}

/// Returns when it stands still.
fn stop(child: &Child) {
    signal(child, Signal::STOP);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    waitpid(pid, WaitOptions::UNTRACED).unwrap();
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What operations stand on.
async fn register(data: PathBuf) {
    let store = Sqlite::open(&data, options()).unwrap();
    let things =
        [(Kind::Tenant, "default"), (Kind::Repository, "lab"), (Kind::Cluster, "edge"), (Kind::Cluster, "cloud")];
    let put = |txn: Txn, (kind, name)| txn.put(Key::installation(kind, name), json!({"name": name}));
    store.commit(things.into_iter().fold(Txn::new(), put)).await.unwrap();
    assert_eq!(aim::all().len() as u64, aim::SLICES);
}
