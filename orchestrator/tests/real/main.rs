//! Slices on the lab's two real clusters, without the API: planner, renderer, engine and ports together.
//!
//! Needs a running lab (`sliceway-lab up`); says visibly that it is skipped where there is none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod adopt;
#[path = "../api/answered.rs"]
mod answered;
mod broken;
mod causes;
#[path = "../engine/torture/chance.rs"]
#[allow(dead_code, reason = "the torture on simulated clusters draws more of it")]
mod chance;
#[path = "../../../adapters/tests/command_line/mod.rs"]
mod command_line;
mod corpus;
mod doctor;
mod drift;
mod factory;
mod faults;
mod ground;
mod helm;
mod hooks;
mod killed;
mod orphans;
mod owners;
mod packaged;
mod registry;
mod releases;
mod repair;
mod said;
#[path = "../api/server.rs"]
#[allow(dead_code, reason = "the API's own tests use the rest of it")]
mod server;
#[path = "../../../adapters/tests/settled/mod.rs"]
mod settled;
mod tutorial;
mod watched;
mod wide;
