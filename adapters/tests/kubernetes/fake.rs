//! Something that answers in an API server's place with what a real one cannot be made to say: a proxy's page, a
//! throttle, an endless answer, a wrong certificate. Everything else is tested against the real one.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

pub struct Fake {
    pub port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Serves each connection by `serve`, one after the other.
    pub fn new(serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                // The client's own side may not run while we are waited for.
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                serve(stream);
            }
        });
        Self { port, over, thread: Some(thread) }
    }

    /// Knows ConfigMaps; answers every request that is not discovery with `status`, `header` and `body`.
    pub fn answering(status: u16, header: &'static str, body: &'static str) -> Self {
        Self::new(move |mut stream| {
            let path = request(&mut stream);
            let (status, header, body) = match path.as_str() {
                "/api" => (200, "", discovery().to_string()),
                "/apis" => (200, "", json!({"kind": "APIGroupDiscoveryList", "items": []}).to_string()),
                _ => (status, header, body.to_owned()),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{header}\r\n");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        })
    }

    /// Begins an answer and goes on for ever, until the client hangs up.
    pub fn endless() -> Self {
        Self::new(|mut stream| {
            request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n");
            let piece = vec![b' '; 1 << 20];
            while stream.write_all(&piece).is_ok() {}
        })
    }

    pub fn kubeconfig(&self) -> String {
        kubeconfig(json!({"server": format!("http://127.0.0.1:{}", self.port)}), json!({}))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub fn kubeconfig(cluster: Value, user: Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
    })
    .to_string()
}

/// Reads one request; its path without the query.
fn request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or("").split('?').next().unwrap_or("").to_owned();
        }
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    path
}

fn discovery() -> Value {
    let config = json!({"resource": "configmaps", "responseKind": {"kind": "ConfigMap"}, "scope": "Namespaced", "verbs": ["list"]});
    let versions = json!([{"version": "v1", "resources": [config]}]);
    json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": versions}]})
}
