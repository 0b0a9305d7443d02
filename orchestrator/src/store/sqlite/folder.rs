//! The data folder: who owns it and that only one process has it. Must never touch what another process holds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::{StoreError, files};

/// A data folder that this process has for itself. The lock ends with the value.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The database.
    pub(super) file: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        files::make_durable_folder(path).map_err(|e| io_error(path, "cannot be made", e))?;
        check_owner(path)?;
        let name = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&name)
            .map_err(|e| io_error(path, "cannot be opened", e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { folder: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(e)) => return Err(io_error(&name, "cannot be locked", e)),
        }
        write_pid(&mut lock).map_err(|e| io_error(&name, "cannot be written", e))?;
        Ok(Self { path: path.to_owned(), file: path.join("sliceway.db"), _lock: lock })
    }

    /// A file that SQLite keeps beside the database.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }
}

/// An error of the file system, told by what mends it.
pub(super) fn io_error(path: &Path, what: &str, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly { path: path.to_owned() }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { file: path.to_owned() },
        _ => StoreError::Io { what: format!("{} {what}", path.display()), source },
    }
}

fn check_owner(path: &Path) -> Result<(), StoreError> {
    let owner = std::fs::metadata(path).map_err(|e| io_error(path, "cannot be read", e))?.uid();
    let runs_as = rustix::process::geteuid().as_raw();
    if owner == runs_as { Ok(()) } else { Err(StoreError::WrongOwner { path: path.to_owned(), owner, runs_as }) }
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut words = String::new();
    lock.take(32).read_to_string(&mut words).ok()?;
    words.trim().parse().ok()
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}
