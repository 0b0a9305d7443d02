//! Container images made from files of this computer: one layer, in an OCI layout inside a tar archive. No registry is asked.
//! The same files always give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256, digest};
use serde_json::json;

use crate::command::Run;
use crate::error::{Doing, LabError, Result};

const PASSWD: &str = "root:x:0:0:root:/:/bin/sh\nmosquitto:x:100:100::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nmosquitto:x:100:\nnogroup:x:65534:\n";

/// What an image holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    /// `lab.local/pause:1`
    pub(crate) name: String,
    pub(crate) entrypoint: Vec<String>,
    /// Path in the image -> file of this computer.
    files: BTreeMap<String, PathBuf>,
    /// Path in the image -> where it points.
    links: BTreeMap<String, String>,
}

impl Image {
    pub(crate) fn new(name: &str, entrypoint: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn file(mut self, from: &Path, to: &str) -> Self {
        self.files.insert(to.to_owned(), from.to_owned());
        self
    }

    pub(crate) fn link(mut self, path: String, target: &str) -> Self {
        self.links.insert(path, target.to_owned());
        self
    }

    /// A program with every library that it loads.
    pub(crate) fn program(mut self, from: &Path, to: &str) -> Result<Self> {
        for library in libraries(from)? {
            self.files.insert(library.clone(), PathBuf::from(library));
        }
        Ok(self.file(from, to))
    }

    /// A short word for the content: it changes when any file does.
    pub(crate) fn digest(&self) -> Result<String> {
        let mut all = Context::new(&SHA256);
        all.update(format!("1\0{}\0{:?}\0{:?}\0", self.name, self.entrypoint, self.links).as_bytes());
        for (to, from) in &self.files {
            all.update(format!("{to}\0").as_bytes());
            all.update(digest(&SHA256, &fs::read(from).doing("read", from)?).as_ref());
        }
        Ok(hex(all.finish().as_ref())[..16].to_owned())
    }

    /// Writes the archive; it appears only when it is complete.
    pub(crate) fn write(&self, target: &Path) -> Result<()> {
        let layer = self.layer()?;
        let mut blobs = BTreeMap::new();
        let layer_ref = keep(&mut blobs, layer);
        let config = json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer_ref.digest]},
        });
        let config = keep(&mut blobs, bytes(&config)?);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.describe("application/vnd.oci.image.config.v1+json"),
            "layers": [layer_ref.describe("application/vnd.oci.image.layer.v1.tar")],
        });
        let manifest = keep(&mut blobs, bytes(&manifest)?);
        let mut described = manifest.describe("application/vnd.oci.image.manifest.v1+json");
        described["annotations"] = json!({"io.containerd.image.name": self.name});
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [described],
        });
        let partial = target.with_extension(format!("partial-{}", std::process::id()));
        let file = fs::File::create(&partial).doing("write", &partial)?;
        let mut archive = tar::Builder::new(std::io::BufWriter::new(file));
        append(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append(&mut archive, "index.json", &bytes(&index)?)?;
        for (digest, content) in &blobs {
            append(&mut archive, &format!("blobs/sha256/{digest}"), content)?;
        }
        archive.into_inner().and_then(|mut file| file.flush()).doing("write", &partial)?;
        fs::rename(&partial, target).doing("write", target)
    }

    /// The one layer: folders before what is in them, every time at zero.
    fn layer(&self) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut folders = BTreeSet::new();
        let mut texts: BTreeMap<&str, &str> = BTreeMap::from([("/etc/group", GROUP), ("/etc/passwd", PASSWD)]);
        texts.insert("/etc/nsswitch.conf", "hosts: files dns\n");
        folder(&mut archive, &mut folders, "tmp")?;
        for (path, text) in texts {
            parents(&mut archive, &mut folders, path)?;
            append(&mut archive, path.trim_start_matches('/'), text.as_bytes())?;
        }
        for (path, from) in &self.files {
            parents(&mut archive, &mut folders, path)?;
            let content = fs::read(from).doing("read", from)?;
            let runs = fs::metadata(from).doing("look at", from)?.permissions().mode() & 0o111 != 0;
            let mut header = header(content.len(), if runs { 0o755 } else { 0o644 });
            archive.append_data(&mut header, path.trim_start_matches('/'), content.as_slice()).doing("pack", from)?;
        }
        for (path, target) in &self.links {
            parents(&mut archive, &mut folders, path)?;
            let mut header = header(0, 0o777);
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, path.trim_start_matches('/'), target).doing("pack", Path::new(path))?;
        }
        archive.into_inner().doing("finish", Path::new(&self.name))
    }
}

