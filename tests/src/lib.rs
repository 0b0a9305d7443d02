//! Shared parts of the project's tests: reading the workspace's own files.
//!
//! It must never change a file.

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// What cargo says of the workspace's own packages: their targets and what they depend on.
///
/// # Panics
/// Where cargo does not answer: a test without it would hold for the wrong reason.
pub fn metadata() -> serde_json::Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs, since it runs this test");
    serde_json::from_slice(&told.stdout).expect("cargo metadata prints JSON")
}

/// One file of source, with its path from the root.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// Every Rust file of the workspace's crates, sorted by path.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for member in ["models", "sol005", "topology", "adapters", "orchestrator", "agent", "labs", "tests"] {
        collect(&root().join(member), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let relative = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            found.push(Source { path: relative, text });
        }
    }
}
