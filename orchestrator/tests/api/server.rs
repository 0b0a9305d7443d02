//! One server process of a test's own, and how it is spoken to.

use crate::answered::{Answer, Published};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub struct Server {
    /// None: it runs in this process.
    child: Option<Child>,
    folder: TempDir,
    pub url: String,
    pub token: String,
    pub http: Client,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Server {
    pub fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), &[])
    }

    /// With a configuration file.
    pub fn start_with(toml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("server.toml");
        std::fs::write(&file, toml).unwrap();
        let file = file.display().to_string();
        Self::start_in(folder, &["--config", &file])
    }

    /// Serves TLS by a certificate of a CA that is `ca.pem` in its folder.
    pub fn start_tls() -> Self {
        let folder = TempDir::new().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write("ca.pem", ca.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(ca, key);
        let own = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
        let (certificate, key) = (write("server.pem", leaf.pem()), write("server.key", own.serialize_pem()));
        Self::start_in(folder, &["--tls-cert", &certificate, "--tls-key", &key])
    }

    fn start_in(folder: TempDir, more: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", folder, more)
    }

    fn start_at(listen: &str, folder: TempDir, more: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sliceway"))
            .args(["serve", "--listen", listen, "--data"])
            .arg(folder.path().join("data"))
            .args(more)
            .env("SLICEWAY_CONFIG", folder.path().join("cli.toml"))
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
        // The rest of its words are read so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let http = Client::builder().no_proxy().build().unwrap();
        // From here on it ends with its test, whatever happens.
        let mut server = Self { child: Some(child), folder, url, token: String::new(), http };
        server.token = std::fs::read_to_string(server.data().join("admin.token")).unwrap();
        server
    }

    /// `kill -9`, and a new process on the same folder.
    pub fn killed_and_started_again(self) -> Self {
        Self::start_on(self.killed())
    }

    /// As above, where its clients look for it.
    pub fn killed_and_started_again_at(self, listen: &str) -> Self {
        Self::start_at(listen, self.killed(), &[])
    }

    /// One that runs in this process already, on a folder that is its own.
    pub fn beside(url: String, folder: TempDir) -> Self {
        let http = Client::builder().no_proxy().build().unwrap();
        let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
        Self { child: None, folder, url, token, http }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("a process of its own")
    }

    /// `kill -9`; what it leaves.
    pub fn killed(mut self) -> TempDir {
        self.child().kill().unwrap();
        self.child().wait().unwrap();
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    /// On a folder of an earlier one.
    pub fn start_on(folder: TempDir) -> Self {
        Self::start_in(folder, &[])
    }

    /// Asks it to end in order.
    pub fn terminate(&mut self) {
        let pid = i32::try_from(self.child().id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub fn wait(&mut self) {
        self.child().wait().unwrap();
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn send(&self, method: &str, path: &str, (token, body): (Option<&str>, Value)) -> Response {
        let mut request =
            self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.body(body.to_string()).send().await.unwrap();
        self.held(method, path, response).await
    }

    /// The answer, which is one that the published document has.
    async fn held(&self, method: &str, path: &str, response: Response) -> Response {
        let published = match Published::known() {
            Some(published) => published,
            None => {
                let document = self.http.get(format!("{}/openapi.json", self.url)).send().await.unwrap();
                Published::learn(document.json().await.unwrap())
            }
        };
        let status = response.status();
        let headers = response.headers().clone();
        if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            return response;
        }
        let body = response.bytes().await.unwrap();
        published.hold(&Answer { method, path, status: status.as_u16(), headers: &headers, body: &body });
        let mut again = http::Response::new(body);
        (*again.status_mut(), *again.headers_mut()) = (status, headers);
        again.into()
    }

    pub async fn admin(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(method, path, (Some(&self.token), body)).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    pub async fn token(&self, role: &str, tenant: &str) -> String {
        let (status, body) = self.admin("POST", "/api/v1/tokens", json!({"role": role, "tenant": tenant})).await;
        assert_eq!(status, 201, "{body}");
        body["token"].as_str().unwrap().to_owned()
    }

    /// Two simulated clusters and the lab's charts.
    pub async fn with_lab(self) -> Self {
        self.with_clusters().await;
        self
    }

    pub async fn with_clusters(&self) -> &Self {
        for (cluster, region) in [("edge", "field"), ("cloud", "eu")] {
            let body = json!({"labels": {"region": region}, "spec": {"sim": {}}});
            let (status, body) = self.admin("PUT", &format!("/api/v1/clusters/{cluster}"), body).await;
            assert_eq!(status, 200, "{body}");
        }
        let charts = root().join("labs/charts");
        let added = self.cli(&["repository", "add", "lab", "--path", charts.to_str().unwrap()]);
        assert!(added.status.success(), "{}", words(&added));
        self
    }

    /// The same with the lab's slice, ready.
    pub async fn with_slice(self) -> Self {
        let server = self.with_lab().await;
        let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
        assert_eq!(code(&applied), 0, "{}", words(&applied));
        server
    }

    pub fn cli(&self, args: &[&str]) -> Output {
        self.cli_as(&self.token, args)
    }

    /// Typed, and it ends well; all that was said.
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", words(&output));
        words(&output)
    }

    /// Typed, and refused with these words.
    pub fn refused(&self, args: &[&str], says: &[&str]) {
        let output = self.cli(args);
        assert_ne!(code(&output), 0, "{args:?}: {}", words(&output));
        for says in says {
            assert!(words(&output).contains(says), "{says:?} of {args:?}: {}", words(&output));
        }
    }

    /// Typed with `-o json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.cli(&[args, &["-o", "json"]].concat());
        assert_eq!(code(&output), 0, "{args:?}: {}", words(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    pub fn cli_as(&self, token: &str, args: &[&str]) -> Output {
        self.command(token, args).output().unwrap()
    }

    pub fn command(&self, token: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sliceway"));
        command
            .args(args)
            .env("SLICEWAY_CONFIG", self.folder.path().join("cli.toml"))
            .env("SLICEWAY_SERVER", &self.url)
            .env("SLICEWAY_TOKEN", token)
            .env_remove("SLICEWAY_TENANT");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn factory() -> String {
    root().join("labs/slices/factory-7.yaml").display().to_string()
}
