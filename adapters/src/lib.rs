//! The southbound: one trait for everything that holds resources, and its implementations.
//!
//! An adapter talks to one kind of target. It must never decide what is wanted, keep an operation's state, or retry on
//! its own account: order, time and retry belong to the engine above.

pub mod charts;
mod deadline;
mod fill;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod helm;
pub mod kubernetes;
pub mod local;
pub mod port;
pub mod release;
mod remedy;
pub mod sim;

pub use port::{Call, Discovery, Heard, Labelled, Port, PortError, Safe, Sealed};
