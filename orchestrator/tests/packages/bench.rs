//! What the tests of packages stand on: the command line, and YANG's own checker with the standard's modules.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a command said, and the folder that it wrote to.
pub struct Made {
    pub code: Option<i32>,
    pub words: String,
    pub folder: TempDir,
}

impl Made {
    pub fn read(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; {}", path.display(), self.words))
    }

    pub fn yaml(&self, name: &str) -> Value {
        serde_saphyr::from_str(&self.read(name)).expect("YAML")
    }

    /// Every file, by its path below the folder.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect(self.folder.path(), self.folder.path(), &mut found);
        found.sort();
        found
    }
}

fn collect(top: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(top, &path, found);
        } else {
            let name = path.strip_prefix(top).expect("below it").display().to_string();
            found.push((name, fs::read(&path).expect("a file")));
        }
    }
}

/// `sliceway package build` with these arguments, into a folder of its own.
pub fn build<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new(env!("CARGO_BIN_EXE_sliceway"))
        .args(["package", "build"])
        .args(arguments)
        .arg("--dir")
        .arg(folder.path())
        .env_remove("SLICEWAY_SERVER")
        .output()
        .expect("sliceway runs");
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    Made { code: out.status.code(), words, folder }
}

pub fn chart(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/charts").join(name)
}

pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/tests/corpus")
}

/// The standard's modules. They are not ours to keep: where they are not, also where CI is, that is told and no more.
pub fn modules() -> Option<PathBuf> {
    use std::io::Write as _;
    let named = std::env::var_os("SLICEWAY_SCHEMAS").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = named.unwrap_or_else(beside).join("yang/sol006");
    if folder.join("etsi-nfv-vnfd.yang").is_file() {
        return Some(folder);
    }
    let _ =
        writeln!(std::io::stderr(), "SKIPPED for want of SOL006's modules: SLICEWAY_SCHEMAS=DIR names their folder");
    None
}

/// What `yanglint` says against a document; empty: it is valid.
pub fn faults(modules: &Path, document: &Value) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("document.json");
    fs::write(&file, document.to_string()).expect("a file");
    // Of 3.6.1 no VNFD is valid without the first; the second is for documents of more than one function, and for
    // functions of which nothing runs.
    let is_nsd = document.get("etsi-nfv-nsd:nsd").is_some();
    let runs = document.pointer("/etsi-nfv-vnfd:vnfd/vdu").is_some();
    let mut used = vec!["etsi-nfv-vnfd", "kdu", "deviations-361"];
    if is_nsd || !runs {
        used.extend(["etsi-nfv-nsd", "osm-deviations-min"]);
    }
    let text = document.to_string();
    for module in ["additional-info", "mgmt-interface", "ns-vld"] {
        used.extend(text.contains(&format!("\"{module}:")).then_some(module));
    }
    let out = Command::new("yanglint")
        .arg("-p")
        .arg(modules)
        .args(["-t", "config"])
        .args(used.iter().map(|name| modules.join(format!("{name}.yang"))))
        .arg(&file)
        .output()
        .expect("yanglint runs (Debian package libyang2-tools)");
    let said = String::from_utf8_lossy(&out.stderr);
    let errors: Vec<&str> = said.lines().filter(|line| line.contains(" err ")).collect();
    if !out.status.success() && errors.is_empty() { said.into_owned() } else { errors.join("\n") }
}
