//! The peer: what a person types to put the same two charts onto the same two clusters.

use crate::row::root;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub struct Peer {
    helm: PathBuf,
    kube: PathBuf,
    folder: tempfile::TempDir,
}

impl Peer {
    /// With the programs that the lab built; kubeconfigs of edge and cloud.
    pub fn new(kubeconfigs: [&str; 2]) -> Option<Self> {
        let home = std::env::var_os("HOME").unwrap_or_default();
        let cache = std::env::var_os("SLICEWAY_CACHE").map(PathBuf::from);
        let bin = cache.unwrap_or_else(|| Path::new(&home).join(".cache/sliceway")).join("bin");
        let newest = |prefix: &str, program: &str| {
            let folders = std::fs::read_dir(&bin).ok()?.flatten();
            let named = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
            named.map(|entry| entry.path().join(program)).filter(|path| path.is_file()).max()
        };
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in ["edge", "cloud"].iter().zip(kubeconfigs) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Some(Self { helm: newest("helm-", "helm")?, kube: newest("kube-v", "kube")?, folder })
    }

    /// `kubectl create namespace` and `helm install`, on each cluster.
    pub fn install(&self, namespace: &str) -> Duration {
        let began = Instant::now();
        for (cluster, chart) in [("cloud", "mqtt-server"), ("edge", "mqtt-gateway")] {
            let kubeconfig = self.folder.path().join(cluster);
            run(Command::new(&self.kube).args(["kubectl", "create", "namespace", namespace]), &kubeconfig);
            let path = root().join("labs/charts").join(chart);
            run(Command::new(&self.helm).args(["install", chart, "-n", namespace]).arg(path), &kubeconfig);
        }
        began.elapsed()
    }
}

fn run(command: &mut Command, kubeconfig: &Path) {
    let done = command.env("KUBECONFIG", kubeconfig).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
