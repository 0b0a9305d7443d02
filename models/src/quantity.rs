//! Quantities: text with a unit outside, integers of a named unit inside.
//!
//! Every type parses what it prints. A number without its unit is refused, never guessed.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a text is no quantity: says which units are allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}; write {allowed}")]
pub struct BadQuantity {
    text: String,
    what: &'static str,
    allowed: &'static str,
}

impl BadQuantity {
    /// What was expected: `a data rate`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// What may be written instead.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

/// As many digits as the largest value has.
const LONGEST_WHOLE: usize = 20;

struct Kind {
    what: &'static str,
    allowed: &'static str,
    /// Unit and how many base units it holds, as a fraction.
    units: &'static [(&'static str, u128, u128)],
}

impl Kind {
    fn parse(&self, text: &str) -> Result<u64, BadQuantity> {
        self.value(text.trim()).ok_or_else(|| BadQuantity {
            text: text.chars().take(80).collect(),
            what: self.what,
            allowed: self.allowed,
        })
    }

    /// Digits, an optional fraction, a unit. Exact: what does not come out as a whole number of base units is refused.
    fn value(&self, text: &str) -> Option<u64> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let (_, times, per) = self.units.iter().find(|(name, ..)| *name == unit.trim())?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty()
            || whole.len() > LONGEST_WHOLE
            || fraction.len() > 9
            || (number.contains('.') && fraction.is_empty())
        {
            return None;
        }
        let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let (top, bottom) = (digits.checked_mul(*times)?, scale * per);
        (top % bottom == 0).then(|| u64::try_from(top / bottom).ok()).flatten()
    }

    /// The largest unit that gives a whole number, else the smallest with a fraction.
    fn print(&self, value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from(value);
        let fits = |(_, times, per): &&(&str, u128, u128)| (value * per) % times == 0 && value * per >= *times;
        let best = self.units.iter().filter(fits).max_by(|a, b| (a.1 * b.2).cmp(&(b.1 * a.2)));
        let (name, times, per) = best.unwrap_or(&self.units[0]);
        write!(f, "{}", value * per / times)?;
        let mut rest = (value * per) % times;
        if rest > 0 {
            f.write_str(".")?;
        }
        // A unit that holds many base units holds a power of ten of them, so this ends: `99.9%`.
        while rest > 0 {
            write!(f, "{}", rest * 10 / times)?;
            rest = (rest * 10) % times;
        }
        f.write_str(name)
    }
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $field:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            pub $field: u64,
        }

        impl $name {
            const KIND: Kind = $kind;

            /// What may be written, for messages and the schema.
            pub const ALLOWED: &'static str = Self::KIND.allowed;

            pub const fn new($field: u64) -> Self {
                Self { $field }
            }
        }

        impl FromStr for $name {
            type Err = BadQuantity;

            fn from_str(text: &str) -> Result<Self, BadQuantity> {
                Self::KIND.parse(text).map(Self::new)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadQuantity;

            fn try_from(text: String) -> Result<Self, BadQuantity> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Self::KIND.print(self.$field, f)
            }
        }
    };
}

