//! A machine from outside: pid 1 in its own net, mount, pid, uts, ipc and cgroup namespaces, below which a whole cluster runs.
//! Ending that one process ends everything of the cluster; this module ends nothing else.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cgroup;
use crate::command::{Run, wait_until};
use crate::error::{Doing, LabError, Result};
use crate::inner::SOCKET;
use crate::place::Place;
use crate::process::ProcessId;
use crate::supervisor::{Answer, Request, Seen, ask};

/// The processes of a machine, written down as soon as they are known.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Record {
    /// `unshare`, which waits for the machine and ends it when it is ended itself.
    pub(crate) launcher: ProcessId,
    pub(crate) machine: Option<ProcessId>,
}

/// The machine of one cluster.
pub(crate) struct Machine<'a> {
    pub(crate) place: &'a Place,
    pub(crate) cluster: &'a str,
    pub(crate) groups: &'a [PathBuf],
}

impl Machine<'_> {
    fn dir(&self) -> PathBuf {
        self.place.cluster(self.cluster)
    }

    fn record_file(&self) -> PathBuf {
        self.dir().join("pids.json")
    }

    pub(crate) fn record(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record_file()).ok()?).ok()
    }

    fn write(&self, record: Record) -> Result<()> {
        let path = self.record_file();
        let json = serde_json::to_vec(&record)
            .map_err(|source| LabError::Json { what: path.display().to_string(), source })?;
        fs::write(&path, json).doing("write", &path)
    }

    /// Pid 1 of the machine, in the numbers of the root namespace, while it runs.
    pub(crate) fn running(&self) -> Option<ProcessId> {
        self.record()?.machine.filter(|machine| machine.alive())
    }

    /// Starts pid 1 and waits until it answers.
    pub(crate) fn start(&self) -> Result<()> {
        let log_path = self.dir().join("log/machine.log");
        let log = fs::File::create(&log_path).doing("write", &log_path)?;
        let errors = log.try_clone().doing("write", &log_path)?;
        cgroup::create(self.groups)?;
        let mut command = Command::new(&self.place.program);
        command.arg("machine-start").arg(self.dir()).arg(self.place.label(self.cluster)).args(self.groups);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let mut child = child.doing("start", &self.place.program)?;
        let lost = || LabError::refused("the machine ended at its start", format!("cat {}", log_path.display()));
        let launcher = ProcessId::of(child.id()).ok_or_else(lost)?;
        self.write(Record { launcher, machine: None })?;
        let socket = self.dir().join(SOCKET);
        let mut gone = false;
        wait_until(&format!("the start of machine {}", self.cluster), Duration::from_secs(20), || {
            gone = child.try_wait().is_ok_and(|ended| ended.is_some());
            gone || ask(&socket, &Request::Status).is_ok()
        })?;
        if gone {
            return Err(lost());
        }
        self.write(Record { launcher, machine: launcher.child() })?;
        cgroup::settle(self.groups, launcher.pid)
    }

    /// Asks the machine; an unknown component is an error that names those that there are.
    pub(crate) fn ask(&self, request: &Request) -> Result<Vec<Seen>> {
        match ask(&self.dir().join(SOCKET), request)? {
            Answer::Components(components) => Ok(components),
            Answer::Unknown(names) => Err(LabError::refused(
                format!("cluster {} has no such component", self.cluster),
                format!("use one of {}", names.join(", ")),
            )),
        }
    }

    /// A program to be run inside the machine, in all its namespaces and control groups.
    pub(crate) fn enter(&self, program: &str, args: &[String]) -> Result<Run> {
        let machine = self.running().ok_or_else(|| {
            LabError::refused(format!("the machine of cluster {} does not run", self.cluster), "sliceway-lab up")
        })?;
        let groups = self.groups.iter().flat_map(|group| ["--group".into(), group.clone().into_os_string()]);
        let head = ["machine-enter".to_owned(), machine.pid.to_string()];
        Ok(Run::new(&self.place.program).args(head).args(groups).args(["--", program]).args(args))
    }

    /// Ends the machine and, with it, everything below; one that is gone already is fine.
    pub(crate) fn end(&self) -> Result<()> {
        let Some(record) = self.record() else {
            return Ok(());
        };
        if let Some(machine) = record.machine.or_else(|| record.launcher.child()) {
            machine.end()?;
        }
        record.launcher.end()
    }
}

/// `machine-start`: joins the control groups, then becomes `unshare` in the network namespace. Returns only on failure.
pub(crate) fn become_launcher(program: &Path, dir: &Path, namespace: &str, groups: &[PathBuf]) -> Result<()> {
    cgroup::join(groups)?;
    let own = Path::new("a session");
    rustix::process::setsid().doing("begin", own)?;
    let words = ["--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child", "--"];
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}")).args(["--", "unshare"]).args(words);
    let failure = command.arg(program).arg("machine").arg(dir).current_dir("/").exec();
    Err(LabError::Io { what: "cannot run nsenter".to_owned(), source: failure })
}

/// `machine-enter`: joins the control groups, then becomes the program inside. Returns only on failure.
pub(crate) fn become_program(pid: u32, groups: &[PathBuf], words: &[String]) -> Result<()> {
    cgroup::join(groups)?;
    let failure = Command::new("nsenter").args(["-t", &pid.to_string(), "-a", "--"]).args(words).exec();
    Err(LabError::Io { what: "cannot run nsenter".to_owned(), source: failure })
}
