//! Who may write on a cluster: one server, by a Lease with its instance and epoch (ENGINE.md 13; two control planes on one
//! cluster undo each other's work). A second server reads, refuses to write, and says who owns it.
//!
//! A hold is believed for [`Holder::good_for`], then read again before the next write. Who takes a cluster over writes nothing for
//! as long, so that the former owner has read that it lost it. It must never take a cluster over by itself, however old
//! the other's sign of life is.

use super::Kubernetes;
use crate::port::{Call, PortError};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use models::cluster::Ownership;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const NAME: &str = "sliceway";
/// Tries, each after somebody else wrote it in between.
const TRIES: u32 = 4;
const EPOCH: &str = "sliceway.io/epoch";
const SERVER: &str = "sliceway.io/server";
const BEFORE: &str = "sliceway.io/taken-from";

/// This installation, as clusters know it.
#[derive(Clone)]
pub struct Holder {
    /// Drawn once, and kept in the store.
    pub instance: String,
    /// Where it runs, for people.
    pub server: String,
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How long a hold is believed without being read; the same for all servers that may meet on a cluster.
    pub good_for: Duration,
}

pub(super) struct Hold {
    holder: Holder,
    /// Until when, and for which epoch, it was read.
    good: Mutex<Option<(Instant, u64)>>,
}

impl Hold {
    pub(super) fn new(holder: Holder) -> Self {
        Self { holder, good: Mutex::new(None) }
    }
}

/// What stands in the Lease.
struct Read {
    live: Value,
    epoch: u64,
    ownership: Ownership,
}

impl Kubernetes {
    /// The cluster is this server's for the next write, or it is refused.
    pub(super) async fn hold(&self, call: &Call) -> Result<(), PortError> {
        let Some(hold) = &self.hold else { return Ok(()) };
        let mut good = hold.good.lock().await;
        if good.is_some_and(|(until, epoch)| Instant::now() < until && epoch == call.epoch) {
            return Ok(());
        }
        *good = None;
        let asked = Instant::now();
        self.claim(&hold.holder, call.epoch).await?;
        *good = Some((asked + hold.holder.good_for, call.epoch));
        Ok(())
    }

    async fn claim(&self, holder: &Holder, epoch: u64) -> Result<(), PortError> {
        for _ in 0..TRIES {
            let tried = match self.lease(holder).await {
                // Nobody may write it down here: then nobody is kept out, either; the doctor says so.
                Err(PortError::Forbidden { .. }) => return Ok(()),
                Err(error) => return Err(error),
                Ok(None) => self.put(Method::POST, &lease(holder, (epoch, 0), None)).await,
                Ok(Some(read)) => {
                    self.may_hold(&read, (holder, epoch))?;
                    self.put(Method::PUT, &renewed(read.live, (holder, epoch))).await
                }
            };
            match tried {
                Err(PortError::Stale { .. }) => {}
                Err(PortError::Forbidden { .. }) => return Ok(()),
                done => return done,
            }
        }
        Err(self.wire.busy("its Lease in kube-system is written by others all the time".into(), None))
    }

    fn may_hold(&self, read: &Read, (holder, epoch): (&Holder, u64)) -> Result<(), PortError> {
        let Ownership { instance, server, seen, since, ours } = &read.ownership;
        let owned = |owner: String| PortError::Owned { target: self.wire.target().to_owned(), owner };
        if !ours {
            let seen = seen.map(|at| format!(", seen last at {at}")).unwrap_or_default();
            return Err(owned(format!("the Sliceway server {instance} at {server}{seen}")));
        }
        if read.epoch > epoch {
            return Err(owned(format!("a newer process of this server (epoch {}, this is {epoch})", read.epoch)));
        }
        let taken = read.live.pointer("/metadata/annotations").is_some_and(|all| all.get(BEFORE).is_some());
        let since = since.filter(|_| taken).map(|at| (holder.now)().duration_since(at));
        let wait = SignedDuration::try_from(holder.good_for).unwrap_or(SignedDuration::ZERO);
        match since.filter(|since| *since >= SignedDuration::ZERO && *since < wait) {
            Some(since) => {
                let left = u64::try_from((wait - since).as_secs()).unwrap_or(0) + 1;
                Err(self
                    .wire
                    .busy("it was taken over a moment ago: its former owner has to learn of it".into(), Some(left)))
            }
            None => Ok(()),
        }
    }

    pub(super) async fn ownership(&self) -> Result<Option<Ownership>, PortError> {
        let Some(hold) = &self.hold else { return Ok(None) };
        Ok(self.lease(&hold.holder).await?.map(|read| read.ownership))
    }

