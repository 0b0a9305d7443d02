//! Decides what has to change in the world: place, render, diff. `plan` (dry run) and `apply` are the same function.
//!
//! Planning reads a snapshot and does no IO but rendering. It must never touch a target and never write to the store.

pub mod adopt;
pub mod bundle;
mod caution;
pub mod claim;
pub mod contract;
mod definition;
mod definitions;
pub mod demand;
pub mod diff;
pub mod drift;
pub mod heal;
pub mod hooks;
mod intent;
pub(crate) mod isolation;
pub mod leave;
pub mod lookup;
pub mod make;
pub mod model;
pub mod names;
pub mod order;
pub mod orphans;
mod refuse;
pub(crate) mod release;
pub mod remember;
pub mod render;
pub mod renewal;
pub mod resolve;
pub mod scope;
pub(crate) mod size;
pub mod trial;
pub mod want;
pub mod world;

pub use bundle::Bundle;
pub use make::{Goal, PlanError, Wish, make, unplaced, unplaced_choices};
pub use model::{Candidate, Choice, Plan, PlannedChange, Recorded};
pub use render::{Renderer, Rendering};
pub use world::{ClusterView, Observed, World};
