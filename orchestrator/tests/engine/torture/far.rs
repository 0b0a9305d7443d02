//! The process's side of the socket: ports whose clusters are in another process, and a store that tells what it
//! acknowledged.

use super::round::Bug;
use super::wire::{self, Acknowledged, Answer, Asked, Head, Said, Verb};
use adapters::{Call, Port, PortError};
use async_trait::async_trait;
use models::resource::{Object, Part, Resource, ResourceId, Seen};
use models::{ChangeState, Name};
use orchestrator::store::{self, Event, Key, Kind, Precondition, Query, Revision, Store, StoreError, Txn};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};

/// What is said keeps its order: an acknowledgement is on its way before the call that rests on it.
pub struct Line {
    out: Mutex<UnixStream>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next: AtomicU64,
}

impl Line {
    pub fn connect(socket: &Path) -> Arc<Self> {
        let stream = UnixStream::connect(socket).unwrap();
        let mut answers = stream.try_clone().unwrap();
        let line = Arc::new(Self { out: Mutex::new(stream), waiting: Mutex::default(), next: AtomicU64::new(1) });
        let reader = Arc::clone(&line);
        std::thread::spawn(move || {
            while let Some(answer) = wire::read::<Answer>(&mut answers) {
                let waiting = reader.waiting.lock().unwrap().remove(&answer.id);
                // Who asked may have been cancelled.
                let _ = waiting.map(|waiting| waiting.send(answer));
            }
            // Nobody answers any more: who waits is told by the end of their channel.
            reader.waiting.lock().unwrap().clear();
        });
        line
    }

    /// A world that is gone takes no words; what that means is the caller's business.
    pub fn say(&self, said: &Said) -> bool {
        wire::write(&mut *self.out.lock().unwrap(), said).is_ok()
    }

    async fn ask(&self, mut asked: Asked) -> Result<Option<Seen>, PortError> {
        let unreachable = || PortError::Unreachable { target: "the world".into(), cause: "it does not answer".into() };
        let (tell, answer) = oneshot::channel();
        asked.id = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap().insert(asked.id, tell);
        if !self.say(&Said::Asked(Box::new(asked))) {
            return Err(unreachable());
        }
        let answer = answer.await.map_err(|_| unreachable())?;
        answer.said.map_err(|wrong| wrong.0)
    }
}

pub struct Far {
    pub target: Name,
    pub line: Arc<Line>,
}

impl Far {
    async fn call(
        &self,
        call: &Call,
        verb: Verb,
        (resource, at, seen): (Option<&Resource>, &ResourceId, Option<&Seen>),
    ) -> Result<Option<Seen>, PortError> {
        let mut secrets = Vec::new();
        for part in resource.and_then(Resource::object).iter().flat_map(|o| &o.fills).flat_map(|fill| &fill.parts) {
            if let Part::Secret { secret, .. } = part
                && let Some(fields) = call.safe.read(secret).await?
            {
                let open = fields.into_iter().map(|(name, value)| (name, value.to_vec())).collect();
                secrets.push((secret.clone(), open));
            }
        }
        let (resource, seen) = (resource.cloned(), seen.cloned());
        let (target, at) = (self.target.clone(), at.clone());
        let asked = Asked { id: 0, target, verb, head: Head::from(call), resource, at, seen, secrets };
        let late = || PortError::TimedOut { target: self.target.to_string(), seconds: call.deadline.as_secs() };
        tokio::time::timeout(call.deadline, self.line.ask(asked)).await.unwrap_or_else(|_| Err(late()))
    }
}

#[async_trait]
impl Port for Far {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        self.call(call, Verb::Apply, (Some(want), want.id(), seen)).await.map(Option::unwrap_or_default)
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        self.call(call, Verb::Remove, (Some(what), what.id(), seen)).await.map(drop)
    }

    async fn disown(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let resource = Resource::Object(object.clone());
        self.call(call, Verb::Disown, (Some(&resource), &object.id, None)).await.map(drop)
    }

    async fn own(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let resource = Resource::Object(object.clone());
        self.call(call, Verb::Own, (Some(&resource), &object.id, None)).await.map(drop)
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        self.call(call, Verb::Observe, (None, id, None)).await
    }
}

/// A store that tells the world what its engine was told. The planted bugs of the store are here.
pub struct Told {
    pub inner: Arc<dyn Store>,
    pub line: Arc<Line>,
    pub epoch: AtomicU64,
    pub bug: Bug,
    pub commits: AtomicU64,
}

impl Told {
    /// What a planted bug keeps from the disk.
    fn is_forgotten(&self, txn: &Txn) -> bool {
        let nth = self.commits.fetch_add(1, Ordering::Relaxed);
        let doing = |(key, doc): &(Key, serde_json::Value)| wire::state(key, doc) == Some(ChangeState::Doing);
        match self.bug {
            Bug::NoIntent => txn.puts.iter().any(doing),
            Bug::Unwritten => nth % 40 == 39,
            Bug::None | Bug::Twice | Bug::Unfenced => false,
        }
    }
}

#[async_trait]
impl Store for Told {
    async fn get(&self, key: &Key) -> Result<Option<store::Object>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<store::Object>, StoreError> {
        self.inner.list(query).await
    }

    async fn commit(&self, mut txn: Txn) -> Result<Revision, StoreError> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        let fence = |when: &Precondition| matches!(when, Precondition::At(key, _) if key.kind == Kind::Meta && key.id == "epoch");
        if self.bug == Bug::Unfenced && epoch > 0 {
            txn.when.retain(|when| !fence(when));
        }
        let told = Acknowledged { epoch, ..Acknowledged::of(&txn) };
        let rev = match self.is_forgotten(&txn) {
            true => Revision(self.inner.changed().borrow().0 + 1),
            false => self.inner.commit(txn).await?,
        };
        if !told.puts.is_empty() || !told.deletes.is_empty() {
            self.line.say(&Said::Acknowledged(Acknowledged { rev: rev.0, ..told }));
        }
        Ok(rev)
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
