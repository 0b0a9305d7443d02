//! What the chart tests stand on: the worker, the command line, and packed trap charts.

use super::command_line::{LDFLAGS, command_line, run};
use adapters::helm::{ChartSource, Helm, Limits, Release, RenderRequest, WORKER, pack_folder};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub fn chart_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts").join(name)
}

pub fn chart(name: &str) -> ChartSource {
    pack(&chart_folder(name))
}

pub fn pack(folder: &Path) -> ChartSource {
    ChartSource::Archive(pack_folder(folder).expect("the chart packs").into())
}

pub fn request(chart: ChartSource, values: &str) -> RenderRequest {
    RenderRequest {
        chart,
        release: Release { name: "rel".into(), namespace: "space".into(), revision: 1, is_upgrade: false },
        values: values.into(),
        capabilities: None,
        include_crds: false,
        include_values: false,
        check_reproducible: false,
        found: vec![],
    }
}

pub fn helm() -> Helm {
    helm_with(Limits::default())
}

pub fn helm_with(limits: Limits) -> Helm {
    Helm::new(worker().to_owned(), limits)
}

/// The worker of this tree. `go build` does nothing where it is built already.
pub fn worker() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(path) = std::env::var_os("SLICEWAY_HELM_WORKER") {
            return path.into();
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(WORKER);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm-worker");
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-ldflags", LDFLAGS, "-o"]).arg(&path).arg(".").current_dir(source);
        run(go.env("CGO_ENABLED", "0"));
        path
    })
}

/// `helm template` on a folder: what it prints, or its words when it refuses.
pub fn template(folder: &Path, values: &str, arguments: &[&str]) -> Result<String, String> {
    let empty = tempfile::tempdir().expect("a folder");
    let file = empty.path().join("values.yaml");
    std::fs::write(&file, values).expect("a values file");
    let out = Command::new(command_line())
        .args(["template", "rel"])
        .arg(folder)
        .args(["--namespace", "space", "--values"])
        .arg(&file)
        .args(arguments)
        .env_clear()
        .env("HOME", empty.path())
        .output()
        .expect("helm starts");
    let text = |bytes| String::from_utf8(bytes).expect("helm speaks UTF-8");
    if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr)) }
}
