//! The contract of a southbound target.
//!
//! **Flow.** The engine writes the intent, calls [`Port::apply`] or [`Port::remove`], and writes the result. It then calls
//! [`Port::observe`] until the resource is ready, or gone.
//!
//! **Guarantees of an implementation.** All three verbs are idempotent: a call may be repeated after a crash, a time-out
//! or a lost answer. `apply` is an upsert; `remove` of what is absent is success. What is not ours is never touched:
//! [`PortError::Foreign`] names its owner. A write is based on what was last seen and loses against a newer writer
//! ([`PortError::Stale`]). No call outlives its deadline.
//!
//! **Assumptions.** The resource's inputs and secrets are named by [`Call::safe`]'s references or were already filled in:
//! a port gets no `Part::Input`.

use crate::helm::Lookup;
use crate::release::HelmRevision;
use async_trait::async_trait;
use models::checkup::{Check, Finding, Question};
use models::cluster::Ownership;
use models::resource::{Object, Resource, ResourceId, Seen};
use models::secret::SecretRef;
use models::slice::Adopted;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// What every call carries.
#[derive(Clone)]
pub struct Call {
    /// The operation and its change, for the target's own records.
    pub operation: String,
    pub seq: u32,
    /// The slice's uid: what carries another one's label is a stranger.
    pub owner: String,
    /// The Helm releases that it took over: what carries their marks and nobody's label is its own.
    pub adopted: Option<Arc<Adopted>>,
    /// The epoch of the process that owns the operation.
    pub epoch: u64,
    /// How long the call may take.
    pub deadline: Duration,
    pub safe: Arc<dyn Safe>,
}

/// Bytes that are wiped when dropped and cannot be printed.
pub type Sealed = Zeroizing<Vec<u8>>;

/// Opens what is sealed, at the last line before use.
#[async_trait]
pub trait Safe: Send + Sync {
    /// The fields of one version of a secret; `None` where it was never made or is erased.
    async fn read(&self, secret: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError>;
    /// Keeps a version that did not exist; returns what is kept, which is the first one written.
    async fn write(&self, secret: &SecretRef, fields: Vec<(String, Sealed)>) -> Result<(), PortError>;
    /// The versions of a secret that are kept, in any order.
    async fn versions(&self, id: &str) -> Result<Vec<u32>, PortError>;
    async fn erase(&self, secret: &SecretRef) -> Result<(), PortError>;
    /// A sealed manifest of the blob store.
    async fn blob(&self, digest: &str) -> Result<Sealed, PortError>;
}

#[async_trait]
pub trait Port: Send + Sync {
    /// Converges the target to `want`. `seen` is what was last known of it; `None` says that it was absent.
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError>;

    /// Asks for its removal. Returns when the target took the request; `observe` says when it is gone.
    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError>;

    /// Reads the truth. `None`: it does not exist. `Seen::stranger` is set where it is not [`Call::owner`]'s.
    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError>;

    /// Takes our marks off an object that is left where it is; nothing else of it changes. Gone is done.
    async fn disown(&self, call: &Call, object: &Object) -> Result<(), PortError>;

    /// Puts our marks on an object that carries nobody's; one of another slice is [`PortError::Foreign`]. Gone is done.
    async fn own(&self, call: &Call, object: &Object) -> Result<(), PortError>;

    /// The last lines that the pods of a Job, or a Pod, have said; nothing where there is nothing to be had.
    async fn words(&self, _call: &Call, _id: &ResourceId) -> Vec<String> {
        Vec::new()
    }

    /// Returns soon after the resource moved on from `version`, or never: who waits looks by itself from time to time, and
    /// this only makes the next look come sooner. It may return without a change.
    async fn moved(&self, _call: &Call, _id: &ResourceId, _version: &str) {
        std::future::pending().await
    }
}

/// An object that carries our label, with the uid of the slice that it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labelled {
    pub id: ResourceId,
    pub uid: String,
}

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It stands in this version (as [`Seen::version`]), or was changed or removed in it; empty: nothing is known of that.
    One(Labelled, String),
    /// What stood when listening began has been told. What was not is not there, or cannot be listened to.
    All,
}

/// What a target tells about itself; the target `local` has no such side.
#[async_trait]
pub trait Discovery: Send + Sync {
    /// What placement and rendering rest on.
    async fn facts(&self, call: &Call) -> Result<models::ClusterFacts, PortError>;

