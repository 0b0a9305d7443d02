//! A chart folder becomes one archive: the same folder gives the same bytes, wherever and whenever it is packed.
//!
//! Must never take in a file from outside of the folder: a chart comes from a stranger, and this reads the server's disk.

use super::ignore::{FILE, Kind, Rules};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most that a chart's files may be together, and how many there may be; the worker's defaults are the same.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;
/// How deep folders may lie; a link to a folder above it ends here.
const MAX_DEPTH: usize = 32;
/// The folder in the archive. Not the folder's own name, which may differ from place to place.
const TOP: &str = "chart";

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("{} is no chart: it has no Chart.yaml", .0.display())]
    NoChart(PathBuf),
    #[error("{} leads out of the chart's folder", .0.display())]
    Outside(PathBuf),
    #[error("{} is neither a file nor a folder", .0.display())]
    Irregular(PathBuf),
    #[error("{} has a name that is not UTF-8", .0.display())]
    Name(PathBuf),
    #[error("the folders of the chart lie more than {MAX_DEPTH} deep at {}", .0.display())]
    Depth(PathBuf),
    #[error("the chart has more than {MAX_FILES} files or {MAX_BYTES} bytes")]
    TooLarge,
    #[error("{FILE}: {0}")]
    Ignore(String),
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
}

/// Packs the chart in `folder` as a `.tgz`: sorted, without times and owners, without what `.helmignore` names.
pub fn pack_folder(folder: &Path) -> Result<Vec<u8>, PackError> {
    let top = folder.canonicalize().map_err(|e| unreadable(folder, e))?;
    if !top.join("Chart.yaml").is_file() {
        return Err(PackError::NoChart(folder.to_owned()));
    }
    let rules = match fs::read_to_string(top.join(FILE)) {
        Ok(text) => Rules::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Rules::parse(""),
        Err(error) => return Err(unreadable(&top.join(FILE), error)),
    };
    let archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut packing = Packing { top, rules: rules.map_err(PackError::Ignore)?, archive, bytes: 0, files: 0 };
    packing.folder(&packing.top.clone(), "", 0)?;
    packing.archive.into_inner().and_then(GzEncoder::finish).map_err(|e| unreadable(folder, e))
}

fn unreadable(path: &Path, source: io::Error) -> PackError {
    PackError::Read { path: path.to_owned(), source }
}

struct Packing {
    top: PathBuf,
    rules: Rules,
    archive: tar::Builder<GzEncoder<Vec<u8>>>,
    bytes: u64,
    files: usize,
}

impl Packing {
    /// Names are sorted within each folder, as Helm walks them; CRDs come in this order.
    fn folder(&mut self, folder: &Path, inside: &str, depth: usize) -> Result<(), PackError> {
        if depth > MAX_DEPTH {
            return Err(PackError::Depth(folder.to_owned()));
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(folder).and_then(Iterator::collect);
        let mut names: Vec<_> =
            entries.map_err(|e| unreadable(folder, e))?.iter().map(fs::DirEntry::file_name).collect();
        names.sort();
        for name in names {
            let path = folder.join(&name);
            let name = name.to_str().ok_or_else(|| PackError::Name(path.clone()))?;
            let inside = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
            self.entry(&path, &inside, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, inside: &str, depth: usize) -> Result<(), PackError> {
        let real = path.canonicalize().map_err(|e| unreadable(path, e))?;
        let about = fs::metadata(&real).map_err(|e| unreadable(path, e))?;
        let kind = if about.is_dir() { Kind::Folder } else { Kind::File };
        if self.rules.ignores(inside, kind) {
            return Ok(());
        }
        if !real.starts_with(&self.top) {
            return Err(PackError::Outside(path.to_owned()));
        }
        if about.is_dir() {
            return self.folder(&real, inside, depth + 1);
        }
        if !about.is_file() {
            return Err(PackError::Irregular(path.to_owned()));
        }
        self.file(&real, inside)
    }

    fn file(&mut self, path: &Path, inside: &str) -> Result<(), PackError> {
        let mut data = Vec::new();
        let left = MAX_BYTES - self.bytes;
        let read = fs::File::open(path).and_then(|file| file.take(left + 1).read_to_end(&mut data));
        read.map_err(|e| unreadable(path, e))?;
        self.files += 1;
        if data.len() as u64 > left || self.files > MAX_FILES {
            return Err(PackError::TooLarge);
        }
        self.bytes += data.len() as u64;
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        self.archive
            .append_data(&mut header, format!("{TOP}/{inside}"), data.as_slice())
            .map_err(|e| unreadable(path, e))
    }
}
