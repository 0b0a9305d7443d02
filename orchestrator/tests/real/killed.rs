//! `kill -9` of the real server in the middle of operations on real clusters: it goes on, and nothing is doubled or left.

use crate::ground::{disowned, lab, lab_is_up, root};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    child: Child,
    url: String,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sliceway"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .env("SLICEWAY_CONFIG", folder.join("cli.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the server says where it serves").unwrap();
            if let Some(rest) = line.strip_prefix("serving on ") {
                break rest.split(',').next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn cli(&self, folder: &Path, words: &[&str]) -> Output {
        let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_sliceway"))
            .args(words)
            .env("SLICEWAY_CONFIG", folder.join("cli.toml"))
            .env("SLICEWAY_SERVER", &self.url)
            .env("SLICEWAY_TOKEN", token)
            .output()
            .unwrap()
    }

    pub fn good(&self, folder: &Path, words: &[&str]) -> String {
        let out = self.cli(folder, words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts something, then kills the server again and again, a little later each time, until the operation has ended.
fn through_kills(folder: &Path, mut server: Server, words: &[&str]) -> (Server, usize) {
    server.good(folder, words);
    let mut kills = 0;
    for pause in [40, 90, 160, 250, 400, 700] {
        let alive_until = Instant::now() + Duration::from_millis(pause);
        while Instant::now() < alive_until {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        kills += 1;
        server = Server::start(folder);
        if !operation(&server, folder)["state"].as_str().unwrap().contains("PROCESSING") {
            break;
        }
    }
    let id = operation(&server, folder)["id"].as_str().unwrap().to_owned();
    server.good(folder, &["operation", "watch", &id]);
    (server, kills)
}

/// The newest operation.
pub fn operation(server: &Server, folder: &Path) -> serde_json::Value {
    let all: serde_json::Value =
        serde_json::from_str(&server.good(folder, &["get", "operations", "-o", "json"])).unwrap();
    all[0].clone()
}

#[test]
fn a_server_that_is_killed_again_and_again_reaches_the_goal_and_leaves_nothing() {
    if !lab_is_up() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let server = Server::start(folder);
    disowned();
    for (cluster, region) in [("edge", "region=field"), ("cloud", "region=eu")] {
        let kubeconfig = lab(&["kubeconfig", cluster]);
        server.good(folder, &["cluster", "add", cluster, "--kubeconfig", kubeconfig.trim(), "--label", region]);
    }
    let charts = root().join("labs/charts");
    server.good(folder, &["repository", "add", "lab", "--path", charts.to_str().unwrap()]);
    let text = std::fs::read_to_string(root().join("labs/slices/factory-7.yaml")).unwrap();
    let file = folder.join("slice.yaml");
    std::fs::write(&file, text.replace("factory-7", "killed-9")).unwrap();
    let file = file.to_str().unwrap();

    let (server, kills) = through_kills(folder, server, &["apply", "-f", file]);
    assert!(kills > 1, "the operation was over before it was killed twice");
    assert_eq!(operation(&server, folder)["state"], "COMPLETED");
    let unchanged = server.cli(folder, &["apply", "-f", file]);
    assert!(String::from_utf8_lossy(&unchanged.stderr).contains("unchanged"), "{unchanged:?}");

    let delete = ["delete", "slice", "killed-9", "--allow-data-loss", "store"];
    let (server, _) = through_kills(folder, server, &delete);
    assert_eq!(operation(&server, folder)["state"], "COMPLETED");
    for cluster in ["edge", "cloud"] {
        let left = lab(&[
            "kubectl",
            cluster,
            "--",
            "get",
            "all,secret,configmap,networkpolicy,namespace",
            "-A",
            "-l",
            "sliceway.io/slice-name=killed-9",
            "-o",
            "name",
        ]);
        assert_eq!(left, "", "left on {cluster}");
    }
}
