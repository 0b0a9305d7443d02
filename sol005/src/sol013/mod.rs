//! What all of ETSI NFV's interfaces have in common (SOL013): which attributes a type has, filters and selectors over them,
//! versions, ranges. Pure: a request's words go in, and what they mean, or what is wrong with them, comes out.

mod attributes;
pub mod body;
mod filter;
mod range;
mod selector;
mod version;

pub use attributes::{Attribute, Attributes};
pub use filter::Filter;
pub use range::{Range, Ranged};
pub use selector::{SELECTORS, Selector};
pub use version::{Unsupported, Version};
