//! Debian's `docker-registry` as a process of a test's own, and a token server of ours for its second way of letting in.

use crate::kitchen::{chart, helm, package};
use crate::shelf::{Answer, Pki, Request, Shelf};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub const USER: &str = "reader";
pub const PASSWORD: &str = "open-sesame-please";
/// `reader:open-sesame-please`
const BASIC: &str = "Basic cmVhZGVyOm9wZW4tc2VzYW1lLXBsZWFzZQ==";
/// The password by bcrypt, which is all that the registry takes.
const HTPASSWD: &str = "reader:$2y$05$SwJTw/h4DvUzDIbTZlIlyOAkNBUJhrmvVIWTmmMN9w.lAKTE96VXC\n";

pub struct Registry {
    child: Child,
    folder: TempDir,
    pub address: String,
    /// Who gives tokens, if tokens are asked for.
    tokens: Option<Shelf>,
    flags: Vec<String>,
}

impl Registry {
    /// Without TLS and without credentials.
    pub fn open() -> Self {
        let folder = TempDir::new().unwrap();
        Self::start(folder, "", vec!["--plain-http".into()])
    }

    /// TLS by an authority of the test's own (`ca.pem` in its folder), and a user with a password.
    pub fn basic() -> Self {
        let folder = TempDir::new().unwrap();
        let tls = tls(&folder, &Pki::new());
        let users = write(&folder, "users", HTPASSWD);
        let auth = format!("auth:\n  htpasswd: {{realm: here, path: {users}}}\n");
        let ca = folder.path().join("ca.pem").display().to_string();
        let flags = ["--ca-file", &ca, "--username", USER, "--password", PASSWORD].map(str::to_owned).to_vec();
        Self::start(folder, &format!("{tls}{auth}"), flags)
    }

    /// As `basic`, by tokens that a server of its own gives to who shows the password.
    pub fn tokens() -> Self {
        let folder = TempDir::new().unwrap();
        let pki = Pki::new();
        let (tls, shelf) = (tls(&folder, &pki), Shelf::start_tls(&pki));
        Self::tokens_by(folder, &tls, shelf)
    }

    /// The realm is a plain HTTP address: nobody should send a password there.
    pub fn careless_tokens() -> Self {
        let folder = TempDir::new().unwrap();
        let tls = tls(&folder, &Pki::new());
        Self::tokens_by(folder, &tls, Shelf::start())
    }

    fn tokens_by(folder: TempDir, tls: &str, shelf: Shelf) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let bundle = write(&folder, "tokens.pem", &certificate.pem());
        let signer = Signer { key: key.serialize_der(), certificate: certificate.der().to_vec() };
        shelf.answers(move |request| signer.answer(request));
        let auth = format!(
            "auth:\n  token: {{realm: \"{}/token\", service: here, issuer: test, rootcertbundle: {bundle}}}\n",
            shelf.url
        );
        let ca = folder.path().join("ca.pem").display().to_string();
        let flags = ["--ca-file", &ca, "--username", USER, "--password", PASSWORD].map(str::to_owned).to_vec();
        let mut registry = Self::start(folder, &format!("{tls}{auth}"), flags);
        registry.tokens = Some(shelf);
        registry
    }

    fn start(folder: TempDir, more: &str, flags: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let data = folder.path().join("data").display().to_string();
        // `tls` stands below `http`.
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}\n\
             http:\n  addr: {address}\n  secret: x\n{more}"
        );
        let config = write(&folder, "config.yml", &text);
        let mut command = Command::new("docker-registry");
        let child = command.args(["serve", &config]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("docker-registry is installed: make setup");
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < until, "the registry did not come up");
            std::thread::yield_now();
        }
        Self { child, folder, address, tokens: None, flags }
    }

    pub fn ca(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// What the token server was asked.
    pub fn asked_for_tokens(&self) -> Vec<Request> {
        self.tokens.as_ref().map(Shelf::asked).unwrap_or_default()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How the real Helm says to this registry who it is.
    pub fn flags(&self) -> Vec<&str> {
        self.flags.iter().map(String::as_str).collect()
    }

    /// Pushes versions of a chart by the real Helm.
    pub fn publish(&self, name: &str, versions: &[&str]) {
        let work = TempDir::new().unwrap();
        for version in versions {
            package(&chart(work.path(), name, (version, "")), work.path());
            let archive = work.path().join(format!("{name}-{version}.tgz")).display().to_string();
            let to = format!("oci://{}/charts", self.address);
            helm(&[&["push", &archive, &to][..], &self.flags()].concat(), work.path());
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn tls(folder: &TempDir, pki: &Pki) -> String {
    write(folder, "ca.pem", &pki.ca);
    let (certificate, key) = (write(folder, "own.pem", &pki.certificate), write(folder, "own.key", &pki.key));
    format!("  tls: {{certificate: {certificate}, key: {key}}}\n")
}

/// Signs what the registry believes (the distribution project's token specification).
struct Signer {
    key: Vec<u8>,
    certificate: Vec<u8>,
}

impl Signer {
    fn answer(&self, request: &Request) -> Answer {
        if request.authorization.as_deref() != Some(BASIC) {
            return Answer::Challenge("Basic realm=\"tokens\"".into());
        }
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let query = query.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
        let access = |scope: &str| {
            let mut parts = scope.splitn(3, ':');
            let (kind, name) = (parts.next()?, parts.next()?);
            let actions: Vec<&str> = parts.next()?.split(',').collect();
            Some(json!({"type": kind, "name": name, "actions": actions}))
        };
        let access: Vec<Value> = scopes.filter_map(access).collect();
        Answer::Body(200, json!({"token": self.sign(&access)}).to_string().into_bytes())
    }

    fn sign(&self, access: &[Value]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let head = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = json!({
            "iss": "test", "sub": USER, "aud": "here", "jti": now.to_string(),
            "iat": now, "nbf": now - 10, "exp": now + 300, "access": access,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.key, &random).unwrap();
        let signature = key.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
