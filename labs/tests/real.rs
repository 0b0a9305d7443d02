//! One real lab, from nothing to nothing: two clusters with names, policies and volumes, a network that is cut and mended,
//! components that are killed. It needs root and the Debian packages, and says so where it is left out. It has a name and a
//! folder of its own, so that a lab that is up already is not touched.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const NAME: &str = "labtest";

struct Lab {
    dir: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.command(&["down"]).status());
    }
}

impl Lab {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sliceway-lab"));
        command.args(["--name", NAME]).args(words).env("SLICEWAY_LAB_DIR", self.dir.path().join("labs"));
        command
    }

    fn output(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().unwrap()
    }

    fn ok(&self, words: &[&str]) -> (String, String) {
        let output = self.output(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    }

    fn kubectl(&self, cluster: &str, words: &str) -> Output {
        let mut all = vec!["kubectl", cluster, "--"];
        all.extend(words.split(' '));
        self.output(&all)
    }

    fn apply(&self, cluster: &str, objects: &str) {
        let file = self.dir.path().join("objects.yaml");
        fs::write(&file, objects).unwrap();
        self.ok(&["kubectl", cluster, "--", "apply", "-f", file.to_str().unwrap()]);
    }

    /// Runs words in a pod; true when they end well.
    fn in_pod(&self, pod: &str, words: &str) -> bool {
        self.kubectl("edge", &format!("exec {pod} -- {words}")).status.success()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "-o", "json"]).0).unwrap()
    }

    fn component(&self, name: &str) -> Value {
        let status = self.status();
        let edge = status["clusters"].as_array().unwrap().iter().find(|cluster| cluster["name"] == "edge").unwrap();
        edge["processes"].as_array().unwrap().iter().find(|process| process["name"] == name).unwrap().clone()
    }

    fn state_file(&self) -> PathBuf {
        self.dir.path().join("labs").join(NAME).join("lab.json")
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Written past the harness, which keeps what a passing test prints to itself.
#[allow(clippy::explicit_write, reason = "the harness catches what the macro prints")]
fn skipped(why: &str) {
    use std::io::Write as _;
    assert!(std::env::var_os("CI").is_none(), "CI runs the real lab: {why}");
    writeln!(std::io::stderr(), "SKIPPED: {why}").unwrap();
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Whatever stands under the lab's names.
fn traces() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["/run/netns", "/sys/class/net", "/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.path().display().to_string());
        found.extend(names.filter(|name| name.contains(&format!("/{NAME}-"))));
    }
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(&format!("/labs/{NAME}/")) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_lab_comes_up_works_and_leaves_nothing() {
    if !is_root() {
        return skipped("a real lab needs root; run `sudo -E cargo test -p labs --test real`");
    }
    let lab = Lab { dir: tempfile::tempdir().unwrap() };
    let began = Instant::now();
    let done = |what: &str| eprintln!("{:5.1} s  {what}", began.elapsed().as_secs_f32());
    an_up_that_was_killed_is_cleared_away(&lab);
    done("an `up` that was killed was cleared away by the next");
    clusters_are_ready(&lab);
    pods_and_policies(&lab);
    done("names, volumes, policies, the field");
    the_network_is_cut_and_mended(&lab);
    done("the network was cut and mended");
    components_come_back(&lab);
    done("components were killed and came back");
    lab.ok(&["down"]);
    assert_eq!(traces(), Vec::<String>::new());
    assert!(!lab.dir.path().join("labs").exists());
    assert!(lab.ok(&["down"]).1.contains("no lab"));
    done("the lab is down");
}

fn an_up_that_was_killed_is_cleared_away(lab: &Lab) {
    let mut killed = lab.command(&["up"]).stderr(Stdio::null()).spawn().unwrap();
    let pids = lab.state_file().with_file_name("edge").join("pids.json");
    let end = Instant::now() + Duration::from_secs(40 * 60);
    let mut waits = || !pids.exists() && Instant::now() < end && killed.try_wait().unwrap().is_none();
    while waits() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Also where it was too slow: it must not make a lab when nobody looks any more.
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(pids.exists(), "`up` never started a machine");
    assert!(lab.ok(&["up"]).1.contains("removing what an earlier lab left"));
    assert!(lab.ok(&["up"]).1.contains("already up"));
}

fn clusters_are_ready(lab: &Lab) {
    let status = lab.status();
    let clusters = status["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 2);
    for cluster in clusters {
        assert_eq!(cluster["node"]["ready"], true, "{cluster}");
        assert_eq!(cluster["wan"]["connected"], true, "{cluster}");
        assert!(Path::new(cluster["kubeconfig"].as_str().unwrap()).exists());
        let processes = cluster["processes"].as_array().unwrap();
        assert!(processes.iter().all(|process| process["pid"].is_u64() && process["restarts"] == 0), "{cluster}");
    }
    assert_eq!(clusters[1]["labels"]["region"], "eu");
}

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: lab.local/busybox:1
      imagePullPolicy: Never
      command: [/bin/sh, -c, 'echo hello > /data/index.html; exec httpd -f -p 8080 -h /data']
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: asker, labels: {app: asker}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: asker, image: 'lab.local/busybox:1', imagePullPolicy: Never, command: [/bin/sh, -c, 'sleep 100000']}]
";

const DENY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
";

const ALLOW: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: asker}}}], ports: [{port: 8080, protocol: TCP}]}]
";

