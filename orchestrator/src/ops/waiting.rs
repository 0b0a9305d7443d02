//! Patience: how long a cause that can pass is waited for, and how the pauses between tries grow.

use jiff::{SignedDuration, Timestamp};
use models::Operation;
use std::time::Duration;
use tokio::time::Instant;

/// Pauses that double from `first` to `most`, each shortened by a random part so that callers do not march in step.
pub(crate) struct Pauses {
    next: Duration,
    most: Duration,
}

impl Pauses {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, most }
    }

    /// After an error of a target.
    pub(crate) fn of_errors() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(5))
    }

    /// Between looks at something that becomes ready or goes away.
    pub(crate) fn of_looks() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(1))
    }

    /// `dice` is a random byte.
    pub(crate) fn next(&mut self, dice: u8) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.most);
        pause.mul_f64(0.5 + f64::from(dice) / 512.0)
    }
}

/// A process that goes on with an operation waits at least so long, where so much was asked for: a server that was away
/// comes back with its clusters, and its calendar may have been set meanwhile.
const LEAST: Duration = Duration::from_secs(60);
/// Nobody waits longer, whatever was asked for.
const MOST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// What is told of the end of a wait is no more exact than this.
const TOLD: SignedDuration = SignedDuration::from_secs(5);

/// How long causes that can pass are still waited for. Within a process it is measured by a clock that nobody sets: a
/// calendar that is set ends no wait and makes none longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(Instant);

impl Patience {
    /// As much as was asked for.
    pub(crate) fn whole(timeout_s: u64) -> Self {
        Self(Instant::now() + asked(timeout_s))
    }

    /// What is left by the calendar, which alone outlives a process: never more than was asked for.
    pub(crate) fn left(operation: &Operation, now: Timestamp) -> Self {
        let asked = asked(operation.timeout_s);
        let left = Duration::try_from(operation.deadline.duration_since(now)).unwrap_or(Duration::ZERO);
        Self(Instant::now() + left.clamp(LEAST.min(asked), asked))
    }

    pub(crate) fn is_over(self, pause: Duration) -> bool {
        Instant::now() + pause > self.0
    }

    /// Its end by the calendar as it is now, to be shown; the one that is shown already where that is still right.
    pub(crate) fn deadline(self, shown: Timestamp, now: Timestamp) -> Timestamp {
        let left =
            SignedDuration::try_from(self.0.saturating_duration_since(Instant::now())).unwrap_or(SignedDuration::ZERO);
        let end = now.checked_add(left).unwrap_or(Timestamp::MAX);
        if end.duration_since(shown).abs() > TOLD { end } else { shown }
    }
}

fn asked(timeout_s: u64) -> Duration {
    Duration::from_secs(timeout_s).min(MOST)
}

/// The end of the whole patience by the calendar.
pub(crate) fn deadline(now: Timestamp, timeout_s: u64) -> Timestamp {
    let asked = SignedDuration::try_from(asked(timeout_s)).unwrap_or(SignedDuration::ZERO);
    now.checked_add(asked).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_most_and_are_spread() {
        let mut pauses = Pauses::of_errors();
        let first = pauses.next(255);
        let last = (0..20).map(|_| pauses.next(0)).last();
        assert!(first <= Duration::from_millis(100) && first >= Duration::from_millis(50));
        assert_eq!(last, Some(Duration::from_millis(2_500)));
    }
}
