//! What can go wrong in the store, in the words of the person who has to mend it. A message must never hold the content
//! of a document.

use std::io;
use std::path::PathBuf;

use super::{Key, Revision};

/// Why the store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A precondition did not hold; `found` is what stands there now.
    #[error("{key} {}", found_words(*found))]
    Conflict { key: Key, found: Option<Revision> },

    /// The events that were asked for are not kept (any more); `oldest` is the first revision to watch from.
    #[error("the events asked for are not kept; list again and watch from revision {oldest} or later")]
    Gone { oldest: Revision },

    /// The caller asked for something that can never work.
    #[error("{0}")]
    Invalid(String),

    #[error("{key} has {bytes} bytes; a document may have {limit}")]
    TooLarge { key: Key, bytes: usize, limit: usize },

    /// A stored document is not what its kind promises.
    #[error("{key} at revision {rev} cannot be read: {why}")]
    Unreadable { key: Key, rev: Revision, why: String },

    #[error("no space left for {}: free some on that file system; nothing was written and the store goes on by itself", file.display())]
    Full { file: PathBuf },

    #[error("{} cannot be written: mount it read-write and give the user that runs sliceway the right to write there", path.display())]
    ReadOnly { path: PathBuf },

    #[error("{} belongs to user {owner} but sliceway runs as user {runs_as}: run it as user {owner}, or change the owner of the folder and all in it", path.display())]
    WrongOwner { path: PathBuf, owner: u32, runs_as: u32 },

    #[error("{} is in use by {}: stop that one first, or give this one another data folder", folder.display(), holder(*pid))]
    InUse { folder: PathBuf, pid: Option<u32> },

    #[error("{} has format {found}, made by a newer sliceway; this one knows formats up to {known}: run the newer version, or restore a snapshot made before the upgrade", file.display())]
    Newer { file: PathBuf, found: u32, known: u32 },

    /// The file is damaged, or is no store at all.
    #[error("{0}")]
    Corrupt(String),

    /// Another program holds a write lock on the file.
    #[error("{} is locked by another program: end what has it open for writing", file.display())]
    Busy { file: PathBuf },

    /// The writer has ended; nothing can be written until the process starts again.
    #[error("the store is closed for writing: restart sliceway; the log says why it closed")]
    Closed,

    /// Another process took the epoch: this one may write no more.
    #[error("another server took this data folder over; this one has stopped working")]
    Fenced,

    #[error("{what}")]
    Io { what: String, source: io::Error },
}

impl StoreError {
    /// Whether the same request may succeed later without anyone changing it.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } | Self::InUse { .. } | Self::Io { .. } => true,
            Self::Conflict { .. }
            | Self::Gone { .. }
            | Self::Invalid(_)
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::ReadOnly { .. }
            | Self::WrongOwner { .. }
            | Self::Newer { .. }
            | Self::Corrupt(_)
            | Self::Closed
            | Self::Fenced => false,
        }
    }
}

fn found_words(found: Option<Revision>) -> String {
    match found {
        Some(rev) => {
            format!("is at revision {rev}, which the request did not expect: read it again")
        }
        None => "does not exist, which the request did not expect".to_owned(),
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kind;

    #[test]
    fn a_conflict_says_what_was_found() {
        let key = Key::new(Kind::Slice, "acme", "factory-7");
        let found = Some(Revision(9));
        let words = StoreError::Conflict { key, found }.to_string();
        assert_eq!(
            words,
            "slice `factory-7` of tenant `acme` is at revision 9, which the request did not expect: read it again"
        );
    }
}
