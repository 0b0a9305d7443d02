//! Who is calling and what they may do.
//!
//! A permit is a value that the next layer asks for: a handler that forgot to check cannot be written. It must never
//! keep a token, only its hash.

mod caller;
mod tokens;

pub use caller::{AdminPermit, Caller, Denied, ReadPermit, WritePermit};
pub use tokens::{Issued, Revoked, Standing, TokenRecord, Tokens, Wish};
