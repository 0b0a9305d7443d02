//! When operations stopped: what was read of a target before may miss what they did there.
//!
//! An operation that made something new gave no room back: until its clusters are read again, what it was given is
//! counted beside what was read. After every other the figures themselves are not true any more.

use jiff::{SignedDuration, Timestamp};
use models::{Name, Operation, OperationKind, OperationState};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// No plan rests on figures that are older, but those of a cluster that is away.
const KEPT: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default)]
pub(super) struct Settled {
    /// Milliseconds.
    since: AtomicI64,
    made: Mutex<VecDeque<Stopped>>,
}

/// An operation that made something, and when it stopped.
#[derive(Debug, Clone)]
pub struct Stopped {
    pub at: Timestamp,
    pub tenant: Name,
    pub operation: String,
}

impl Settled {
    /// Told before its end is written, so that nobody who knows of the end knows an older world.
    pub(super) fn tell(&self, at: Timestamp, operation: &Operation) {
        let rolled_back = operation.state == OperationState::RolledBack;
        if operation.kind != OperationKind::CreateSlice || rolled_back {
            self.since.fetch_max(at.as_millisecond(), Ordering::Relaxed);
            return;
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        taken_back(&mut made, at);
        while made.front().is_some_and(|old| at.duration_since(old.at) > KEPT) {
            made.pop_front();
        }
        made.push_back(Stopped { at, tenant: operation.tenant.clone(), operation: operation.id.clone() });
    }

    /// Figures that are not newer are not true.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        let since = self.since.fetch_min(now.as_millisecond(), Ordering::Relaxed).min(now.as_millisecond());
        Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn made(&self, now: Timestamp) -> Vec<Stopped> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        taken_back(&mut made, now);
        made.iter().cloned().collect()
    }
}

/// A moment that is yet to come was told by a calendar that was set back since: it has been by now, and no later.
fn taken_back(made: &mut VecDeque<Stopped>, now: Timestamp) {
    // They stand in the order of their times.
    if made.back().is_none_or(|last| last.at <= now) {
        return;
    }
    made.iter_mut().for_each(|stopped| stopped.at = stopped.at.min(now));
}
