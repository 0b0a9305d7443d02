//! A part of a content (RFC 9110 14; SOL013 4.3): one range of bytes.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    /// Itself included.
    pub last: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranged {
    /// Nobody asked, or not so that it means one range of bytes: all of it.
    Whole,
    Part(Range),
    /// It begins beyond the end: 416.
    Beyond,
}

impl Ranged {
    /// By the header `Range`, of a content of so many bytes.
    pub fn read(header: Option<&str>, size: u64) -> Self {
        let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Self::Whole };
        let Some((first, last)) = spec.trim().split_once('-').filter(|_| !spec.contains(',')) else {
            return Self::Whole;
        };
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if last < first => Self::Whole,
            (Ok(first), Ok(_) | Err(_)) if first >= size && (last.is_empty() || last.parse::<u64>().is_ok()) => {
                Self::Beyond
            }
            (Ok(first), Ok(last)) => Self::Part(Range { first, last: last.min(size - 1) }),
            (Ok(first), Err(_)) if last.is_empty() => Self::Part(Range { first, last: size - 1 }),
            // The last so many bytes.
            (Err(_), Ok(0)) if first.is_empty() => Self::Beyond,
            (Err(_), Ok(_)) if first.is_empty() && size == 0 => Self::Beyond,
            (Err(_), Ok(count)) if first.is_empty() => {
                Self::Part(Range { first: size.saturating_sub(count), last: size - 1 })
            }
            _ => Self::Whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_a_part() {
        let check = |header: &str, wanted: Ranged| assert_eq!(Ranged::read(Some(header), 100), wanted, "{header}");
        let part = |first, last| Ranged::Part(Range { first, last });
        check("bytes=0-9", part(0, 9));
        check("bytes=90-", part(90, 99));
        check("bytes=90-1000", part(90, 99));
        check("bytes=-10", part(90, 99));
        check("bytes=-1000", part(0, 99));
        check("bytes=100-", Ranged::Beyond);
        check("bytes=100-200", Ranged::Beyond);
        check("bytes=-0", Ranged::Beyond);
        for whole in ["bytes=9-0", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=", "bytes=-"] {
            check(whole, Ranged::Whole);
        }
        assert_eq!(Ranged::read(None, 100), Ranged::Whole);
        assert_eq!(Ranged::read(Some("bytes=0-"), 0), Ranged::Beyond);
    }
}
