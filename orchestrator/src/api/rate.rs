//! How often one token may call: a bucket that fills with time.

use crate::store::Clock;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets kept; the table is emptied when more tokens than this called.
const MOST: usize = 10_000;

pub(crate) struct Rates {
    per_second: f64,
    burst: f64,
    clock: Clock,
    /// What is left, and when that was so.
    buckets: Mutex<HashMap<String, (f64, Duration)>>,
}

impl Rates {
    pub(crate) fn new((per_second, burst): (u32, u32), clock: Clock) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), clock, buckets: Mutex::default() }
    }

    /// Seconds to wait, where the bucket is empty.
    pub(crate) fn take(&self, token: &str) -> Result<(), u64> {
        let now = self.clock.steady();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MOST {
            buckets.clear();
        }
        let (left, last) = buckets.get(token).copied().unwrap_or((self.burst, now));
        let passed = now.saturating_sub(last).as_secs_f64();
        let left = (left + passed * self.per_second).min(self.burst);
        if left < 1.0 {
            buckets.insert(token.to_owned(), (left, now));
            return Err(1);
        }
        buckets.insert(token.to_owned(), (left - 1.0, now));
        Ok(())
    }
}
