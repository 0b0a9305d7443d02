//! Slices on the lab's two real clusters, without the API: planner, renderer, engine and ports together.
//!
//! Needs a running lab (`sliceway-lab up`); says visibly that it is skipped where there is none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod broken;
mod causes;
mod doctor;
mod factory;
mod faults;
mod ground;
mod killed;
mod registry;
mod repair;
mod said;
