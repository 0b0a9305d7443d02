//! A web server of a test's own on loopback: files of a folder, or whatever a test wants answered.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
}

pub enum Answer {
    Body(u16, Vec<u8>),
    /// 302 to there.
    Moved(String),
    Challenge(String),
    /// Nothing is ever said.
    Silence,
    /// This many zeros, without saying how many.
    Endless(usize),
}

type Handler = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

pub struct Shelf {
    folder: TempDir,
    pub url: String,
    state: Arc<State>,
}

struct State {
    handler: Mutex<Option<Handler>>,
    asked: Mutex<Vec<Request>>,
    folder: PathBuf,
    login: Mutex<Option<String>>,
}

/// A CA and a certificate of `127.0.0.1` by it.
pub struct Pki {
    pub ca: String,
    pub certificate: String,
    pub key: String,
    der: (Vec<u8>, Vec<u8>),
}

impl Pki {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = authority.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(authority, key);
        let own = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap();
        let der = (leaf.der().to_vec(), own.serialize_der());
        Self { ca, certificate: leaf.pem(), key: own.serialize_pem(), der }
    }

    fn server(&self) -> Arc<ServerConfig> {
        let (certificate, key) = self.der.clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap())
    }
}

impl Shelf {
    pub fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").unwrap(), None)
    }

    pub fn start_tls(pki: &Pki) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").unwrap(), Some(pki.server()))
    }

    fn start_on(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> Self {
        let folder = TempDir::new().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            handler: Mutex::default(),
            asked: Mutex::default(),
            folder: folder.path().to_owned(),
            login: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), state, tls) = (stream, Arc::clone(&shared), tls.clone()) else { continue };
                std::thread::spawn(move || match tls {
                    None => speak(stream, &state),
                    Some(config) => {
                        if let Ok(connection) = ServerConnection::new(config) {
                            speak(StreamOwned::new(connection, stream), &state);
                        }
                    }
                });
            }
        });
        Self { folder, url, state }
    }

    /// Only who shows this `Authorization` gets anything.
    pub fn locked(self, authorization: &str) -> Self {
        *self.state.login.lock().unwrap() = Some(authorization.to_owned());
        self
    }

    pub fn answers(&self, handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        *self.state.handler.lock().unwrap() = Some(Box::new(handler));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }
}

fn speak(stream: impl Read + Write, state: &State) {
    let mut stream = BufReader::new(stream);
    let Some(request) = head(&mut stream) else { return };
    state.asked.lock().unwrap().push(request.clone());
    let answer = answer(&request, state);
    // Who asked may have gone.
    let _ = write(stream.get_mut(), answer);
    let _ = stream.get_mut().flush();
}

fn head(stream: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    stream.read_line(&mut first).ok()?;
    let path = first.split_whitespace().nth(1)?.to_owned();
    let mut authorization = None;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => authorization = Some(value.to_owned()),
            Some(_) => {}
            None => return Some(Request { path, authorization }),
        }
    }
}

fn answer(request: &Request, state: &State) -> Answer {
    if let Some(handler) = &*state.handler.lock().unwrap() {
        return handler(request);
    }
    let wanted = state.login.lock().unwrap().clone();
    if wanted.is_some() && request.authorization != wanted {
        return Answer::Challenge("Basic realm=\"shelf\"".into());
    }
    match std::fs::read(state.folder.join(request.path.trim_start_matches('/'))) {
        Ok(bytes) => Answer::Body(200, bytes),
        Err(_) => Answer::Body(404, b"nothing".to_vec()),
    }
}

fn write(stream: &mut impl Write, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Body(status, body) => {
            write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body)
        }
        Answer::Moved(to) => {
            write!(stream, "HTTP/1.1 302 x\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::Challenge(word) => write!(
            stream,
            "HTTP/1.1 401 x\r\nWWW-Authenticate: {word}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Answer::Silence => {
            std::thread::park();
            Ok(())
        }
        Answer::Endless(size) => {
            write!(stream, "HTTP/1.1 200 x\r\nConnection: close\r\n\r\n")?;
            let zeros = vec![0; 1 << 20];
            for _ in 0..size >> 20 {
                stream.write_all(&zeros)?;
            }
            Ok(())
        }
    }
}

/// Unused elsewhere than in tests of addresses where nobody listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let _ = TcpStream::connect(address);
    format!("http://{address}")
}
