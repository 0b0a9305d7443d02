//! What is over goes after its time, and nothing goes that something rests on.

use crate::goal::{NAMESPACE, changed, goal, id, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use models::resource::{Body, Object, Resource};
use models::{OperationState, Slice};
use orchestrator::housekeeping::{Cleared, Housekeeping, Keep, Means, Trust};
use orchestrator::plan::want::{Want, Wanted, tier};
use orchestrator::store::{
    BlobError, Blobs, Clock, Digest, Event, Key, Kind, Query, Random, Revision, Secret, Store, StoreError, Txn, Vault,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const KEEP: Keep = Keep {
    operations: SignedDuration::from_hours(30 * 24),
    per_slice: 2,
    plans: SignedDuration::from_hours(7 * 24),
    blobs: Duration::from_secs(24 * 3600),
};

/// Housekeeping under a clock that the test puts forward.
struct House {
    keeper: Housekeeping,
    blobs: Arc<Blobs>,
    hours: Arc<AtomicU64>,
}

impl House {
    fn new(ground: &Ground, life: &Life) -> Self {
        Self::over((ground, life), Arc::clone(&ground.store), KEEP)
    }

    fn over((ground, life): (&Ground, &Life), store: Arc<dyn Store>, keep: Keep) -> Self {
        let hours = Arc::new(AtomicU64::new(0));
        let ahead = Arc::clone(&hours);
        let clock =
            Clock::from_fn(move || SystemTime::now() + Duration::from_secs(3600 * ahead.load(Ordering::Relaxed)));
        let vault = life.run(Vault::unlock(ground.path(), ground.store.as_ref(), Random::system())).unwrap();
        let blobs = Arc::new(Blobs::open(ground.path(), Arc::new(vault), clock.clone()).unwrap());
        let engine = life.engine.clone();
        let trust = Arc::new(life.run(Trust::of(ground.store.as_ref(), clock.clone())).unwrap());
        let means = Means { store, engine, blobs: Arc::clone(&blobs), keep, trust };
        Self { keeper: Housekeeping::new(means, CancellationToken::new()), blobs, hours }
    }

    fn forward(&self, hours: u64) {
        self.hours.fetch_add(hours, Ordering::Relaxed);
    }

    fn pass(&mut self, life: &Life) -> Cleared {
        life.run(self.keeper.pass()).unwrap()
    }

    /// Two looks, an hour apart; what they removed of blobs.
    fn look_twice(&mut self, life: &Life) -> u64 {
        let first = self.pass(life).blobs.removed;
        self.forward(1);
        first + self.pass(life).blobs.removed
    }

    fn holds(&self, life: &Life, digest: &Digest) -> bool {
        match life.run(self.blobs.get(digest)) {
            Ok(_) => true,
            Err(BlobError::Missing(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn operations(life: &Life) -> Vec<String> {
    life.run(life.engine.list(&name("default"))).unwrap().into_iter().map(|(operation, _)| operation.id).collect()
}

fn count(ground: &Ground, life: &Life, kind: Kind) -> usize {
    life.run(ground.store.list(&Query::all(kind))).unwrap().len()
}

#[test]
fn ended_operations_go_with_their_changes_after_their_time_and_the_last_of_a_slice_stay() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    for want in [goal(), changed(), goal(), changed()] {
        assert_eq!(life.reach(&want).operation.state, OperationState::Completed);
    }
    let all = operations(&life);
    house.forward(29 * 24);
    assert_eq!(house.pass(&life), Cleared::default());
    house.forward(2 * 24);
    assert_eq!(house.pass(&life).operations, 2);
    assert_eq!(operations(&life), all[..2]);
    let steps: usize = all[..2].iter().map(|id| life.view(id).steps.len()).sum();
    assert_eq!(count(&ground, &life, Kind::Change), steps, "no change is left without its operation");
    assert!(life.plan(&changed()).is_empty(), "the slice rests on its records, not on its history");

    assert_eq!(life.reach(&Want::new()).operation.state, OperationState::Completed);
    assert_eq!(house.pass(&life).operations, 3, "a slice that is gone keeps nothing; the clock is ahead of its end");
    assert_eq!((count(&ground, &life, Kind::Operation), count(&ground, &life, Kind::Change)), (0, 0));
}

/// The goal with one sealed object.
fn sealed(digest: &Digest) -> Want {
    let mut want = goal();
    let of = id("cloud", "v1/Secret", "sealed");
    let Resource::Object(sample) = &want[&id("cloud", "v1/Service", "store")].resource else { panic!("an object") };
    let body = Body::Sealed { digest: digest.to_string() };
    let object = Object { id: of.clone(), owner: sample.owner.clone(), body, fills: vec![], keep: false };
    let needs = vec![id("cloud", "v1/Namespace", NAMESPACE)];
    let wanted = Wanted { resource: Resource::Object(object), needs, tier: tier::BASE, why: "wanted".into() };
    want.insert(of, wanted);
    want
}

fn put_manifest(house: &House, life: &Life, word: &str) -> Digest {
    let manifest = json!({"type": "Opaque", "stringData": {"word": word}}).to_string();
    life.run(house.blobs.put_sealed(Secret::new(manifest.into_bytes()))).unwrap()
}

#[test]
fn an_operation_that_waits_for_an_operator_keeps_all_that_its_undo_needs() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::over((&ground, &life), Arc::clone(&ground.store), Keep { per_slice: 0, ..KEEP });
    let (old, new) = (put_manifest(&house, &life, "old"), put_manifest(&house, &life, "new"));
    assert_eq!(life.reach(&sealed(&old)).operation.state, OperationState::Completed);
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    ground.cloud.plan(Fault::once(Word::Apply, "v1/Secret/sw-demo-0a1b2c3d/sealed", (When::After, trouble)));
    let stuck = life.reach(&sealed(&new)).operation;
    assert_eq!(stuck.state, OperationState::FailedTemp);
    // Not even its slice names it: that it is open is enough.
    let slice = Slice { operation: None, ..life.slice().unwrap() };
    let named = Txn::new().put(Key::new(Kind::Slice, "default", "demo"), json!(slice));
    life.run(ground.store.commit(named)).unwrap();
    house.forward(400 * 24);
    assert_eq!(house.look_twice(&life), 0);
    assert!(house.holds(&life, &old) && house.holds(&life, &new));
    life.run(life.engine.rollback(&name("default"), &stuck.id)).unwrap();
    assert_eq!(life.wait(&stuck.id).operation.state, OperationState::RolledBack);

    // Now the operation is over, and what it brought has no reference but its history.
    for want in [changed(), sealed(&old)] {
        assert_eq!(life.reach(&want).operation.state, OperationState::Completed);
    }
    assert_eq!(house.look_twice(&life), 1);
    assert!(house.holds(&life, &old) && !house.holds(&life, &new));
}

fn refers(to: &Digest) -> Value {
    json!({"somewhere": [{"deep": to}]})
}

fn key(kind: Kind) -> Key {
    Key::new(kind, "default", "one")
}

#[test]
fn a_blob_goes_when_nothing_referred_to_it_at_two_looks_and_it_is_old() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    for kind in [Kind::Repository, Kind::Bundle, Kind::Plan, Kind::Change, Kind::Resource, Kind::Meta] {
        let digest = life.run(house.blobs.put(kind.name().into())).unwrap();
        assert_eq!(house.look_twice(&life), 0, "its reference is not written yet");
        life.run(ground.store.commit(Txn::new().put(key(kind), refers(&digest)))).unwrap();
        house.forward(100);
        assert_eq!(house.look_twice(&life), 0, "{kind} refers to it");
        life.run(ground.store.commit(Txn::new().delete(key(kind)))).unwrap();
        assert_eq!(house.pass(&life).blobs.removed, 0, "who read the reference may be about to write it");
        assert!(house.holds(&life, &digest));
        assert_eq!(house.pass(&life).blobs.removed, 1);
        assert!(!house.holds(&life, &digest));
    }
}

#[test]
fn a_process_that_lost_its_epoch_removes_no_blob() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    let digest = life.run(house.blobs.put(b"theirs".to_vec())).unwrap();
    house.forward(100);
    house.pass(&life);
    let _successor = Life::new(&ground, &Kill::never());
    assert!(life.run(house.keeper.pass()).is_err());
    assert!(house.holds(&life, &digest));
}

#[test]
fn a_blob_that_is_put_while_it_is_about_to_go_stays() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    for n in 0..40u8 {
        let bytes = vec![n; 10_000];
        life.run(house.blobs.put(bytes.clone())).unwrap();
        house.forward(100);
        house.pass(&life);
        let (blobs, store) = (Arc::clone(&house.blobs), Arc::clone(&ground.store));
        let put = async move {
            let digest = blobs.put(bytes).await.unwrap();
            // What housekeeping meets is old, and found before; what it does now must not hurt.
            store.commit(Txn::new().put(key(Kind::Bundle), refers(&digest))).await.unwrap();
            blobs.get(&digest).await.unwrap();
            digest
        };
        let (digest, passed) = life.run(async { tokio::join!(tokio::spawn(put), house.keeper.pass()) });
        passed.unwrap();
        assert!(house.holds(&life, &digest.unwrap()), "round {n}");
    }
}

/// A store in which a reference moves, while all references are read, to where was read already.
struct Moving {
    inner: Arc<dyn Store>,
    digest: Digest,
}

#[async_trait]
impl Store for Moving {
    async fn get(&self, key: &Key) -> Result<Option<orchestrator::store::Object>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<orchestrator::store::Object>, StoreError> {
        if query.kind == Kind::Bundle {
            let moved = Txn::new().delete(key(Kind::Bundle)).put(key(Kind::Resource), refers(&self.digest));
            self.inner.commit(moved).await?;
        }
        self.inner.list(query).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        self.inner.commit(txn).await
    }

    async fn events(&self, after: Revision, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.inner.events(after, limit).await
    }

    fn changed(&self) -> watch::Receiver<Revision> {
        self.inner.changed()
    }

    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.inner.snapshot(to).await
    }
}

#[test]
fn a_reference_that_moves_while_references_are_read_is_not_missed() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let digest = Digest::of(b"moving");
    let store = Arc::new(Moving { inner: Arc::clone(&ground.store), digest });
    let mut house = House::over((&ground, &life), store, KEEP);
    life.run(house.blobs.put(b"moving".to_vec())).unwrap();
    house.forward(100);
    for _ in 0..3 {
        let back = Txn::new().delete(key(Kind::Resource)).put(key(Kind::Bundle), refers(&digest));
        life.run(ground.store.commit(back)).unwrap();
        assert_eq!(house.pass(&life).blobs.removed, 0);
    }
    assert!(house.holds(&life, &digest));
}

