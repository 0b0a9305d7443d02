//! What SQLite says, in our words. Must never hide which file it was about.

use std::io;
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// The result of a call to SQLite about this file.
pub(super) fn within<T>(file: &Path, result: rusqlite::Result<T>) -> Result<T, StoreError> {
    result.map_err(|e| translate(file, e))
}

pub(super) fn translate(file: &Path, error: Error) -> StoreError {
    let Error::SqliteFailure(code, _) = &error else {
        return StoreError::Io { what: format!("{} gave an unexpected answer", file.display()), source: other(error) };
    };
    let file = file.to_owned();
    match code.code {
        // The index of the log could not grow.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full { file },
        ErrorCode::DiskFull => StoreError::Full { file },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            StoreError::ReadOnly { path: file }
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy { file },
        ErrorCode::DatabaseCorrupt => damaged(&file, "it is damaged"),
        ErrorCode::NotADatabase => damaged(&file, "it is no SQLite file"),
        _ => StoreError::Io { what: format!("{} cannot be used", file.display()), source: other(error) },
    }
}

/// The file cannot be trusted, and how to go on.
pub(super) fn damaged(file: &Path, why: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{} is not usable: {why}; keep a copy of it, then restore a snapshot in its place",
        file.display()
    ))
}

/// After such an error what is on disk is not known: nothing may be written before a new start.
pub(super) fn is_fatal(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(code, _) => match code.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            _ => matches!(code.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC),
        },
        _ => false,
    }
}

fn other(error: Error) -> io::Error {
    io::Error::other(error)
}
