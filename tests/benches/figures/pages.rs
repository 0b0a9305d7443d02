//! P19: a page of a hundred of ten thousand packages, to four clients that walk from page to page, beside the bare HTTP stack
//! that answers as many bytes, in turns.

use crate::ours::Ours;
use crate::row::{Row, Table, millis, quantile};
use crate::wire::Wire;
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sol005::archive::Tar;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PACKAGES: usize = 10_000;
const CLIENTS: usize = 4;
/// Clients that put them.
const SENDERS: usize = 8;
const TURNS: usize = 4;
const TURN: Duration = Duration::from_secs(5);
const PATH: &str = "/api/v1/packages?limit=100";

#[derive(Default)]
struct Count {
    took: Vec<Duration>,
    time: Duration,
}

impl Count {
    fn rate(&self) -> f64 {
        self.took.len() as f64 / self.time.as_secs_f64()
    }

    fn at(&mut self, percent: usize) -> f64 {
        millis(quantile(&mut self.took, percent))
    }
}

pub async fn measure(table: &mut Table) {
    let ours = Ours::start();
    fill(&ours).await;
    let mut wire = Wire::to(ours.address(), ours.token()).await;
    assert_eq!(wire.ask(("GET", PATH), "").await, "200");
    let size = wire.body().len();
    let bare = bare(wire.body().to_vec()).await;
    let [mut mine, mut theirs] = [Count::default(), Count::default()];
    for turn in 0..=TURNS {
        // The first warms up both.
        let [mut warm, mut other] = [Count::default(), Count::default()];
        let (mine, theirs) = if turn == 0 { (&mut warm, &mut other) } else { (&mut mine, &mut theirs) };
        walk(ours.address(), ours.token(), mine).await;
        walk(bare, ours.token(), theirs).await;
    }
    let (rate, ceiling) = (mine.rate(), theirs.rate());
    let (p50, p99) = (mine.at(50), mine.at(99));
    table.add(Row {
        id: "P19",
        what: "a page of 100 of 10,000 packages, 4 clients, p99",
        value: p99,
        unit: "ms",
        against: format!("<= 20 ms: part of it; the bare HTTP stack {:.1} ms with {size} bytes", theirs.at(99)),
        ratio: Some(p99 / 20.0),
    });
    table.add(Row {
        id: "P19.p50",
        what: "the same, p50",
        value: p50,
        unit: "ms",
        against: format!("the bare HTTP stack {:.1} ms", theirs.at(50)),
        ratio: None,
    });
    table.add(Row {
        id: "P19.rate",
        what: "pages per second of all four",
        value: rate,
        unit: "pages/s",
        against: format!("the bare HTTP stack {ceiling:.0}: part of it"),
        ratio: Some(rate / ceiling),
    });
}

/// Puts them as everybody does.
async fn fill(ours: &Ours) {
    let next = Arc::new(AtomicUsize::new(0));
    let sender = || {
        let (next, at, token) = (Arc::clone(&next), ours.address(), ours.token().to_owned());
        tokio::spawn(async move {
            let mut wire = Wire::to(at, &token).await;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= PACKAGES {
                    return;
                }
                let body = json!({"file": format!("sensor-{n}.tar.gz"), "archive": STANDARD.encode(package(n))});
                let path = format!("/api/v1/packages/sensor-{n:05}");
                let status = wire.ask(("PUT", &path), &body.to_string()).await;
                assert_eq!(status, "200", "{}", String::from_utf8_lossy(wire.body()));
            }
        })
    };
    for sender in (0..SENDERS).map(|_| sender()).collect::<Vec<_>>() {
        sender.await.unwrap();
    }
}

/// A function of one chart, as OSM packs it.
fn package(n: usize) -> Vec<u8> {
    let vnfd = json!({"vnfd": {
        "id": format!("sensor-{n}"), "provider": "Example", "product-name": format!("sensor-{n}"), "version": "1.0",
        "kdu": [{"name": "sensor", "helm-chart": "sensor"}], "df": [{"id": "default"}],
    }});
    let chart = format!("apiVersion: v2\nname: sensor\nversion: 1.0.{n}\n");
    let map = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: sensor\ndata:\n  number: \"{n}\"\n");
    let mut tar = Tar::default();
    tar.file("sensor/sensor_vnfd.yaml", vnfd.to_string().as_bytes()).unwrap();
    tar.file("sensor/helm-chart-v3s/sensor/Chart.yaml", chart.as_bytes()).unwrap();
    tar.file("sensor/helm-chart-v3s/sensor/templates/map.yaml", map.as_bytes()).unwrap();
    tar.gzipped().unwrap()
}

/// Each client goes from page to page to the last one, and begins anew.
async fn walk(at: SocketAddr, token: &str, count: &mut Count) {
    let began = Instant::now();
    let client = || {
        let token = token.to_owned();
        tokio::spawn(async move {
            let mut wire = Wire::to(at, &token).await;
            let (mut took, mut path) = (Vec::new(), PATH.to_owned());
            while began.elapsed() < TURN {
                let asked = Instant::now();
                let status = wire.ask(("GET", &path), "").await;
                took.push(asked.elapsed());
                assert_eq!(status, "200");
                path = next(wire.body()).map_or_else(|| PATH.to_owned(), |marker| format!("{PATH}&marker={marker}"));
            }
            took
        })
    };
    for client in (0..CLIENTS).map(|_| client()).collect::<Vec<_>>() {
        count.took.extend(client.await.unwrap());
    }
    count.time += began.elapsed();
}

/// The marker stands near the end; nothing else of a page is read, since who measures has the same cores.
fn next(page: &[u8]) -> Option<String> {
    let end = String::from_utf8_lossy(&page[page.len().saturating_sub(400)..]);
    let (_, rest) = end.rsplit_once("\"next\":\"")?;
    rest.split('"').next().map(str::to_owned)
}

/// The same stack, which answers a page without looking for it.
async fn bare(page: Vec<u8>) -> SocketAddr {
    let page = axum::body::Bytes::from(page);
    let handler = move || std::future::ready(([("content-type", "application/json")], page.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    at
}
