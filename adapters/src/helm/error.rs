//! Why there is no rendered chart. Says what the caller can do about it: only `retryable` errors can pass by themselves.

use super::wire::Problem;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// The chart or its values must be changed.
    #[error("{}", sum(.0))]
    Chart(Vec<Problem>),
    #[error("the chart did not render within {0:?}; it was stopped")]
    TimedOut(Duration),
    /// The worker ended before the answer, for a reason that need not be this chart, and no other was free in time.
    #[error("the chart worker was ended by other charts before it answered")]
    Interrupted,
    /// A worker ended while it had nothing but this chart in work, and it was not the first that ended with it.
    #[error("the chart made the worker end, twice: {0}")]
    Crashed(String),
    #[error("the request is {size} bytes, at most {limit} are allowed")]
    TooLarge { size: usize, limit: usize },
    #[error("no chart worker found in {}", .0.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing(Vec<PathBuf>),
    #[error("the chart worker {path} cannot be started", path = .path.display())]
    Start { path: PathBuf, source: std::io::Error },
    #[error("the chart worker does not speak our language: {0}")]
    Protocol(String),
}

impl HelmError {
    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            HelmError::Interrupted => true,
            HelmError::Chart(_)
            | HelmError::TimedOut(_)
            | HelmError::Crashed(_)
            | HelmError::TooLarge { .. }
            | HelmError::Missing(_)
            | HelmError::Start { .. }
            | HelmError::Protocol(_) => false,
        }
    }

    /// What is wrong with the chart or its values; empty for any other error.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            HelmError::Chart(problems) => problems,
            _ => &[],
        }
    }
}

fn sum(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}
