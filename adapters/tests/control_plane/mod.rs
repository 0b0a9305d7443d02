//! A real control plane for tests: etcd, API server and controller manager on loopback ports; no scheduler, no node.
//!
//! One per test binary. Each process hangs on a pipe of this one and is ended, by its pid, when this one ends, however
//! it ends. It must never be taken for a cluster that runs pods.

mod pki;

pub use pki::Life;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use kube::client::{Body, Client};
use kube::config::{KubeConfigOptions, Kubeconfig};
use pki::Pki;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Starts the component, waits until our end of its pipe is closed, ends it. `$1` is a folder to remove, or empty.
/// It outlives a signal to the whole group, which the API server would survive. Not gently: an API server whose store is gone takes minutes to leave, and nothing of it is kept.
const GUARD: &str = r#"trap "" INT TERM HUP; folder=$1; shift; "$@" & read -r _; kill -9 "$!"; wait "$!"; [ -z "$folder" ] || rm -rf "$folder""#;

pub struct ControlPlane {
    pki: Pki,
    pub port: u16,
    guards: Vec<Child>,
}

/// Whether a node that nobody reports for is found dead, or is what a test wrote of it.
#[derive(Clone, Copy)]
pub enum Nodes {
    Watched,
    #[allow(dead_code, reason = "a test of the port wants its nodes watched")]
    Written,
}

/// Who asks: common name, organisation, and how long the certificate lives.
pub struct User<'a> {
    pub name: &'a str,
    pub group: &'a str,
    pub life: Life,
}

impl User<'_> {
    pub const ADMIN: User<'static> = User { name: "admin", group: "system:masters", life: Life::Day };
    /// May do nothing but look at what everybody may see.
    pub const NOBODY: User<'static> = User { name: "nobody", group: "nothing", life: Life::Day };
    pub const EXPIRED: User<'static> = User { name: "admin", group: "system:masters", life: Life::Over };
}

