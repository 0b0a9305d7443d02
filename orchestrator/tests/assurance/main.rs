//! Drift on a cluster that does not answer: what nobody can read is neither well nor forgotten.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../soak/work.rs"]
#[allow(dead_code, reason = "the soak removes what it made")]
mod work;

use adapters::helm::Lookup;
use adapters::local::Local;
use adapters::release::HelmRevision;
use adapters::sim::{Fault, Sim, Trouble, When, Word};
use adapters::{Call, Discovery, Heard, Labelled, Port, PortError, Safe, Sealed};
use async_trait::async_trait;
use models::cluster::Cluster;
use models::resource::{ResourceId, Target};
use models::secret::SecretRef;
use models::slice::Chart;
use models::{Name, OperationState};
use orchestrator::assurance::{Assurance, Ears};
use orchestrator::ops::{Engine, Limits, Means, Ports, StartOptions};
use orchestrator::plan::lookup::Finder;
use orchestrator::plan::render::{Order, Renderer};
use orchestrator::plan::{Bundle, PlanError};
use orchestrator::slices::{ChartPin, Charts, Clusters, Meant, Slices, Unresolved};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Random, Sqlite, Store, StoreError, Txn, Vault};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use work::{creation, name, slice};

struct World(Sim, Arc<Local>);
struct NoSafe;

#[async_trait]
impl Safe for NoSafe {
    async fn read(&self, _: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        Ok(None)
    }
    async fn write(&self, _: &SecretRef, _: Vec<(String, Sealed)>) -> Result<(), PortError> {
        panic!("nobody asks for it")
    }
    async fn versions(&self, _: &str) -> Result<Vec<u32>, PortError> {
        Ok(vec![])
    }
    async fn erase(&self, _: &SecretRef) -> Result<(), PortError> {
        Ok(())
    }
    async fn blob(&self, _: &str) -> Result<Sealed, PortError> {
        panic!("nobody asks for it")
    }
}

fn call() -> Call {
    Call {
        operation: String::new(),
        seq: 0,
        owner: String::new(),
        adopted: None,
        epoch: 0,
        deadline: Duration::from_secs(5),
        safe: Arc::new(NoSafe),
    }
}

