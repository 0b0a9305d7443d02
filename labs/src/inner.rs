//! The first moments of a machine's pid 1, in its new namespaces: gives it mounts of its own, so that every program of a
//! cluster can use the paths that are built into it, and nothing that it writes is seen or left outside.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_move, unmount,
};
use serde::{Deserialize, Serialize};

use crate::cgroup::{Version, mount_inside};
use crate::error::{Doing, LabError, Result};
use crate::place::inside;
use crate::supervisor::{Component, Supervisor};

/// What a machine is told by the file in its folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MachineFile {
    pub(crate) host_name: String,
    pub(crate) address: std::net::Ipv4Addr,
    pub(crate) cache: PathBuf,
    pub(crate) components: Vec<Component>,
}

pub(crate) const MACHINE_FILE: &str = "machine.json";
pub(crate) const SOCKET: &str = "control.sock";
/// Private folders, each kept below the cluster's own so that large content stays on the disk.
const PRIVATE: [&str; 4] = ["/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/lib/volumes"];

/// Runs as pid 1 of a machine; returns only when it cannot begin.
pub(crate) fn main(dir: &Path) -> Result<()> {
    let file = dir.join(MACHINE_FILE);
    let text = fs::read_to_string(&file).doing("read", &file)?;
    let told: MachineFile =
        serde_json::from_str(&text).map_err(|source| LabError::Json { what: file.display().to_string(), source })?;
    let version = Version::detect()?;
    prepare(dir, &told, &version)?;
    Supervisor::new(told.components).run(&Path::new(inside::CLUSTER).join(SOCKET))
}

fn prepare(dir: &Path, told: &MachineFile, version: &Version) -> Result<()> {
    let root = Path::new("/");
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change(root, private).doing("make private", root)?;
    fresh("proc", "/proc")?;
    run_folder(dir, &told.cache)?;
    unmount("/sys", UnmountFlags::DETACH).doing("unmount", Path::new("/sys"))?;
    fresh("sysfs", "/sys")?;
    fresh("tmpfs", "/sys/fs/cgroup")?;
    mount_inside(version)?;
    fresh("tmpfs", "/tmp")?;
    fresh("tmpfs", "/var/lib")?;
    for folder in PRIVATE {
        bind(&own_folder(folder)?, folder)?;
    }
    bind(&own_folder("/var/log")?, "/var/log")?;
    settings_of_our_own(&told.host_name, told.address)?;
    kernel_settings()?;
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    mount_change(root, shared).doing("share", root)?;
    rustix::system::sethostname(told.host_name.as_bytes()).doing("name the machine", Path::new(&told.host_name))?;
    let forwarding = Path::new("/proc/sys/net/ipv4/ip_forward");
    fs::write(forwarding, "1").doing("write", forwarding)
}

fn fresh(kind: &str, target: &str) -> Result<()> {
    let mode = if target == "/tmp" { c"mode=1777" } else { c"mode=755" };
    let options = if kind == "tmpfs" { Some(mode) } else { None };
    mount(kind, target, kind, MountFlags::empty(), options).doing("mount", Path::new(target))
}

fn bind(from: &Path, target: &str) -> Result<()> {
    fs::create_dir_all(target).doing("make", Path::new(target))?;
    mount_bind(from, target).doing("mount", Path::new(target))
}

/// `/var/log` -> `/run/lab/fs/var/log`, made if need be.
fn own_folder(path: &str) -> Result<PathBuf> {
    let folder = Path::new(inside::CLUSTER).join("fs").join(path.trim_start_matches('/'));
    fs::create_dir_all(&folder).doing("make", &folder)?;
    Ok(folder)
}

/// A fresh /run in which the cluster's folder and the cache have short names. It is put together beside and moved into place,
/// because the folders themselves may lie anywhere, below /run too.
fn run_folder(dir: &Path, cache: &Path) -> Result<()> {
    let beside = dir.join("run");
    fs::create_dir_all(&beside).doing("make", &beside)?;
    mount("tmpfs", &beside, "tmpfs", MountFlags::empty(), c"mode=755").doing("mount", &beside)?;
    for (from, to) in [(dir, inside::CLUSTER), (cache, inside::CACHE)] {
        let target = beside.join(to.trim_start_matches("/run/"));
        fs::create_dir_all(&target).doing("make", &target)?;
        mount_bind(from, &target).doing("mount", &target)?;
    }
    for folder in ["netns", "lock", "containerd"] {
        fs::create_dir_all(beside.join(folder)).doing("make", &beside)?;
    }
    let run = Path::new("/run");
    mount_move(&beside, run).doing("mount", run)
}

/// An /etc that can be written without a trace outside, with names and a resolver of the machine's own.
fn settings_of_our_own(host_name: &str, address: std::net::Ipv4Addr) -> Result<()> {
    let etc = Path::new("/etc");
    for folder in ["/run/etc/upper", "/run/etc/work"] {
        fs::create_dir_all(folder).doing("make", Path::new(folder))?;
    }
    let options = c"lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work";
    mount("overlay", etc, "overlay", MountFlags::empty(), options).doing("mount", etc)?;
    let hosts = format!("127.0.0.1 localhost\n{address} {host_name}\n");
    for (name, text) in [("hosts", hosts.as_str()), ("resolv.conf", "nameserver 127.0.0.1\n")] {
        let path = etc.join(name);
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).doing("remove", &path)?;
        }
        fs::write(&path, text).doing("write", &path)?;
    }
    Ok(())
}

/// Settings under kernel.* and vm.* belong to the whole computer, and the kubelet writes some: it gets copies, with a boot id
/// of this start of the machine.
fn kernel_settings() -> Result<()> {
    for part in ["kernel", "vm"] {
        let (from, to) = (Path::new("/proc/sys").join(part), Path::new("/run/sys").join(part));
        copy_settings(&from, &to)?;
        if part == "kernel" {
            let boot = to.join("random/boot_id");
            let fresh = Path::new("/proc/sys/kernel/random/uuid");
            fs::write(&boot, fs::read(fresh).doing("read", fresh)?).doing("write", &boot)?;
        }
        mount_bind(&to, &from).doing("mount", &from)?;
    }
    Ok(())
}

/// Some settings cannot be read by anybody; those are left out.
fn copy_settings(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).doing("make", to)?;
    for entry in fs::read_dir(from).doing("read", from)?.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_settings(&entry.path(), &target)?;
        } else if let Ok(value) = fs::read(entry.path()) {
            fs::write(&target, value).doing("write", &target)?;
        }
    }
    Ok(())
}
