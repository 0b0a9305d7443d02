//! A simulated cluster: a product part for trials and tests, selected by `spec.sim` in the cluster's file.
//!
//! It keeps to the contract of [`crate::port`] as an API server does, and makes workloads ready after a while. Its world
//! lives in memory, as long as the process; [`Sim::put_back`] makes it again from what was recorded of it. It is never
//! evidence about a real cluster, and runs nothing.
//!
//! Handles made by `clone` share one world: an engine that is killed and started again meets what it left.

mod fault;
mod nodes;
mod rules;
mod world;

pub use fault::{Fault, Trouble, When, Word};
pub use world::{Deed, Effect};

use crate::deadline::{timed_out, within};
use crate::fill;
use crate::helm::Lookup;
use crate::port::{Call, Discovery, Heard, Labelled, Port, PortError};
use crate::release::HelmRevision;
use async_trait::async_trait;
use fault::Faults;
use models::cluster::{ClusterFacts, SimSpec};
use models::resource::{Hook, Object, Ready, Resource, ResourceId, Seen};
use models::{Name, Readiness};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use world::World;

/// Who listens and is slower than this many changes has missed some.
const TOLD: usize = 1_024;

/// The version that the simulated API server reports.
pub const VERSION: &str = "v1.36.3";

#[derive(Clone)]
pub struct Sim {
    target: Name,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    /// Whoever listens is told who changed.
    touched: broadcast::Sender<Heard>,
    world: World,
    faults: Faults,
    latency: Duration,
    cut: bool,
}

impl Sim {
    pub fn new(target: Name, spec: SimSpec) -> Self {
        let cut = spec.away;
        let world = World::new(target.clone(), spec);
        let shared = Shared {
            touched: broadcast::channel(TOLD).0,
            world,
            faults: Faults::default(),
            latency: Duration::ZERO,
            cut,
        };
        Self { target, shared: Arc::new(Mutex::new(shared)) }
    }

    /// What happens to it is not kept: a journal grows as long as the process lives.
    #[must_use]
    pub fn without_journal(self) -> Self {
        self.lock().world.journals = false;
        self
    }

    /// Plans a fault. Faults are looked at in the order in which they were planned.
    pub fn plan(&self, fault: Fault) {
        self.lock().faults.plan(fault);
    }

    /// Forgets every fault, the cut and the latency.
    pub fn heal(&self) {
        let mut shared = self.lock();
        shared.faults = Faults::default();
        shared.cut = false;
        shared.latency = Duration::ZERO;
    }

    /// From now on every call hangs until its deadline, and has no effect.
    pub fn cut(&self) {
        self.lock().cut = true;
    }

    /// How long every call takes from now on.
    pub fn latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// How often a thing that needs time is observed as not ready, or as still there, before it is.
    pub fn settle_after(&self, observes: u32) {
        self.lock().world.settle_after = observes;
    }

    /// How many calls of the three verbs came in so far.
    pub fn calls(&self) -> u64 {
        self.lock().faults.calls
    }

    /// Everything that changed the world, in order.
    pub fn journal(&self) -> Vec<Effect> {
        self.lock().world.journal.clone()
    }

    /// What exists, as it was applied: no uid, no version, nothing that the target chose. For comparison.
    pub fn dump(&self) -> BTreeMap<ResourceId, Value> {
        self.lock().world.dump()
    }

    /// Puts an object there by somebody else's hand; the manifest is taken as it is.
    pub fn plant(&self, id: &ResourceId, manifest: Value) {
        self.lock().world.plant(id, manifest);
    }

    /// Changes one field of an object by somebody else's hand; says whether the object exists.
    pub fn meddle(&self, id: &ResourceId, pointer: &str, value: Value) -> bool {
        let met = self.lock().world.meddle(id, pointer, value);
        self.touch(id);
        met
    }

    /// Removes an object by somebody else's hand; says whether it existed.
    pub fn vanish(&self, id: &ResourceId) -> bool {
        let told = self.lock().world.told(id).map(|(one, _)| Heard::One(one, String::new()));
        let met = self.lock().world.vanish(id);
        self.tell(told);
        met
    }

    fn touch(&self, id: &ResourceId) {
        let told = self.lock().world.told(id).map(|(one, version)| Heard::One(one, version));
        self.tell(told);
    }

    fn tell(&self, told: Option<Heard>) {
        if let Some(told) = told {
            // Nobody has to listen.
            let _ = self.lock().touched.send(told);
        }
    }

    /// Another number or size of nodes. What stands on the cluster stays, and pods for which there is no room any more wait.
    pub fn reshape(&self, spec: SimSpec) {
        let mut shared = self.lock();
        shared.cut = spec.away;
        shared.world.spec = spec;
    }

