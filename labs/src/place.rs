//! Where the lab keeps things: one folder for the state of each lab, one cache that may be thrown away. Paths only.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{LabError, Result};
use crate::file::is_name;

/// What `main` reads from its environment.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// This program, which starts itself again inside the namespaces.
    pub program: PathBuf,
    pub home: Option<OsString>,
    /// `SLICEWAY_LAB_DIR`
    pub lab_dir: Option<OsString>,
    /// `SLICEWAY_CACHE`
    pub cache: Option<OsString>,
}

/// The folders and names of one lab.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) base: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) cache: PathBuf,
}

/// Where the folders of a lab are seen inside its machines: short, and the same on every computer.
pub(crate) mod inside {
    pub(crate) const CLUSTER: &str = "/run/lab";
    pub(crate) const CACHE: &str = "/run/cache";
}

impl Place {
    pub(crate) fn new(surroundings: &Surroundings, name: &str) -> Result<Self> {
        if !is_name(name) {
            return Err(LabError::refused(
                format!("`{name}` cannot be the name of a lab"),
                "give --name 1 to 8 characters of a-z and 0-9",
            ));
        }
        let below_home =
            |folder: &str| {
                surroundings.home.as_ref().map(|home| Path::new(home).join(folder)).ok_or_else(|| {
                    LabError::refused("HOME is not set", "set HOME, or SLICEWAY_LAB_DIR and SLICEWAY_CACHE")
                })
            };
        let base = match &surroundings.lab_dir {
            Some(dir) => PathBuf::from(dir),
            None => below_home(".local/state/sliceway/lab")?,
        };
        let cache = match &surroundings.cache {
            Some(dir) => PathBuf::from(dir),
            None => below_home(".cache/sliceway")?,
        };
        let (base, cache) = (absolute(&base)?, absolute(&cache)?);
        if base.as_os_str().len() > LONGEST_BASE {
            return Err(LabError::refused(
                format!("the folder {} has a path too long for the sockets below it", base.display()),
                format!("set SLICEWAY_LAB_DIR to a folder of at most {LONGEST_BASE} characters"),
            ));
        }
        Ok(Self { name: name.to_owned(), program: surroundings.program.clone(), dir: base.join(name), base, cache })
    }

    /// The folder of one cluster.
    pub(crate) fn cluster(&self, cluster: &str) -> PathBuf {
        self.dir.join(cluster)
    }

    pub(crate) fn kubeconfig(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("admin.kubeconfig")
    }

    /// The name of a network namespace, of the interface that leads to it, and of its control groups:
    /// at most 15 characters for the default lab, which is what an interface may have.
    pub(crate) fn label(&self, member: &str) -> String {
        if self.name == DEFAULT_NAME { format!("slw-{member}") } else { format!("{}-{member}", self.name) }
    }
}

/// What leaves room for `/NAME/CLUSTER/control.sock` in the 107 characters that the path of a socket may have.
const LONGEST_BASE: usize = 76;

/// The lab that is meant when no name is given.
pub(crate) const DEFAULT_NAME: &str = "lab";

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|source| LabError::Io { what: format!("cannot use the folder {}", path.display()), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Result<Place> {
        let surroundings = Surroundings {
            program: "/bin/sliceway-lab".into(),
            home: Some("/home/ann".into()),
            lab_dir: None,
            cache: Some("/var/cache/lab".into()),
        };
        Place::new(&surroundings, name)
    }

    #[test]
    fn folders_come_from_home_unless_named() {
        let place = place("lab").unwrap();
        assert_eq!(
            place.kubeconfig("edge"),
            Path::new("/home/ann/.local/state/sliceway/lab/lab/edge/admin.kubeconfig")
        );
        assert_eq!(place.cache, Path::new("/var/cache/lab"));
    }

    #[test]
    fn two_labs_share_no_name() {
        assert_eq!(place("lab").unwrap().label("edge"), "slw-edge");
        assert_eq!(place("second").unwrap().label("edge"), "second-edge");
    }

    #[test]
    fn a_name_too_long_for_an_interface_is_refused() {
        assert!(place("abcdefghi").is_err());
    }
}