    /// Whoever owned it refuses to write from its next look on. Says who that was.
    pub(super) async fn take(&self, epoch: u64) -> Result<Option<Ownership>, PortError> {
        let Some(Hold { holder, good }) = &self.hold else { return Ok(None) };
        *good.lock().await = None;
        for _ in 0..TRIES {
            let before = self.lease(holder).await?;
            let tried = match &before {
                None => self.put(Method::POST, &lease(holder, (epoch, 0), None)).await,
                Some(read) if read.ownership.ours => {
                    self.put(Method::PUT, &renewed(read.live.clone(), (holder, epoch))).await
                }
                Some(read) => {
                    self.put(Method::PUT, &lease(holder, (epoch, transitions(&read.live) + 1), Some(read))).await
                }
            };
            match tried {
                Err(PortError::Stale { .. }) => {}
                done => return done.map(|()| before.map(|read| read.ownership)),
            }
        }
        Err(self.wire.busy("its Lease in kube-system is written by others all the time".into(), None))
    }

    /// This server has nothing to do with the cluster any more. Another's Lease stays.
    pub(super) async fn let_it_go(&self) -> Result<(), PortError> {
        let Some(Hold { holder, good }) = &self.hold else { return Ok(()) };
        *good.lock().await = None;
        let Some(read) = self.lease(holder).await?.filter(|read| read.ownership.ours) else { return Ok(()) };
        let (uid, version) = (read.live.pointer("/metadata/uid"), read.live.pointer("/metadata/resourceVersion"));
        let options = json!({"preconditions": {"uid": uid, "resourceVersion": version}});
        let answer = self.wire.delete(&format!("{LEASES}/{NAME}"), &options).await?;
        if answer.is_absent() { Ok(()) } else { self.wire.ok(answer, &self.wire.itself(LEASES)).map(drop) }
    }

    async fn lease(&self, holder: &Holder) -> Result<Option<Read>, PortError> {
        let answer = self.wire.get(&format!("{LEASES}/{NAME}")).await?;
        if answer.is_absent() {
            return Ok(None);
        }
        let live = self.wire.ok(answer, &self.wire.itself(LEASES))?;
        let word = |pointer: &str| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let note = |key: &str| live.pointer("/metadata/annotations")?.get(key)?.as_str().map(str::to_owned);
        let time = |pointer: &str| word(pointer).parse::<Timestamp>().ok();
        let instance = word("/spec/holderIdentity");
        let ownership = Ownership {
            ours: instance == holder.instance,
            instance,
            server: note(SERVER).unwrap_or_default(),
            since: time("/spec/acquireTime"),
            seen: time("/spec/renewTime"),
        };
        let epoch = note(EPOCH).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Some(Read { live, epoch, ownership }))
    }

    async fn put(&self, method: Method, lease: &Value) -> Result<(), PortError> {
        let answer = match method {
            Method::POST => self.wire.post(LEASES, lease).await?,
            _ => self.wire.put(&format!("{LEASES}/{NAME}"), lease).await?,
        };
        self.wire.ok(answer, &self.wire.itself(LEASES)).map(drop)
    }
}

fn transitions(live: &Value) -> u64 {
    live.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or(0)
}

/// A new hold; based on what it takes the cluster from, where somebody had it.
fn lease(holder: &Holder, (epoch, transitions): (u64, u64), from: Option<&Read>) -> Value {
    let now = micro((holder.now)());
    let mut notes = json!({EPOCH: epoch.to_string(), SERVER: holder.server});
    if let Some(read) = from {
        notes[BEFORE] = json!(format!("{} at {}", read.ownership.instance, read.ownership.server));
    }
    let version = from.and_then(|read| read.live.pointer("/metadata/resourceVersion"));
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "kube-system", "annotations": notes, "resourceVersion": version},
        "spec": {
            "holderIdentity": holder.instance, "leaseDurationSeconds": holder.good_for.as_secs().max(1),
            "acquireTime": now, "renewTime": now, "leaseTransitions": transitions,
        },
    })
}

fn renewed(mut live: Value, (holder, epoch): (&Holder, u64)) -> Value {
    live["metadata"]["annotations"][EPOCH] = json!(epoch.to_string());
    live["metadata"]["annotations"][SERVER] = json!(holder.server);
    live["spec"]["renewTime"] = json!(micro((holder.now)()));
    live
}

/// Kubernetes' MicroTime: RFC 3339 with six digits.
fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
