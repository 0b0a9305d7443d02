//! Reads the disk that a dead process left, and says what is wrong with it. It must never write there: it looks at a copy.

use super::aim::{self, LABEL, Who};
use super::near::{Heard, Near};
use super::wire::{self, Acknowledged};
use crate::goal::name;
use adapters::sim::{Deed, Effect, Sim};
use models::operation::OperationState;
use models::resource::{ResourceId, Target};
use models::slice::Phase;
use models::{ChangeState, Slice};
use orchestrator::ops::OperationDoc;
use orchestrator::plan::Recorded;
use orchestrator::store::{Event, Key, Kind, Op, Options, Query, Revision, Sqlite, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::Path;

#[derive(Debug, Clone)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a death met.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Operations that ran.
    pub open: usize,
    /// Changes between their intent and their result.
    pub intents: usize,
}

type World = BTreeMap<ResourceId, Value>;

pub struct Checker {
    references: BTreeMap<&'static str, World>,
    /// Everything up to here was read.
    read: Revision,
    /// Each epoch and the revision at which it was taken.
    epochs: BTreeMap<u64, u64>,
    /// What was put by each revision of late.
    puts: BTreeMap<u64, HashMap<Key, u64>>,
    /// Changes whose intent was on disk at some time.
    announced: HashSet<String>,
    /// Effects that were looked at, of each cluster.
    effects: BTreeMap<String, usize>,
    /// The state of each operation as it was written last, and how often each state was reached.
    states: HashMap<String, OperationState>,
    pub reached: BTreeMap<&'static str, u64>,
}

/// A paused process is heard of late, but not later than this.
const LATELY: u64 = 20_000;

fn copy_of(folder: &Path) -> (tempfile::TempDir, Sqlite) {
    let copy = tempfile::TempDir::new().unwrap();
    for file in ["sliceway.db", "sliceway.db-wal"] {
        if let Err(error) = std::fs::copy(folder.join(file), copy.path().join(file)) {
            assert!(error.kind() == std::io::ErrorKind::NotFound, "{file}: {error}");
        }
    }
    let options = Options { readers: 1, ..super::child::options() };
    let store = Sqlite::open(copy.path(), options).unwrap();
    (copy, store)
}

impl Checker {
    pub fn new() -> Self {
        Self {
            references: aim::references(),
            read: Revision::default(),
            epochs: BTreeMap::new(),
            puts: BTreeMap::new(),
            announced: HashSet::new(),
            effects: BTreeMap::new(),
            states: HashMap::new(),
            reached: BTreeMap::new(),
        }
    }

    /// After every death, with what was heard of the dead. Nobody may write meanwhile.
    pub async fn look(&mut self, folder: &Path, near: &Near, dead: Vec<Heard>) -> (Found, Vec<Fault>) {
        let (_copy, store) = copy_of(folder);
        let mut faults: Vec<Fault> = dead.iter().flat_map(|heard| heard.faults.clone()).collect();
        let head = *store.changed().borrow();
        if head < self.read {
            faults.push(Fault(format!("the store went back from revision {} to {head}", self.read)));
            return (Found::default(), faults);
        }
        while self.read < head {
            let events = store.events(self.read, 2_000).await.unwrap();
            self.read = events.last().unwrap().rev;
            faults.extend(events.iter().filter_map(|event| self.note(event)));
        }
        for acknowledged in dead.iter().flat_map(|heard| &heard.acknowledged) {
            faults.extend(self.is_kept(acknowledged, &store).await);
        }
        faults.extend(self.unannounced(near));
        while self.puts.len() as u64 > LATELY {
            self.puts.pop_first();
        }
        (found(&store).await, faults)
    }

    fn note(&mut self, event: &Event) -> Option<Fault> {
        let (rev, Op::Put) = (event.rev.0, event.op) else { return None };
        let doc = event.doc.as_ref()?;
        self.puts.entry(rev).or_default().insert(event.key.clone(), wire::digest(doc));
        match event.key.kind {
            Kind::Meta if event.key.id == "epoch" => {
                self.epochs.insert(doc["epoch"].as_u64().unwrap(), rev);
                None
            }
            Kind::Change => {
                let state = wire::state(&event.key, doc);
                if matches!(state, Some(ChangeState::Doing | ChangeState::Undoing)) {
                    self.announced.insert(event.key.id.clone());
                }
                None
            }
            Kind::Operation => self.owned(event, doc),
            Kind::Meta
            | Kind::Tenant
            | Kind::Token
            | Kind::Cluster
            | Kind::Repository
            | Kind::Package
            | Kind::Awaited
            | Kind::Service
            | Kind::Template
            | Kind::Slice
            | Kind::Plan
            | Kind::Resource
            | Kind::Claim
            | Kind::Bundle
            | Kind::Secret
            | Kind::Idempotency
            | Kind::Subscription
            | Kind::Notice
            | Kind::Alarm
            | Kind::Orphan => None,
        }
    }

    /// What runs is written by the process whose epoch it is.
    fn owned(&mut self, event: &Event, doc: &Value) -> Option<Fault> {
        let operation: OperationDoc = serde_json::from_value(doc.clone()).unwrap();
        let state = operation.operation.state;
        if self.states.insert(event.key.id.clone(), state) != Some(state) {
            *self.reached.entry(state.as_str()).or_default() += 1;
        }
        let (epoch, _) = self.epochs.iter().rfind(|(_, rev)| **rev < event.rev.0)?;
        let stale = operation.operation.state.is_running() && operation.operation.epoch < *epoch;
        let (key, rev, of) = (&event.key, event.rev, operation.operation.epoch);
        stale.then(|| Fault(format!("{key} at revision {rev} was written by epoch {of}, without the epoch {epoch}")))
    }

