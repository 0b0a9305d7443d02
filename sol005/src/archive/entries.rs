//! An archive of a stranger's as its files. Nothing is written to a disk, and what is taken into memory is bounded before it
//! is inflated.
//!
//! Refused, with the entry and the reason, and all that is found at once: names that lead out, that are absolute, that are
//! not UTF-8, that stand twice or differ only in case or in how a letter is composed; links and devices; what is encrypted,
//! cut off, or followed by more; more entries, bytes or depth than allowed, and what inflates beyond measure.

use super::{gzip, zipped};
use models::Problem;
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization as _;

/// What an archive may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub archive_bytes: usize,
    pub entries: usize,
    /// All files together, inflated.
    pub bytes: usize,
    /// How many folders deep a file may lie.
    pub depth: usize,
    /// How many times its packed size a file may be; it counts from a mebibyte on.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { archive_bytes: 24 << 20, entries: 10_000, bytes: 256 << 20, depth: 32, ratio: 200 }
    }
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    Zip,
    Tar,
    GzippedTar,
}

impl Packed {
    /// By its first bytes; `None`: it is no archive.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return Some(Self::Zip);
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Some(Self::GzippedTar);
        }
        (bytes.get(257..262) == Some(b"ustar")).then_some(Self::Tar)
    }
}

/// Files by their paths, with `/` between folders.
pub type Entries = BTreeMap<String, Vec<u8>>;

pub fn read(bytes: &[u8], limits: Limits) -> Result<Entries, Vec<Problem>> {
    if bytes.len() > limits.archive_bytes {
        let why = format!("the archive has more than {} bytes", limits.archive_bytes);
        return Err(vec![Problem::at("", why).mend("leave out what the package does not need")]);
    }
    let mut taking = Taking { limits, ..Taking::default() };
    match Packed::of(bytes) {
        Some(Packed::Zip) => zipped::read(bytes, &mut taking),
        Some(Packed::GzippedTar) => gzip::read(bytes, &mut taking),
        Some(Packed::Tar) => gzip::tar(bytes, &mut taking),
        None => taking.refuse("", "it is neither a zip nor a tar (plain or gzipped)", "pack it anew"),
    }
    if taking.problems.is_empty() { Ok(taking.files) } else { Err(taking.problems) }
}

/// So many problems are told.
const MOST: usize = 100;

/// An archive while it is read.
#[derive(Default)]
pub(super) struct Taking {
    pub(super) limits: Limits,
    files: Entries,
    /// Names as a file system might take them for the same, and as they are.
    alike: BTreeMap<String, String>,
    problems: Vec<Problem>,
    bytes: usize,
    count: usize,
}

impl Taking {
    pub(super) fn refuse(&mut self, entry: &str, why: &str, mend: &str) {
        if self.problems.len() < MOST {
            let file = (!entry.is_empty()).then(|| shown(entry));
            self.problems.push(Problem { file, ..Problem::at("", why).mend(mend) });
        }
    }

    /// One more entry; `false`: there are too many, and nothing more is looked at.
    pub(super) fn counts(&mut self) -> bool {
        self.count += 1;
        if self.count == self.limits.entries + 1 {
            let why = format!("there are more than {} entries", self.limits.entries);
            self.refuse("", &why, "leave out what the package does not need");
        }
        self.count <= self.limits.entries
    }

    /// How many bytes the next file may have.
    pub(super) fn left(&self) -> usize {
        self.limits.bytes - self.bytes
    }

    pub(super) fn too_much(&mut self, entry: &str) {
        let why = format!("all files together have more than {} bytes", self.limits.bytes);
        self.refuse(entry, &why, "leave out what the package does not need");
    }

    /// The name of a file or folder, as it may be; `None`: it was refused.
    pub(super) fn name(&mut self, raw: &[u8]) -> Option<String> {
        let lossy = String::from_utf8_lossy(raw);
        let Ok(name) = std::str::from_utf8(raw) else {
            self.refuse(&lossy, "its name is not UTF-8", "pack it on a system that writes names in UTF-8");
            return None;
        };
        let parts: Vec<&str> = name.trim_end_matches('/').split('/').filter(|part| *part != ".").collect();
        let why = if name.starts_with('/') || name.get(1..3) == Some(":\\") || name.get(1..3) == Some(":/") {
            "its path is absolute"
        } else if name.contains('\\') {
            "there is a backslash in its name, which some systems take for a folder"
        } else if name.contains('\0') || name.chars().any(char::is_control) {
            "there is a control character in its name"
        } else if parts.contains(&"..") {
            "its path leads out of the archive"
        } else if parts.iter().any(|part| part.is_empty()) {
            "a part of its path has no name"
        } else if parts.len() > self.limits.depth {
            "it lies too deep"
        } else if parts.iter().any(|part| part.len() > 255) || name.len() > 4_096 {
            "its name is too long"
        } else {
            return Some(parts.join("/"));
        };
        self.refuse(name, why, "give it a plain path below the archive's top");
        None
    }

    /// A file that may be there.
    pub(super) fn take(&mut self, name: String, bytes: Vec<u8>) {
        let alike: String = name.nfc().flat_map(char::to_lowercase).collect();
        if let Some(other) = self.alike.insert(alike, name.clone()) {
            let why = match other == name {
                true => "it is there twice".to_owned(),
                false => format!("only case, or how a letter is composed, tells it from {other:?}"),
            };
            self.refuse(&name, &why, "keep one of the two");
            return;
        }
        self.bytes += bytes.len();
        self.files.insert(name, bytes);
    }
}

/// A name for people, whatever is in it.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(200).flat_map(char::escape_debug).collect();
    if name.chars().count() > 200 {
        shown.push('…');
    }
    shown
}
