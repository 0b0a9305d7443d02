//! Decides what has to change in the world: place, render, diff. `plan` (dry run) and `apply` are the same function.
//!
//! Planning reads a snapshot and does no IO but rendering. It must never touch a target and never write to the store.

pub mod model;

pub use model::{Candidate, Choice, Plan, Recorded};
