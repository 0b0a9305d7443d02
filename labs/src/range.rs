//! IPv4 address ranges of the lab: parsing, membership and the addresses with a fixed place. No IO.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A range such as `10.50.1.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    network: u32,
    prefix: u8,
}

impl Range {
    fn mask(prefix: u8) -> u32 {
        if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) }
    }

    pub(crate) fn prefix(self) -> u8 {
        self.prefix
    }

    /// The n-th address of the range.
    #[must_use]
    pub fn host(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.network.saturating_add(n))
    }

    /// The n-th address in the form that `ip address add` takes.
    pub(crate) fn host_with_prefix(self, n: u32) -> String {
        format!("{}/{}", self.host(n), self.prefix)
    }

    /// The first part of the range that has the given prefix.
    pub(crate) fn first(self, prefix: u8) -> Self {
        Self { network: self.network, prefix: prefix.max(self.prefix) }
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        let mask = Self::mask(self.prefix.min(other.prefix));
        self.network & mask == other.network & mask
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is not a range of IPv4 addresses such as 10.50.1.0/24: {why}");
        let (address, prefix) = text.split_once('/').ok_or_else(|| wrong("the prefix length is missing"))?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong("the address cannot be read"))?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong("the prefix length cannot be read"))?;
        if !(8..=28).contains(&prefix) {
            return Err(wrong("the prefix length must be between 8 and 28"));
        }
        let network = u32::from(address);
        if network & Self::mask(prefix) != network {
            return Err(wrong("it does not begin at its first address"));
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.host(0), self.prefix)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_knows_its_addresses() {
        assert_eq!(range("10.71.0.0/16").host(10).to_string(), "10.71.0.10");
        assert_eq!(range("10.50.1.0/24").host_with_prefix(2), "10.50.1.2/24");
        assert_eq!(range("10.61.0.0/16").first(24).to_string(), "10.61.0.0/24");
    }

    #[test]
    fn overlap_is_seen_in_both_directions() {
        let (wide, narrow, other) = (range("10.50.0.0/16"), range("10.50.1.0/24"), range("10.51.0.0/16"));
        assert!(wide.overlaps(narrow) && narrow.overlaps(wide));
        assert!(!other.overlaps(narrow));
    }

    #[test]
    fn a_range_that_begins_inside_itself_is_refused() {
        assert!("10.50.1.7/24".parse::<Range>().unwrap_err().contains("first address"));
    }
}
