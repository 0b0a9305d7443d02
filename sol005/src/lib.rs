//! ETSI NFV SOL005 on the wire: resources, filters, paging, ProblemDetails, the endpoint table; packages; a client.
//!
//! It converts between the standard's data types and our nouns and must never decide anything. The five interfaces
//! come with a later issue; what stands here is the first type that they share.

mod lcm_state;

pub use lcm_state::LcmOperationState;
