//! Where things are and where they may go.
//!
//! Pure: the same input gives the same answer, so that a plan and its later application agree. It must never read a
//! clock, a file or the network, and never import a crate of the workspace but `models`.

mod choice;
mod place;
mod request;
mod room;

pub use choice::{Choice, NoPlace, Placement, Verdict};
pub use place::place;
pub use request::{Candidate, Clause, Condition, Count, Demand, Pods, Request, Standing, There};
pub use room::Room;