    /// Every object on the target that carries our label, for this slice or for any, whoever recorded it.
    async fn scan(&self, call: &Call, uid: Option<&str>) -> Result<Vec<Labelled>, PortError>;

    /// One object as it is, or, where no name is said, the list of those of a kind in a namespace; `None`: it is not
    /// there, or its kind is not served. Changes nothing.
    async fn find(&self, call: &Call, lookup: &Lookup) -> Result<Option<Value>, PortError>;

    /// The revisions of Helm releases that a namespace holds, in any order, whoever deployed them: of those that are
    /// named, with what Helm itself made; or of all, by their labels alone.
    async fn releases(&self, call: &Call, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError>;

    /// What a person should know before relying on it, check by check. A simulator has nothing to be examined.
    async fn examine(&self, _call: &Call, _question: &Question) -> Vec<Check> {
        let words = "it is simulated: it runs nothing, and what is found here says nothing about a real cluster";
        vec![Check::new("simulated", Finding::Unknown, words)]
    }

    /// Tells of every object with our label, and from then on of each that changes, by whoever's hand, until it cannot go
    /// on. What is told is an identity and a version; nothing else of it is kept. An error, and an end, say that something
    /// may have been missed.
    async fn hear(&self, _call: &Call, _tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        std::future::pending().await
    }

    /// Whose the target is to write on; `None`: nobody's yet, or it cannot be anybody else's.
    async fn owner(&self, _call: &Call) -> Result<Option<Ownership>, PortError> {
        Ok(None)
    }

    /// Makes it this server's, whoever had it; says who that was.
    async fn take_over(&self, _call: &Call) -> Result<Option<Ownership>, PortError> {
        Ok(None)
    }

    /// This server writes on it no more.
    async fn let_go(&self, _call: &Call) -> Result<(), PortError> {
        Ok(())
    }

    /// Requests sent to the target since this port was made; a simulator sends none.
    fn calls(&self) -> u64 {
        0
    }
}

/// Why a target did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    #[error("{target} cannot be reached: {cause}")]
    Unreachable { target: String, cause: String },
    #[error("{target} did not answer within {seconds} s")]
    TimedOut { target: String, seconds: u64 },
    /// It answers with 429 or 5xx, or a webhook in its way is down.
    #[error("{target} is not able to take the request now: {cause}")]
    Busy { target: String, cause: String, retry_after_s: Option<u64> },
    /// Somebody else wrote since we last looked; observe and try again.
    #[error("{id} was changed by somebody else since it was last read")]
    Stale { id: String },
    /// The object exists and is not ours.
    #[error("{id} exists and belongs to {owner}")]
    Foreign { id: String, owner: String },
    #[error("{target} refuses our credentials: {cause}")]
    Unauthorized { target: String, cause: String },
    #[error("{target} forbids it: {cause}")]
    Forbidden { target: String, cause: String },
    /// The target says that the object is wrong: validation, admission, an immutable field, an unknown kind, a quota.
    /// No right would help.
    #[error("{id} is refused: {cause}")]
    Invalid { id: String, cause: String },
    /// Another server writes on it: this one does not, until an administrator takes it over.
    #[error("{target} is owned by {owner}")]
    Owned { target: String, owner: String },
    /// A secret or blob that is needed cannot be read.
    #[error("a sealed value cannot be read: {cause}")]
    Sealed { cause: String },
}

impl PortError {
    /// The cause can pass by itself: the engine waits and tries again until its patience ends.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Busy { .. } | Self::Stale { .. } => true,
            Self::Foreign { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Invalid { .. }
            | Self::Owned { .. }
            | Self::Sealed { .. } => false,
        }
    }

    /// The target was not there to answer.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Busy { .. }
            | Self::Stale { .. }
            | Self::Foreign { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Invalid { .. }
            | Self::Owned { .. }
            | Self::Sealed { .. } => false,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::Busy { .. } => "busy",
            Self::Stale { .. } => "stale",
            Self::Foreign { .. } => "foreign",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Invalid { .. } => "invalid",
            Self::Owned { .. } => "owned",
            Self::Sealed { .. } => "sealed",
        }
    }

    /// What would help, and what to type then.
    pub fn next(&self) -> String {
        crate::remedy::of(self)
    }
}
