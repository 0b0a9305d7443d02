//! ETSI NFV on the wire: SOL005 resources, filters, paging, ProblemDetails, the endpoint table; descriptors and packages
//! (SOL001, SOL004, SOL006, OSM); a client.
//!
//! It converts between the standard's data types and our nouns and must never decide anything. The five interfaces
//! come with a later issue; what stands here is the first type that they share, and descriptors.

pub mod archive;
pub mod descriptor;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod interface;
mod lcm_state;
pub mod onboarding;
pub mod osm;
pub mod signature;
pub mod sol001;
pub mod sol004;
pub mod sol006;
pub mod sol013;
pub mod types;

pub use lcm_state::LcmOperationState;
