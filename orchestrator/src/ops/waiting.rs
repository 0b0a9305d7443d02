//! Patience: how long a cause that can pass is waited for, and how the pauses between tries grow.

use jiff::Timestamp;
use std::time::Duration;

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

pub(crate) fn is_over(now: Timestamp, pause: Duration, deadline: Timestamp) -> bool {
    now.as_millisecond().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
        > deadline.as_millisecond()
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
