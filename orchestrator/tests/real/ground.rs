//! A server's inside on the lab's clusters: store, engine, Helm worker, real ports.

use adapters::charts::Bounds;
use adapters::helm::{Helm, Limits as HelmLimits, Lookup, locate, pack_folder};
use adapters::kubernetes::{ExecPolicy, Kubernetes};
use adapters::local::Local;
use adapters::release::HelmRevision;
use adapters::{Call, Discovery, Heard, Labelled, Port, PortError, Safe, Sealed};
use async_trait::async_trait;
use models::cluster::{Cluster, ClusterSpec, Health, HealthState};
use models::file::{Document, Source, parse};
use models::labels::Labels;
use models::repository::{Repository, RepositorySpec, StoredChart};
use models::resource::Target;
use models::secret::SecretRef;
use models::{Name, SliceSpec};
use orchestrator::assurance::{Assurance, Ears};
use orchestrator::catalogue::{ChartSources, Packages, Repositories, Shelf};
use orchestrator::ops::{Engine, Limits, Means, OperationView, Ports};
use orchestrator::plan::Rendering;
use orchestrator::plan::lookup::Finder;
use orchestrator::slices::{Ask, AskOptions, Clusters, Goal, Meant, Slices, Started, Supersede};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Random, Sqlite, Store, StoreError, Txn, Vault};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn lab_folder() -> Option<PathBuf> {
    let state = std::env::var("SLICEWAY_LAB_DIR").map(PathBuf::from);
    let state = state.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".local/state/sliceway/lab")));
    let lab = std::env::var("SLICEWAY_LAB_NAME").unwrap_or_else(|_| "lab".into());
    Some(state.ok()?.join(lab))
}

pub fn kubeconfig(cluster: &str) -> Option<String> {
    std::fs::read_to_string(lab_folder()?.join(cluster).join("admin.kubeconfig")).ok()
}

/// A client certificate that the edge's own CA signs.
pub struct Credentials {
    pub common_name: &'static str,
    pub organization: Option<&'static str>,
    /// Year in which it ends.
    pub ends: i32,
}

