//! What a lab has made, written down *before* it is made, so that whatever happens to the tool, `down` knows what is ours.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Doing, LabError, Result};
use crate::file::Plan;
use crate::place::{DEFAULT_NAME, Place};
use crate::range::Range;

const FILE: &str = "lab.json";
/// The lock of what the networks of all labs share.
pub(crate) const NETWORK: &str = ".network";

/// The record of one lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) plan: Plan,
    pub(crate) namespaces: Vec<String>,
    /// Interfaces of the root namespace.
    pub(crate) links: Vec<String>,
    pub(crate) clusters: BTreeMap<String, ClusterState>,
    /// Set when everything was ready once; a lab without it is left over from an `up` that did not end.
    pub(crate) ready: bool,
}

/// The record of one cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClusterState {
    pub(crate) management: Range,
    pub(crate) groups: Vec<PathBuf>,
    /// Image -> digest of what was imported.
    pub(crate) images: BTreeMap<String, String>,
}

impl State {
    /// The record of a lab, if there is one.
    pub(crate) fn read(place: &Place) -> Result<Option<Self>> {
        let path = place.dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).doing("read", &path)?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| LabError::Json { what: path.display().to_string(), source })
    }

    /// The record of a lab that must be there.
    pub(crate) fn existing(place: &Place) -> Result<Self> {
        Self::read(place)?.ok_or_else(|| {
            let name = if place.name == DEFAULT_NAME { String::new() } else { format!(" --name {}", place.name) };
            LabError::refused(format!("there is no lab in {}", place.dir.display()), format!("sliceway-lab{name} up"))
        })
    }

    pub(crate) fn write(&self, place: &Place) -> Result<()> {
        fs::create_dir_all(&place.dir).doing("make", &place.dir)?;
        let (path, partial) = (place.dir.join(FILE), place.dir.join("lab.json.new"));
        let json = serde_json::to_vec_pretty(self)
            .map_err(|source| LabError::Json { what: path.display().to_string(), source })?;
        fs::write(&partial, json).doing("write", &partial)?;
        fs::rename(&partial, &path).doing("write", &path)
    }

    pub(crate) fn cluster(&self, name: &str) -> Result<&ClusterState> {
        self.plan.cluster(name)?;
        self.clusters
            .get(name)
            .ok_or_else(|| LabError::refused(format!("cluster `{name}` was never started"), "sliceway-lab up"))
    }
}

/// Held while a lab is changed; two changes of the same lab never mix.
pub(crate) struct Lock {
    file: fs::File,
}

impl Lock {
    /// Waits for nobody: a lock that is held is an error.
    pub(crate) fn take(place: &Place) -> Result<Self> {
        let path = own_lock(place);
        loop {
            fs::create_dir_all(&place.base).doing("make", &place.base)?;
            let file = open(&path)?;
            rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
                LabError::refused(
                    format!("another sliceway-lab is changing the lab `{}`", place.name),
                    "wait for its end, then try again",
                )
            })?;
            let lock = Self { file };
            // Whoever held it before may have removed the file after we opened it: then it guards nothing.
            if lock.is_at(&path) {
                return Ok(lock);
            }
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        let same = |own: fs::Metadata, there: fs::Metadata| own.ino() == there.ino() && own.dev() == there.dev();
        self.file.metadata().ok().zip(fs::metadata(path).ok()).is_some_and(|(own, there)| same(own, there))
    }

    /// Lets the lock of a lab that is gone go, and the labs' folder with the last of them.
    pub(crate) fn forget(self, place: &Place) -> Result<()> {
        let path = own_lock(place);
        fs::remove_file(&path).doing("remove", &path)?;
        let network = place.base.join(format!("{NETWORK}.lock"));
        let others = fs::read_dir(&place.base).doing("read", &place.base)?.flatten();
        if others.into_iter().all(|entry| entry.path() == network) {
            if network.exists() {
                fs::remove_file(&network).doing("remove", &network)?;
            }
            // One that came in this moment makes the folder stay.
            let _ = fs::remove_dir(&place.base);
        }
        Ok(())
    }

    /// Waits for its turn: for what all labs of this computer share.
    pub(crate) fn shared(folder: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(folder).doing("make", folder)?;
        let path = folder.join(format!("{name}.lock"));
        let file = open(&path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).doing("lock", &path)?;
        Ok(Self { file })
    }
}

fn own_lock(place: &Place) -> PathBuf {
    place.base.join(format!("{}.lock", place.name))
}

fn open(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new().create(true).append(true).open(path).doing("open", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base: &Path, name: &str) -> Place {
        let surroundings = crate::place::Surroundings {
            program: "/bin/sliceway-lab".into(),
            home: None,
            lab_dir: Some(base.into()),
            cache: Some("/var/cache/lab".into()),
        };
        Place::new(&surroundings, name).unwrap()
    }

    #[test]
    fn a_lab_that_goes_leaves_the_lock_of_another_alone() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("labs");
        let (one, other) = (place(&base, "one"), place(&base, "other"));
        let held = Lock::take(&other).unwrap();
        Lock::take(&one).unwrap().forget(&one).unwrap();
        assert!(Lock::take(&other).is_err());
        held.forget(&other).unwrap();
        assert!(!base.exists());
    }

    #[test]
    fn a_lock_whose_file_was_removed_guards_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path(), "one");
        let lock = Lock::take(&place).unwrap();
        assert!(lock.is_at(&own_lock(&place)));
        fs::remove_file(own_lock(&place)).unwrap();
        assert!(!lock.is_at(&own_lock(&place)));
    }
}
