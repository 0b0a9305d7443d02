//! A server's inside on the lab's clusters: store, engine, Helm worker, real ports.

use adapters::helm::{Helm, Limits as HelmLimits, locate, pack_folder};
use adapters::kubernetes::{ExecPolicy, Kubernetes};
use adapters::local::Local;
use adapters::{Call, Discovery, Port, PortError};
use async_trait::async_trait;
use models::cluster::{Cluster, ClusterSpec, Health, HealthState};
use models::file::{Document, Source, parse};
use models::labels::Labels;
use models::repository::{Repository, RepositorySpec, StoredChart};
use models::resource::Target;
use models::{Name, SliceSpec};
use orchestrator::ops::{Engine, Limits, Means, OperationView, Ports};
use orchestrator::plan::Rendering;
use orchestrator::slices::{Ask, AskOptions, Clusters, Goal, Slices, Started};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Random, Sqlite, Store, StoreError, Txn, Vault};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn kubeconfig(cluster: &str) -> Option<String> {
    let state = std::env::var("SLICEWAY_LAB_DIR").map(PathBuf::from);
    let state = state.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".local/state/sliceway/lab")));
    let lab = std::env::var("SLICEWAY_LAB_NAME").unwrap_or_else(|_| "lab".into());
    std::fs::read_to_string(state.ok()?.join(lab).join(cluster).join("admin.kubeconfig")).ok()
}

struct Registry(BTreeMap<Target, Arc<dyn Port>>);

#[async_trait]
impl Ports for Registry {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        let unknown = || PortError::Unreachable { target: target.to_string(), cause: "no such cluster".into() };
        self.0.get(target).cloned().ok_or_else(unknown)
    }
}

struct Known(Vec<Cluster>);

#[async_trait]
impl Clusters for Known {
    async fn snapshot(&self) -> Result<Vec<Cluster>, StoreError> {
        Ok(self.0.clone())
    }
}

pub struct Ground {
    _folder: TempDir,
    pub slices: Slices,
    pub engine: Engine,
    pub clusters: BTreeMap<String, Arc<Kubernetes>>,
}

impl Ground {
    /// `None` where no lab runs, which is said.
    pub async fn new() -> Option<Self> {
        let (Some(edge), Some(cloud)) = (kubeconfig("edge"), kubeconfig("cloud")) else {
            assert!(std::env::var("CI").is_err(), "CI has a lab: sliceway-lab up");
            eprintln!("SKIPPED: no lab runs here (sliceway-lab up)");
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
        let vault = Arc::new(Vault::unlock(folder.path(), store.as_ref(), Random::system()).await.unwrap());
        let blobs = Arc::new(Blobs::open(folder.path(), Arc::clone(&vault), Clock::system()).unwrap());
        let mut clusters = BTreeMap::new();
        let local = Local::new(Arc::new(jiff::Timestamp::now), Arc::new(ring::rand::SystemRandom::new()));
        let mut ports: BTreeMap<Target, Arc<dyn Port>> =
            BTreeMap::from([(Target::Local, Arc::new(local) as Arc<dyn Port>)]);
        for (cluster, text) in [("edge", edge), ("cloud", cloud)] {
            let port = Arc::new(Kubernetes::connect(name(cluster), &text, ExecPolicy::Refuse).await.unwrap());
            ports.insert(Target::Cluster(name(cluster)), Arc::clone(&port) as Arc<dyn Port>);
            clusters.insert(cluster.to_owned(), port);
        }
        let means = Means {
            store: Arc::clone(&store),
            vault,
            blobs: Arc::clone(&blobs),
            ports: Arc::new(Registry(ports)),
            clock: Clock::system(),
            random: Random::system(),
            limits: Limits::default(),
        };
        let engine = Engine::new(means).await.unwrap();
        let known = Known(snapshot(&engine, &clusters).await);
        charts(&store, &blobs).await;
        let worker = locate(None, &root().join("target/debug")).unwrap();
        let helm = Arc::new(Helm::new(worker, HelmLimits::default()));
        let slices = Slices::new(store, engine.clone(), Arc::new(Rendering { helm, blobs }), Arc::new(known));
        Some(Self { _folder: folder, slices, engine, clusters })
    }

    pub fn call(&self, owner: &str) -> Call {
        call(&self.engine, owner)
    }

    pub async fn reach(&self, ask: &Ask) -> OperationView {
        match self.slices.start(&name("default"), ask).await.unwrap() {
            Started::Unchanged { .. } => panic!("something was to change"),
            Started::Operation { operation, .. } => {
                let wait = self.engine.wait(&operation.id);
                tokio::time::timeout(Duration::from_secs(120), wait).await.expect("it ends within two minutes");
                self.engine.get(&name("default"), &operation.id).await.unwrap()
            }
        }
    }
}

fn call(engine: &Engine, owner: &str) -> Call {
    Call {
        operation: String::new(),
        seq: 0,
        owner: owner.to_owned(),
        epoch: engine.epoch(),
        deadline: Duration::from_secs(10),
        safe: engine.safe(),
    }
}

async fn snapshot(engine: &Engine, clusters: &BTreeMap<String, Arc<Kubernetes>>) -> Vec<Cluster> {
    let mut known = Vec::new();
    for (cluster, port) in clusters {
        let region = if cluster == "cloud" { "eu" } else { "field" };
        known.push(Cluster {
            name: name(cluster),
            labels: Labels::from([("region".to_owned(), region.to_owned())]),
            spec: ClusterSpec::default(),
            health: Health { state: HealthState::Reachable, cause: String::new(), since: None },
            facts: Some(port.facts(&call(engine, "")).await.unwrap()),
            certificate_end: None,
        });
    }
    known
}

async fn charts(store: &Arc<dyn Store>, blobs: &Blobs) {
    let mut charts = Vec::new();
    for (chart, version) in [("mqtt-server", "1.2.0"), ("mqtt-gateway", "1.0.0")] {
        let archive = pack_folder(&root().join("labs/charts").join(chart)).unwrap();
        let digest = blobs.put(archive).await.unwrap().to_string();
        charts.push(StoredChart { name: chart.into(), version: version.into(), digest });
    }
    let repository = Repository { name: name("lab"), spec: RepositorySpec::default(), charts };
    let key = Key::installation(Kind::Repository, "lab");
    store.commit(Txn::new().put(key, serde_json::to_value(repository).unwrap())).await.unwrap();
}

/// The slice of the demo under a name of the test's own.
pub fn factory() -> (Labels, SliceSpec) {
    let text = std::fs::read_to_string(root().join("labs/slices/factory-7.yaml")).unwrap();
    let parsed = parse(&[Source { name: "factory-7.yaml", text: &text }]).unwrap();
    match parsed.into_iter().next().unwrap().document {
        Document::Slice { meta, spec } => (meta.labels, *spec),
        other => panic!("a slice, not a {}", other.kind()),
    }
}

pub fn ask(slice: &str, (labels, spec): (Labels, SliceSpec)) -> Ask {
    let goal = Goal::Apply { labels, spec: Box::new(spec) };
    Ask { name: name(slice), goal, options: AskOptions { timeout_s: Some(90), ..AskOptions::default() } }
}