#[async_trait]
impl Ports for World {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        Ok(match target {
            Target::Local => self.1.clone() as Arc<dyn Port>,
            Target::Cluster(_) => Arc::new(self.0.clone()),
        })
    }
}
#[async_trait]
impl Finder for World {
    async fn find(&self, _: &Name, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        self.0.find(&call(), lookup).await
    }
    async fn releases(&self, _: &Name, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError> {
        self.0.releases(&call(), asked).await
    }
}
#[async_trait]
impl Clusters for World {
    async fn snapshot(&self, _: jiff::Timestamp, _: &Meant) -> Result<Vec<Cluster>, StoreError> {
        Ok(vec![])
    }
    async fn labelled(&self, _: &Name) -> Result<Vec<Labelled>, PortError> {
        self.0.scan(&call(), None).await
    }
    async fn away(&self, _: &Name) -> Option<String> {
        None
    }
}
#[async_trait]
impl Ears for World {
    async fn hear(&self, _: &Name, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        self.0.hear(&call(), tell).await
    }
    async fn names(&self) -> Result<Vec<Name>, StoreError> {
        Ok(vec![name("edge")])
    }
}
struct Nothing;
#[async_trait]
impl Charts for Nothing {
    async fn resolve(&self, _: &Name, _: &[&Chart]) -> Result<Vec<Result<ChartPin, Unresolved>>, StoreError> {
        panic!("nobody asks for it")
    }
}
#[async_trait]
impl Renderer for Nothing {
    async fn render(&self, _: &Order<'_>) -> Result<Bundle, PlanError> {
        panic!("nobody asks for it")
    }
    async fn recorded(&self, _: &Order<'_>, _: &Value) -> Result<Bundle, PlanError> {
        panic!("nobody asks for it")
    }
    async fn seal(&self, _: &Value) -> Result<String, PlanError> {
        panic!("nobody asks for it")
    }
    async fn definition(&self, _: &Name, _: &str) -> Result<Option<Value>, PlanError> {
        panic!("nobody asks for it")
    }
}

struct Ground {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    sim: Sim,
    id: ResourceId,
    stop: CancellationToken,
    run: tokio::task::JoinHandle<()>,
}

impl Ground {
    async fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
        let slice = slice(1, 1);
        let txn = Txn::new()
            .put(Key::installation(Kind::Tenant, "default"), json!({"name": "default"}))
            .put(Key::installation(Kind::Cluster, "edge"), json!({"name": "edge"}))
            .put(
                Key::installation(Kind::Meta, format!("uid/{}", slice.uid)),
                json!({"tenant": "default", "slice": slice.name}),
            );
        store.commit(txn).await.unwrap();
        let sim = Sim::new(name("edge"), serde_json::from_value(json!({})).unwrap());
        let vault = Arc::new(Vault::unlock(folder.path(), store.as_ref(), Random::system()).await.unwrap());
        let blobs = Arc::new(Blobs::open(folder.path(), Arc::clone(&vault), Clock::system()).unwrap());
        let local = Arc::new(Local::new(Arc::new(jiff::Timestamp::now), Arc::new(ring::rand::SystemRandom::new())));
        let world = Arc::new(World(sim.clone(), local));
        let engine = Engine::new(Means {
            store: Arc::clone(&store),
            vault,
            blobs,
            ports: world.clone(),
            clock: Clock::system(),
            random: Random::system(),
            limits: Limits::default(),
        })
        .await
        .unwrap();
        let slices =
            Slices::new(Arc::clone(&store), engine.clone(), Arc::new(Nothing), (world.clone(), Arc::new(Nothing)));
        let operation = engine.start(creation(&slice, "edge"), StartOptions::default()).await.unwrap();
        engine.wait(&operation.id).await;
        assert_eq!(
            engine.get(&name("default"), &operation.id).await.unwrap().operation.state,
            OperationState::Completed
        );
        let stop = CancellationToken::new();
        let assurance = Assurance::new(Arc::clone(&store), (engine.clone(), slices), world, Duration::from_secs(600));
        let run = tokio::spawn(assurance.run(stop.clone()));
        let id = ResourceId {
            target: Target::Cluster(name("edge")),
            kind: "v1/ConfigMap".into(),
            namespace: slice.namespace(),
            name: "data".into(),
        };
        Self { _folder: folder, store, sim, id, stop, run }
    }

    async fn raised(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        loop {
            if !Assurance::alarms(&self.store, &name("default")).await.unwrap().is_empty() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// From now on the API server answers 503 to every read.
    fn refuse(&self) {
        let trouble =
            Trouble::Error(PortError::Busy { target: "edge".into(), cause: "503".into(), retry_after_s: None });
        self.sim.plan(Fault { times: 1_000, ..Fault::once(Word::Observe, "ConfigMap", (When::Before, trouble)) });
    }

    fn meddle(&self, to: &str) {
        assert!(self.sim.meddle(&self.id, "/data/filler", json!(to)));
    }

    async fn end(self) {
        self.stop.cancel();
        self.run.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_not_taken_back_because_its_cluster_does_not_answer() {
    let ground = Ground::new().await;
    ground.meddle("changed by hand");
    assert!(ground.raised(Duration::from_secs(10)).await, "no alarm");
    ground.refuse();
    ground.meddle("changed once more");
    let mut still = true;
    let end = Instant::now() + Duration::from_secs(3);
    while still && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
        still = ground.raised(Duration::ZERO).await;
    }
    ground.end().await;
    assert!(still, "nobody could read it, and it is said to stand as it was left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_heard_of_and_could_not_be_read_is_looked_at_again() {
    let ground = Ground::new().await;
    ground.refuse();
    ground.meddle("changed by hand");
    assert!(!ground.raised(Duration::from_secs(2)).await, "nobody could read it");
    ground.sim.heal();
    let told = ground.raised(Duration::from_secs(30)).await;
    ground.end().await;
    assert!(told, "it was heard of, the cluster answers since 30 s, and there is no alarm");
}
