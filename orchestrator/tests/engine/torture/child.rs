//! The process that is killed: an engine over a real store, with several operations under way at any time.

use super::aim;
use super::chance::Chance;
use super::driver::{Driver, Mode};
use super::far::{Far, Line, Told};
use super::round::{Bug, Orders};
use super::wire::Said;
use crate::goal::name;
use adapters::local::Local;
use adapters::{Port, PortError};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use models::resource::Target;
use orchestrator::housekeeping::{self, Housekeeping, Keep, Trust};
use orchestrator::ops::{Engine, Limits, Means, Ports};
use orchestrator::store::{Blobs, Clock, Options, Random, Sqlite, Store, Vault};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a process has to do, as JSON.
pub const ORDERS: &str = "SLICEWAY_TEST_TORTURE";

struct All(BTreeMap<Target, Arc<dyn Port>>);

#[async_trait]
impl Ports for All {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        let unknown = || PortError::Unreachable { target: target.to_string(), cause: "unknown".into() };
        self.0.get(target).cloned().ok_or_else(unknown)
    }
}

fn ports(line: &Arc<Line>) -> All {
    let local = Local::new(Arc::new(Timestamp::now), Arc::new(ring::rand::SystemRandom::new()));
    let far = |target: &str| -> (Target, Arc<dyn Port>) {
        (Target::Cluster(name(target)), Arc::new(Far { target: name(target), line: Arc::clone(line) }))
    };
    let local: (Target, Arc<dyn Port>) = (Target::Local, Arc::new(local));
    All([far("cloud"), far("edge"), local].into())
}

/// Few events: what the checker reads is written within one life.
pub fn options() -> Options {
    Options { event_rows: 5_000, ..Options::new(Clock::system()) }
}

#[test]
#[ignore = "a child process of the torture"]
fn child_that_is_tormented() {
    let orders = std::env::var(ORDERS).expect("run by the torture");
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(orders));
}

async fn live(orders: Orders) {
    let line = Line::connect(&orders.socket);
    let folder: PathBuf = orders.folder;
    let plain: Arc<dyn Store> = Arc::new(Sqlite::open(&folder, options()).unwrap());
    let bug: Bug = orders.bug;
    let told = Told {
        inner: Arc::clone(&plain),
        line: Arc::clone(&line),
        epoch: AtomicU64::new(0),
        bug,
        commits: AtomicU64::new(0),
    };
    let told = Arc::new(told);
    let store: Arc<dyn Store> = Arc::clone(&told) as Arc<dyn Store>;
    let vault = Arc::new(Vault::unlock(&folder, store.as_ref(), Random::system()).await.unwrap());
    let blobs = Arc::new(Blobs::open(&folder, Arc::clone(&vault), Clock::system()).unwrap());
    let means = Means {
        store,
        vault,
        blobs: Arc::clone(&blobs),
        ports: Arc::new(ports(&line)),
        clock: Clock::system(),
        random: Random::system(),
        limits: Limits { call_deadline: Duration::from_secs(2), ..Limits::default() },
    };
    let engine = Engine::new(means).await.unwrap();
    told.epoch.store(engine.epoch(), Ordering::Relaxed);
    engine.recover().await.unwrap();
    line.say(&Said::Ready);
    let drivers = aim::all().into_iter().enumerate().map(|(nth, who)| {
        let chance = Chance::new(orders.seed ^ ((nth as u64 + 1) << 40));
        let mut driver = Driver { engine: engine.clone(), who, chance, mode: orders.mode };
        tokio::spawn(async move { driver.run().await })
    });
    let drivers: Vec<_> = drivers.collect();
    let tidy = tokio::spawn(tidy(engine.clone(), blobs));
    let mut faults = Vec::new();
    for driver in drivers {
        faults.extend(driver.await.unwrap());
    }
    tidy.abort();
    for fault in faults {
        line.say(&Said::Fault(fault));
    }
    if orders.mode == Mode::Settle {
        engine.shutdown().await;
        line.say(&Said::Settled);
    }
    // It is killed; one that lost its epoch has nothing left to do until then.
    std::future::pending::<()>().await;
}

/// What is over goes at once: a store that only grows would make every life longer than the one before.
async fn tidy(engine: Engine, blobs: Arc<Blobs>) {
    let keep = Keep {
        operations: SignedDuration::ZERO,
        per_slice: 3,
        plans: SignedDuration::ZERO,
        blobs: Duration::from_secs(3_600),
    };
    let store = engine.store();
    let trust = Arc::new(Trust::of(store.as_ref(), Clock::system()).await.unwrap());
    let means = housekeeping::Means { store, engine, blobs, keep, trust };
    let mut house = Housekeeping::new(means, CancellationToken::new());
    loop {
        // A process that lost its epoch tidies nothing any more.
        if house.pass().await.is_err() {
            return;
        }
        let until_next = Duration::from_millis(50);
        tokio::time::sleep(until_next).await;
    }
}
