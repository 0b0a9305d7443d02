//! The name of a blob: a digest of what it holds. Names stand in stored documents; their text form must never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of a blob. A sealed one is named by a keyed digest, which tells nothing about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Digest {
    Sha256([u8; 32]),
    Sealed([u8; 32]),
}

impl Digest {
    /// The digest under which `put` keeps these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(bytes).into())
    }

    /// The sort of name, and the digits.
    pub(super) fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Sha256(bytes) => ("sha256", hex(bytes)),
            Self::Sealed(bytes) => ("sealed", hex(bytes)),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, digits) = self.parts();
        write!(f, "{name}:{digits}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        text.parse()
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let not_one = || NoDigest(text.to_owned());
        let (name, digits) = text.split_once(':').ok_or_else(not_one)?;
        let bytes = unhex(digits).ok_or_else(not_one)?;
        match name {
            "sha256" => Ok(Self::Sha256(bytes)),
            "sealed" => Ok(Self::Sealed(bytes)),
            _ => Err(not_one()),
        }
    }
}

/// A text that is not the name of a blob.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no digest: it must be `sha256:` or `sealed:` and 64 small hexadecimal digits")]
pub struct NoDigest(pub String);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_back_from_its_text() {
        for digest in [Digest::of(b"x"), Digest::Sealed([7; 32])] {
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            let json = serde_json::to_string(&digest).unwrap();
            assert_eq!(json, format!("\"{digest}\""));
            assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let digits = "0".repeat(64);
        let wrong = [
            "".to_owned(),
            "sha256:".to_owned(),
            digits.clone(),
            format!("md5:{digits}"),
            format!("sha256:{digits}0"),
            format!("sha256:{}", "A".repeat(64)),
            format!("sha256:{}", "é".repeat(32)),
        ];
        for text in wrong {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
