//! The day: slices come and go on a cluster that answers, while some operations wait for one that does not.

use crate::HEAP;
use crate::setting::Setting;
use crate::work::{bytes, creation, name, removal, slice};
use adapters::sim::Sim;
use adapters::{Port, PortError};
use async_trait::async_trait;
use models::OperationState;
use models::resource::Target;
use orchestrator::housekeeping::{Housekeeping, Keep, Means as HouseMeans, Trust};
use orchestrator::ops::{Engine, Limits, Means, Ports, StartOptions};
use orchestrator::plan::Plan;
use orchestrator::store::{Blobs, Key, Kind, Options, Query, Random, Sqlite, Store, Txn, Vault};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Operations that stay open all day.
const OPEN: usize = 50;
/// Slices that come and go, one operation at a time each; all of them stand when an hour ends.
pub const SLICES: usize = 64;
const KEEP: Keep = Keep {
    operations: jiff::SignedDuration::from_hours(1),
    per_slice: 2,
    plans: jiff::SignedDuration::from_hours(1),
    blobs: Duration::from_secs(3_600),
};

pub struct Hour {
    pub operations: usize,
    /// Bytes that live when nothing but the open operations is under way.
    pub heap: usize,
    /// Bytes of all documents.
    pub stored: usize,
    slices: usize,
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, heap, stored, slices } = self;
        write!(f, "{operations} operations; {heap} bytes live, {} per open operation; ", heap / OPEN)?;
        write!(f, "{stored} bytes stored, {} per stored slice", stored / slices)
    }
}

struct Sims(BTreeMap<Target, Sim>);

#[async_trait]
impl Ports for Sims {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        Ok(Arc::new(self.0[target].clone()))
    }
}

struct Day {
    engine: Engine,
    store: Arc<dyn Store>,
    keeper: Housekeeping,
    trust: Arc<Trust>,
    clock: Setting,
    _folder: TempDir,
}

pub async fn live(each: usize, hours: usize) -> Vec<Hour> {
    let mut day = Day::begin().await;
    for n in 0..OPEN {
        let options = StartOptions { timeout_s: Some(7 * 24 * 3_600), ..StartOptions::default() };
        day.engine.start(creation(&slice(1_000 + n, 1), "dark"), options).await.unwrap();
    }
    day.hour((0, SLICES)).await;
    let mut all = Vec::with_capacity(hours);
    for hour in 0..hours {
        all.push(day.hour((SLICES + hour * each, each)).await);
    }
    day.engine.shutdown().await;
    all
}

impl Day {
    async fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Setting::default();
        let options = Options { event_rows: 2_000, ..Options::new(clock.clock()) };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), options).unwrap());
        let things = [(Kind::Tenant, "default"), (Kind::Cluster, "edge"), (Kind::Cluster, "dark")];
        let put = |txn: Txn, (kind, name)| txn.put(Key::installation(kind, name), json!({"name": name}));
        store.commit(things.into_iter().fold(Txn::new(), put)).await.unwrap();
        let vault = Arc::new(Vault::unlock(folder.path(), store.as_ref(), Random::system()).await.unwrap());
        let blobs = Arc::new(Blobs::open(folder.path(), Arc::clone(&vault), clock.clock()).unwrap());
        let sim = |name: &str| {
            let name = crate::work::name(name);
            (
                Target::Cluster(name.clone()),
                Sim::new(name, serde_json::from_value(json!({})).unwrap()).without_journal(),
            )
        };
        let sims = BTreeMap::from([sim("edge"), sim("dark")]);
        sims[&Target::Cluster(name("dark"))].cut();
        sims[&Target::Cluster(name("edge"))].settle_after(0);
        let engine = Engine::new(Means {
            store: Arc::clone(&store),
            vault,
            blobs: Arc::clone(&blobs),
            ports: Arc::new(Sims(sims)),
            clock: clock.clock(),
            random: Random::system(),
            limits: Limits { per_target: 64, ..Limits::default() },
        });
        let engine = engine.await.unwrap();
        let trust = Arc::new(Trust::of(store.as_ref(), clock.clock()).await.unwrap());
        let means = HouseMeans {
            store: Arc::clone(&store),
            engine: engine.clone(),
            blobs,
            keep: KEEP,
            trust: Arc::clone(&trust),
        };
        let keeper = Housekeeping::new(means, CancellationToken::new());
        Self { engine, store, keeper, trust, clock, _folder: folder }
    }

    /// So many operations, an hour that passes, and what is left then.
    async fn hour(&mut self, (first, each): (usize, usize)) -> Hour {
        let all: Vec<usize> = (first..first + each).collect();
        for some in all.chunks(SLICES) {
            futures::future::join_all(some.iter().map(|n| self.operation(*n))).await;
        }
        for _ in 0..12 {
            self.clock.pass(300);
            self.trust.look();
        }
        while self.keeper.pass().await.unwrap().operations > 0 {}
        let (mut stored, mut slices) = (0, 0);
        for kind in Kind::ALL {
            let mut query = Query::all(*kind).limit(500);
            loop {
                let page = self.store.list(&query).await.unwrap();
                stored += page.iter().map(|object| bytes(&object.doc)).sum::<usize>();
                slices += page.iter().filter(|_| *kind == Kind::Slice).count();
                match page.last() {
                    Some(last) if page.len() == 500 => query = query.after(&last.key),
                    _ => break,
                }
            }
        }
        Hour { operations: each, heap: HEAP.current_usage(), stored, slices }
    }

    /// The creation of a slice, or its removal by the next that comes to the same one.
    async fn operation(&self, n: usize) {
        let (which, turn) = (n % SLICES, n / SLICES);
        let slice = slice(which, turn as u64 / 2 + 1);
        let (plan, options): (Plan, StartOptions) = match turn % 2 {
            0 => (creation(&slice, "edge"), StartOptions::default()),
            _ => {
                let key = Key::new(Kind::Slice, "default", slice.name.as_str());
                let rev = self.store.get(&key).await.unwrap().expect("it stands").rev;
                (removal(&slice, "edge"), StartOptions { slice: Some(rev), ..StartOptions::default() })
            }
        };
        let operation = self.engine.start(plan, options).await.unwrap();
        self.engine.wait(&operation.id).await;
        let ended = self.engine.get(&name("default"), &operation.id).await.unwrap();
        assert_eq!(ended.operation.state, OperationState::Completed, "{:?}", ended.operation.error);
    }
}
