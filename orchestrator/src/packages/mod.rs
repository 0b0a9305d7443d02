//! Packages: descriptors drawn from charts, and archives of them.
//!
//! It must never invent what a chart does not say, and never write a secret's value into a descriptor.

mod allowed;
pub mod build;
pub mod completed;
pub mod composed;
pub mod drawing;
pub mod nst;
pub mod offered;
mod reached;
pub mod scaled;
pub mod service;
pub mod sliced;
pub mod verdict;
pub mod written;

/// Where a chart is rendered to be drawn: no cluster's, so that objects for another namespace are seen.
pub const NAMESPACE: &str = "default";
