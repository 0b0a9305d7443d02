//! The real Helm command line on a cluster of the lab, as a user would type it there.

use crate::command_line::command_line;
use crate::ground::lab;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

pub struct Helm {
    kubeconfig: String,
    namespace: String,
    home: TempDir,
}

impl Helm {
    pub fn new(cluster: &str, namespace: &str) -> Self {
        let kubeconfig = lab(&["kubeconfig", cluster]).trim().to_owned();
        Self { kubeconfig, namespace: namespace.to_owned(), home: tempfile::tempdir().unwrap() }
    }

    fn tried(&self, words: &[&str]) -> Output {
        let mut command = Command::new(command_line());
        command.args(words).args(["--namespace", &self.namespace, "--kubeconfig", &self.kubeconfig]);
        command.current_dir(self.home.path()).env_clear().env("HOME", self.home.path());
        command.output().unwrap()
    }

    /// What it prints; it must succeed.
    pub fn says(&self, words: &[&str]) -> String {
        let out = self.tried(words);
        assert!(out.status.success(), "helm {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    pub fn json(&self, words: &[&str]) -> Value {
        let text = self.says(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("helm {words:?}: {error}: {text}"))
    }

    /// Installs, upgrades or the like with a chart folder and values.
    pub fn deploys(&self, words: &[&str], with: (&Path, &Value)) {
        let out = self.tries(words, with);
        assert!(out.status.success(), "helm {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// The same, which may fail.
    pub fn tries(&self, words: &[&str], (chart, values): (&Path, &Value)) -> Output {
        let file = self.home.path().join("values.json");
        std::fs::write(&file, values.to_string()).unwrap();
        self.tried(&[words, &[chart.to_str().unwrap(), "--values", file.to_str().unwrap()]].concat())
    }

    /// Revision, status and description of each, the oldest first.
    pub fn history(&self, release: &str) -> Vec<(u64, String, String)> {
        let all = self.json(&["history", release]);
        let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let each = all.as_array().unwrap().iter();
        each.map(|one| (one["revision"].as_u64().unwrap(), word(one, "status"), word(one, "description"))).collect()
    }
}
