//! The world's side of the socket: the simulated clusters, which outlive every process, and what was heard of each.

use super::check::Fault;
use super::round::Bug;
use super::wire::{Acknowledged, Answer, Asked, Opened, Said, Verb, Wrong};
use crate::life::sim;
use adapters::sim::Sim;
use adapters::{Call, Port, PortError, Safe, Sealed};
use async_trait::async_trait;
use models::resource::{Resource, Seen};
use models::secret::SecretRef;
use models::{ChangeState, Name};
use orchestrator::store::Kind;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Mutex as Turn, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The secrets that came along with a call.
struct Given(Vec<Opened>);

#[async_trait]
impl Safe for Given {
    async fn read(&self, secret: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        let found = self.0.iter().find(|(known, _)| known == secret);
        let fields =
            |fields: &Vec<(String, Vec<u8>)>| fields.iter().cloned().map(|(n, v)| (n, Sealed::new(v))).collect();
        Ok(found.map(|(_, given)| fields(given)))
    }

    async fn write(&self, _: &SecretRef, _: Vec<(String, Sealed)>) -> Result<(), PortError> {
        panic!("a cluster makes no secret")
    }

    async fn versions(&self, _: &str) -> Result<Vec<u32>, PortError> {
        panic!("a cluster asks for no versions")
    }

    async fn erase(&self, _: &SecretRef) -> Result<(), PortError> {
        panic!("a cluster erases no secret")
    }

    async fn blob(&self, digest: &str) -> Result<Sealed, PortError> {
        panic!("no goal has the blob {digest}")
    }
}

pub struct Near {
    pub sims: BTreeMap<Name, Sim>,
    pub bug: Bug,
    /// Creations so far; a planted bug counts them.
    made: AtomicUsize,
}

/// What was heard of one process.
#[derive(Default)]
pub struct Heard {
    pub acknowledged: Vec<Acknowledged>,
    pub faults: Vec<Fault>,
    pub ready: bool,
    pub settled: bool,
    intents: HashMap<String, Option<ChangeState>>,
}

/// One process as the world knows it.
#[derive(Clone)]
pub struct Guest {
    pub heard: Arc<Mutex<Heard>>,
    /// Frames that came in.
    pub frames: watch::Receiver<u64>,
    /// Calls that are on their way to a cluster.
    pub in_flight: Arc<AtomicUsize>,
    /// What it asks from now on reaches nobody.
    is_cut_off: Arc<AtomicBool>,
}

impl Near {
    pub fn new(bug: Bug) -> Arc<Self> {
        let sims = ["cloud", "edge"].map(|target| (target.parse().unwrap(), sim(target)));
        Arc::new(Self { sims: sims.into(), bug, made: AtomicUsize::new(0) })
    }