impl ControlPlane {
    /// The one of this test binary; `None` where no control plane was built, which is said.
    pub fn shared() -> Option<&'static Self> {
        static PLANE: OnceLock<Option<ControlPlane>> = OnceLock::new();
        PLANE.get_or_init(|| Self::another(Nodes::Watched)).as_ref()
    }

    /// One of its own.
    pub fn another(nodes: Nodes) -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Some(binary) = binary() else {
            crate::safe::skipped("no control plane here; sliceway-lab up builds it, or set SLICEWAY_KUBE");
            return None;
        };
        Some(Self::start(&binary, nodes))
    }

    fn start(binary: &Path, nodes: Nodes) -> Self {
        let folder = tempfile::Builder::new().prefix("sliceway-plane-").tempdir().unwrap().keep();
        let pki = Pki::make(&folder);
        let [client, peer, port] = free_ports();
        let mut plane = Self { pki, port, guards: Vec::new() };
        plane.run(&folder, (binary, &["etcd"]), &etcd(&folder, client, peer));
        plane.run(&folder, (binary, &["kube-apiserver"]), &api_server(&folder, client, port));
        plane.wait();
        let kubeconfig = folder.join("admin.kubeconfig");
        std::fs::write(&kubeconfig, plane.kubeconfig(&User::ADMIN)).unwrap();
        plane.run(&folder, (binary, &["kube-controller-manager"]), &controllers(&folder, nodes));
        plane
    }

    fn run(&mut self, folder: &Path, (binary, component): (&Path, &[&str; 1]), flags: &[(&str, String)]) {
        let log = std::fs::File::create(folder.join(format!("{}.log", component[0]))).unwrap();
        // The store goes last, and takes the folder with it.
        let last = if component[0] == "etcd" { folder.as_os_str() } else { "".as_ref() };
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(last).arg(binary).args(component);
        command.args(flags.iter().map(|(name, value)| format!("--{name}={value}")));
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        self.guards.push(command.spawn().unwrap());
    }

    /// Until the API server says that it is ready.
    fn wait(&self) {
        let ready = async {
            let api = self.api(&User::ADMIN);
            until("the API server is ready", || async { api.call(Method::GET, "/readyz", None).await.0 == 200 }).await;
        };
        // A thread of its own: whoever asks first may stand inside a runtime.
        std::thread::scope(|scope| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            scope.spawn(move || runtime.block_on(ready)).join().unwrap();
        });
    }

    pub fn kubeconfig(&self, user: &User<'_>) -> String {
        let (certificate, key) = self.pki.client(user.name, user.group, user.life);
        let user = json!({
            "client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(key),
        });
        self.kubeconfig_with(self.pki.ca(), user)
    }

    /// With another CA or other credentials than the plane's own.
    pub fn kubeconfig_with(&self, ca: &str, user: Value) -> String {
        let server = format!("https://127.0.0.1:{}", self.port);
        let cluster = json!({"server": server, "certificate-authority-data": STANDARD.encode(ca)});
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
        })
        .to_string()
    }

    pub fn ca(&self) -> &str {
        self.pki.ca()
    }

    /// The server's own certificate, which is no CA.
    pub fn leaf(&self) -> &str {
        self.pki.leaf()
    }

    /// A client that is not Sliceway's: somebody else's hand.
    pub fn api(&self, user: &User<'_>) -> Api {
        Api::of(self.kubeconfig(user))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for guard in self.guards.iter_mut().rev() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

pub struct Api {
    text: String,
    client: tokio::sync::OnceCell<Client>,
}

impl Api {
    pub fn of(kubeconfig: String) -> Self {
        Self { text: kubeconfig, client: tokio::sync::OnceCell::new() }
    }

    /// Any request; a body is JSON, of a PATCH a merge patch.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let Ok(answer) = self.client().await.send(request.body(Body::from(bytes)).unwrap()).await else {
            return (0, Value::Null);
        };
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect_bytes().await.unwrap_or_default();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn client(&self) -> &Client {
        let made = self.client.get_or_init(|| async {
            let kubeconfig = Kubeconfig::from_yaml(&self.text).unwrap();
            let options = KubeConfigOptions::default();
            Client::try_from(kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
        });
        made.await
    }

    /// The same where nothing but success will do.
    pub async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(method.clone(), path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}

/// Waits for a condition, half a minute at most.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < end, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `SLICEWAY_KUBE`, or what the lab's build left in its cache.
fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("SLICEWAY_KUBE") {
        return Some(path.into());
    }
    let cache = std::env::var_os("SLICEWAY_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache/sliceway")))?;
    let folders = std::fs::read_dir(cache.join("bin")).ok()?.flatten();
    let named = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("kube-"));
    let built = named.map(|entry| entry.path().join("kube")).filter(|path| path.is_file());
    built.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

type Flags = Vec<(&'static str, String)>;

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_string_lossy().into_owned()
}

fn etcd(folder: &Path, client: u16, peer: u16) -> Flags {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    vec![
        ("data-dir", at(folder, "etcd")),
        ("unsafe-no-fsync", "true".into()),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", format!("default={peer}")),
    ]
}

fn api_server(folder: &Path, etcd: u16, port: u16) -> Flags {
    vec![
        ("etcd-servers", format!("http://127.0.0.1:{etcd}")),
        ("secure-port", port.to_string()),
        ("bind-address", "127.0.0.1".into()),
        ("service-cluster-ip-range", "10.96.0.0/16".into()),
        ("authorization-mode", "RBAC".into()),
        ("cert-dir", at(folder, "api")),
        ("tls-cert-file", at(folder, "server.crt")),
        ("tls-private-key-file", at(folder, "server.key")),
        ("client-ca-file", at(folder, "ca.crt")),
        ("service-account-key-file", at(folder, "account.pub")),
        ("service-account-signing-key-file", at(folder, "account.key")),
        ("service-account-issuer", "https://kubernetes.default.svc".into()),
    ]
}

fn controllers(folder: &Path, nodes: Nodes) -> Flags {
    let which = match nodes {
        Nodes::Watched => "*",
        Nodes::Written => "*,-node-lifecycle-controller",
    };
    vec![
        ("controllers", which.into()),
        ("kubeconfig", at(folder, "admin.kubeconfig")),
        ("leader-elect", "false".into()),
        ("secure-port", "0".into()),
        ("service-account-private-key-file", at(folder, "account.key")),
        ("root-ca-file", at(folder, "ca.crt")),
    ]
}
