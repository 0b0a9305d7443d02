//! The operation engine: time, order, retry. It carries out plans on targets and keeps the durable record of them.
//!
//! It must never decide what is wanted, and never set an operation's state but by `OperationState::on`.

pub(crate) mod claims;
pub(crate) mod codec;
mod ending;
mod engine;
mod error;
mod executor;
mod fence;
mod fill;
pub(crate) mod footing;
mod graph;
mod hook;
mod journal;
mod look;
mod marks;
pub mod model;
mod moves;
mod occurrences;
mod orphan;
mod outlook;
pub(crate) mod safe;
mod settled;
mod standing;
mod start;
mod step;
mod undo;
mod unplanned;
mod unreadable;
mod used;
mod waiting;

pub use engine::{Engine, Limits, Means, OperationView, Ports};
pub use error::OpsError;
pub use model::{ChangeDoc, OperationDoc};
pub use outlook::{Deed, Does, Move, Outlook};
pub use settled::Stopped;
pub(crate) use standing::standing;
pub use start::{Before, StartOptions};
pub use unplanned::{Planned, Planner, Unplanned};
pub(crate) use used::used;