quantity!(
    /// Data rate in bits per second.
    Bandwidth,
    bandwidth_bps,
    Kind {
        what: "a data rate",
        allowed: "a number with bps, kbps, Mbps or Gbps, such as 5Mbps",
        units: &[("bps", 1, 1), ("kbps", 1_000, 1), ("Mbps", 1_000_000, 1), ("Gbps", 1_000_000_000, 1)],
    }
);
quantity!(
    /// A delay in microseconds.
    Latency,
    latency_us,
    Kind {
        what: "a delay",
        allowed: "a number with us, ms or s, such as 50ms",
        units: &[("us", 1, 1), ("ms", 1_000, 1), ("s", 1_000_000, 1)],
    }
);
quantity!(
    /// A share in parts per billion.
    Share,
    share_ppb,
    Kind { what: "a share", allowed: "a percentage, such as 99.9%", units: &[("%", 10_000_000, 1)] }
);
quantity!(
    /// Memory or storage in bytes, with Kubernetes' suffixes.
    Memory,
    memory_bytes,
    Kind {
        what: "an amount of memory",
        allowed: "a number of bytes, or with k, M, G, T, Ki, Mi, Gi or Ti, such as 1Gi",
        units: &[
            ("", 1, 1),
            ("k", 1_000, 1),
            ("Ki", 1 << 10, 1),
            ("M", 1_000_000, 1),
            ("Mi", 1 << 20, 1),
            ("G", 1_000_000_000, 1),
            ("Gi", 1 << 30, 1),
            ("T", 1_000_000_000_000, 1),
            ("Ti", 1 << 40, 1),
        ],
    }
);
quantity!(
    /// Processor time in thousandths of a core, with Kubernetes' suffixes.
    Cpu,
    cpu_milli,
    Kind {
        what: "an amount of CPU",
        allowed: "a number of cores, or of thousandths with m, such as 500m or 0.5",
        units: &[("m", 1, 1), ("", 1_000, 1)],
    }
);

impl Share {
    /// 0% to 100%: an availability beyond that is impossible.
    pub fn possible(self) -> bool {
        self.share_ppb <= 1_000_000_000
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// A container's port: `8883/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    pub number: u16,
    pub protocol: Protocol,
}

impl Port {
    pub const ALLOWED: &'static str = "a port from 1 to 65535 with its protocol, such as 8883/tcp";
}

impl FromStr for Port {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let parse = || {
            let (number, protocol) = text.trim().split_once('/')?;
            let number: u16 = number.parse().ok().filter(|n| *n > 0)?;
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => return None,
            };
            Some(Self { number, protocol })
        };
        parse().ok_or_else(|| BadQuantity {
            text: text.chars().take(80).collect(),
            what: "a port",
            allowed: Self::ALLOWED,
        })
    }
}

impl TryFrom<String> for Port {
    type Error = BadQuantity;

    fn try_from(text: String) -> Result<Self, BadQuantity> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> String {
        port.to_string()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        write!(f, "{}/{protocol}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_a_unit_becomes_an_integer_of_the_named_unit() {
        assert_eq!("5Mbps".parse(), Ok(Bandwidth::new(5_000_000)));
        assert_eq!("50ms".parse(), Ok(Latency::new(50_000)));
        assert_eq!("99.9%".parse(), Ok(Share::new(999_000_000)));
        assert_eq!("1Gi".parse(), Ok(Memory::new(1 << 30)));
        assert_eq!("0.5".parse(), Ok(Cpu::new(500)));
        assert_eq!("8883/tcp".parse(), Ok(Port { number: 8883, protocol: Protocol::Tcp }));
    }

    #[test]
    fn a_number_without_its_unit_a_wrong_unit_and_a_fraction_of_the_base_unit_are_refused() {
        for text in ["5", "5mbps", "5 MB", "-5Mbps", "1e3Mbps", "0.5bps", "", "Mbps", "5.Mbps", "99999999999Gbps"] {
            assert!(text.parse::<Bandwidth>().is_err(), "{text:?}");
        }
        assert!("0/tcp".parse::<Port>().is_err() && "8883".parse::<Port>().is_err());
    }

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for text in ["5Mbps", "1500kbps", "1bps"] {
            assert_eq!(text.parse::<Bandwidth>().map(|b| b.to_string()).as_deref(), Ok(text));
        }
        for text in ["99.9%", "99.9999999%", "100%", "0%", "0.5%"] {
            assert_eq!(text.parse::<Share>().map(|share| share.to_string()).as_deref(), Ok(text));
        }
        for value in [1_000_000_000_000_000_001, u64::MAX] {
            assert_eq!(Memory::new(value).to_string().parse(), Ok(Memory::new(value)));
        }
        assert_eq!(Memory::new(3 << 29).to_string(), "1536Mi");
        assert_eq!(Cpu::new(1_500).to_string(), "1500m");
        assert_eq!(Memory::new(0).to_string(), "0");
    }
}
