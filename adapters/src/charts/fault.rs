//! Why a chart could not be had: which repository, which chart, what happened, and what mends it.

use crate::helm::HelmError;
use std::fmt;

#[derive(Debug)]
pub struct Fault {
    /// The repository's name; empty where no repository is concerned.
    pub repository: String,
    pub chart: Option<String>,
    pub reason: Reason,
}

#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("the address {url} cannot be used: {cause}")]
    Address { url: String, cause: String },
    #[error("its CA cannot be read: {cause}")]
    Ca { cause: String },
    #[error("the host {host} is not known")]
    UnknownHost { host: String },
    #[error("{host} refuses connections")]
    Refused { host: String },
    #[error("{host} cannot be reached: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("the certificate of {host} is not believed: {cause}")]
    Certificate { host: String, cause: String },
    #[error("{url} did not answer within {seconds} s")]
    Hangs { url: String, seconds: u64 },
    #[error("{url} asks for credentials, and none are kept")]
    NeedsLogin { url: String },
    #[error("{url} does not take the credentials (401)")]
    WrongLogin { url: String },
    #[error("{url} is forbidden for these credentials (403)")]
    Forbidden { url: String },
    #[error("there is nothing at {url} (404)")]
    NotFound { url: String },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    #[error("{url} leads {cause}")]
    Redirect { url: String, cause: String },
    #[error("{url} holds more than the {limit} bytes that are allowed")]
    TooLarge { url: String, limit: usize },
    #[error("{url} is no index of charts: {cause}")]
    Index { url: String, cause: String },
    #[error("the registry's answer cannot be used: {cause}")]
    Registry { cause: String },
    #[error("{url} has digest {actual}, and {expected} was promised")]
    Digest { url: String, expected: String, actual: String },
    #[error("it has no chart of this name")]
    NoChart { near: Vec<String> },
    #[error("it has no version {asked:?}")]
    NoVersion { asked: String, near: Vec<String> },
    #[error("what it holds is no chart that is taken: {0}")]
    Chart(String),
    #[error("Chart.lock does not agree with Chart.yaml")]
    StaleLock,
    #[error("dependency {name} is not in charts/, and Chart.yaml names no repository for it")]
    NotVendored { name: String },
    #[error("dependency {name} comes from {url}, which is not registered")]
    NotRegistered { name: String, url: String },
    #[error("dependency {name} is at {path}, {cause}")]
    Outside { name: String, path: String, cause: String },
    #[error("{0}")]
    Helm(HelmError),
}

impl Reason {
    pub(super) fn of(self, repository: &str, chart: Option<&str>) -> Fault {
        Fault { repository: repository.to_owned(), chart: chart.map(str::to_owned), reason: self }
    }

    /// A chart's own fault, or the worker's.
    pub(super) fn helm(error: HelmError) -> Self {
        if error.problems().is_empty() { Self::Helm(error) } else { Self::Chart(error.to_string()) }
    }
}

impl Fault {
    /// Whether it can pass by itself.
    pub fn retryable(&self) -> bool {
        match &self.reason {
            Reason::UnknownHost { .. } | Reason::Refused { .. } | Reason::Unreachable { .. } | Reason::Hangs { .. } => {
                true
            }
            Reason::Status { status, .. } => *status == 429 || *status >= 500,
            Reason::Helm(error) => error.retryable(),
            Reason::Address { .. }
            | Reason::Ca { .. }
            | Reason::Certificate { .. }
            | Reason::NeedsLogin { .. }
            | Reason::WrongLogin { .. }
            | Reason::Forbidden { .. }
            | Reason::NotFound { .. }
            | Reason::Redirect { .. }
            | Reason::TooLarge { .. }
            | Reason::Index { .. }
            | Reason::Registry { .. }
            | Reason::Digest { .. }
            | Reason::NoChart { .. }
            | Reason::NoVersion { .. }
            | Reason::Chart(_)
            | Reason::StaleLock
            | Reason::NotVendored { .. }
            | Reason::NotRegistered { .. }
            | Reason::Outside { .. } => false,
        }
    }

    /// Nobody was spoken to.
    pub(super) fn is_connection(&self) -> bool {
        matches!(
            self.reason,
            Reason::Address { .. }
                | Reason::Ca { .. }
                | Reason::UnknownHost { .. }
                | Reason::Refused { .. }
                | Reason::Unreachable { .. }
                | Reason::Certificate { .. }
                | Reason::Hangs { .. }
        )
    }

    pub fn mend(&self) -> String {
        let name = if self.repository.is_empty() { "NAME" } else { &self.repository };
        let add = |more: &str| format!("sliceway repository add {name} --url URL{more}");
        match &self.reason {
            Reason::Address { .. } => format!("give another: {}", add("")),
            Reason::UnknownHost { .. } => format!("see to the server's DNS, or mend the address: {}", add("")),
            Reason::Refused { .. } | Reason::Unreachable { .. } => {
                format!(
                    "see whether it runs and whether the server's network lets out, or mend the address: {}",
                    add("")
                )
            }
            Reason::Hangs { .. } | Reason::Status { .. } => {
                format!("see whether it runs: sliceway repository update {name}")
            }
            Reason::Ca { .. } | Reason::Certificate { .. } => {
                format!("give the CA that signed it: {}", add(" --ca-file F"))
            }
            Reason::NeedsLogin { .. } | Reason::WrongLogin { .. } | Reason::Forbidden { .. } => {
                format!("give credentials that may read: {}", add(" --username U --password-file F"))
            }
            Reason::NotFound { .. } | Reason::Redirect { .. } | Reason::Index { .. } | Reason::Registry { .. } => {
                format!("see whether the address is the repository's own: {}", add(""))
            }
            Reason::TooLarge { .. } => "a repository or chart of this size is not taken; use a smaller one".into(),
            Reason::Digest { .. } => "do not use it: someone changed it after the index was written; ask who runs \
                                      the repository"
                .into(),
            Reason::NoChart { near } if near.is_empty() => {
                format!("see what it has: sliceway repository search -r {name}")
            }
            Reason::NoVersion { near, .. } if near.is_empty() => {
                format!("see what it has: sliceway repository search -r {name}")
            }
            Reason::NoChart { near } => format!("there is: {}", near.join(", ")),
            Reason::NoVersion { near, .. } => format!("the nearest are: {}", near.join(", ")),
            Reason::Chart(_) => "mend the chart, or take another version of it".into(),
            Reason::StaleLock => "helm dependency update in the chart's folder".into(),
            Reason::NotVendored { .. } => "put it into charts/, or name its repository in Chart.yaml".into(),
            Reason::NotRegistered { url, .. } => format!("sliceway repository add NAME --url {url}"),
            Reason::Outside { .. } => "keep it inside of the folder that is uploaded".into(),
            Reason::Helm(_) => "try it again".into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.repository.is_empty() {
            write!(f, "repository {}: ", self.repository)?;
        }
        if let Some(chart) = &self.chart {
            write!(f, "chart {chart}: ")?;
        }
        write!(f, "{}", self.reason)
    }
}

impl std::error::Error for Fault {}
