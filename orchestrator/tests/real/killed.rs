//! `kill -9` of the real server in the middle of operations on real clusters: it goes on, and nothing is doubled or left.

use crate::chance::Chance;
use crate::ground::{disowned, lab, lab_is_up, root};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
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

    pub fn url(&self) -> &str {
        &self.url
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

/// A server that dies at random instants; a seed repeats them.
struct Mortal<'f> {
    folder: &'f Path,
    server: Server,
    chance: Chance,
    kills: u64,
    /// Of them, while an operation was open.
    inside: u64,
}

impl Mortal<'_> {
    /// Starts an operation and kills the server again and again, until the operation has ended; its state then.
    fn live_through(&mut self, words: &[&str]) -> String {
        self.server.good(self.folder, words);
        let mut deaths = 0;
        loop {
            let pause = Duration::from_millis(10 + self.chance.below(700));
            std::thread::sleep(pause);
            self.server.kill();
            self.kills += 1;
            self.server = Server::start(self.folder);
            let state = operation(&self.server, self.folder)["state"].as_str().unwrap().to_owned();
            if state != "PROCESSING" {
                break;
            }
            self.inside += 1;
            deaths += 1;
            assert!(deaths < 200, "it does not come nearer to its end: {:?}", operation(&self.server, self.folder));
        }
        let id = operation(&self.server, self.folder)["id"].as_str().unwrap().to_owned();
        self.server.cli(self.folder, &["operation", "watch", &id]);
        operation(&self.server, self.folder)["state"].as_str().unwrap().to_owned()
    }

    fn good(&self, words: &[&str]) -> String {
        self.server.good(self.folder, words)
    }
}

/// The newest operation.
pub fn operation(server: &Server, folder: &Path) -> serde_json::Value {
    let all: serde_json::Value =
        serde_json::from_str(&server.good(folder, &["get", "operations", "-o", "json"])).unwrap();
    all[0].clone()
}

/// What stands on both clusters of a slice, `cluster kind name`; of workloads with the generation that they have.
fn standing(slice: &str) -> Vec<String> {
    let mut all = Vec::new();
    for cluster in ["edge", "cloud"] {
        let of = format!("sliceway.io/slice-name={slice}");
        let kinds = "deployment,statefulset,replicaset,service,secret,configmap,networkpolicy,pvc,namespace";
        let columns = "custom-columns=K:.kind,N:.metadata.name,G:.metadata.generation";
        let words = ["kubectl", cluster, "--", "get", kinds, "-A", "-l", &of, "--no-headers", "-o", columns];
        let text = lab(&words);
        all.extend(
            text.lines().map(|line| format!("{cluster} {}", line.split_whitespace().collect::<Vec<_>>().join(" "))),
        );
    }
    all.sort();
    all
}

/// Of one kind, so many, and each in this generation.
fn in_generation(all: &[String], kind: &str, generation: &str) {
    let found: Vec<&String> = all.iter().filter(|line| line.split(' ').nth(1) == Some(kind)).collect();
    assert!(!found.is_empty(), "no {kind} in {all:?}");
    for line in found {
        assert!(line.ends_with(&format!(" {generation}")), "written more often than wanted: {line}; {all:?}");
    }
}

/// `make torture-real KILLS=100` is the long round.
#[test]
fn a_server_that_is_killed_again_and_again_reaches_the_goal_and_leaves_nothing() {
    if !lab_is_up() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let wanted = number("SLICEWAY_TORTURE_KILLS").unwrap_or(6);
    let seed = number("SLICEWAY_TORTURE_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let mut mortal = Mortal { folder, server: Server::start(folder), chance: Chance::new(seed), kills: 0, inside: 0 };
    disowned();
    for (cluster, region) in [("edge", "region=field"), ("cloud", "region=eu")] {
        let kubeconfig = lab(&["kubeconfig", cluster]);
        mortal.good(&["cluster", "add", cluster, "--kubeconfig", kubeconfig.trim(), "--label", region]);
    }
    let charts = root().join("labs/charts");
    mortal.good(&["repository", "add", "lab", "--path", charts.to_str().unwrap()]);
    let text = std::fs::read_to_string(root().join("labs/slices/factory-7.yaml")).unwrap();
    let file = folder.join("slice.yaml");
    let mut lives = 0;
    while mortal.kills < wanted {
        lives += 1;
        let name = format!("killed-{lives}");
        let text = text.replace("factory-7", &name);
        life(&mut mortal, &name, (&file, &text));
    }
    eprintln!(
        "seed {seed}: {} deaths, {} of them while an operation was open, {lives} lives",
        mortal.kills, mortal.inside
    );
    assert!(mortal.inside * 3 > mortal.kills, "most deaths came when the operation was over");
    mortal.good(&["orphans", "--scan"]);
    let orphans = mortal.good(&["orphans", "-o", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&orphans).unwrap(), serde_json::json!([]), "{orphans}");
}

/// A slice is made, changed and removed, with deaths in each; nothing is done twice, nothing is lost, nothing is left.
fn life(mortal: &mut Mortal<'_>, name: &str, (file, text): (&Path, &str)) {
    let apply = ["apply", "-f", file.to_str().unwrap()];
    std::fs::write(file, text).unwrap();
    assert_eq!(mortal.live_through(&apply), "COMPLETED");
    let made = standing(name);
    in_generation(&made, "Deployment", "1");
    let unchanged = mortal.server.cli(mortal.folder, &apply);
    assert!(String::from_utf8_lossy(&unchanged.stderr).contains("unchanged"), "{unchanged:?}");

    std::fs::write(
        file,
        text.replace("uplink: 5Mbps", "uplink: 6Mbps")
            .replace("persistence: 1Gi", "persistence: 1Gi, resources: {limits: {cpu: 150m, memory: 128Mi}}"),
    )
    .unwrap();
    assert_eq!(mortal.live_through(&apply), "COMPLETED");
    let changed = standing(name);
    assert!(changed.iter().any(|line| line.contains("Deployment") && line.ends_with(" 2")), "{changed:?}");
    assert!(!changed.iter().any(|line| line.contains("Deployment") && line.ends_with(" 3")), "{changed:?}");

    assert_eq!(mortal.live_through(&["delete", "slice", name, "--allow-data-loss", "store"]), "COMPLETED");
    assert_eq!(standing(name), Vec::<String>::new());
}
