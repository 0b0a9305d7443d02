//! P5: operations against a target that does nothing, each with its durable writes, beside the store that writes as often.

use crate::begun::{name, plan, slice};
use crate::row::{Row, Table, root};
use adapters::{Call, Port, PortError};
use async_trait::async_trait;
use models::resource::{Object, Resource, ResourceId, Seen, Target};
use orchestrator::ops::{Engine, Limits, Means, Ports, StartOptions};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Random, Sqlite, Store, Txn, Vault};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Operations at one time.
const AT_ONCE: usize = 256;
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(5);
/// Of an operation of one change: its start, the intent, the result, its end.
const WRITES: usize = 4;

struct Nothing;

#[async_trait]
impl Port for Nothing {
    async fn apply(&self, _: &Call, _: &Resource, _: Option<&Seen>) -> Result<Seen, PortError> {
        Ok(Seen::default())
    }

    async fn remove(&self, _: &Call, _: &Resource, _: Option<&Seen>) -> Result<(), PortError> {
        Ok(())
    }

    async fn observe(&self, _: &Call, _: &ResourceId) -> Result<Option<Seen>, PortError> {
        Ok(None)
    }

    async fn disown(&self, _: &Call, _: &Object) -> Result<(), PortError> {
        Ok(())
    }

    async fn own(&self, _: &Call, _: &Object) -> Result<(), PortError> {
        Ok(())
    }
}

struct Everywhere(Arc<Nothing>);

#[async_trait]
impl Ports for Everywhere {
    async fn port(&self, _: &Target) -> Result<Arc<dyn Port>, PortError> {
        Ok(Arc::clone(&self.0) as Arc<dyn Port>)
    }
}

pub async fn measure(table: &mut Table) {
    let folder = tempfile::TempDir::new_in(root().join("target")).unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
    let things = [(Kind::Tenant, "default"), (Kind::Cluster, "edge")];
    let put = |txn: Txn, (kind, name)| txn.put(Key::installation(kind, name), json!({"name": name}));
    store.commit(things.into_iter().fold(Txn::new(), put)).await.unwrap();
    let engine = engine(&store, folder.path()).await;
    let number = AtomicUsize::new(1);
    let (mut mine, mut bare) = ((0, Duration::ZERO), (0, Duration::ZERO));
    for _ in 0..TURNS {
        let began = Instant::now();
        mine.0 += turn(|| operation(&engine, number.fetch_add(1, Ordering::Relaxed))).await;
        mine.1 += began.elapsed();
        let began = Instant::now();
        bare.0 += turn(|| writes(&store, number.fetch_add(1, Ordering::Relaxed))).await;
        bare.1 += began.elapsed();
    }
    engine.shutdown().await;
    let [rate, theirs] = [mine, bare].map(|(count, time)| count as f64 / time.as_secs_f64());
    table.add(Row {
        id: "P5",
        what: "durable operations on a target that does nothing",
        value: rate,
        unit: "op/s",
        against: format!(">= 5000; the bare store with {WRITES} writes each {theirs:.0}: part of it, >= 0.5"),
        ratio: Some(rate / theirs),
    });
}

async fn engine(store: &Arc<dyn Store>, folder: &std::path::Path) -> Engine {
    let vault = Arc::new(Vault::unlock(folder, store.as_ref(), Random::system()).await.unwrap());
    let blobs = Arc::new(Blobs::open(folder, Arc::clone(&vault), Clock::system()).unwrap());
    let means = Means {
        store: Arc::clone(store),
        vault,
        blobs,
        ports: Arc::new(Everywhere(Arc::new(Nothing))),
        clock: Clock::system(),
        random: Random::system(),
        limits: Limits { per_target: AT_ONCE, ..Limits::default() },
    };
    Engine::new(means).await.unwrap()
}

/// So many at one time, for one turn; how many were done.
async fn turn<F: Future<Output = ()>>(one: impl Fn() -> F) -> usize {
    let end = Instant::now() + TURN;
    let worker = || async {
        let mut done = 0;
        while Instant::now() < end {
            one().await;
            done += 1;
        }
        done
    };
    futures::future::join_all((0..AT_ONCE).map(|_| worker())).await.into_iter().sum()
}

async fn operation(engine: &Engine, n: usize) {
    let slice = slice(n);
    let operation = engine.start(plan(&slice, ("edge", 1)), StartOptions::default()).await.unwrap();
    engine.wait(&operation.id).await;
    if n.is_multiple_of(1_000) {
        let view = engine.get(&name("default"), &operation.id).await.unwrap();
        assert_eq!(view.operation.state, models::OperationState::Completed);
    }
}

/// Documents of the size of those that an operation of one change writes.
async fn writes(store: &Arc<dyn Store>, n: usize) {
    let doc = json!({"id": n, "filler": "x".repeat(700)});
    for write in 0..WRITES {
        let key = |kind| Key::new(kind, "default", format!("bare-{n}"));
        let txn = match write {
            0 => [Kind::Operation, Kind::Change, Kind::Slice, Kind::Claim]
                .into_iter()
                .fold(Txn::new(), |txn, kind| txn.put(key(kind), doc.clone())),
            3 => Txn::new()
                .put(key(Kind::Operation), doc.clone())
                .put(key(Kind::Slice), doc.clone())
                .delete(key(Kind::Claim)),
            _ => Txn::new().put(key(Kind::Change), doc.clone()).put(key(Kind::Resource), doc.clone()),
        };
        store.commit(txn).await.unwrap();
    }
}
