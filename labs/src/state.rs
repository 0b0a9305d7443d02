//! What a lab has made, written down *before* it is made, so that whatever happens to the tool, `down` knows what is ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Doing, LabError, Result};
use crate::file::Plan;
use crate::place::{DEFAULT_NAME, Place};
use crate::range::Range;

const FILE: &str = "lab.json";

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
    _file: fs::File,
}

impl Lock {
    /// Waits for nobody: a lock that is held is an error.
    pub(crate) fn take(place: &Place) -> Result<Self> {
        fs::create_dir_all(&place.base).doing("make", &place.base)?;
        let path = place.base.join(format!("{}.lock", place.name));
        let file = open(&path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            LabError::refused(
                format!("another sliceway-lab is changing the lab `{}`", place.name),
                "wait for its end, then try again",
            )
        })?;
        Ok(Self { _file: file })
    }

    /// Waits for its turn: for what all labs of this computer share.
    pub(crate) fn shared(folder: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(folder).doing("make", folder)?;
        let path = folder.join(format!("{name}.lock"));
        let file = open(&path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).doing("lock", &path)?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new().create(true).append(true).open(path).doing("open", path)
}
