//! The operation engine on simulated clusters: killed, failed, cancelled, and what is left of it.
//!
//! Everything here is `sim`: it says nothing about a real cluster.
#![allow(clippy::unwrap_used, clippy::panic)]

mod adopt;
mod believed;
mod claims;
mod clock;
mod crash;
mod data;
mod failure;
mod goal;
mod hooks;
mod housekeeping;
mod kill;
mod life;
mod meanwhile;
mod moves;
mod newer;
mod orphans;
mod outlook;
mod put_back;
#[path = "../setting/mod.rs"]
mod setting;
mod torture;
