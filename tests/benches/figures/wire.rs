//! A client that costs little: one connection, requests as they are spelled on the wire.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Wire {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Wire {
    pub async fn to(at: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, token: token.to_owned(), buffer: Vec::new(), body: 0 }
    }

    /// The status of the answer.
    pub async fn ask(&mut self, request: (&str, &str), body: &str) -> String {
        self.send(request, ("application/json", body.as_bytes())).await
    }

    /// The same, of a body of any kind.
    pub async fn send(&mut self, (method, path): (&str, &str), (kind, body): (&str, &[u8])) -> String {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        self.buffer.clear();
        loop {
            let mut piece = [0; 8192];
            let n = self.stream.read(&mut piece).await.unwrap();
            assert!(n > 0, "the server closed the connection");
            self.buffer.extend_from_slice(&piece[..n]);
            let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            self.body = head + 4;
            if self.buffer.len() >= self.body + length.unwrap_or(0) {
                return text.split(' ').nth(1).unwrap_or_default().to_owned();
            }
        }
    }

    /// Of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body..]
    }
}
