//! Pid 1 of a machine once its mounts stand: starts the components it is told to start, starts one again that ends by
//! itself, reaps whatever is left to it, and answers on a socket. It decides nothing about order or readiness.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, LabError, Result};
use crate::process::send;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A component that ran this long starts again without a pause.
const STEADY: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);
const LONGEST_LOG: u64 = 64 * 1024 * 1024;

/// How a component is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) log: String,
}

/// What can be asked of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    Start(String),
    Stop(String),
    Restart(String),
    Status,
}

/// What a machine answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Components(Vec<Seen>),
    Unknown(Vec<String>),
}

/// One component as the machine sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// In the machine's own numbers.
    pub(crate) pid: Option<u32>,
    pub(crate) since: Option<jiff::Timestamp>,
    /// How often it was started again.
    pub(crate) restarts: u32,
    pub(crate) wanted: bool,
    pub(crate) last_end: Option<String>,
}

struct Entry {
    component: Component,
    seen: Seen,
    started: Option<Instant>,
    pause: Duration,
    due: Option<Instant>,
}

/// The table of components; one lock, held while a child is started, so that its end is never seen before its number is known.
pub(crate) struct Supervisor {
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl Supervisor {
    pub(crate) fn new(components: Vec<Component>) -> Self {
        let entry = |component: Component| {
            let name = component.name.clone();
            let seen = Seen { name: name.clone(), pid: None, since: None, restarts: 0, wanted: false, last_end: None };
            (name, Entry { component, seen, started: None, pause: FIRST_PAUSE, due: None })
        };
        Self { entries: Mutex::new(components.into_iter().map(entry).collect()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves until the machine is ended.
    pub(crate) fn run(&self, socket: &Path) -> Result<()> {
        let listener = UnixListener::bind(socket).doing("listen on", socket)?;
        std::thread::scope(|scope| {
            scope.spawn(|| self.reap());
            scope.spawn(|| self.start_what_is_due());
            for stream in listener.incoming().flatten() {
                if let Err(error) = self.serve(&stream) {
                    eprintln!("a request was not answered: {error}");
                }
            }
        });
        Ok(())
    }

    fn serve(&self, mut stream: &UnixStream) -> Result<()> {
        let socket = Path::new("the control socket");
        stream.set_read_timeout(Some(Duration::from_secs(5))).doing("prepare", socket)?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).doing("read from", socket)?;
        let json = |source| LabError::Json { what: "a request".to_owned(), source };
        let answer = self.answer(serde_json::from_str(&line).map_err(json)?);
        let mut text = serde_json::to_string(&answer).map_err(json)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).doing("write to", socket)
    }

    fn answer(&self, request: Request) -> Answer {
        let mut entries = self.lock();
        let names = entries.keys().cloned().collect();
        match request {
            Request::Start(name) => match entries.get_mut(&name) {
                Some(entry) => entry.want(),
                None => return Answer::Unknown(names),
            },
            Request::Stop(name) => match entries.get_mut(&name) {
                Some(entry) => entry.stop(),
                None => return Answer::Unknown(names),
            },
            Request::Restart(name) => match entries.get_mut(&name) {
                Some(entry) => entry.restart(),
                None => return Answer::Unknown(names),
            },
            Request::Status => {}
        }
        Answer::Components(entries.values().map(|entry| entry.seen.clone()).collect())
    }

    fn start_what_is_due(&self) {
        loop {
            std::thread::sleep(TICK);
            let now = Instant::now();
            for entry in self.lock().values_mut().filter(|entry| entry.due.is_some_and(|due| due <= now)) {
                entry.start(now);
            }
        }
    }

    /// Waits for every child, ours and those that were left to pid 1.
    fn reap(&self) {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => {
                    let pid = u32::try_from(pid.as_raw_nonzero().get()).ok();
                    let mut entries = self.lock();
                    if let Some(entry) =
                        entries.values_mut().find(|entry| entry.seen.pid.is_some() && entry.seen.pid == pid)
                    {
                        entry.ended(&words(status));
                    }
                }
                Ok(None) | Err(_) => std::thread::sleep(TICK),
            }
        }
    }
}

