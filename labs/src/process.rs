//! Processes by number *and* start time, so that a number used again is never taken for ours.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::command::wait_until;
use crate::error::{LabError, Result};

/// One process of this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// Clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub(crate) started: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, started: start_of(&stat)? })
    }

    pub(crate) fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Ends the process and waits until it is gone; one that is gone already is fine.
    pub(crate) fn end(self) -> Result<()> {
        if !self.alive() {
            return Ok(());
        }
        send(self.pid, Signal::KILL)?;
        wait_until(&format!("the end of process {}", self.pid), Duration::from_secs(20), || !self.alive())
    }

    /// Its only child, for programs that start exactly one.
    pub(crate) fn child(self) -> Option<Self> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid)).ok()?;
        Self::of(children.split_whitespace().next()?.parse().ok()?)
    }
}

/// Sends a signal; a process that is gone is fine.
pub(crate) fn send(pid: u32, signal: Signal) -> Result<()> {
    let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    match kill_process(target, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(LabError::Io { what: format!("cannot signal process {pid}"), source: error.into() }),
    }
}

/// A dead process that nobody has waited for counts as gone.
fn start_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_used_again_is_not_the_same_process() {
        let own = ProcessId::of(std::process::id()).unwrap();
        assert!(own.alive());
        assert!(!ProcessId { started: own.started + 1, ..own }.alive());
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = format!("7 (a) b) S {}", (1..=40).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
        assert_eq!(start_of(&stat), Some(19));
    }
}
