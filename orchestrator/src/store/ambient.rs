//! The clock and the source of randomness that `main` hands to the store. Nothing below the store may reach for the
//! system's own, or a test could not decide what time it is.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time: what the calendar says, which somebody may set at any moment, and how long it is since, which nobody can.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    steady: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        let begun = Instant::now();
        Self::with_steady(SystemTime::now, move || begun.elapsed())
    }

    /// A clock that nobody sets: time passes as it says.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let (now, begun) = (Arc::new(now), OnceLock::new());
        let wall = Arc::clone(&now);
        let since = move || now().duration_since(*begun.get_or_init(|| now())).unwrap_or_default();
        Self { wall, steady: Arc::new(since) }
    }

    pub fn with_steady(
        wall: impl Fn() -> SystemTime + Send + Sync + 'static,
        steady: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Arc::new(wall), steady: Arc::new(steady) }
    }

    pub fn now(&self) -> SystemTime {
        (self.wall)()
    }

    /// How long it is since some moment of this process; it goes on evenly, whatever the calendar is set to. Nothing of it
    /// is true in another process.
    pub fn steady(&self) -> Duration {
        (self.steady)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

type Fill = dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync;

/// Fills buffers with bytes that nobody can guess.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// The generator of the operating system.
    pub fn system() -> Self {
        Self::from_fn(|buffer| getrandom::fill(buffer).map_err(|e| io::Error::other(e.to_string())))
    }

    pub fn from_fn(fill: impl Fn(&mut [u8]) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    pub fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        (self.0)(buffer)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