/// Every library that a program loads, by the paths that it looks at; a static program loads none.
fn libraries(program: &Path) -> Result<Vec<String>> {
    let ended = Run::new("ldd").args([program]).ended()?;
    if let Some(missing) = ended.stdout.lines().find(|line| line.contains("not found")) {
        return Err(LabError::refused(
            format!("a library of {} is missing: {}", program.display(), missing.trim()),
            format!("ldd {}", program.display()),
        ));
    }
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    let mut found: Vec<String> = ended.stdout.lines().filter(|line| line.contains("(0x")).filter_map(path).collect();
    // The C library loads this one by itself when a thread ends.
    let beside = found
        .iter()
        .find(|path| path.ends_with("/libc.so.6"))
        .map(|libc| Path::new(libc).with_file_name("libgcc_s.so.1"));
    found.extend(beside.filter(|path| path.exists()).map(|path| path.to_string_lossy().into_owned()));
    Ok(found)
}

struct Blob {
    digest: String,
    size: usize,
}

impl Blob {
    fn describe(&self, media_type: &str) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.size})
    }
}

fn keep(blobs: &mut BTreeMap<String, Vec<u8>>, content: Vec<u8>) -> Blob {
    let name = hex(digest(&SHA256, &content).as_ref());
    let blob = Blob { digest: format!("sha256:{name}"), size: content.len() };
    blobs.insert(name, content);
    blob
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(value: &serde_json::Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| LabError::Json { what: "an image".to_owned(), source })
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn header(size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

type Layer = tar::Builder<Vec<u8>>;

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, content: &[u8]) -> Result<()> {
    archive.append_data(&mut header(content.len(), 0o644), path, content).doing("pack", Path::new(path))
}

fn parents(archive: &mut Layer, seen: &mut BTreeSet<String>, path: &str) -> Result<()> {
    let path = path.trim_start_matches('/');
    for (end, _) in path.match_indices('/') {
        folder(archive, seen, &path[..end])?;
    }
    Ok(())
}

fn folder(archive: &mut Layer, seen: &mut BTreeSet<String>, path: &str) -> Result<()> {
    if !seen.insert(path.to_owned()) {
        return Ok(());
    }
    let mut header = header(0, if path == "tmp" { 0o1777 } else { 0o755 });
    header.set_entry_type(tar::EntryType::Directory);
    archive.append_data(&mut header, format!("{path}/"), std::io::empty()).doing("pack", Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), content)
        };
        archive.entries().unwrap().map(read).collect()
    }

    fn written(image: &Image) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("image.tar");
        image.write(&target).unwrap();
        fs::read(target).unwrap()
    }

    fn hello(dir: &Path) -> Image {
        let file = dir.join("hello");
        fs::write(&file, "words").unwrap();
        Image::new("lab.local/hello:1", &["/bin/hello"])
            .file(&file, "/bin/hello")
            .link("/bin/hi".to_owned(), "/bin/hello")
    }

    #[test]
    fn every_blob_of_the_layout_has_the_digest_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let entries = entries(&written(&hello(dir.path())));
        let blobs: Vec<_> = entries.iter().filter(|(path, _)| path.starts_with("blobs/sha256/")).collect();
        assert_eq!(blobs.len(), 3);
        for (path, content) in blobs {
            assert_eq!(path.rsplit('/').next().unwrap(), hex(digest(&SHA256, content).as_ref()));
        }
    }

    #[test]
    fn the_index_leads_to_the_layer_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let entries = entries(&written(&hello(dir.path())));
        let json = |path: &str| -> serde_json::Value { serde_json::from_slice(&entries[path]).unwrap() };
        let blob = |digest: &serde_json::Value| {
            format!("blobs/sha256/{}", digest.as_str().unwrap().trim_start_matches("sha256:"))
        };
        let index = json("index.json");
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "lab.local/hello:1");
        let manifest = json(&blob(&index["manifests"][0]["digest"]));
        let config = json(&blob(&manifest["config"]["digest"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        let layer = self::entries(&entries[&blob(&manifest["layers"][0]["digest"])]);
        assert_eq!(layer["bin/hello"], b"words");
        assert!(layer.contains_key("bin/hi") && layer.contains_key("bin/") && layer.contains_key("tmp/"));
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        assert!(written(&hello(dir.path())) == written(&hello(dir.path())));
    }

    #[test]
    fn a_changed_file_changes_the_digest() {
        let dir = tempfile::tempdir().unwrap();
        let before = hello(dir.path()).digest().unwrap();
        fs::write(dir.path().join("hello"), "other").unwrap();
        let after = Image::new("lab.local/hello:1", &["/bin/hello"])
            .file(&dir.path().join("hello"), "/bin/hello")
            .link("/bin/hi".to_owned(), "/bin/hello");
        assert_ne!(before, after.digest().unwrap());
    }

    #[test]
    fn a_program_comes_with_its_loader() {
        let image = Image::new("lab.local/ls:1", &["/bin/ls"]).program(Path::new("/bin/ls"), "/bin/ls").unwrap();
        assert!(image.files.keys().any(|path| path.contains("ld-linux")), "{:?}", image.files);
    }
}
