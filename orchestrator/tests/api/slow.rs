//! A client that sends slowly, or less than it said, holds nothing for ever.

use crate::server::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What the server answers to these bytes, and how long it took until the connection ended.
fn said(server: &Server, bytes: &str) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0u8; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_after_the_configured_time() {
    let server = Server::start_with("[limits]\nbody_deadline_s = 1\n");
    let head = format!(
        "PUT /api/v1/tenants/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 20\r\n\r\n{{",
        server.token
    );
    let (answer, took) = said(&server, &head);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("within 1 s"), "{answer}");
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_after_the_configured_time() {
    let server = Server::start_with("[limits]\nhead_deadline_s = 1\n");
    let (_, took) = said(&server, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let server = Server::start();
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let (answer, _) = said(&server, &format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let huge = "y".repeat(600 << 10);
    let request = server.http.get(format!("{}/healthz", server.url)).header("x-huge", huge).send().await;
    assert!(request.is_err() || request.unwrap().status() == 431);
}

#[tokio::test]
async fn a_connection_that_says_nothing_at_all_ends_after_the_configured_time() {
    let server = Server::start_with("[limits]\nhead_deadline_s = 1\n");
    let (_, took) = said(&server, "");
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn silent_connections_hold_up_nobody_who_speaks_tls() {
    let server = Server::start_tls();
    let address = server.url.strip_prefix("https://").unwrap();
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    let ca = reqwest::Certificate::from_pem(&std::fs::read(server.path("ca.pem")).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().add_root_certificate(ca).build().unwrap();
    let begun = Instant::now();
    let answer = client.get(format!("{}/healthz", server.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(silent);
}
