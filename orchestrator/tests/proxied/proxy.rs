//! A proxy before a real API server that spoils one call, counted from the first.

use crate::control_plane::{ControlPlane, User};
use http::{HeaderMap, Method, Request};
use kube::client::{Body, Client};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered late, and in time.
    Delay,
    /// It is carried out, and the answer comes when nobody waits for it any more.
    Late,
    /// Nothing is done, and nothing is ever said.
    HalfOpen,
    /// The connection ends; nothing was done.
    Cut,
    /// It is carried out, and the connection ends in the middle of the answer.
    CutInTheMiddle,
    /// It is carried out, and the answer is whole by its length and half by its JSON.
    Truncated,
    /// 429 with Retry-After.
    Throttled,
    /// 409; nothing was done.
    Conflict,
    /// 500; nothing was done.
    Broken,
    /// 500, and it was carried out.
    BrokenAfter,
}

impl Fault {
    pub const ALL: [Fault; 10] = [
        Fault::Delay,
        Fault::Late,
        Fault::HalfOpen,
        Fault::Cut,
        Fault::CutInTheMiddle,
        Fault::Truncated,
        Fault::Throttled,
        Fault::Conflict,
        Fault::Broken,
        Fault::BrokenAfter,
    ];
}

/// Less than a call waits here, and more.
const DELAY: Duration = Duration::from_millis(200);
const TOO_LATE: Duration = Duration::from_millis(1_500);

pub struct Proxy {
    port: u16,
    calls: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Proxy {
    /// Spoils the n-th call; 0 spoils none.
    pub async fn new(plane: &ControlPlane, (n, fault): (usize, Fault)) -> Self {
        let text = plane.kubeconfig(&User::ADMIN);
        let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (client, counted) = (client.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    // Whoever hangs up has ended only their own connection.
                    let _ = connection(stream, &client, (&counted, n, fault)).await;
                });
            }
        });
        Self { port, calls, serving }
    }

    pub fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "users": [{"name": "u", "user": {}}],
        })
        .to_string()
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One call after the other, as HTTP/1.1 sends them.
async fn connection(
    mut stream: TcpStream,
    client: &Client,
    (counted, n, fault): (&AtomicUsize, usize, Fault),
) -> std::io::Result<()> {
    while let Some(asked) = read(&mut stream).await? {
        let due = counted.fetch_add(1, Ordering::SeqCst) + 1 == n;
        match due.then_some(fault) {
            None => {
                let answer = forward(client, asked).await;
                stream.write_all(&answer).await?;
            }
            Some(fault) => return spoil(&mut stream, (client, asked), fault).await,
        }
    }
    Ok(())
}

/// The connection ends after it.
async fn spoil(stream: &mut TcpStream, (client, asked): (&Client, Asked), fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Delay => {
            hung_up(stream, DELAY).await;
            stream.write_all(&forward(client, asked).await).await
        }
        Fault::Late => {
            let answer = forward(client, asked).await;
            hung_up(stream, TOO_LATE).await;
            stream.write_all(&answer).await
        }
        Fault::HalfOpen => {
            hung_up(stream, 2 * TOO_LATE).await;
            Ok(())
        }
        Fault::Cut => Ok(()),
        Fault::CutInTheMiddle => {
            let answer = forward(client, asked).await;
            stream.write_all(&answer[..answer.len() / 2]).await
        }
        Fault::Truncated => {
            let answer = forward(client, asked).await;
            let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
            let half = &answer[body..body + (answer.len() - body) / 2];
            stream.write_all(&respond(200, ("", half))).await
        }
        Fault::Throttled => {
            let text = status(429, "TooManyRequests", "the server has received too many requests");
            stream.write_all(&respond(429, ("retry-after: 1\r\n", text.as_bytes()))).await
        }
        Fault::Conflict => {
            let text = status(409, "Conflict", "the object has been modified; please apply your changes again");
            stream.write_all(&respond(409, ("", text.as_bytes()))).await
        }
        Fault::Broken => {
            let text = status(500, "InternalError", "etcdserver: request timed out");
            stream.write_all(&respond(500, ("", text.as_bytes()))).await
        }
        Fault::BrokenAfter => {
            forward(client, asked).await;
            let text = status(500, "InternalError", "etcdserver: request timed out");
            stream.write_all(&respond(500, ("", text.as_bytes()))).await
        }
    }
}

/// Until the client has hung up, or for so long.
async fn hung_up(stream: &mut TcpStream, most: Duration) {
    let _ = tokio::time::timeout(most, stream.read(&mut [0])).await;
}

fn status(code: u16, reason: &str, message: &str) -> String {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    body.to_string()
}

fn respond(status: u16, (headers, body): (&str, &[u8])) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

async fn forward(client: &Client, asked: Asked) -> Vec<u8> {
    let mut request = Request::builder().method(asked.method).uri(asked.path);
    for (name, value) in &asked.headers {
        if ["accept", "content-type", "if-none-match"].contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let answer = client.send(request.body(Body::from(asked.body)).unwrap()).await.unwrap();
    let (code, etag) = (answer.status().as_u16(), answer.headers().get("etag").cloned());
    let body = answer.into_body().collect_bytes().await.unwrap();
    let etag = etag.and_then(|etag| Some(format!("etag: {}\r\n", etag.to_str().ok()?))).unwrap_or_default();
    respond(code, (&etag, &body))
}

/// `None`: the client has hung up.
async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Asked>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await?;
        if n == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..n]);
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap().parse().unwrap(), first.next().unwrap().to_owned());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.trim().parse().unwrap());
    }
    let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    let had = body.len();
    body.resize(length, 0);
    if had < length {
        stream.read_exact(&mut body[had..]).await?;
    }
    Ok(Some(Asked { method, path, headers, body }))
}
