//! Where charts come from beyond this machine: Helm's HTTP repositories and OCI registries, and the dependencies of a chart.
//!
//! Must never fetch from an address that no administrator registered, never send credentials to another host than the
//! registered one, and never keep reading what does not end: every call has a deadline and every body a limit.

mod assemble;
mod fault;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod http;
mod index;
mod oci;
mod origin;
mod sources;
mod tree;
mod why;

pub use assemble::{Assembled, Dependency};
pub use fault::{Fault, Reason};
pub use index::{Entry, Index};
pub use origin::{Bounds, Login, Origin};
pub use sources::{Fetched, Sources};
pub use tree::Tree;