fn words(status: rustix::process::WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

impl Entry {
    fn want(&mut self) {
        self.seen.wanted = true;
        if self.seen.pid.is_none() && self.due.is_none() {
            self.due = Some(Instant::now());
        }
    }

    fn stop(&mut self) {
        self.seen.wanted = false;
        self.due = None;
        self.kill();
    }

    fn restart(&mut self) {
        self.pause = FIRST_PAUSE;
        let runs = self.seen.pid.is_some();
        self.seen.wanted = true;
        if runs {
            self.kill();
        } else {
            self.due = Some(Instant::now());
        }
    }

    fn kill(&self) {
        if let Some(pid) = self.seen.pid
            && let Err(error) = send(pid, Signal::KILL)
        {
            eprintln!("{}: {error}", self.seen.name);
        }
    }

    fn start(&mut self, now: Instant) {
        self.due = None;
        match self.spawn() {
            Ok(pid) => {
                self.seen.restarts += u32::from(self.seen.last_end.is_some());
                self.seen.pid = Some(pid);
                self.seen.since = Some(jiff::Timestamp::now());
                self.started = Some(now);
            }
            Err(error) => {
                eprintln!("{}: {error}", self.seen.name);
                self.ended("it did not start");
            }
        }
    }

    fn ended(&mut self, how: &str) {
        self.seen.pid = None;
        self.seen.since = None;
        self.seen.last_end = Some(how.to_owned());
        let now = Instant::now();
        let steady = self.started.take().is_some_and(|started| now - started >= STEADY);
        self.pause = if steady { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        if self.seen.wanted {
            self.due = Some(now + if steady { Duration::ZERO } else { self.pause });
        }
    }

    /// The child is waited for by the reaper, by its number.
    fn spawn(&self) -> Result<u32> {
        let path = Path::new(&self.component.log);
        if fs::metadata(path).is_ok_and(|log| log.len() > LONGEST_LOG) {
            fs::rename(path, path.with_extension("log.old")).doing("rename", path)?;
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(path).doing("open", path)?;
        let errors = log.try_clone().doing("open", path)?;
        let mut words = self.component.command.iter();
        let program = words.next().map(Path::new).unwrap_or(Path::new(""));
        if !program.exists() {
            return Err(LabError::refused(
                format!("{} is not there", program.display()),
                "sliceway-lab down && sliceway-lab up",
            ));
        }
        let child = Command::new(program).args(words).stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        Ok(child.doing("start", program)?.id())
    }
}

/// Asks a machine from outside.
pub(crate) fn ask(socket: &Path, request: &Request) -> Result<Answer> {
    let json = |source| LabError::Json { what: "a request".to_owned(), source };
    let mut stream = UnixStream::connect(socket).doing("reach the machine by", socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).doing("prepare", socket)?;
    let text = serde_json::to_string(request).map_err(json)? + "\n";
    stream.write_all(text.as_bytes()).doing("write to", socket)?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).doing("read from", socket)?;
    serde_json::from_str(&line).map_err(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let component = Component { name: "etcd".into(), command: vec!["/nowhere".into()], log: "/dev/null".into() };
        Supervisor::new(vec![component]).entries.into_inner().unwrap().remove("etcd").unwrap()
    }

    #[test]
    fn a_component_that_keeps_ending_waits_longer_up_to_a_bound() {
        let mut entry = entry();
        entry.want();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            entry.start(Instant::now());
            pauses.push(entry.pause);
        }
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(*pauses.last().unwrap(), LONGEST_PAUSE);
    }

    #[test]
    fn a_component_that_was_stopped_is_not_started_again() {
        let mut entry = entry();
        entry.want();
        entry.stop();
        entry.ended("signal 9");
        assert!(entry.due.is_none());
    }

    #[test]
    fn an_unknown_component_is_answered_with_those_that_there_are() {
        let component = Component { name: "etcd".into(), command: Vec::new(), log: String::new() };
        let answer = Supervisor::new(vec![component]).answer(Request::Restart("etc".into()));
        assert!(matches!(answer, Answer::Unknown(names) if names == ["etcd"]));
    }
}
