//! An error as a person reads it: what, why, and what to type next.

use super::exit;
use super::pipe::say;
use serde_json::Value;

/// A server on another folder is another server: empty, and with another token.
pub(crate) const RESTART: &str = "start it again on the data folder that it had: sliceway serve --data DIR (the demo's: \
                                  make demo); or name another one: sliceway login --server URL --token T";

#[derive(Debug)]
pub struct Failed {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) next: String,
}

impl Failed {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: String::new() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// From a problem of the API (RFC 9457).
    pub(crate) fn of(status: u16, body: &Value) -> Self {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let detail = text("detail");
        let message = if detail.is_empty() { format!("the server answered {status}") } else { detail };
        Self { code: exit::of_status(status), message, next: text("next") }
    }

    /// Prints it and gives the exit code.
    pub fn report(&self) -> u8 {
        say!("error: {}", self.message);
        let next = if self.next.is_empty() { "sliceway --help" } else { &self.next };
        say!("next:  {next}");
        self.code
    }
}
