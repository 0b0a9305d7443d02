//! P1: registering, reading and forgetting clusters and repositories, 60 clients at a time, beside what the bare HTTP stack
//! does without a store and the bare store without HTTP, in turns.

use crate::ours::Ours;
use crate::row::{Row, Table, millis, quantile};
use crate::wire::Wire;
use axum::Router;
use base64::Engine as _;
use orchestrator::store::{Clock, Key, Kind, Options, Sqlite, Store, Txn};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: usize = 60;
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(6);

#[derive(Default)]
struct Count {
    took: Vec<Duration>,
    errors: usize,
    time: Duration,
}

impl Count {
    fn rate(&self) -> f64 {
        self.took.len() as f64 / self.time.as_secs_f64()
    }
}

pub async fn measure(table: &mut Table) {
    let ours = Ours::start();
    let bare = bare().await;
    let index = repository().await;
    let folder = tempfile::TempDir::new_in(crate::row::root().join("target")).unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
    let [mut mine, mut http, mut stored] = [Count::default(), Count::default(), Count::default()];
    for turn in 0..TURNS {
        load((ours.address(), index), (ours.token(), turn), &mut mine).await;
        load((bare, index), (ours.token(), turn), &mut http).await;
        store_only(&store, &mut stored).await;
    }
    let (rate, ceiling) = (mine.rate(), http.rate().min(stored.rate()));
    let p99 = millis(quantile(&mut mine.took, 99));
    table.add(Row {
        id: "P1",
        what: "requests of 60 clients: PUT, GET, DELETE of clusters, repositories",
        value: rate,
        unit: "req/s",
        against: format!(
            ">= 10000; bare HTTP {:.0}, bare store {:.0}: part of the lower, >= 0.6",
            http.rate(),
            stored.rate()
        ),
        ratio: Some(rate / ceiling),
    });
    let row =
        |id, what, value, unit, against: &str| Row { id, what, value, unit, against: against.into(), ratio: None };
    table.add(row("P1.p99", "the slowest hundredth of them", p99, "ms", "<= 10 ms"));
    table.add(row("P1.errors", "answers that were not wanted", mine.errors as f64, "", "0"));
}

/// Each client makes, reads and deletes one cluster and one repository after the other.
async fn load((at, index): (SocketAddr, SocketAddr), (token, turn): (&str, usize), count: &mut Count) {
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|client| tokio::spawn(one_client((at, index), token.to_owned(), (turn, client))));
    for client in clients.collect::<Vec<_>>() {
        let (took, errors) = client.await.unwrap();
        count.took.extend(took);
        count.errors += errors;
    }
    count.time += began.elapsed();
}

async fn one_client(
    (at, index): (SocketAddr, SocketAddr),
    token: String,
    (turn, client): (usize, usize),
) -> (Vec<Duration>, usize) {
    let mut wire = Wire::to(at, &token).await;
    let (mut took, mut errors) = (Vec::new(), 0);
    let made = json!({"kubeconfig": kubeconfig()}).to_string();
    let index = json!({"spec": {"url": format!("http://{index}")}}).to_string();
    let end = Instant::now() + TURN;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let cluster = format!("/api/v1/clusters/c{turn}-{client}-{number}");
        let repository = format!("/api/v1/repositories/r{turn}-{client}-{number}");
        let wanted = [
            ("PUT", &cluster, made.as_str(), "200"),
            ("GET", &cluster, "", "200"),
            ("DELETE", &cluster, "", "20"),
            ("PUT", &repository, index.as_str(), "200"),
            ("GET", &repository, "", "200"),
            ("DELETE", &repository, "", "20"),
        ];
        for (method, path, body, status) in wanted {
            let asked = Instant::now();
            errors += usize::from(!wire.ask((method, path), body).await.starts_with(status));
            took.push(asked.elapsed());
        }
    }
    (took, errors)
}

/// Of a cluster where nobody listens, with a certificate and a token as they are.
fn kubeconfig() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::new(vec!["kubernetes".to_owned()]).unwrap().self_signed(&key).unwrap();
    let data = base64::engine::general_purpose::STANDARD.encode(authority.pem());
    let cluster =
        json!({"name": "c", "cluster": {"server": "https://127.0.0.1:9", "certificate-authority-data": data}});
    let context = json!({"name": "c", "context": {"cluster": "c", "user": "u"}});
    json!({"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "current-context": "c",
        "users": [{"name": "u", "user": {"token": "t"}}]})
    .to_string()
}

/// A chart repository with an index of one chart.
async fn repository() -> SocketAddr {
    let entry = json!({"name": "web", "version": "1.0.0", "urls": ["web-1.0.0.tgz"]});
    let index = json!({"apiVersion": "v1", "entries": {"web": [entry]}}).to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let handler = move || std::future::ready(index.clone());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    at
}

/// The same stack, which reads the body and answers as much as a cluster is.
async fn bare() -> SocketAddr {
    let answer = json!({"name": "c", "labels": {}, "spec": {"expose": "nodePort"}, "health": {"state": "Unknown"}});
    let answer = answer.to_string();
    let handler = move |_body: axum::body::Bytes| {
        let answer = answer.clone();
        async move { ([("content-type", "application/json")], answer) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    at
}

/// What the requests come to without HTTP: a put, a read and a removal, each durable.
async fn store_only(store: &Arc<dyn Store>, count: &mut Count) {
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut took = Vec::new();
            let end = Instant::now() + TURN;
            let mut number = 0;
            let doc =
                json!({"name": "c", "spec": {"expose": "nodePort"}, "health": {"state": "Unknown"}, "labels": {}});
            while Instant::now() < end {
                number += 1;
                let key = Key::installation(Kind::Cluster, format!("b{client}-{number}"));
                for step in 0..3 {
                    let asked = Instant::now();
                    match step {
                        0 => drop(store.commit(Txn::new().put(key.clone(), doc.clone())).await.unwrap()),
                        1 => drop(store.get(&key).await.unwrap()),
                        _ => drop(store.commit(Txn::new().delete(key.clone())).await.unwrap()),
                    }
                    took.push(asked.elapsed());
                }
            }
            took
        })
    });
    for client in clients.collect::<Vec<_>>() {
        count.took.extend(client.await.unwrap());
    }
    count.time += began.elapsed();
}
