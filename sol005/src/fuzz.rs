//! What the fuzzer runs against the readers of this crate. It is compiled for tests, which replay the corpora, and for
//! `fuzz/`; it must never be part of the product.

use crate::onboarding::{Descriptor, onboard};
use crate::signature::Trust;

pub type Run = fn(&[u8]);

pub const TARGETS: &[(&str, Run)] = &[("package", package)];

/// A package is refused with words, or is what it says: each function has its charts.
pub fn package(bytes: &[u8]) {
    let read = onboard("package", bytes, &Trust::default());
    match &read {
        Err(problems) => {
            assert!(!problems.is_empty() && problems.len() < 300, "{} problems", problems.len());
            assert!(problems.iter().all(|problem| !problem.message.is_empty() && !problem.to_string().is_empty()));
        }
        Ok(read) => {
            assert!(!read.entry.is_empty());
            let mciops = match &read.descriptor {
                Descriptor::Function(vnfd) => vnfd.mciops.len(),
                Descriptor::Service(_) | Descriptor::Slice(_) => 0,
            };
            assert_eq!(read.charts.len(), mciops);
        }
    }
    assert_eq!(read, onboard("package", bytes, &Trust::default()), "the same bytes are the same package");
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_of_the_corpora_is_withstood() {
        super::replay::replay(super::TARGETS);
    }
}
