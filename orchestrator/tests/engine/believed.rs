//! A calendar that was set is not believed at once: what is over is cleared away only after it has stood for an hour, and
//! nothing young goes, whatever was written while the calendar was wrong.

use crate::goal::{changed, goal, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use crate::setting::{Setting, YEAR};
use jiff::{SignedDuration, Timestamp};
use models::OperationState;
use orchestrator::housekeeping::{Cleared, Housekeeping, Keep, Means, Trust};
use orchestrator::store::{Blobs, Key, Kind, Query, Random, Txn, Vault};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const NOTHING: Cleared = Cleared { operations: 0, plans: 0, answers: 0, blobs: swept(0) };

const fn swept(removed: u64) -> orchestrator::store::Swept {
    orchestrator::store::Swept { removed, removed_bytes: 0 }
}

const KEEP: Keep = Keep {
    operations: SignedDuration::from_hours(30 * 24),
    per_slice: 0,
    plans: SignedDuration::from_hours(7 * 24),
    blobs: Duration::from_secs(24 * 3_600),
};

/// A server's housekeeping, from its start.
struct House {
    keeper: Housekeeping,
    blobs: Arc<Blobs>,
}

impl House {
    fn new(ground: &Ground, life: &Life) -> Self {
        let clock = ground.clock.clone();
        let vault = life.run(Vault::unlock(ground.path(), ground.store.as_ref(), Random::system())).unwrap();
        let blobs = Arc::new(Blobs::open(ground.path(), Arc::new(vault), clock.clone()).unwrap());
        let trust = Arc::new(life.run(Trust::of(ground.store.as_ref(), clock.clone())).unwrap());
        let (store, engine) = (life.engine.store(), life.engine.clone());
        let means = Means { store, engine, blobs: Arc::clone(&blobs), keep: KEEP, trust };
        Self { keeper: Housekeeping::new(means, CancellationToken::new()), blobs }
    }

    fn pass(&mut self, life: &Life) -> Cleared {
        let mut cleared = life.run(self.keeper.pass()).unwrap();
        cleared.blobs.removed_bytes = 0;
        cleared
    }
}

/// An operation that is over and no slice's last, a plan that was shown, a kept answer, and a blob of nobody's.
fn history(ground: &Ground, life: &Life, house: &House, mark: &str) {
    for want in [goal(), changed(), goal()] {
        assert_eq!(life.reach(&want).operation.state, OperationState::Completed);
    }
    let now = Timestamp::try_from(ground.clock.now()).unwrap();
    let key = |kind: Kind, id: String| Key::new(kind, "default", id);
    let txn = Txn::new()
        .put(key(Kind::Plan, format!("shown/{mark}")), json!({"shown_at": now}))
        .put(key(Kind::Idempotency, mark.to_owned()), json!({"at": now}));
    life.run(ground.store.commit(txn)).unwrap();
    life.run(house.blobs.put(mark.as_bytes().to_vec())).unwrap();
}

fn begin(setting: &Setting) -> (Ground, Life, House) {
    let ground = Ground::under(setting.clock());
    let life = Life::new(&ground, &Kill::never());
    let mut house = House::new(&ground, &life);
    assert_eq!(house.pass(&life), NOTHING);
    (ground, life, house)
}

/// Hour after hour; what went in them.
fn hours(setting: &Setting, (life, house): (&Life, &mut House), count: usize) -> Vec<Cleared> {
    let hour = |_| {
        setting.pass(HOUR);
        house.pass(life)
    };
    (0..count).map(hour).filter(|cleared| *cleared != NOTHING).collect()
}

fn operations(life: &Life) -> usize {
    life.run(life.engine.list(&name("default"))).unwrap().len()
}

#[test]
fn a_jump_for_a_moment_clears_nothing_away() {
    for jump in [YEAR, -YEAR] {
        let setting = Setting::default();
        let (ground, life, mut house) = begin(&setting);
        history(&ground, &life, &house, "before");
        setting.jump(jump);
        assert_eq!(house.pass(&life), NOTHING, "{jump}: at once");
        setting.pass(HOUR / 2);
        assert_eq!(house.pass(&life), NOTHING, "{jump}: half an hour later");
        // What is written meanwhile is stamped by the wrong year.
        history(&ground, &life, &house, "meanwhile");
        setting.jump(-jump);
        let gone = hours(&setting, (&life, &mut house), 20);
        assert!(gone.is_empty(), "{jump}: nothing is a day old: {gone:?}");
        assert_eq!(operations(&life), 6);
        assert_eq!(life.run(ground.store.list(&Query::all(Kind::Idempotency))).unwrap().len(), 2);
    }
}

#[test]
fn a_jump_that_stands_is_believed_after_an_hour() {
    let setting = Setting::default();
    let (ground, life, mut house) = begin(&setting);
    history(&ground, &life, &house, "before");
    setting.jump(YEAR);
    let gone = hours(&setting, (&life, &mut house), 1);
    assert!(gone.is_empty(), "it was met a moment ago: {gone:?}");
    let gone = hours(&setting, (&life, &mut house), 3);
    // The clock may have been a year behind until then, and what is stamped so may be of today.
    assert!(gone.is_empty(), "{gone:?}");
    for _ in 0..31 {
        setting.pass(DAY);
        house.pass(&life);
    }
    assert_eq!(operations(&life), 1, "the slice's last stays");
    assert!(life.run(ground.store.list(&Query::all(Kind::Idempotency))).unwrap().is_empty());
}

#[test]
fn time_that_passes_is_believed() {
    let setting = Setting::default();
    let (ground, life, mut house) = begin(&setting);
    history(&ground, &life, &house, "one");
    setting.pass(8 * DAY);
    assert_eq!(house.pass(&life), Cleared { plans: 1, answers: 1, ..NOTHING });
    setting.pass(30 * DAY);
    assert_eq!(house.pass(&life), Cleared { operations: 2, blobs: swept(1), ..NOTHING });
}

#[test]
fn a_server_that_finds_another_year_at_its_start_waits_an_hour() {
    for jump in [YEAR, -YEAR] {
        let setting = Setting::default();
        let (ground, life, mut house) = begin(&setting);
        history(&ground, &life, &house, "before");
        setting.pass(8 * DAY);
        // Only the time that was looked at is remembered.
        assert_eq!(house.pass(&life).plans, 1);
        history(&ground, &life, &house, "later");
        life.kill();
        setting.jump(jump);
        let life = Life::new(&ground, &Kill::never());
        let mut house = House::new(&ground, &life);
        assert_eq!(house.pass(&life), NOTHING, "{jump}");
        setting.jump(-jump);
        life.kill();
        let life = Life::new(&ground, &Kill::never());
        let mut house = House::new(&ground, &life);
        assert_eq!(house.pass(&life), NOTHING, "{jump}: nothing of it is old");
        setting.pass(8 * DAY);
        assert_eq!(house.pass(&life).plans, 1, "{jump}: time passes again");
    }
}
