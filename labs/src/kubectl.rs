//! Talks to one cluster's API from the root namespace, by the kubectl that the lab builds.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::binaries::folder;
use crate::command::Run;
use crate::error::{LabError, Result};
use crate::place::Place;

/// The API of one cluster.
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(place: &Place, cluster: &str) -> Self {
        Self { program: place.cache.join(folder("kube")).join("kube"), kubeconfig: place.kubeconfig(cluster) }
    }

    fn command(&self, words: &[&str]) -> Run {
        Run::new(&self.program).args(["kubectl", "--kubeconfig"]).args([&self.kubeconfig]).args(words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        self.command(words).output()
    }

    /// Becomes kubectl, terminal and exit code and all. Returns only on failure.
    pub(crate) fn replace(&self, words: &[String]) -> Result<u8> {
        let failure = self.command(&[]).args(words).into_command().exec();
        Err(LabError::Io { what: "cannot run kubectl".to_owned(), source: failure })
    }

    pub(crate) fn apply(&self, objects: &str) -> Result<()> {
        let words = ["apply", "--server-side", "--field-manager=sliceway-lab", "-f", "-"];
        self.command(&words).stdin(objects).deadline(Duration::from_secs(60)).output().map(drop)
    }

    pub(crate) fn ready(&self) -> bool {
        self.command(&["get", "--raw", "/readyz", "--request-timeout=3s"]).output().is_ok_and(|answer| answer == "ok")
    }

    /// Waits for a condition, such as `condition=Ready`, of an object that may not be there yet.
    pub(crate) fn wait(&self, namespace: &str, object: &str, condition: &str) -> Result<()> {
        for what in ["create", condition] {
            let (namespace, what) = (format!("--namespace={namespace}"), format!("--for={what}"));
            let words = ["wait", &namespace, &what, object, "--timeout=90s"];
            self.command(&words).deadline(Duration::from_secs(100)).output()?;
        }
        Ok(())
    }
}
