//! The number of a stored form. What a newer version wrote is not read: what its fields mean is not known here, even
//! where all of them have known names. It must never be lenient.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// For `deserialize_with` on the number itself.
pub fn known<'de, D: Deserializer<'de>, const KNOWN: u32>(deserializer: D) -> Result<u32, D::Error> {
    let found = u32::deserialize(deserializer)?;
    if found > KNOWN {
        let words =
            format!("it is of format {found}, written by a newer version; this one knows formats up to {KNOWN}");
        return Err(D::Error::custom(words));
    }
    Ok(found)
}

/// For a document whose first form has no number: without one it is of format 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format<const KNOWN: u32>;

impl<'de, const KNOWN: u32> Deserialize<'de> for Format<KNOWN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        known::<D, KNOWN>(deserializer).map(|_| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_newer_number_is_refused_with_both_numbers() {
        assert!(serde_json::from_value::<Format<2>>(json!(2)).is_ok());
        let error = serde_json::from_value::<Format<2>>(json!(3)).unwrap_err().to_string();
        assert!(error.contains("format 3, written by a newer version") && error.contains("up to 2"), "{error}");
    }
}
