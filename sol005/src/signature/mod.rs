//! Signatures of packages (SOL004 5): CMS, detached, over the exact bytes of a manifest or of a whole package.
//!
//! Whether a signature holds and whether its signer is believed are two questions. One that does not hold is refused
//! whatever the answer to the other. It must never look at a clock, and never believe a signer of whom nobody said so.

mod certificate;
mod cms;
mod maker;
mod trust;

pub use certificate::Certificate;
pub use maker::{Signer, Unfit};

pub(crate) use cms::{Fault, verify};
pub(crate) use trust::judge;

use jiff::Timestamp;

/// How a signature in PEM begins and ends.
pub(crate) const BEGIN: &str = "-----BEGIN CMS-----";
pub(crate) const END: &str = "-----END CMS-----";

/// Whose signatures are believed, at which moment, and whether there must be one.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Signers themselves, and authorities that vouch for signers.
    pub signers: Vec<Certificate>,
    pub required: bool,
    pub now: Timestamp,
}
