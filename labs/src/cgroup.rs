//! The control groups of a machine, for both versions of the kernel's interface. Version 1 has one tree per controller and
//! a machine gets a group in each, below the group that the lab itself runs in; version 2 has one tree, where a machine's
//! group stands at the top, because a group that holds processes cannot hand controllers down.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use crate::error::{Doing, LabError, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Which version, with the trees of version 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One(Vec<Tree>),
    Two,
}

/// One tree of version 1: its controllers as the kernel writes them, and the group that we are in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    controllers: String,
    own: String,
}

impl Tree {
    fn folder(&self) -> &str {
        self.controllers.strip_prefix("name=").unwrap_or(&self.controllers)
    }
}

impl Version {
    pub(crate) fn detect() -> Result<Self> {
        if Path::new(ROOT).join("cgroup.controllers").exists() {
            return Ok(Self::Two);
        }
        let own = Path::new("/proc/self/cgroup");
        Ok(Self::parse(&fs::read_to_string(own).doing("read", own)?))
    }

    fn parse(own: &str) -> Self {
        let mut trees = Vec::new();
        for line in own.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            if let (Some(controllers), Some(path)) = (parts.next(), parts.next())
                && !controllers.is_empty()
            {
                trees.push(Tree { controllers: controllers.to_owned(), own: path.to_owned() });
            }
        }
        Self::One(trees)
    }

    /// The folders of the group `label`; nothing is made.
    pub(crate) fn folders(&self, label: &str) -> Vec<PathBuf> {
        let root = Path::new(ROOT);
        match self {
            Self::One(trees) => {
                let folder = |tree: &Tree| root.join(tree.folder()).join(tree.own.trim_matches('/')).join(label);
                trees.iter().map(folder).collect()
            }
            Self::Two => vec![root.join(label)],
        }
    }
}

/// Makes the groups, with the processors and memory nodes of their parents where there are such files.
pub(crate) fn create(folders: &[PathBuf]) -> Result<()> {
    for folder in folders {
        fs::create_dir_all(folder).doing("make the control group", folder)?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (own, parent) = (folder.join(file), folder.parent().map(|parent| parent.join(file)));
            if let Some(Ok(value)) = parent.map(fs::read_to_string) {
                fs::write(&own, value).doing("write", &own)?;
            }
        }
        hand_down(folder.parent().unwrap_or(folder));
    }
    Ok(())
}

/// Version 2 only: lets the groups below use every controller that there is. One that cannot be handed down is left.
fn hand_down(folder: &Path) {
    let Ok(controllers) = fs::read_to_string(folder.join("cgroup.controllers")) else {
        return;
    };
    for controller in controllers.split_whitespace() {
        drop(fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")));
    }
}

/// Version 2 only, once a machine runs: moves the program that launched it out of the way, then hands controllers down.
pub(crate) fn settle(folders: &[PathBuf], launcher: u32) -> Result<()> {
    for folder in folders {
        let leaf = folder.join("init");
        if leaf.exists() {
            fs::write(leaf.join("cgroup.procs"), launcher.to_string()).doing("join", &leaf)?;
            hand_down(folder);
        }
    }
    Ok(())
}

/// Moves this process into the groups.
pub(crate) fn join(folders: &[PathBuf]) -> Result<()> {
    for folder in folders {
        let leaf = folder.join("init");
        let procs = if leaf.exists() { leaf.join("cgroup.procs") } else { folder.join("cgroup.procs") };
        fs::write(&procs, std::process::id().to_string()).doing("join the control group by", &procs)?;
    }
    Ok(())
}

/// Removes the groups and what is below them; only groups without processes can go.
pub(crate) fn remove(folders: &[PathBuf]) -> Result<()> {
    for folder in folders.iter().filter(|folder| folder.exists()) {
        remove_below(folder).doing("remove the control group", folder)?;
    }
    Ok(())
}

fn remove_below(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// Inside a machine, which is the root of its own trees: mounts them at the usual place, already a fresh tmpfs.
pub(crate) fn mount_inside(version: &Version) -> Result<()> {
    match version {
        Version::One(trees) => trees.iter().try_for_each(mount_tree),
        Version::Two => {
            let root = Path::new(ROOT);
            mount("cgroup2", root, "cgroup2", MountFlags::empty(), None).doing("mount", root)?;
            // Nothing but the top of the whole tree may hold processes and hand controllers down.
            let leaf = root.join("init");
            fs::create_dir_all(&leaf).doing("make the control group", &leaf)?;
            fs::write(leaf.join("cgroup.procs"), std::process::id().to_string()).doing("join", &leaf)
        }
    }
}

fn mount_tree(tree: &Tree) -> Result<()> {
    let target = Path::new(ROOT).join(tree.folder());
    fs::create_dir_all(&target).doing("make", &target)?;
    let named = if tree.controllers.starts_with("name=") { "none," } else { "" };
    let options = CString::new(format!("{named}{}", tree.controllers))
        .map_err(|_| LabError::refused("the kernel names a controller with a zero byte", "report this"))?;
    mount("cgroup", &target, "cgroup", MountFlags::empty(), options.as_c_str()).doing("mount", &target)?;
    for alone in tree.controllers.split(',').filter(|_| tree.controllers.contains(',')) {
        let link = Path::new(ROOT).join(alone);
        std::os::unix::fs::symlink(tree.folder(), &link).doing("link", &link)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tree_of_version_1_gets_a_group_below_our_own() {
        let version = Version::parse("3:cpu,cpuacct:/\n2:memory:/session/7\n1:name=systemd:/\n0::/\n");
        let folders = version.folders("slw-edge");
        let expected = ["cpu,cpuacct/slw-edge", "memory/session/7/slw-edge", "systemd/slw-edge"];
        assert_eq!(folders, expected.map(|folder| Path::new(ROOT).join(folder)));
    }

    #[test]
    fn version_2_has_one_group_at_the_top() {
        assert_eq!(Version::Two.folders("slw-edge"), [Path::new(ROOT).join("slw-edge")]);
    }
}
