//! Versions of an interface (SOL013 9): which are there, and which one a request means by its header `Version`.

/// `MAJOR.MINOR.PATCH`, as an interface's own text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u8, pub u8, pub u8);

/// The header names none that is there: 406.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    pub asked: String,
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// The one of those (oldest first, of one major version) that a header means; the newest where there is no header. What
    /// stands behind a hyphen says who made it, and is not looked at.
    pub fn meant(header: Option<&str>, known: &[Self]) -> Result<Self, Unsupported> {
        let newest = known.last().copied();
        let asked = header.map(str::trim).unwrap_or_default();
        let plain = asked.split('-').next().unwrap_or_default();
        let found = match plain {
            "" if header.is_none() => newest,
            text => known.iter().copied().find(|version| version.to_string() == text),
        };
        found.ok_or_else(|| Unsupported { asked: asked.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_means_one_of_those_that_are_there() {
        let known = [Version(2, 0, 0), Version(2, 2, 1)];
        assert_eq!(Version::meant(None, &known), Ok(Version(2, 2, 1)));
        assert_eq!(Version::meant(Some("2.0.0"), &known), Ok(Version(2, 0, 0)));
        assert_eq!(Version::meant(Some("2.0.0-impl:example.com:x:1"), &known), Ok(Version(2, 0, 0)));
        for wrong in ["", "2", "2.1.0", "1.0.0", "x"] {
            assert_eq!(Version::meant(Some(wrong), &known), Err(Unsupported { asked: wrong.into() }), "{wrong}");
        }
    }
}
