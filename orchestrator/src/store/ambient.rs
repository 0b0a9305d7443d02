//! The clock and the source of randomness that `main` hands to the store. Nothing below the store may reach for the
//! system's own, or a test could not decide what time it is.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self::from_fn(SystemTime::now)
    }

    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> SystemTime {
        (self.0)()
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
