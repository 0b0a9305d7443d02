//! The images that a lab's clusters begin with, and how images come into a cluster.
//! It pulls nothing: an image comes from files of this computer or from an archive that the user names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::binaries;
use crate::command::Run;
use crate::error::{Doing, LabError, Result};
use crate::image::Image;
use crate::machine::Machine;
use crate::place::inside;

/// An image's archive in the cache, and the word that changes with its content.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) file: PathBuf,
}

const EARLIER_KEPT: usize = 2;

/// The images of every lab; `bridge` is the `sliceway` program, whose image is left out when there is none.
pub(crate) fn ensure(cache: &Path, bridge: Option<&Path>) -> Result<Vec<Archive>> {
    let built = |folder: &str, program: &str| cache.join(binaries::folder(folder)).join(program);
    let alone = |name: &str, from: PathBuf, to: &str| Image::new(name, &[to]).file(&from, to);
    let mut images = vec![
        alone("lab.local/pause:1", built("pause", "pause"), "/pause"),
        alone("lab.local/coredns:1", built("coredns", "coredns"), "/coredns"),
        alone("lab.local/local-path:1", built("local-path", "local-path-provisioner"), "/local-path-provisioner"),
        alone("lab.local/policies:1", built("policies", "kube-network-policies"), "/kube-network-policies"),
        with_shell(Image::new("lab.local/busybox:1", &["/bin/sh"]))?,
        mosquitto()?,
    ];
    if let Some(bridge) = bridge {
        let image = Image::new("lab.local/senml:1", &["/usr/bin/sliceway", "bridge"]);
        images.push(with_shell(image.program(bridge, "/usr/bin/sliceway")?)?);
    }
    let folder = cache.join("images");
    fs::create_dir_all(&folder).doing("make", &folder)?;
    images.iter().map(|image| archive(&folder, image)).collect()
}

fn archive(folder: &Path, image: &Image) -> Result<Archive> {
    let digest = image.digest()?;
    let short = image.name.rsplit('/').next().unwrap_or(&image.name).replace(':', "-");
    let file = folder.join(format!("{short}-{digest}.tar"));
    if !file.exists() {
        image.write(&file)?;
        forget_others(folder, &format!("{short}-"), &file)?;
    }
    Ok(Archive { name: image.name.clone(), digest, file })
}

/// Earlier archives of the same image go, but for the last few: another lab may be about to import one.
fn forget_others(folder: &Path, prefix: &str, keep: &Path) -> Result<()> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).doing("read", folder)?.flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with(prefix) && name.ends_with(".tar") && path != keep {
            others.push((entry.metadata().and_then(|data| data.modified()).doing("look at", &path)?, path));
        }
    }
    others.sort();
    others.iter().rev().skip(EARLIER_KEPT).try_for_each(|(_, path)| fs::remove_file(path).doing("remove", path))
}

/// Debian's busybox, the one that resolves names, under all its names.
fn with_shell(mut image: Image) -> Result<Image> {
    let busybox = Path::new("/bin/busybox");
    image = image.program(busybox, "/bin/busybox")?;
    for applet in Run::new(busybox).args(["--list"]).output()?.lines().filter(|applet| *applet != "busybox") {
        image = image.link(format!("/bin/{applet}"), "/bin/busybox");
    }
    Ok(image)
}

fn mosquitto() -> Result<Image> {
    let mut image = Image::new("lab.local/mosquitto:1", &["/usr/sbin/mosquitto"]);
    for program in
        ["/usr/sbin/mosquitto", "/usr/bin/mosquitto_pub", "/usr/bin/mosquitto_sub", "/usr/bin/mosquitto_passwd"]
    {
        image = image.program(Path::new(program), program)?;
    }
    with_shell(image)
}

/// Imports an archive into a cluster.
pub(crate) fn import(machine: &Machine<'_>, archive: &Path) -> Result<()> {
    let ctr = format!("{}/{}/ctr", inside::CACHE, binaries::folder("containerd").display());
    let content = fs::File::open(archive).doing("read", archive)?;
    let words = ["-n", "k8s.io", "images", "import", "--local", "-"];
    let program = machine.enter(&ctr, &words.map(str::to_owned))?;
    program.stdin_file(content).deadline(Duration::from_secs(120)).output().map(drop)
}

/// The archives that a user means: a file, or every `.tar` of a folder.
pub(crate) fn named(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).doing("read", path)?.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|end| end == "tar")).collect();
    found.sort();
    if found.is_empty() {
        return Err(LabError::refused(
            format!("there is no .tar file in {}", path.display()),
            "name a file or a folder of OCI or Docker archives",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_archives_of_an_image_stay_and_those_of_others_are_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for (age, name) in ["a-1-x.tar", "a-1-y.tar", "a-1-z.tar", "a-1-new.tar", "b-1-x.tar"].iter().enumerate() {
            let made = fs::File::create(file(name)).unwrap();
            let time = std::time::UNIX_EPOCH + Duration::from_secs(age as u64);
            made.set_modified(time).unwrap();
        }
        forget_others(folder.path(), "a-1-", &file("a-1-new.tar")).unwrap();
        let there = |name: &str| file(name).exists();
        assert!(!there("a-1-x.tar"));
        assert!(["a-1-y.tar", "a-1-z.tar", "a-1-new.tar", "b-1-x.tar"].into_iter().all(there));
    }
}
