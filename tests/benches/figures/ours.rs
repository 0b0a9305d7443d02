//! A server of the release build on a folder of its own, and what is asked of it.

use crate::idle::children;
use crate::row::root;
use crate::wait::Events;
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Ours {
    child: Child,
    folder: TempDir,
    url: String,
    token: String,
    http: Client,
}

/// What one apply came to.
pub struct Applied {
    /// From the request to the last answer of an API server, by the record of the changes.
    pub took: Duration,
    /// To the look that saw all of them.
    pub seen: Duration,
    operation: String,
    /// The changes that made objects on clusters.
    pub steps: Vec<Value>,
}

pub fn program(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}

impl Ours {
    pub fn start() -> Self {
        Self::start_on(TempDir::new_in(root().join("target")).unwrap())
    }

    /// On what an earlier one left.
    pub fn start_on(folder: TempDir) -> Self {
        let config = folder.path().join("server.toml");
        std::fs::write(&config, "[limits]\nrequests_per_second = 100000\nburst = 100000\n").unwrap();
        let mut child = Command::new(program("sliceway"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data")
            .arg(folder.path().join("data"))
            .env("SLICEWAY_CONFIG", folder.path().join("cli.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(rest) = line.strip_prefix("serving on ") {
                break rest.split(',').next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
        Self { child, folder, url, token, http: Client::builder().no_proxy().build().unwrap() }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Until an operation has done all that it was to do.
    pub async fn completed(&self, operation: &str) {
        self.until(operation, Duration::from_millis(2), |view| view["state"] == "COMPLETED").await;
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Registers a cluster by its kubeconfig.
    pub async fn cluster(&self, name: &str, kubeconfig: &str) {
        let body = json!({"labels": {"region": name}, "kubeconfig": kubeconfig});
        let (status, said) = self.call("PUT", &format!("/api/v1/clusters/{name}"), body.to_string()).await;
        assert_eq!(status, 200, "{said}");
        // The server of an earlier figure may have owned it: its owner has ten seconds to learn of that.
        let (status, said) = self.call("POST", &format!("/api/v1/clusters/{name}:takeover"), String::new()).await;
        assert_eq!(status, 200, "{said}");
        if said["taken"].as_array().is_some_and(|taken| !taken.is_empty()) {
            tokio::time::sleep(Duration::from_secs(11)).await;
        }
    }

    /// The lab's charts.
    pub fn charts(&self) {
        let added = Command::new(program("sliceway"))
            .args(["repository", "add", "lab", "--path"])
            .arg(root().join("labs/charts"))
            .env("SLICEWAY_CONFIG", self.folder.path().join("cli.toml"))
            .env("SLICEWAY_SERVER", &self.url)
            .env("SLICEWAY_TOKEN", &self.token)
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }

    pub async fn call(&self, method: &str, path: &str, body: String) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.token).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Server-sent events of operations from now on.
    pub async fn watch(&self) -> Events {
        let request = self.http.get(format!("{}/api/v1/operations?watch=true", self.url)).bearer_auth(&self.token);
        Events::of(request.send().await.unwrap()).await
    }

    /// The id of the operation that makes the slice.
    pub async fn begin(&self, slice: &str) -> String {
        self.begin_as(document(slice)).await
    }

    /// The id of the operation that makes what a file says.
    pub async fn begin_as(&self, document: String) -> String {
        let (status, said) = self.call("POST", "/api/v1/slices", document).await;
        assert_eq!(status, 202, "{said}");
        said["operation"]["id"].as_str().unwrap().to_owned()
    }

    /// Until the API servers have answered for every object. Each look at the operation costs the server time that the
    /// slice would have, so they are `pause` apart, and what is between two is told by the record of the changes.
    pub async fn apply(&self, slice: &str, pause: Duration) -> Applied {
        let began = Timestamp::now();
        let operation = self.begin(slice).await;
        // Helm's record is written when the pods are ready, and here none ever starts.
        let record = |step: &Value| step["change"]["id"]["name"].as_str().unwrap().starts_with("sh.helm.release.");
        let made = |step: &&Value| step["change"]["verb"] != "check" && !record(step);
        let all_made = |view: &Value| {
            let steps = view["steps"].as_array().unwrap();
            !steps.is_empty() && steps.iter().filter(made).all(|step| step["state"] == "done")
        };
        let view = self.until(&operation, pause, all_made).await;
        let since = |at: Timestamp| at.duration_since(began).try_into().unwrap();
        let seen: Duration = since(Timestamp::now());
        let steps: Vec<&Value> = view["steps"].as_array().unwrap().iter().filter(made).collect();
        let ended = steps.iter().map(|step| step["ended"].as_str().unwrap().parse::<Timestamp>().unwrap());
        let took: Duration = since(ended.max().unwrap());
        assert!(took <= seen, "an object is told to be made {took:?} after the request, and was seen after {seen:?}");
        let on_cluster = steps.into_iter().filter(|step| step["change"]["id"]["target"] != "@local");
        Applied { took, seen, steps: on_cluster.cloned().collect(), operation }
    }

    /// Nothing works on it any more, and its objects stay: here no pod ever starts, and waiting for one costs calls.
    pub async fn leave(&self, applied: &Applied) {
        for word in ["cancel", "fail"] {
            let path = format!("/api/v1/operations/{}:{word}", applied.operation);
            let (status, said) = self.call("POST", &path, String::new()).await;
            assert_eq!(status, 202, "{said}");
        }
    }

    /// Looks at an operation again and again; a minute at most.
    async fn until(&self, operation: &str, pause: Duration, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let (_, view) = self.call("GET", &format!("/api/v1/operations/{operation}"), String::new()).await;
            assert!(view["error"].is_null(), "{}", view["error"]);
            if is(&view) {
                return view;
            }
            assert!(Instant::now() < end, "not within a minute; it waits for {}", view["waiting_for"]);
            tokio::time::sleep(pause).await;
        }
    }

    pub async fn delete(&self, slice: &str) {
        let path = format!("/api/v1/slices/{slice}?supersede=any&allowDataLoss=store");
        let (status, said) = self.call("DELETE", &path, String::new()).await;
        assert_eq!(status, 202, "{said}");
        let operation = said["operation"]["id"].as_str().unwrap().to_owned();
        self.until(&operation, Duration::from_millis(50), |view| view["state"] == "COMPLETED").await;
    }

    /// What the server and its chart worker have computed so far, of a core.
    pub fn computed(&self) -> Duration {
        let ticks = |pid: u32| -> u64 {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
        };
        let all = std::iter::once(self.pid()).chain(children(self.pid()));
        Duration::from_millis(10 * all.map(ticks).sum::<u64>())
    }

    /// Calls to clusters so far.
    pub async fn calls(&self) -> u64 {
        let (_, text) = self.call("GET", "/metrics", String::new()).await;
        let lines = text.as_str().unwrap().lines().filter(|line| line.starts_with("sliceway_target_calls_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// A gateway at the edge and a server in the cloud, with a device and a rule.
pub fn document(slice: &str) -> String {
    let text = std::fs::read_to_string(root().join("labs/slices/factory-7.yaml")).unwrap();
    text.replace("factory-7", slice).replace("region: eu", "region: cloud")
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
