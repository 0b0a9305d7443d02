//! The look at a cluster's health, held against a real API server that stops answering while its connections stay open, or
//! answers drop by drop: it is known to be away within two looks, with the reason, and back when it is.

use crate::control_plane::{ControlPlane, User};
use adapters::kubernetes::ExecPolicy;
use adapters::local::Local;
use models::Name;
use models::cluster::{Cluster, ClusterSpec, HealthState};
use orchestrator::auth::{AdminPermit, Tokens};
use orchestrator::catalogue::{Clusters, NewCluster, Registry};
use orchestrator::store::{Clock, Expect, Key, Kind, Options, Random, Sqlite, Store, Txn, Vault};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

const PASSES: u8 = 0;
/// Nothing more is passed on; the connection stays.
const HANGS: u8 = 1;
/// Each byte of an answer comes alone.
const DRIPS: u8 = 2;

/// How often the cluster is looked at; no look takes longer.
const EVERY: Duration = Duration::from_millis(500);

async fn passage(plane: u16, mode: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(("127.0.0.1", plane)).await else { continue };
            let ((from, to), (back, out)) = (client.into_split(), server.into_split());
            tokio::spawn(pass(from, out, Arc::new(AtomicU8::new(PASSES))));
            tokio::spawn(pass(back, to, Arc::clone(&mode)));
        }
    });
    port
}

async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, mode: Arc<AtomicU8>) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        match mode.load(Ordering::SeqCst) {
            HANGS => return std::future::pending().await,
            DRIPS => {
                let mut drops = tokio::time::interval(Duration::from_millis(100));
                for byte in &bytes[..n] {
                    drops.tick().await;
                    if to.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
            }
            _ if to.write_all(&bytes[..n]).await.is_err() => return,
            _ => {}
        }
    }
}

async fn catalogue(folder: &TempDir) -> (Clusters, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
    let vault = Arc::new(Vault::unlock(folder.path(), store.as_ref(), Random::system()).await.unwrap());
    let local = Local::new(Arc::new(jiff::Timestamp::now), Arc::new(ring::rand::SystemRandom::new()));
    let registry = Registry::new(Arc::clone(&store), vault, Arc::new(local), ExecPolicy::Refuse);
    (Clusters::new(Arc::clone(&store), Arc::new(registry), Clock::system()).every(EVERY), store)
}

async fn registered(clusters: &Clusters, store: Arc<dyn Store>, kubeconfig: String) {
    let permit = admin(store).await;
    put(clusters, &permit, ("edge", kubeconfig)).await.unwrap();
}

async fn put(clusters: &Clusters, permit: &AdminPermit, (name, kubeconfig): (&str, String)) -> Result<(), String> {
    let new = NewCluster {
        name: name.parse().unwrap(),
        labels: BTreeMap::new(),
        spec: ClusterSpec::default(),
        kubeconfig: Some(Zeroizing::new(kubeconfig)),
    };
    clusters.put(permit, new, &Expect::Anything).await.map(drop).map_err(|error| error.to_string())
}

async fn admin(store: Arc<dyn Store>) -> AdminPermit {
    let tenant: Name = "default".parse().unwrap();
    let known = Txn::new().put(Key::installation(Kind::Tenant, "default"), serde_json::json!({"name": "default"}));
    store.commit(known).await.unwrap();
    let tokens = Tokens::new(store, Clock::system(), Random::system());
    let issued = tokens.first(&tenant).await.unwrap().unwrap();
    tokens.keep(&issued).await.unwrap();
    tokens.caller(&issued.token).await.unwrap().unwrap().admin().unwrap()
}

/// Looks until the cluster is as it should be; how long that took, in looks.
async fn until(clusters: &Clusters, state: HealthState) -> (Cluster, Duration) {
    until_of("edge", clusters, state).await
}

async fn until_of(name: &str, clusters: &Clusters, state: HealthState) -> (Cluster, Duration) {
    let (begun, end) = (Instant::now(), Instant::now() + Duration::from_secs(20));
    loop {
        clusters.look_when_due().await.unwrap();
        let (cluster, _) = clusters.get(&name.parse().unwrap()).await.unwrap();
        if cluster.health.state == state {
            return (cluster, begun.elapsed());
        }
        assert!(Instant::now() < end, "{:?}", cluster.health);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_answering_or_answers_drop_by_drop_is_away_within_two_looks() {
    let Some(plane) = ControlPlane::shared() else { return };
    let mode = Arc::new(AtomicU8::new(PASSES));
    let port = passage(plane.port, Arc::clone(&mode)).await;
    let server = |port: u16| format!("https://127.0.0.1:{port}");
    let kubeconfig = plane.kubeconfig(&User::ADMIN).replace(&server(plane.port), &server(port));
    let folder = TempDir::new().unwrap();
    let (clusters, store) = catalogue(&folder).await;
    registered(&clusters, store, kubeconfig).await;
    let (known, _) = until(&clusters, HealthState::Reachable).await;
    assert!(known.facts.is_some_and(|facts| !facts.version.is_empty()));
    for fault in [HANGS, DRIPS] {
        mode.store(fault, Ordering::SeqCst);
        let (away, after) = until(&clusters, HealthState::Unreachable).await;
        assert!(!away.health.cause.is_empty() && away.health.since.is_some(), "{fault}: {:?}", away.health);
        // Two intervals, each with a look that takes as long as it may, and a margin for a busy machine.
        assert!(after < 4 * EVERY + Duration::from_secs(2), "{fault}: {after:?}");
        mode.store(PASSES, Ordering::SeqCst);
        until(&clusters, HealthState::Reachable).await;
    }
}

/// A Kubernetes API that says of everything that it is a namespace of another cluster.
async fn stranger() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system","uid":"of-another-cluster"}}"#;
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 8192];
                while let Ok(1..) = stream.read(&mut bytes).await {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "u", "user": {}}],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_cluster_has_one_name_and_a_name_stays_with_its_cluster() {
    let Some(plane) = ControlPlane::shared() else { return };
    let folder = TempDir::new().unwrap();
    let (clusters, store) = catalogue(&folder).await;
    let permit = admin(Arc::clone(&store)).await;
    let kubeconfig = plane.kubeconfig(&User::ADMIN);
    put(&clusters, &permit, ("edge", kubeconfig.clone())).await.unwrap();
    let (edge, _) = until(&clusters, HealthState::Reachable).await;
    assert!(edge.identity.is_some_and(|uid| uid.len() > 30));
    put(&clusters, &permit, ("twin", kubeconfig.clone())).await.unwrap();
    let (twin, _) = until_of("twin", &clusters, HealthState::Refused).await;
    assert!(twin.health.cause.contains("it is the cluster that is registered as edge"), "{:?}", twin.health);
    until(&clusters, HealthState::Reachable).await;
    // Something stands there: the name does not go to another cluster.
    let record = Key::new(Kind::Resource, "default", "0a1b2c3d/edge:v1/ConfigMap/sw-x/settings");
    store.commit(Txn::new().put(record.clone(), serde_json::json!({}))).await.unwrap();
    let stranger = stranger().await;
    let refused = put(&clusters, &permit, ("edge", stranger.clone())).await.unwrap_err();
    assert!(refused.contains("another cluster answers") && refused.contains("0a1b2c3d"), "{refused}");
    until(&clusters, HealthState::Reachable).await;
    // Nothing stands there any more.
    store.commit(Txn::new().delete(record)).await.unwrap();
    put(&clusters, &permit, ("edge", stranger)).await.unwrap();
}