const ASK: &str = "timeout 3 wget -q -O - http://web.default.svc.cluster.local/";

fn pods_and_policies(lab: &Lab) {
    lab.apply("cloud", PODS);
    lab.apply("edge", PODS);
    for pod in ["web", "asker"] {
        let waited = lab.kubectl("edge", &format!("wait --for=condition=Ready pod/{pod} --timeout=60s"));
        assert!(waited.status.success(), "{pod}: {}", String::from_utf8_lossy(&waited.stderr));
    }
    let claim = lab.kubectl("edge", "get pvc data -o jsonpath={.status.phase}");
    assert_eq!(String::from_utf8_lossy(&claim.stdout), "Bound");
    eventually("an answer by a full name", || lab.in_pod("asker", ASK));
    assert!(lab.in_pod("asker", "timeout 3 wget -q -O - http://web/"), "an answer by a short name");
    let from_field = |address: &str| {
        let url = format!("http://{address}:30080/");
        lab.output(&["exec", "field", "--", "timeout", "3", "busybox", "wget", "-q", "-O", "-", &url]).status.success()
    };
    assert!(from_field("10.50.1.2"), "the field reaches the node beside it");
    assert!(!from_field("10.50.2.2"), "the field reaches the cloud");
    lab.apply("edge", DENY);
    eventually("a refusal by policy", || !lab.in_pod("asker", ASK));
    lab.apply("edge", ALLOW);
    eventually("an opening by policy", || lab.in_pod("asker", ASK));
}

fn the_network_is_cut_and_mended(lab: &Lab) {
    let across = || lab.in_pod("asker", "timeout 3 wget -q -O - http://10.50.2.2:30080/");
    let managed = || lab.kubectl("cloud", "get namespaces --request-timeout=3s").status.success();
    eventually("an answer from one cluster to the other", across);
    assert!(managed());
    lab.ok(&["wan", "cut", "cloud"]);
    assert!(!across(), "an edge pod reaches the cloud over a cut network");
    assert!(!managed(), "the root namespace reaches a cluster that was cut off");
    lab.ok(&["wan", "restore", "cloud"]);
    eventually("the way between pods", across);
    eventually("the way of management", managed);
    lab.ok(&["wan", "shape", "cloud", "--rate", "5mbit"]);
    assert!(lab.status()["clusters"][1]["wan"]["shape"].as_str().unwrap().contains("5Mbit"));
}

fn components_come_back(lab: &Lab) {
    lab.ok(&["restart", "edge", "kube-apiserver"]);
    eventually("the second start of the API server", || lab.component("kube-apiserver")["restarts"] == 1);
    eventually("an answer of it", || lab.kubectl("edge", "get --raw /readyz").status.success());
    lab.ok(&["stop", "edge", "kube-scheduler"]);
    eventually("the end of the scheduler", || lab.component("kube-scheduler")["state"] == "stopped");
    lab.ok(&["start", "edge", "kube-scheduler"]);
    eventually("the start of the scheduler", || lab.component("kube-scheduler")["state"] == "running");
    lab.ok(&["stop", "edge", "kubelet"]);
    eventually("the end of the kubelet", || lab.component("kubelet")["state"] == "stopped");
    assert!(lab.ok(&["up"]).1.contains("already up"));
    assert_eq!(lab.component("kubelet")["state"], "running");
    let unknown = lab.output(&["restart", "edge", "kube-api"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("kube-apiserver"));
}
