//! The Helm command line that tests hold the product against, in exactly one version.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub const VERSION: &str = "v4.3.1";
/// The Makefile builds the worker with the same flags.
pub const LDFLAGS: &str = "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1";

pub fn command_line() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(path) = std::env::var_os("SLICEWAY_HELM") {
            return path.into();
        }
        let home = || PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache/sliceway");
        let cache = std::env::var_os("SLICEWAY_CACHE").map_or_else(home, PathBuf::from);
        let folder = cache.join("bin").join(format!("helm-{VERSION}"));
        for path in [folder.join("helm"), "helm".into()] {
            let said = Command::new(&path).args(["version", "--template", "{{.Version}}"]).output();
            if said.is_ok_and(|out| out.stdout == VERSION.as_bytes()) {
                return path;
            }
        }
        let mut go = Command::new("go");
        go.args(["install", "-trimpath", "-ldflags", LDFLAGS, &format!("helm.sh/helm/v4/cmd/helm@{VERSION}")]);
        run(go.env("CGO_ENABLED", "0").env("GOBIN", &folder));
        folder.join("helm")
    })
}

pub fn run(command: &mut Command) -> Output {
    let out = command.output().expect("the program starts");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}
