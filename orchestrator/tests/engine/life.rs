//! One life of an engine: a runtime of its own, which is thrown away as `kill -9` throws a process away.

use crate::goal::{From, UID, name, plan_with, slice};
use crate::kill::{Kill, KilledPort, KilledStore};
use adapters::local::Local;
use adapters::sim::{Deed, Sim};
use adapters::{Port, PortError};
use async_trait::async_trait;
use models::cluster::SimSpec;
use models::resource::{Resource, ResourceId, Target};
use models::{ChangeState, Slice};
use orchestrator::ops::{Engine, Limits, Means, OperationView, Ports, StartOptions};
use orchestrator::plan::claim::is_shared;
use orchestrator::plan::diff::Step;
use orchestrator::plan::want::Want;
use orchestrator::plan::{Observed, Plan, Recorded};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Query, Random, Sqlite, Store, Txn, Vault};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What outlives an engine: the disk and the clusters.
pub struct Ground {
    folder: TempDir,
    pub store: Arc<dyn Store>,
    pub edge: Sim,
    pub cloud: Sim,
}

pub fn sim(target: &str) -> Sim {
    let spec: SimSpec = serde_json::from_value(json!({})).unwrap();
    Sim::new(name(target), spec)
}

/// A world without what is drawn by chance.
pub fn plain(mut world: BTreeMap<ResourceId, Value>) -> BTreeMap<ResourceId, Value> {
    for (id, value) in &mut world {
        if id.kind == "v1/Secret" {
            *value = json!("drawn by chance");
        }
        // The port was born at run time: that it was filled in is what counts.
        if let Some(port) = value.pointer_mut("/ports/0/port").filter(|port| **port != json!(8883)) {
            *port = json!("born");
        }
    }
    world
}

impl Ground {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
        let ground = Self { folder, store, edge: sim("edge"), cloud: sim("cloud") };
        ground.register();
        ground
    }

    /// What an operation stands on.
    fn register(&self) {
        let clusters = [(Kind::Cluster, "edge"), (Kind::Cluster, "cloud")];
        let things = [(Kind::Tenant, "default"), (Kind::Repository, "lab")].into_iter().chain(clusters);
        let put = |txn: Txn, (kind, name)| txn.put(Key::installation(kind, name), json!({"name": name}));
        let txn = things.fold(Txn::new(), put);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.store.commit(txn)).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn sims(&self) -> [&Sim; 2] {
        [&self.cloud, &self.edge]
    }

    /// The world, without what is drawn by chance.
    pub fn world(&self) -> BTreeMap<ResourceId, Value> {
        plain(self.sims().iter().flat_map(|sim| sim.dump()).collect())
    }

    /// Things that were made twice without having been removed between.
    pub fn doubled(&self) -> Vec<String> {
        let mut alive: BTreeSet<ResourceId> = BTreeSet::new();
        let mut doubled = Vec::new();
        for effect in self.sims().iter().flat_map(|sim| sim.journal()) {
            match effect.deed {
                Deed::Created if !alive.insert(effect.id.clone()) => {
                    doubled.push(format!("{} was made twice", effect.id))
                }
                Deed::Removed => {
                    alive.remove(&effect.id);
                }
                Deed::Created | Deed::Updated => {}
            }
        }
        doubled
    }
}

struct AllPorts(BTreeMap<Target, Arc<dyn Port>>);

#[async_trait]
impl Ports for AllPorts {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        let unknown = || PortError::Unreachable { target: target.to_string(), cause: "unknown".into() };
        self.0.get(target).cloned().ok_or_else(unknown)
    }
}

pub struct Life {
    runtime: Runtime,
    pub engine: Engine,
    store: Arc<dyn Store>,
}

/// How a port is wrapped for one life.
pub type Wrap<'w> = &'w dyn Fn(Arc<dyn Port>) -> Arc<dyn Port>;

impl Life {
    pub fn new(ground: &Ground, kill: &Arc<Kill>) -> Self {
        Self::with(ground, kill, &|port| port)
    }

    pub fn with(ground: &Ground, kill: &Arc<Kill>, wrap: Wrap<'_>) -> Self {
        let clock = Arc::new(jiff::Timestamp::now);
        let local: Arc<dyn Port> = Arc::new(Local::new(clock, Arc::new(ring::rand::SystemRandom::new())));
        let port = |sim: &Sim| wrap(Arc::new(sim.clone()));
        let killed = |port: Arc<dyn Port>| Arc::new(KilledPort(port, Arc::clone(kill))) as Arc<dyn Port>;
        let ports = BTreeMap::from([
            (Target::Local, killed(local)),
            (Target::Cluster(name("edge")), killed(port(&ground.edge))),
            (Target::Cluster(name("cloud")), killed(port(&ground.cloud))),
        ]);
        Self::over((ground, kill), |_, _| Arc::new(AllPorts(ports)))
    }

