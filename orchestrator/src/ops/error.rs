//! Why the engine refuses a start or a move.

use crate::store::StoreError;
use models::operation::IllegalMove;

#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error("there is no operation {0}")]
    NotFound(String),
    #[error("operation {operation} is in the way")]
    Busy { operation: String },
    /// The slice changed since the plan was made.
    #[error("the slice was changed since the plan was made")]
    Changed,
    /// What belongs to a whole cluster is another slice's.
    #[error("{what} belongs to {holder}")]
    Held { what: String, holder: String },
    /// What it stands on was deleted since the plan was made.
    #[error("{0} was deleted meanwhile")]
    Vanished(String),
    /// It is stopped, and the store has not taken that yet.
    #[error("operation {0} is stopped; the store could not be told yet, and is told as soon as it takes writes again")]
    NotTold(String),
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    #[error("it has no plan yet, of which something could be left out; retry plans it again")]
    NoPlan,
    #[error("it cannot be rolled back: {reason}")]
    PastPointOfNoReturn { reason: String },
    #[error("stored state cannot be read: {0}")]
    Unreadable(String),
    /// Another process took the epoch: this one may not write any more.
    #[error("another server took this data folder over; this one has stopped working")]
    Fenced,
    #[error("the server is shutting down")]
    Stopping,
    #[error(transparent)]
    Store(StoreError),
}

impl OpsError {
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::Stopping | Self::NotTold(_) => true,
            Self::NotFound(_)
            | Self::Busy { .. }
            | Self::Changed
            | Self::Held { .. }
            | Self::Vanished(_)
            | Self::Illegal(_)
            | Self::NoPlan
            | Self::PastPointOfNoReturn { .. }
            | Self::Unreadable(_)
            | Self::Fenced => false,
        }
    }
}

impl From<StoreError> for OpsError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