    /// Puts an object there as it was in an earlier process: applied as `object`, and last seen as `seen`. Nothing is
    /// recorded in the journal, and what needs time has had it. An object that is there already stays as it is.
    pub async fn put_back(&self, call: &Call, (object, seen): (&Object, &Seen)) -> Result<(), PortError> {
        let manifest = fill::manifest(call, object, Some(seen)).await?;
        self.lock().world.put_back(&object.id, manifest, seen);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic of another holder leaves the table readable, and tests want to read it.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: latency, cut and planned faults around the effect.
    async fn call<T>(
        &self,
        call: &Call,
        (verb, id): (Word, &ResourceId),
        effect: impl FnOnce(&mut World) -> Result<T, PortError> + Send,
    ) -> Result<T, PortError> {
        let (latency, fault, cut) = {
            let mut shared = self.lock();
            (shared.latency, shared.faults.due(verb, &id.to_string()), shared.cut)
        };
        let work = async {
            tokio::time::sleep(latency).await;
            match fault {
                _ if cut => hang(call, self.target.as_str()).await,
                None => effect(&mut self.lock().world),
                Some((When::Before, trouble)) => self.fail(call, trouble).await,
                Some((When::After, trouble)) => {
                    effect(&mut self.lock().world)?;
                    self.fail(call, trouble).await
                }
            }
        };
        within(call, self.target.as_str(), work).await
    }

    async fn fail<T>(&self, call: &Call, trouble: Trouble) -> Result<T, PortError> {
        match trouble {
            Trouble::Error(error) => Err(error),
            Trouble::Hang => hang(call, self.target.as_str()).await,
        }
    }

    async fn check(&self, call: &Call, readiness: &Readiness) -> Result<Seen, PortError> {
        let mut all = Vec::new();
        for id in &readiness.objects {
            all.push((id.clone(), self.observe(call, id).await?));
        }
        Ok(joined(&all))
    }
}

async fn hang<T>(call: &Call, target: &str) -> Result<T, PortError> {
    tokio::time::sleep(call.deadline).await;
    Err(timed_out(call, target))
}

/// The state of a check over objects: the first failure, otherwise the first that waits, otherwise ready.
pub(crate) fn joined(all: &[(ResourceId, Option<Seen>)]) -> Seen {
    let mut ready = Ready::Yes;
    for (id, seen) in all {
        let state = match seen {
            Some(seen) => seen.ready.clone(),
            None => Ready::Waiting { reason: format!("{} does not exist yet", id.short()) },
        };
        match (&ready, &state) {
            (_, Ready::Failed { .. }) => return Seen { ready: state, ..Seen::default() },
            (Ready::Yes, Ready::Waiting { .. }) => ready = state,
            (_, Ready::Yes | Ready::Waiting { .. }) => {}
        }
    }
    Seen { ready, ..Seen::default() }
}

#[async_trait]
impl Port for Sim {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        match want {
            Resource::Object(object) | Resource::Hook(Hook { object, .. }) => {
                let manifest = fill::manifest(call, object, seen).await?;
                let effect = |world: &mut World| world.apply(call, object, (manifest, seen));
                self.call(call, (Word::Apply, &object.id), effect).await
            }
            Resource::Readiness(readiness) => self.check(call, readiness).await,
            Resource::Secret(secret) => Err(rules::not_here(&secret.id)),
        }
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        match what {
            Resource::Object(object) | Resource::Hook(Hook { object, .. }) => {
                let effect = |world: &mut World| world.remove(call, &object.id, seen);
                self.call(call, (Word::Remove, &object.id), effect).await
            }
            Resource::Readiness(_) => Ok(()),
            Resource::Secret(secret) => Err(rules::not_here(&secret.id)),
        }
    }

    async fn disown(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        self.call(call, (Word::Apply, &object.id), |world| world.mark((call, object), None)).await
    }

    async fn own(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let labels = object.owner.labels();
        self.call(call, (Word::Apply, &object.id), |world| world.mark((call, object), Some(&labels))).await
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        self.call(call, (Word::Observe, id), |world| Ok(world.observe(call, id))).await
    }
}

#[async_trait]
impl Discovery for Sim {
    async fn facts(&self, call: &Call) -> Result<ClusterFacts, PortError> {
        self.look(call, World::facts).await
    }

    async fn find(&self, call: &Call, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        self.look(call, |world| world.find(lookup)).await
    }

    async fn releases(&self, call: &Call, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError> {
        self.look(call, |world| world.releases(asked)).await
    }

    async fn hear(&self, call: &Call, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        let mut touched = self.lock().touched.subscribe();
        let standing =
            self.look(call, |world| world.labelled(None).map(|(one, version)| Heard::One(one, version)).collect());
        let standing: Vec<Heard> = standing.await?;
        for told in standing.into_iter().chain([Heard::All]) {
            if tell.send(told).await.is_err() {
                return Ok(());
            }
        }
        while let Ok(told) = touched.recv().await {
            if tell.send(told).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn scan(&self, call: &Call, uid: Option<&str>) -> Result<Vec<Labelled>, PortError> {
        self.look(call, |world| world.labelled(uid).map(|(one, _)| one).collect()).await
    }
}

impl Sim {
    /// A look at the whole world: subject to latency and cut, not to planned faults.
    async fn look<T>(&self, call: &Call, look: impl FnOnce(&World) -> T + Send) -> Result<T, PortError> {
        let (latency, cut) = {
            let shared = self.lock();
            (shared.latency, shared.cut)
        };
        let work = async {
            tokio::time::sleep(latency).await;
            if cut { hang(call, self.target.as_str()).await } else { Ok(look(&self.lock().world)) }
        };
        within(call, self.target.as_str(), work).await
    }
}
