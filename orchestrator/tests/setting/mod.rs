//! A calendar that tests set, while time itself goes on.

use orchestrator::store::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub const YEAR: i64 = 366 * 24 * 3_600;

/// A clock that is set by a test; time itself goes on as it does.
#[derive(Clone, Default)]
pub struct Setting {
    /// Seconds that the calendar is off.
    off: Arc<AtomicI64>,
    /// Seconds that have passed besides.
    passed: Arc<AtomicI64>,
}

impl Setting {
    pub fn clock(&self) -> Clock {
        let (begun, wall, steady) = (Instant::now(), self.clone(), self.clone());
        let passed = |of: &Self| of.passed.load(Ordering::SeqCst);
        let wall = move || {
            let off = wall.off.load(Ordering::SeqCst) + passed(&wall);
            let by = Duration::from_secs(off.unsigned_abs());
            if off < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
        };
        let steady = move || begun.elapsed() + Duration::from_secs(u64::try_from(passed(&steady)).unwrap());
        Clock::with_steady(wall, steady)
    }

    /// Somebody sets the calendar.
    pub fn jump(&self, seconds: i64) {
        self.off.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Time passes, and the calendar with it.
    pub fn pass(&self, seconds: i64) {
        self.passed.fetch_add(seconds, Ordering::SeqCst);
    }
}