    /// On ports that are made of the store and the vault.
    pub fn over(
        (ground, kill): (&Ground, &Arc<Kill>),
        ports: impl FnOnce(Arc<dyn Store>, Arc<Vault>) -> Arc<dyn Ports>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let plain = Arc::clone(&ground.store);
        let store: Arc<dyn Store> = Arc::new(KilledStore(Arc::clone(&plain), Arc::clone(kill)));
        let engine = runtime.block_on(async {
            let vault = Vault::unlock(ground.folder.path(), plain.as_ref(), Random::system()).await.unwrap();
            let vault = Arc::new(vault);
            let blobs = Arc::new(Blobs::open(ground.folder.path(), Arc::clone(&vault), Clock::system()).unwrap());
            // Taking the epoch is not counted: an engine that dies there has begun nothing.
            let means = Means {
                store: Arc::clone(&store),
                vault: Arc::clone(&vault),
                blobs,
                ports: ports(Arc::clone(&plain), vault),
                clock: Clock::system(),
                random: Random::system(),
                limits: Limits { call_deadline: Duration::from_secs(2), ..Limits::default() },
            };
            Engine::new(means).await.unwrap()
        });
        Self { runtime, engine, store: plain }
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let bounded = async { tokio::time::timeout(Duration::from_secs(30), work).await };
        self.runtime.block_on(bounded).expect("the work ends within 30 s")
    }

    pub fn kill(self) {
        self.runtime.shutdown_background();
    }

    pub fn recorded(&self) -> BTreeMap<ResourceId, Recorded> {
        let query = Query::of(Kind::Resource, "default").prefix(format!("{UID}/")).limit(1000);
        let objects = self.run(self.store.list(&query)).unwrap();
        let read = |object: &orchestrator::store::Object| object.read::<Recorded>().unwrap();
        objects.iter().map(read).map(|recorded| (recorded.resource.id().clone(), recorded)).collect()
    }

    pub fn slice(&self) -> Option<Slice> {
        let key = Key::new(Kind::Slice, "default", "demo");
        self.run(self.store.get(&key)).unwrap().map(|object| object.read().unwrap())
    }

    pub fn claim(&self) -> Option<Value> {
        let key = Key::new(Kind::Claim, "default", "slice/demo");
        self.run(self.store.get(&key)).unwrap().map(|object| object.doc)
    }

    /// The plan towards a goal, from what is recorded and observed.
    pub fn plan(&self, want: &Want) -> Plan {
        self.plan_with(want, |_| {})
    }

    pub fn plan_with(&self, want: &Want, more: impl FnOnce(&mut Vec<Step>)) -> Plan {
        let recorded = self.recorded();
        let kept = recorded.iter().filter(|(_, recorded)| !matches!(recorded.resource, Resource::Hook(_)));
        // As the slices do: what hooks left, and definitions, are not compared with their records.
        let kept = kept.filter(|(id, _)| !is_shared(id));
        let ids = kept.map(|(id, _)| id.clone()).collect();
        let observed: BTreeMap<ResourceId, Observed> =
            self.run(self.engine.look(&slice(), ids, Duration::from_secs(2)));
        plan_with(want, &From { slice: self.slice(), recorded: &recorded, observed: &observed }, more)
    }

    pub fn options(&self) -> StartOptions {
        let key = Key::new(Kind::Slice, "default", "demo");
        let slice = self.run(self.store.get(&key)).unwrap().map(|object| object.rev);
        StartOptions { slice, ..StartOptions::default() }
    }

    /// Starts an operation towards the goal and waits until nothing works on it.
    pub fn reach(&self, want: &Want) -> OperationView {
        let plan = self.plan(want);
        let options = self.options();
        let operation = self.run(self.engine.start(plan, options)).unwrap();
        self.wait(&operation.id)
    }

    pub fn wait(&self, id: &str) -> OperationView {
        self.run(self.engine.wait(id));
        self.view(id)
    }

    pub fn view(&self, id: &str) -> OperationView {
        self.run(self.engine.get(&name("default"), id)).unwrap()
    }

    /// The newest operation.
    pub fn newest(&self) -> Option<OperationView> {
        let all = self.run(self.engine.list(&name("default"))).unwrap();
        all.first().map(|(operation, _)| self.view(&operation.id))
    }

    /// Effects of which nothing on disk says that they were about to happen.
    pub fn unannounced(&self, ground: &Ground) -> Vec<String> {
        let Some(newest) = self.newest() else { return vec![] };
        let silent = |seq: u32| {
            let step = newest.steps.iter().find(|step| step.record.change.seq == seq);
            step.is_none_or(|step| step.record.state == ChangeState::Pending)
        };
        let effects = ground.sims().into_iter().flat_map(|sim| sim.journal());
        let own = effects.filter(|effect| effect.operation == newest.operation.id);
        own.filter(|effect| silent(effect.seq)).map(|effect| format!("{} was not announced", effect.id)).collect()
    }

    /// What is wrong with the end of a story; empty: nothing.
    pub fn faults(&self, ground: &Ground, goal: &BTreeMap<ResourceId, Value>) -> Vec<String> {
        let mut faults = ground.doubled();
        let world = ground.world();
        if world != *goal {
            let ids = |world: &BTreeMap<ResourceId, Value>| world.keys().map(|id| id.to_string()).collect::<Vec<_>>();
            faults.push(format!("the world is not the goal: {:?} instead of {:?}", ids(&world), ids(goal)));
        }
        let recorded = self.recorded();
        let known: BTreeSet<&ResourceId> = recorded.values().filter_map(|r| r.resource.world_id()).collect();
        for id in world.keys().filter(|id| !known.contains(id)) {
            faults.push(format!("{id} exists and is not recorded"));
        }
        for (id, record) in recorded.iter().filter(|(id, _)| id.target != Target::Local) {
            if !record.certain || record.resource.world_id().is_none_or(|id| !world.contains_key(id)) {
                faults.push(format!("{id} is recorded and not certain or not there"));
            }
        }
        if let Some(claim) = self.claim() {
            faults.push(format!("the name is still claimed: {claim}"));
        }
        faults
    }
}