impl Credentials {
    /// The administrator's kubeconfig with this certificate in it.
    pub fn kubeconfig(&self, admin: &str) -> String {
        use base64::Engine as _;
        use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
        let pki = lab_folder().unwrap().join("edge/pki");
        let read = |file: &str| std::fs::read_to_string(pki.join(file)).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&read("ca.crt"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.common_name);
        if let Some(organization) = self.organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(self.ends, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        let data = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
        let (certificate, key) = (data(certificate), data(key.serialize_pem()));
        let line = |line: &str| match line.trim_start() {
            rest if rest.starts_with("client-certificate-data:") => {
                line.replace(rest, &format!("client-certificate-data: {certificate}"))
            }
            rest if rest.starts_with("client-key-data:") => line.replace(rest, &format!("client-key-data: {key}")),
            _ => line.to_owned(),
        };
        admin.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Where there is none, that is said past the harness, which keeps what a passing test prints to itself.
#[allow(clippy::explicit_write, reason = "the harness catches what the macro prints")]
pub fn lab_is_up() -> bool {
    use std::io::Write as _;
    let up = kubeconfig("edge").is_some() && kubeconfig("cloud").is_some();
    if !up {
        assert!(std::env::var_os("CI").is_none(), "CI has a lab: sliceway-lab up");
        writeln!(std::io::stderr(), "SKIPPED: no lab runs here (sliceway-lab up)").unwrap();
    }
    up
}

/// A verb of `sliceway-lab`.
pub fn lab(words: &[&str]) -> String {
    let out = tried(words);
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// No server owns the lab's clusters any more: those of earlier tests are dead.
pub fn disowned() {
    for cluster in ["edge", "cloud"] {
        lab(&["kubectl", cluster, "--", "delete", "lease", "sliceway", "-n", "kube-system", "--ignore-not-found"]);
    }
}

/// One that may fail.
pub fn tried(words: &[&str]) -> std::process::Output {
    std::process::Command::new(root().join("target/debug/sliceway-lab")).args(words).output().unwrap()
}

struct Registry(Mutex<BTreeMap<Target, Arc<dyn Port>>>);

#[async_trait]
impl Ports for Registry {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        let unknown = || PortError::Unreachable { target: target.to_string(), cause: "no such cluster".into() };
        self.0.lock().unwrap().get(target).cloned().ok_or_else(unknown)
    }
}

/// What is known of the clusters, their ports, and which of them are known to be away.
struct Known(Vec<Cluster>, BTreeMap<String, Arc<Kubernetes>>, Mutex<BTreeSet<Name>>);

#[async_trait]
impl Finder for Known {
    async fn find(&self, cluster: &Name, lookup: &Lookup) -> Result<Option<serde_json::Value>, PortError> {
        self.1[cluster.as_str()].find(&look_call(), lookup).await
    }

    async fn releases(&self, cluster: &Name, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError> {
        self.1[cluster.as_str()].releases(&look_call(), asked).await
    }
}

#[async_trait]
impl Clusters for Known {
    async fn snapshot(&self, _: jiff::Timestamp, _: &Meant) -> Result<Vec<Cluster>, StoreError> {
        let health = |cluster: &Cluster| {
            let away = self.2.lock().unwrap().contains(&cluster.name);
            let state = if away { HealthState::Unreachable } else { HealthState::Reachable };
            Health { state, cause: if away { "cut off".into() } else { String::new() }, since: None }
        };
        Ok(self.0.iter().map(|cluster| Cluster { health: health(cluster), ..cluster.clone() }).collect())
    }

    async fn labelled(&self, cluster: &Name) -> Result<Vec<Labelled>, PortError> {
        let call = Call { deadline: Duration::from_secs(60), ..look_call() };
        self.1[cluster.as_str()].scan(&call, None).await
    }

    async fn away(&self, cluster: &Name) -> Option<String> {
        self.2.lock().unwrap().contains(cluster).then(|| "cut off".to_owned())
    }
}

#[async_trait]
impl Ears for Known {
    async fn hear(&self, cluster: &Name, tell: &tokio::sync::mpsc::Sender<Heard>) -> Result<(), PortError> {
        self.1[cluster.as_str()].hear(&look_call(), tell).await
    }

    async fn names(&self) -> Result<Vec<Name>, StoreError> {
        Ok(self.1.keys().map(|cluster| name(cluster)).collect())
    }
}

pub struct Ground {
    _folder: TempDir,
    shelf: (Arc<dyn Store>, Arc<Blobs>),
    registry: Arc<Registry>,
    known: Arc<Known>,
    pub slices: Arc<Slices>,
    pub engine: Engine,
    pub clusters: BTreeMap<String, Arc<Kubernetes>>,
}

impl Ground {
    /// `None` where no lab runs, which is said.
    pub async fn new() -> Option<Self> {
        Self::reaching_edge_by(None).await
    }

    /// With other credentials at the edge than the administrator's.
    pub async fn reaching_edge_by(credentials: Option<Credentials>) -> Option<Self> {
        Self::with(credentials, ClusterSpec::default()).await
    }

    /// With a setting of the cloud.
    pub async fn with(credentials: Option<Credentials>, cloud_spec: ClusterSpec) -> Option<Self> {
        if !lab_is_up() {
            return None;
        }
        let (edge, cloud) = (kubeconfig("edge")?, kubeconfig("cloud")?);
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
            let used = match (&credentials, cluster) {
                (Some(credentials), "edge") => {
                    let text = credentials.kubeconfig(&text);
                    Arc::new(Kubernetes::connect(name(cluster), &text, ExecPolicy::Refuse).await.unwrap())
                }
                _ => Arc::clone(&port),
            };
            ports.insert(Target::Cluster(name(cluster)), used as Arc<dyn Port>);
            clusters.insert(cluster.to_owned(), port);
        }
        let registry = Arc::new(Registry(Mutex::new(ports)));
        let means = Means {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            blobs: Arc::clone(&blobs),
            ports: Arc::clone(&registry) as Arc<dyn Ports>,
            clock: Clock::system(),
            random: Random::system(),
            limits: Limits::default(),
        };
        let engine = Engine::new(means).await.unwrap();
        let known = snapshot(&engine, &clusters, &cloud_spec).await;
        let known = Arc::new(Known(known, clusters.clone(), Mutex::default()));
        let shelf = (Arc::clone(&store), Arc::clone(&blobs));
        let charts = [
            "labs/charts/mqtt-server",
            "labs/charts/mqtt-gateway",
            "orchestrator/tests/real/charts/probe",
            "orchestrator/tests/real/charts/raw",
        ];
        shelve(&shelf, "lab", &charts.map(|chart| root().join(chart))).await;
        // An operation begins only on what is registered.
        for (kind, id) in [(Kind::Tenant, "default"), (Kind::Cluster, "edge"), (Kind::Cluster, "cloud")] {
            let thing = Txn::new().put(Key::installation(kind, id), serde_json::json!({"name": id}));
            store.commit(thing).await.unwrap();
        }
        let worker = locate(None, &root().join("target/debug")).unwrap();
        let helm = Arc::new(Helm::new(worker, HelmLimits::default()));
        let repositories = Repositories::new(Shelf {
            store: Arc::clone(&store),
            vault,
            blobs: Arc::clone(&blobs),
            helm: Arc::clone(&helm),
            clock: Clock::system(),
            allow_paths: vec![],
            bounds: Bounds::default(),
        });
        let finder = Arc::clone(&known) as _;
        let charts = ChartSources::new(&Packages::new(repositories, Random::system()));
        let sources = (Arc::clone(&known) as _, Arc::new(charts) as _);
        let slices = Slices::new(store, engine.clone(), Arc::new(Rendering { helm, blobs, finder }), sources);
        Some(Self { _folder: folder, shelf, registry, known, slices, engine, clusters })
    }

    /// A repository `shelf` with these chart folders.
    pub async fn shelve(&self, folders: &[PathBuf]) {
        shelve(&self.shelf, "shelf", folders).await;
    }

    /// Cuts the edge off, which is known from then on; or brings it back.
    pub fn cut_edge(&self, cut: bool) {
        lab(&["wan", if cut { "cut" } else { "restore" }, "edge"]);
        let mut away = self.known.2.lock().unwrap();
        if cut {
            away.insert(name("edge"))
        } else {
            away.remove(&name("edge"))
        };
    }

    /// Listens to the clusters until the token is cancelled.
    pub fn assured(&self) -> CancellationToken {
        let stop = CancellationToken::new();
        let work = (self.engine.clone(), Arc::clone(&self.slices));
        let ears = Arc::clone(&self.known) as Arc<dyn Ears>;
        let assurance = Assurance::new(self.engine.store(), work, ears, Duration::from_secs(3_600));
        tokio::spawn(assurance.run(stop.clone()));
        stop
    }

    pub async fn alarms(&self) -> Vec<models::Alarm> {
        Assurance::alarms(&self.engine.store(), &name("default")).await.unwrap()
    }

    /// The edge is reached by the administrator's credentials from now on.
    pub fn renew_edge(&self) {
        let port = Arc::clone(&self.clusters["edge"]) as Arc<dyn Port>;
        self.registry.0.lock().unwrap().insert(Target::Cluster(name("edge")), port);
    }

    pub fn call(&self, owner: &str) -> Call {
        call(&self.engine, owner)
    }

    pub async fn reach(&self, ask: &Ask) -> OperationView {
        let id = self.start(ask).await;
        self.wait(&id).await
    }

    pub async fn start(&self, ask: &Ask) -> String {
        match self.slices.start(&name("default"), ask).await.unwrap() {
            Started::Unchanged { .. } => panic!("something was to change"),
            Started::Operation { operation, .. } => operation.id,
        }
    }

    pub async fn wait(&self, id: &str) -> OperationView {
        let wait = self.engine.wait(id);
        tokio::time::timeout(Duration::from_secs(150), wait).await.expect("it ends within the deadline");
        self.view(id).await
    }

    pub async fn view(&self, id: &str) -> OperationView {
        self.engine.get(&name("default"), id).await.unwrap()
    }

    /// Looks until an operation is as wanted.
    pub async fn until(&self, id: &str, good: impl Fn(&OperationView) -> bool) -> OperationView {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let view = self.view(id).await;
            if good(&view) {
                return view;
            }
            assert!(Instant::now() < deadline, "not within a minute: {:?}", view.operation);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Removes a slice with all that it holds.
    pub async fn remove(&self, slice: &str) {
        let held = self.slices.get(&name("default"), &name(slice)).await.unwrap().0;
        let options = AskOptions {
            allow_data_loss: held.spec.workloads().iter().map(|workload| workload.name.clone()).collect(),
            supersede: Supersede::Any,
            ..AskOptions::default()
        };
        let view = self.reach(&Ask { name: name(slice), goal: Goal::Delete, options }).await;
        assert_eq!(view.operation.state, models::OperationState::Completed, "{:?}", view.operation.error);
    }
}

/// Looking needs no secret.
struct NoSafe;

#[async_trait]
impl Safe for NoSafe {
    async fn read(&self, _: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        Ok(None)
    }

    async fn write(&self, _: &SecretRef, _: Vec<(String, Sealed)>) -> Result<(), PortError> {
        Ok(())
    }

    async fn versions(&self, _: &str) -> Result<Vec<u32>, PortError> {
        Ok(vec![])
    }

    async fn erase(&self, _: &SecretRef) -> Result<(), PortError> {
        Ok(())
    }

    async fn blob(&self, digest: &str) -> Result<Sealed, PortError> {
        Err(PortError::Sealed { cause: digest.to_owned() })
    }
}

fn look_call() -> Call {
    let (deadline, safe) = (Duration::from_secs(5), Arc::new(NoSafe));
    Call { operation: String::new(), seq: 0, owner: String::new(), adopted: None, epoch: 0, deadline, safe }
}

fn call(engine: &Engine, owner: &str) -> Call {
    Call {
        operation: String::new(),
        seq: 0,
        owner: owner.to_owned(),
        adopted: None,
        epoch: engine.epoch(),
        deadline: Duration::from_secs(10),
        safe: engine.safe(),
    }
}

async fn snapshot(engine: &Engine, clusters: &BTreeMap<String, Arc<Kubernetes>>, cloud: &ClusterSpec) -> Vec<Cluster> {
    let mut known = Vec::new();
    for (cluster, port) in clusters {
        let region = if cluster == "cloud" { "eu" } else { "field" };
        known.push(Cluster {
            name: name(cluster),
            labels: Labels::from([("region".to_owned(), region.to_owned())]),
            spec: if cluster == "cloud" { cloud.clone() } else { ClusterSpec::default() },
            health: Health { state: HealthState::Reachable, cause: String::new(), since: None },
            facts: Some(port.facts(&call(engine, "")).await.unwrap()),
            owner: None,
            taken: vec![],
            draining: None,
            identity: None,
            certificate_end: None,
        });
    }
    known
}

/// A repository with these chart folders.
async fn shelve((store, blobs): &(Arc<dyn Store>, Arc<Blobs>), repository: &str, folders: &[PathBuf]) {
    let mut charts = Vec::new();
    for folder in folders {
        let digest = blobs.put(pack_folder(folder).unwrap()).await.unwrap().to_string();
        let about = std::fs::read_to_string(folder.join("Chart.yaml")).unwrap();
        let version = about.lines().find_map(|line| line.strip_prefix("version: ")).expect("a version").to_owned();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        charts.push(StoredChart { name, version, digest, dependencies: vec![] });
    }
    let name = name(repository);
    let repository = Repository { name, spec: RepositorySpec::default(), charts, credentials: None, index: None };
    let key = Key::installation(Kind::Repository, repository.name.as_str());
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

/// A slice of probes: one at the edge with values of its own, one in the cloud that is well.
pub fn probes(edge: serde_json::Value) -> (Labels, SliceSpec) {
    let chart = serde_json::json!({"repository": "lab", "name": "probe"});
    let spec = serde_json::json!({
        "sites": {"edge": {"cluster": "edge"}, "cloud": {"cluster": "cloud"}},
        "functions": [
            {"name": "here", "site": "edge", "chart": chart, "values": edge},
            {"name": "there", "site": "cloud", "chart": chart},
        ],
    });
    (Labels::new(), serde_json::from_value(spec).unwrap())
}

/// A slice of one function `it` at the edge, from the repository `shelf`.
pub fn one(chart: &str, values: serde_json::Value) -> (Labels, SliceSpec) {
    let chart = serde_json::json!({"repository": "shelf", "name": chart});
    let spec = serde_json::json!({
        "sites": {"edge": {"cluster": "edge"}},
        "functions": [{"name": "it", "site": "edge", "chart": chart, "values": values}],
    });
    (Labels::new(), serde_json::from_value(spec).unwrap())
}

/// One of the suite's own charts.
pub fn own_chart(chart: &str) -> PathBuf {
    root().join("orchestrator/tests/real/charts").join(chart)
}

pub fn ask(slice: &str, (labels, spec): (Labels, SliceSpec)) -> Ask {
    let goal = Goal::Apply { labels, spec: Box::new(spec) };
    // As `apply -f` does: an operation that waits for an operator is taken over from.
    let options = AskOptions { timeout_s: Some(90), supersede: Supersede::FailedTemp, ..AskOptions::default() };
    Ask { name: name(slice), goal, options }
}
