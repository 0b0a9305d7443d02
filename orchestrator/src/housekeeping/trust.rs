//! Whether the calendar can be believed. A calendar that was set is not, until it has stood for an hour: what is done
//! because time has passed (clearing away, renewing) is then put off, and nothing is done for a jump of a moment.
//!
//! It must never let anybody act upon a time that was not looked at.

use crate::ops::OperationDoc;
use crate::store::{Clock, Key, Kind, Query, Revision, Store, StoreError, Txn};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A calendar and a steady clock that part by more than this from one look to the next: it was set.
const JUMP: SignedDuration = SignedDuration::from_mins(10);
/// So long it has to stand.
const STAND: Duration = Duration::from_secs(3_600);
/// A server may have been off for so long without a second thought. All that is kept is kept for longer.
const OFF: SignedDuration = SignedDuration::from_hours(24);

/// What outlives a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// When the calendar was believed last.
    at: Option<Timestamp>,
    floor: Option<Floor>,
}

/// What is not newer than this revision counts as written then: the calendar had been behind, or was ahead for a while,
/// and what is stamped so may be younger than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Floor {
    pub(super) rev: Revision,
    pub(super) at: Timestamp,
}

pub struct Trust {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    /// By both clocks, at the last look.
    wall: Timestamp,
    steady: Duration,
    /// Since when the calendar goes on evenly; `None`: it was believed from the start.
    set: Option<Duration>,
    /// It was set ahead since it was believed last.
    ahead: bool,
    remembered: Remembered,
}

fn key() -> Key {
    Key::installation(Kind::Meta, "clock")
}

impl Trust {
    /// As the last process left it. What it left may be of a version that remembered nothing: then its newest operation
    /// says when it lived.
    pub async fn of(store: &dyn Store, clock: Clock) -> Result<Self, StoreError> {
        let found = store.get(&key()).await?.and_then(|object| object.read::<Remembered>().ok());
        let remembered = match found {
            Some(remembered) => remembered,
            None => Remembered { at: newest(store).await?, floor: None },
        };
        let (wall, steady) = (now(&clock), clock.steady());
        let off = remembered.at.map_or(SignedDuration::ZERO, |at| wall.duration_since(at));
        let set = (off < -JUMP || off > OFF).then_some(steady);
        if set.is_some() {
            tracing::warn!(now = %wall, last = ?remembered.at, "the clock is believed when it has stood for an hour: nothing is cleared away or renewed before");
        }
        let state = State { wall, steady, set, ahead: false, remembered };
        Ok(Self { clock, state: Mutex::new(state) })
    }

    /// What time it is, where the calendar has gone on evenly for long enough. Whoever acts because time has passed goes by
    /// this time and asks for no other: the next moment the calendar may be set.
    pub fn now(&self) -> Option<Timestamp> {
        self.look();
        let steady = self.clock.steady();
        let state = self.lock();
        state.set.is_none_or(|since| steady.saturating_sub(since) >= STAND).then_some(state.wall)
    }

    /// Looks at both clocks. What is set and set back between two looks is not met: look often.
    pub fn look(&self) {
        let (wall, steady) = (now(&self.clock), self.clock.steady());
        let mut state = self.lock();
        let passed = SignedDuration::try_from(steady.saturating_sub(state.steady)).unwrap_or(SignedDuration::MAX);
        let parted = wall.duration_since(state.wall).saturating_sub(passed);
        (state.wall, state.steady) = (wall, steady);
        if parted.abs() > JUMP {
            tracing::warn!(%wall, seconds = parted.as_secs(), "the clock was set; it is believed when it has stood for an hour");
            state.set = Some(steady);
            state.ahead |= parted.is_positive();
        }
    }

    /// What is written down while it holds. From `head` on stamps are right.
    pub(super) fn note(&self, head: Revision) -> Txn {
        let mut state = self.lock();
        let at = state.wall;
        if std::mem::take(&mut state.ahead) {
            state.remembered.floor = Some(Floor { rev: head, at });
        }
        state.set = None;
        state.remembered.at = Some(at);
        Txn::new().put(key(), json!(state.remembered))
    }

    pub(super) fn floor(&self) -> Option<Floor> {
        self.lock().remembered.floor
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(clock: &Clock) -> Timestamp {
    Timestamp::try_from(clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn newest(store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
    let mut newest = None;
    let mut query = Query::all(Kind::Operation).limit(200);
    loop {
        let page = store.list(&query).await?;
        let times = page.iter().filter_map(|object| object.read::<OperationDoc>().ok());
        newest = newest.max(times.map(|doc| doc.operation.ended.unwrap_or(doc.operation.created)).max());
        match page.last() {
            Some(last) if page.len() == query.limit => query = query.after(&last.key),
            _ => return Ok(newest),
        }
    }
}
