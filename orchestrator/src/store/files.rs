//! Files that are there whole or not at all, also after the machine lost its power. The only place of the store that
//! makes files itself; it must never overwrite one in place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder that only its owner can enter, with its parents.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The same, found again after a power cut: its name is flushed, also where an earlier process made the folder and did not
/// come so far, and so are the names of the parents that are made.
pub(super) fn make_durable_folder(path: &Path) -> io::Result<()> {
    let made: Vec<&Path> = path.ancestors().skip(1).take_while(|parent| !parent.exists()).collect();
    make_folder(path)?;
    for folder in [path].into_iter().chain(made) {
        match sync_parent(folder) {
            // Who made this folder for us has rights that we have not.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// A new empty file that only its owner can read and write; an error if the name is taken.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes `bytes` to `temporary` and moves it to `path` when they are on disk.
pub(super) fn write_whole(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = create_private(temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(temporary, path));
    if moved.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    moved?;
    sync_parent(path)
}

/// Makes the name of a file durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
