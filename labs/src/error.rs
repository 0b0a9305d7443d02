//! What can go wrong in the lab, in words for the person at the terminal: what, why, and what to type next.
//! It never repeats its source; the command line prints the chain.

use std::path::Path;

/// A failure of the lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
    #[error("`{command}` failed ({status}){}", tail(.output))]
    Command { command: String, status: String, output: String },
    #[error("{file}: {reason}")]
    File { file: String, reason: String },
    #[error("{what}")]
    Refused { what: String, next: String },
    #[error("{what} did not happen within {seconds} s{}", tail(.seen))]
    Timeout { what: String, seconds: u64, seen: String, next: String },
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot write {what} as JSON")]
    Json { what: String, source: serde_json::Error },
}

/// A result of the lab.
pub type Result<T> = std::result::Result<T, LabError>;

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(12)..].join("\n  ");
    if last.is_empty() { String::new() } else { format!(":\n  {last}") }
}

impl LabError {
    pub(crate) fn refused(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), next: next.into() }
    }

    /// The next thing to type or to look at, where there is one.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        match self {
            Self::Refused { next, .. } | Self::Timeout { next, .. } => Some(next),
            Self::File { .. } => Some("correct the file; `sliceway-lab up --help` says what it may hold"),
            Self::Io { .. } | Self::Command { .. } | Self::Certificate(_) | Self::Json { .. } => None,
        }
    }
}

/// Says what was being done when an input or output operation failed.
pub(crate) trait Doing<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(|source| LabError::Io { what: format!("cannot {what} {}", path.display()), source })
    }
}

impl<T> Doing<T> for rustix::io::Result<T> {
    fn doing(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(std::io::Error::from).doing(what, path)
    }
}
