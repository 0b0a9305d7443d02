//! A zip, entry by entry.

use super::entries::Taking;
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
/// The end of the central directory: its signature, and how long it is without a comment.
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// From this size on a file's ratio counts.
const TELLING: u64 = 1 << 20;

pub(super) fn read(bytes: &[u8], taking: &mut Taking) {
    let damaged = "it is cut off or damaged";
    let again = "fetch or pack it anew";
    let Some(told) = told(bytes) else { return taking.refuse("", damaged, again) };
    if told.trailing {
        taking.refuse("", "more bytes follow its end", again);
    }
    // Before anything is kept of so many.
    if told.entries > taking.limits.entries {
        let why = format!("there are more than {} entries", taking.limits.entries);
        return taking.refuse("", &why, "leave out what the package does not need");
    }
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => return taking.refuse("", &format!("{damaged}: {error}"), again),
    };
    if archive.offset() > 0 {
        taking.refuse("", "other bytes stand before its beginning", again);
    }
    // Names as they stand: the crate keeps one of two equal ones.
    if archive.len() != told.entries {
        taking.refuse("", "an entry is there twice", "keep one of the two");
    }
    let mut places = Vec::new();
    for at in 0..archive.len() {
        if !taking.counts() {
            return;
        }
        match entry(&mut archive, at, taking) {
            Ok(place) => places.extend(place),
            Err(error) => taking.refuse("", &format!("entry {at}: {damaged}: {error}"), again),
        }
    }
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        taking.refuse("", "its entries lie over each other", again);
    }
}

struct Told {
    entries: usize,
    trailing: bool,
}

/// What the end of the archive says of it.
fn told(bytes: &[u8]) -> Option<Told> {
    // A comment is 64 KiB at most.
    let from = bytes.len().saturating_sub(END_BYTES + 0xffff);
    let at = from + bytes.get(from..)?.windows(END.len()).rposition(|four| four == END)?;
    let number = |offset: usize| Some(u16::from_le_bytes([*bytes.get(at + offset)?, *bytes.get(at + offset + 1)?]));
    let (entries, comment) = (usize::from(number(10)?), usize::from(number(20)?));
    let end = at + END_BYTES + comment;
    (end <= bytes.len()).then_some(Told { entries, trailing: end < bytes.len() })
}

/// Where its bytes lie.
fn entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    at: usize,
    taking: &mut Taking,
) -> zip::result::ZipResult<Option<(u64, u64)>> {
    let (raw, is_folder, kind, encrypted, place, packed) = {
        let entry = archive.by_index_raw(at)?;
        let raw = entry.name_raw().to_vec();
        let begin = entry.data_start().unwrap_or(entry.header_start());
        let place = (entry.header_start(), begin + entry.compressed_size());
        let kind = entry.unix_mode().map(|mode| mode & KIND).filter(|kind| *kind != 0);
        (raw, entry.is_dir(), kind, entry.encrypted(), place, entry.compressed_size())
    };
    let Some(name) = taking.name(&raw) else { return Ok(Some(place)) };
    if encrypted {
        taking.refuse(&name, "it is encrypted", "pack it without a password");
        return Ok(Some(place));
    }
    match kind {
        None | Some(FILE | FOLDER) => {}
        Some(_) => {
            taking.refuse(&name, "it is a link or a device", "put in the file itself");
            return Ok(Some(place));
        }
    }
    if is_folder {
        return Ok(Some(place));
    }
    let most = taking.left();
    let mut bytes = Vec::new();
    let by_ratio = packed.saturating_mul(taking.limits.ratio).max(TELLING);
    let bound = by_ratio.min(most as u64);
    archive.by_index(at)?.take(bound + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bound {
        if bound == most as u64 {
            taking.too_much(&name);
        } else {
            let why = format!("it inflates to more than {} times what it is packed", taking.limits.ratio);
            taking.refuse(&name, &why, "pack what it is made of");
        }
        return Ok(Some(place));
    }
    taking.take(name, bytes);
    Ok(Some(place))
}
