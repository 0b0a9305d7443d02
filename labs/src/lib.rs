//! The lab: real Kubernetes clusters on one computer without Docker, for development, tests and the curious.
//! Nothing of the product depends on this crate.

mod binaries;
mod cgroup;
mod cli;
mod cluster;
mod command;
mod components;
mod demo;
mod error;
mod file;
mod image;
mod images;
mod inner;
mod kubectl;
mod lab;
mod machine;
mod network;
mod pki;
mod place;
mod process;
mod range;
mod requirements;
mod state;
mod status;
mod supervisor;

pub use cli::{Cli, run};
pub use error::LabError;
pub use place::Surroundings;