#[test]
fn shown_plans_and_kept_answers_go_and_the_choices_of_a_slice_stay() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    let at = |hours: i64| json!(Timestamp::now() - SignedDuration::from_hours(hours));
    let plan = |id: &str| Key::new(Kind::Plan, "default", id);
    let answer = |id: &str| Key::new(Kind::Idempotency, "default", id);
    let txn = Txn::new()
        .put(plan("shown/old"), json!({"shown_at": at(8 * 24)}))
        .put(plan("shown/new"), json!({"shown_at": at(6 * 24)}))
        .put(plan("0a1b2c3d/choices"), json!([]))
        .put(answer("old"), json!({"at": at(50)}))
        .put(answer("new"), json!({"at": at(20)}));
    life.run(ground.store.commit(txn)).unwrap();
    let cleared = house.pass(&life);
    assert_eq!((cleared.plans, cleared.answers), (1, 1));
    let left = |kind| life.run(ground.store.list(&Query::all(kind))).unwrap();
    let ids = |kind| left(kind).into_iter().map(|object| object.key.id).collect::<Vec<_>>();
    assert_eq!(ids(Kind::Plan), ["0a1b2c3d/choices", "shown/new"]);
    assert_eq!(ids(Kind::Idempotency), ["new"]);
}

#[test]
fn one_pass_is_bounded_and_the_next_goes_on() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    let many = (0..700).fold(Txn::new(), |txn, n| {
        txn.put(Key::new(Kind::Idempotency, "default", format!("{n:03}")), json!({"at": Timestamp::UNIX_EPOCH}))
    });
    life.run(ground.store.commit(many)).unwrap();
    assert_eq!(house.pass(&life).answers, 500);
    assert_eq!(house.pass(&life).answers, 200);
}