    async fn is_kept(&self, told: &Acknowledged, store: &Sqlite) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (rev, epoch) = (told.rev, told.epoch);
        if let Some(since) = self.epochs.get(&(epoch + 1)).filter(|since| epoch > 0 && rev >= **since) {
            let words = format!("epoch {epoch} wrote revision {rev} without the epoch, which another took at {since}");
            faults.push(Fault(words));
        }
        let there = self.puts.get(&rev);
        for put in &told.puts {
            if there.and_then(|there| there.get(&put.key)) != Some(&put.digest) {
                let key = &put.key;
                faults.push(Fault(format!("{key} at revision {rev} was acknowledged and is not on disk")));
            }
        }
        for key in &told.deletes {
            let left = store.get(key).await.unwrap();
            if left.is_some_and(|left| left.rev.0 <= rev) {
                faults.push(Fault(format!("{key} was deleted at revision {rev}, acknowledged, and is there")));
            }
        }
        faults
    }

    /// Effects of which nothing on disk says that they were about to happen.
    fn unannounced(&mut self, near: &Near) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (target, sim) in &near.sims {
            let journal = sim.journal();
            let seen = self.effects.insert(target.to_string(), journal.len()).unwrap_or(0);
            let silent =
                |effect: &&Effect| !self.announced.contains(&format!("{}/{:05}", effect.operation, effect.seq));
            let silent = journal[seen..].iter().filter(silent);
            faults.extend(silent.map(|effect| {
                Fault(format!("{:?} of {} by change {}: its intent is not on disk", effect.deed, effect.id, effect.seq))
            }));
        }
        faults
    }

    /// When all is at rest.
    pub async fn settled(&self, folder: &Path, near: &Near) -> Vec<Fault> {
        let (_copy, store) = copy_of(folder);
        let mut faults = doubled(near.sims.values());
        for object in store.list(&Query::all(Kind::Operation)).await.unwrap() {
            let doc: OperationDoc = object.read().unwrap();
            if !doc.operation.state.is_final() {
                faults.push(Fault(format!("operation {} is {}", object.key.id, doc.operation.state.as_str())));
            }
        }
        for claim in store.list(&Query::of(Kind::Claim, "default")).await.unwrap() {
            faults.push(Fault(format!("{} is still held: {}", claim.key, claim.doc)));
        }
        for who in aim::all() {
            faults.extend(self.whole(&who, &store, near).await);
        }
        faults
    }

    /// The world of a slice is what its goal makes, and what its records say.
    async fn whole(&self, who: &Who, store: &Sqlite, near: &Near) -> Vec<Fault> {
        let key = Key::new(Kind::Slice, "default", who.name.as_str());
        let slice: Option<Slice> = store.get(&key).await.unwrap().map(|object| object.read().unwrap());
        let mut faults = Vec::new();
        if slice.as_ref().is_some_and(|slice| slice.phase != Phase::Ready) {
            faults.push(Fault(format!("slice {} is not ready: {slice:?}", who.name)));
        }
        let goal = slice.as_ref().map(|slice| slice.labels[LABEL].as_str());
        let wanted = goal.map_or_else(World::new, |goal| who.reference(&self.references[goal]));
        let world = who.world(near.sims.values());
        for id in world.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
            if world.get(id) != wanted.get(id) {
                let (name, found, want) = (&who.name, world.get(id), wanted.get(id));
                faults.push(Fault(format!("slice {name} as {goal:?}: {id} is {found:?} instead of {want:?}")));
            }
        }
        let query = Query::of(Kind::Resource, "default").prefix(format!("{}/", who.uid));
        let records = store.list(&query).await.unwrap();
        let records: Vec<Recorded> = records.iter().map(|object| object.read().unwrap()).collect();
        let known: BTreeSet<&ResourceId> = records.iter().filter_map(|r| r.resource.world_id()).collect();
        let unknown = world.keys().filter(|id| !known.contains(id));
        faults.extend(unknown.map(|id| Fault(format!("{id} exists and is not recorded"))));
        for record in &records {
            let (id, there) =
                (record.resource.id(), record.resource.world_id().is_some_and(|id| world.contains_key(id)));
            if !record.certain || (id.target != Target::Local && !there) {
                faults.push(Fault(format!("{id} is recorded, and not certain or not there")));
            }
        }
        faults
    }
}

async fn found(store: &Sqlite) -> Found {
    let mut found = Found::default();
    for object in store.list(&Query::of(Kind::Operation, name("default").as_str())).await.unwrap() {
        let state: OperationState = serde_json::from_value(object.doc["state"].clone()).unwrap();
        found.open += usize::from(state.is_running());
    }
    for object in store.list(&Query::of(Kind::Change, "default")).await.unwrap() {
        let begun = matches!(wire::state(&object.key, &object.doc), Some(ChangeState::Doing | ChangeState::Undoing));
        found.intents += usize::from(begun);
    }
    found
}

/// Things that were made twice without having been removed between.
fn doubled<'s>(sims: impl Iterator<Item = &'s Sim>) -> Vec<Fault> {
    let mut alive: BTreeSet<ResourceId> = BTreeSet::new();
    let mut doubled = Vec::new();
    for effect in sims.flat_map(Sim::journal) {
        match effect.deed {
            Deed::Created if !alive.insert(effect.id.clone()) => {
                doubled.push(Fault(format!(
                    "{} was made twice, the second time by operation {}",
                    effect.id, effect.operation
                )));
            }
            Deed::Removed => {
                // A namespace takes along what is in it.
                let inside = |id: &ResourceId| id.target == effect.id.target && id.namespace == effect.id.name;
                alive.retain(|id| *id != effect.id && !(effect.id.api().1 == "Namespace" && inside(id)));
            }
            Deed::Created | Deed::Updated => {}
        }
    }
    doubled
}
