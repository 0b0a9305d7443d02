//! The nouns of Sliceway: what a user asks for, what the engine does about it, what a target said.
//!
//! No IO, no async, no clock, no randomness: everything here can be computed twice with the same answer.
//! It must never import another crate of the workspace.

pub mod alarm;
pub mod change;
pub mod checkup;
pub mod cluster;
pub mod file;
pub mod format;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod labels;
pub mod name;
pub mod operation;
pub mod orphan;
pub mod package;
pub mod problem;
pub mod quantity;
pub mod removed;
pub mod repository;
pub mod resource;
pub mod secret;
pub mod service;
pub mod slice;
pub mod template;
pub mod tenant;
pub mod version;
pub mod yaml;

pub use alarm::{Alarm, Drift};
pub use change::{Change, ChangeRecord, ChangeState, Verb};
pub use cluster::{ClusterFacts, ClusterSpec};
pub use name::Name;
pub use operation::{Operation, OperationEvent, OperationKind, OperationState};
pub use orphan::{Orphan, OrphanCause};
pub use problem::Problem;
pub use resource::{Object, Readiness, Resource, ResourceId, Seen, Target};
pub use secret::{SecretRef, SecretSpec};
pub use slice::{Slice, SliceSpec};