    /// Serves one process until it is gone and every call of it that was begun has ended, or was dropped by `cut`.
    pub fn serve(
        self: &Arc<Self>,
        stream: UnixStream,
        cut: watch::Receiver<bool>,
    ) -> (Guest, tokio::task::JoinHandle<()>) {
        let (count, frames) = watch::channel(0);
        let guest = Guest { heard: Arc::default(), frames, in_flight: Arc::default(), is_cut_off: Arc::default() };
        let (near, host) = (Arc::clone(self), guest.clone());
        let task = tokio::spawn(async move {
            let (mut from, to) = stream.into_split();
            let to = Arc::new(Turn::new(to));
            let mut calls = JoinSet::new();
            while let Some(said) = read(&mut from).await {
                if let Some(asked) = host.hear(said) {
                    let (near, to, host) = (Arc::clone(&near), Arc::clone(&to), host.clone());
                    host.in_flight.fetch_add(1, Ordering::SeqCst);
                    let cut_off = host.is_cut_off.load(Ordering::SeqCst);
                    calls.spawn(async move {
                        near.answer(*asked, cut_off, &to).await;
                        host.in_flight.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                count.send_modify(|frames| *frames += 1);
            }
            if *cut.borrow() {
                // What had not reached its cluster never does.
                calls.abort_all();
            }
            while calls.join_next().await.is_some() {}
        });
        (guest, task)
    }

    async fn answer(&self, asked: Asked, cut_off: bool, to: &Turn<OwnedWriteHalf>) {
        let id = asked.id;
        let lost = || PortError::Unreachable { target: asked.target.to_string(), cause: "it was away too long".into() };
        let said = if cut_off { Err(lost()) } else { self.call(asked).await };
        let said = said.map_err(Wrong);
        let text = serde_json::to_vec(&Answer { id, said }).unwrap();
        let mut frame = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
        frame.extend(text);
        // Who asked may be dead.
        let _ = to.lock().await.write_all(&frame).await;
    }

    async fn call(&self, asked: Asked) -> Result<Option<Seen>, PortError> {
        let sim = &self.sims[&asked.target];
        let head = asked.head;
        let call = Call {
            operation: head.operation,
            seq: head.seq,
            owner: head.owner,
            adopted: head.adopted.map(Arc::new),
            epoch: head.epoch,
            deadline: Duration::from_millis(head.deadline_ms),
            safe: Arc::new(Given(asked.secrets)),
        };
        let seen = asked.seen.as_ref();
        match (asked.verb, &asked.resource) {
            (Verb::Observe, _) => sim.observe(&call, &asked.at).await,
            (Verb::Apply, Some(want)) => self.apply(sim, &call, (want, seen)).await.map(Some),
            (Verb::Remove, Some(what)) => sim.remove(&call, what, seen).await.map(|()| None),
            (Verb::Own, Some(Resource::Object(object))) => sim.own(&call, object).await.map(|()| None),
            (Verb::Disown, Some(Resource::Object(object))) => sim.disown(&call, object).await.map(|()| None),
            (verb, resource) => panic!("{verb:?} of {resource:?}"),
        }
    }

    async fn apply(&self, sim: &Sim, call: &Call, (want, seen): (&Resource, Option<&Seen>)) -> Result<Seen, PortError> {
        let done = sim.apply(call, want, seen).await?;
        let nth = self.made.fetch_add(usize::from(seen.is_none()), Ordering::Relaxed);
        if self.bug == Bug::Twice && seen.is_none() && nth % 20 == 19 {
            sim.vanish(want.id());
            return sim.apply(call, want, None).await;
        }
        Ok(done)
    }
}

impl Guest {
    pub fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::SeqCst);
    }

    /// Waits until something was heard; false: it was not, until then.
    pub async fn until(&mut self, deadline: Instant, is: impl Fn(&Heard) -> bool) -> bool {
        loop {
            if is(&self.heard.lock().unwrap()) {
                return true;
            }
            // The end of its words is no reason to wait longer.
            if !matches!(timeout_at(deadline, self.frames.changed()).await, Ok(Ok(()))) {
                return is(&self.heard.lock().unwrap());
            }
        }
    }

    /// A call is handed back; everything else is noted.
    fn hear(&self, said: Said) -> Option<Box<Asked>> {
        let mut heard = self.heard.lock().unwrap();
        match said {
            Said::Ready => heard.ready = true,
            Said::Settled => heard.settled = true,
            Said::Fault(words) => heard.faults.push(Fault(words)),
            Said::Acknowledged(acknowledged) => {
                for put in acknowledged.puts.iter().filter(|put| put.key.kind == Kind::Change) {
                    heard.intents.insert(put.key.id.clone(), put.state);
                }
                heard.acknowledged.push(acknowledged);
            }
            Said::Asked(asked) => {
                let change = format!("{}/{:05}", asked.head.operation, asked.head.seq);
                let changes = !matches!(asked.verb, Verb::Observe);
                let intent = heard.intents.get(&change).copied().flatten();
                if changes && !matches!(intent, Some(ChangeState::Doing | ChangeState::Undoing)) {
                    let words = format!("{:?} of {}: no intent was acknowledged before it", asked.verb, asked.at);
                    heard.faults.push(Fault(words));
                }
                return Some(asked);
            }
        }
        None
    }
}

async fn read(from: &mut (impl AsyncReadExt + Unpin)) -> Option<Said> {
    let length = from.read_u32_le().await.ok()?;
    let mut text = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut text).await.ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}
