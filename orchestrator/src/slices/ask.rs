//! What a caller asks of a slice, and every way in which it is answered.

use super::Meant;
use crate::ops::OpsError;
use crate::plan::{Candidate, Plan, PlanError};
use crate::store::{Expect, StoreError};
use models::labels::Labels;
use models::operation::Asked;
use models::{Name, Operation, Problem, Slice, SliceSpec};

#[derive(Debug, Clone)]
pub struct Ask {
    pub name: Name,
    pub goal: Goal,
    pub options: AskOptions,
}

impl Ask {
    pub(super) fn meant(&self) -> Meant {
        match &self.goal {
            Goal::Apply { spec, .. } => Meant::sites(spec),
            Goal::Delete => Meant::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub enum Goal {
    Apply { labels: Labels, spec: Box<SliceSpec> },
    Delete,
}

#[derive(Debug, Clone, Default)]
pub struct AskOptions {
    pub timeout_s: Option<u64>,
    /// Functions that may move or be made anew.
    pub replace: Vec<Name>,
    /// Functions whose data may be deleted.
    pub allow_data_loss: Vec<Name>,
    /// Functions whose chart is resolved and rendered again.
    pub upgrade: Vec<Name>,
    /// Apply exactly the plan that was shown under this id.
    pub plan: Option<String>,
    pub supersede: Supersede,
    /// What is to go and cannot be reached is forgotten instead of waited for.
    pub forget: bool,
    /// What the slice must be for anything to happen.
    pub expect: Expect,
    pub no_place: NoPlace,
    /// What was asked for in the standard's words: an operation tells of it, also where nothing is to be done.
    pub asked: Option<Asked>,
}

/// What happens where no cluster has room now, and one may have later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NoPlace {
    /// The operation is accepted, and waits.
    #[default]
    Wait,
    Refuse,
}

/// What happens to an operation that holds the slice already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Supersede {
    /// It stays: 409.
    #[default]
    Never,
    /// One that waits for an operator ends FAILED; what `apply -f` means.
    FailedTemp,
    /// Also one that runs: it is cancelled first.
    Any,
}

/// What is to be taken over: releases of one namespace of one cluster.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// The slice that they become.
    pub name: Name,
    pub cluster: Name,
    pub namespace: String,
    pub releases: Vec<HelmRelease>,
    pub timeout_s: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct HelmRelease {
    pub release: String,
    /// What it is called in the slice.
    pub function: Name,
    /// Where its chart is found.
    pub repository: Name,
    /// `None`: the name and the version that Helm recorded.
    pub chart: Option<String>,
    pub version: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Started {
    /// The world is as the file says.
    Unchanged {
        slice: Box<Slice>,
        warnings: Vec<String>,
        /// Clusters that could not be read, so that nothing is known of what stands there.
        unread: Vec<Name>,
    },
    Operation {
        operation: Box<Operation>,
        plan: Box<Plan>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    #[error("operation {operation} holds the slice")]
    Busy { operation: String },
    #[error("the world has changed since the plan was shown: {}", difference.join("; "))]
    PlanChanged { difference: Vec<String> },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{message}")]
    NoPlace { message: String, passing: bool, reasons: Vec<Candidate> },
    #[error("{reason}; {mend}")]
    Refused { reason: String, mend: String },
    #[error("{cause}")]
    Unavailable { cause: String },
    #[error(transparent)]
    Ops(OpsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OpsError> for AskError {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::Busy { operation } => Self::Busy { operation },
            OpsError::NotFound(id) => Self::NotFound(format!("operation {id}")),
            OpsError::Store(error) => Self::Store(error),
            OpsError::Stopping => Self::Unavailable { cause: error.to_string() },
            OpsError::Changed => Self::PlanChanged { difference: vec!["the slice was changed meanwhile".into()] },
            OpsError::Held { what, holder } => Self::Refused {
                reason: format!("{what} belongs to {holder}"),
                mend: "name it after the release in the chart or its values, or let the other slice go first".into(),
            },
            OpsError::NotTold(_)
            | OpsError::Vanished(_)
            | OpsError::Illegal(_)
            | OpsError::NoPlan
            | OpsError::PastPointOfNoReturn { .. }
            | OpsError::Unreadable(_)
            | OpsError::Fenced => Self::Ops(error),
        }
    }
}

impl From<PlanError> for AskError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Problems(problems) => Self::Problems(problems),
            PlanError::NoPlace(no) => Self::NoPlace {
                message: no.to_string(),
                passing: no.passing,
                reasons: no.candidates.iter().map(Candidate::of).collect(),
            },
            PlanError::Refused { reason, mend } => Self::Refused { reason, mend },
            PlanError::Unavailable { cause } => Self::Unavailable { cause },
            PlanError::NotFound(name) => Self::NotFound(format!("slice {name}")),
        }
    }
}
