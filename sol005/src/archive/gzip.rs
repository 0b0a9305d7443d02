//! A tar, plain or gzipped, entry by entry.

use super::entries::Taking;
use flate2::bufread::GzDecoder;
use std::io::{self, Read};
use tar::{Archive, EntryType};

/// Headers and padding come on top of the files.
const OVERHEAD: u64 = 2_048;
/// From this size on the ratio counts.
const TELLING: u64 = 1 << 20;

pub(super) fn read(bytes: &[u8], taking: &mut Taking) {
    let most = taking.limits.bytes as u64 + taking.limits.entries as u64 * OVERHEAD;
    let by_ratio = (bytes.len() as u64).saturating_mul(taking.limits.ratio).max(TELLING);
    let mut packed = GzDecoder::new(bytes);
    let mut stream = Bounded { inner: &mut packed, read: 0, bound: most.min(by_ratio), over: false };
    let done = entries(&mut stream, taking);
    match (done, stream.over) {
        (Err(_), true) if by_ratio < most => {
            let why = format!("it inflates to more than {} times what it is packed", taking.limits.ratio);
            taking.refuse("", &why, "pack what it is made of");
        }
        (Err(_), true) => taking.too_much(""),
        (Err(error), false) => damaged(taking, &error),
        (Ok(Ended::Whole), _) if !packed.into_inner().is_empty() => followed(taking),
        (Ok(_), _) => {}
    }
}

pub(super) fn tar(bytes: &[u8], taking: &mut Taking) {
    let mut stream = Bounded { inner: bytes, read: 0, bound: u64::MAX, over: false };
    if let Err(error) = entries(&mut stream, taking) {
        damaged(taking, &error);
    }
}

fn damaged(taking: &mut Taking, error: &io::Error) {
    taking.refuse("", &format!("it is cut off or damaged: {error}"), "fetch or pack it anew");
}

fn followed(taking: &mut Taking) {
    taking.refuse("", "more bytes follow its end", "fetch or pack it anew");
}

/// A stream that counts what it gives, and ends with an error where that is too much.
struct Bounded<R> {
    inner: R,
    read: u64,
    bound: u64,
    over: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let some = self.inner.read(into)?;
        self.read += some as u64;
        self.over |= self.read > self.bound;
        if self.over { Err(io::Error::other("it is too large")) } else { Ok(some) }
    }
}

/// How the reading of an archive's entries came to its end.
enum Ended {
    Whole,
    /// There are more than are looked at.
    Early,
}

fn entries<R: Read>(stream: &mut Bounded<R>, taking: &mut Taking) -> io::Result<Ended> {
    let mut archive = Archive::new(&mut *stream);
    for entry in archive.entries()? {
        if !taking.counts() {
            return Ok(Ended::Early);
        }
        one(entry?, taking)?;
    }
    // Two blocks of zeros are its end; a writer may fill up with more of them.
    let mut block = [0; 4_096];
    loop {
        match stream.read(&mut block)? {
            0 => break,
            some if block[..some].iter().any(|byte| *byte != 0) => {
                followed(taking);
                return Ok(Ended::Early);
            }
            _ => {}
        }
    }
    if stream.read.is_multiple_of(512) {
        Ok(Ended::Whole)
    } else {
        Err(io::Error::other("its last block is not whole"))
    }
}

fn one<R: Read>(mut entry: tar::Entry<'_, R>, taking: &mut Taking) -> io::Result<()> {
    let raw = entry.path_bytes().into_owned();
    let Some(name) = taking.name(&raw) else { return Ok(()) };
    match entry.header().entry_type() {
        EntryType::Directory => return Ok(()),
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::XGlobalHeader | EntryType::XHeader => return Ok(()),
        _ => {
            taking.refuse(&name, "it is a link or a device", "put in the file itself");
            return Ok(());
        }
    }
    let size = entry.size();
    if size > taking.left() as u64 {
        taking.too_much(&name);
        return Ok(());
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} is shorter than it says")));
    }
    taking.take(name, bytes);
    Ok(())
}
