//! Names that Kubernetes, DNS and our own keys all accept. A `Name` that exists is valid: nothing checks it again.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest name: a slice's namespace is `sw-<name>-<8 hex digits>` and must stay a label of 63 characters.
pub const LONGEST: usize = 40;

/// An RFC 1123 label of at most [`LONGEST`] characters: `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", "examples" = ["factory-7"]))]
pub struct Name(String);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a name: 1 to {LONGEST} of a-z, 0-9 and '-', with a letter or digit first and last")]
pub struct BadName {
    text: String,
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let good = !text.is_empty()
            && text.len() <= LONGEST
            && text.chars().all(inner)
            && text.starts_with(edge)
            && text.ends_with(edge);
        if good { Ok(Self(text.to_owned())) } else { Err(BadName { text: text.chars().take(80).collect() }) }
    }
}

impl TryFrom<String> for Name {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, good: bool) {
        assert_eq!(text.parse::<Name>().is_ok(), good, "{text:?}");
    }

    #[test]
    fn a_name_is_an_rfc_1123_label_of_forty_characters() {
        for good in ["a", "factory-7", "0a", &"x".repeat(40)] {
            check(good, true);
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"x".repeat(41)] {
            check(bad, false);
        }
    }
}
