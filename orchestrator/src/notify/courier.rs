//! Gives notices to subscribers: to each in their order, the next when the last was taken. One that takes nothing is tried
//! again, at longer and longer times, and holds up nobody else.

use super::callback::{Callbacks, Unreachable};
use super::notice::{Notice, dropped_key, fits};
use super::subscription::{Delivery, Subscription, SubscriptionError, Subscriptions, delivery_key};
use crate::ops::codec;
use crate::store::{Key, Kind, Object, Query, StoreError, Txn};
use adapters::Sealed;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Notices that are read at one time.
const BATCH: usize = 50;
/// So many that are not for it are passed over before that is written down.
const FAR: usize = 1_000;
/// What is on its way when the server ends gets this long.
const GRACE: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// How far it is, and who it says that it is.
type Known = (Delivery, Vec<(String, Sealed)>);

async fn ending(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

pub struct Couriers {
    subscriptions: Subscriptions,
    callbacks: Callbacks,
    /// What links begin with: `https://nfvo.example.com`; empty: paths.
    public: String,
}

struct Courier {
    subscriptions: Subscriptions,
    callbacks: Callbacks,
    public: String,
    of: Subscription,
}

impl Couriers {
    pub fn new(subscriptions: Subscriptions, callbacks: Callbacks, public: String) -> Self {
        Self { subscriptions, callbacks, public }
    }

    /// One for each subscription, as long as it is there.
    pub async fn run(self, stop: CancellationToken) {
        let mut changed = self.subscriptions.store.changed();
        let mut running: HashMap<Key, (CancellationToken, AbortHandle)> = HashMap::new();
        let mut tasks = JoinSet::new();
        let mut seen = None;
        loop {
            changed.borrow_and_update();
            let newest = self.subscriptions.store.newest_of(Kind::Subscription);
            let ended = running.values().any(|(_, task)| task.is_finished());
            if newest.is_none() || newest != seen || ended {
                match codec::all(&self.subscriptions.store, Query::all(Kind::Subscription)).await {
                    Ok(all) => {
                        self.keep(all, &mut running, (&mut tasks, &stop));
                        seen = newest;
                    }
                    Err(error) => tracing::warn!(%error, "subscriptions could not be read; tried again"),
                }
            }
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changed.changed() => if changed.is_err() { break },
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    fn keep(
        &self,
        all: Vec<Object>,
        running: &mut HashMap<Key, (CancellationToken, AbortHandle)>,
        (tasks, stop): (&mut JoinSet<()>, &CancellationToken),
    ) {
        running.retain(|key, (token, task)| {
            let there = all.iter().any(|object| object.key == *key);
            if !there {
                token.cancel();
            }
            // One that ended by itself is begun again.
            there && !task.is_finished()
        });
        for object in all {
            if running.contains_key(&object.key) {
                continue;
            }
            let of = match object.read::<Subscription>() {
                Ok(of) => of,
                Err(error) => {
                    tracing::warn!(%error, "a subscription is told nothing");
                    continue;
                }
            };
            let token = stop.child_token();
            let courier = Courier {
                subscriptions: self.subscriptions.clone(),
                callbacks: self.callbacks.clone(),
                public: self.public.clone(),
                of,
            };
            let own = token.clone();
            let task = tasks.spawn(async move { courier.run(own).await });
            running.insert(object.key, (token, task));
        }
    }
}

impl Courier {
    async fn run(self, stop: CancellationToken) {
        let mut changed = self.subscriptions.store.changed();
        let mut known = None;
        let mut seen = None;
        loop {
            changed.borrow_and_update();
            let newest = self.subscriptions.store.newest_of(Kind::Notice);
            if newest.is_some() && newest == seen {
                // Something else was written.
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = changed.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                }
            }
            let rest = match self.given(&stop, &mut known).await {
                Ok(rest) => {
                    // What came since is looked for again.
                    seen = newest.filter(|_| rest.is_none());
                    rest
                }
                Err(SubscriptionError::Store(StoreError::Fenced)) => return,
                Err(error) => {
                    tracing::warn!(%error, subscription.id = %self.of.id, "could not be told; tried again");
                    Some(SHORTEST)
                }
            };
            let waits = async {
                match rest {
                    Some(rest) => tokio::time::sleep(rest).await,
                    None => drop(changed.changed().await),
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = waits => {}
            }
        }
    }

    /// Everything that there is for it; how long to wait where it did not take something. `known` is how far it is, and who it
    /// says that it is: read once.
    async fn given(
        &self,
        stop: &CancellationToken,
        known: &mut Option<Known>,
    ) -> Result<Option<Duration>, SubscriptionError> {
        let tenant = &self.of.tenant;
        if known.is_none() {
            let delivery = self.subscriptions.delivery(tenant, &self.of.id).await?;
            *known = Some((delivery, self.subscriptions.secrets(tenant, &self.of.id).await?));
        }
        let Some((delivery, secrets)) = known else { return Ok(None) };
        self.past_what_was_dropped(delivery).await?;
        let mut passed = 0;
        loop {
            let after = Key::new(Kind::Notice, tenant.as_str(), delivery.position.as_str());
            let query = Query::of(Kind::Notice, tenant.as_str()).after(&after).limit(BATCH);
            let objects = self.subscriptions.store.list(&query).await?;
            let Some(last) = objects.last().map(|object| object.key.id.clone()) else { return Ok(None) };
            for object in objects {
                if stop.is_cancelled() {
                    return Ok(None);
                }
                let taken = tokio::select! {
                    taken = self.taken(&object, secrets) => taken,
                    // What is on its way gets a moment; then it is given again by the next process.
                    () = ending(stop) => return Ok(None),
                };
                match taken {
                    Some(Err(why)) => {
                        let rest = self.failed(delivery, why);
                        self.keep(delivery).await?;
                        return Ok(Some(rest));
                    }
                    Some(Ok(())) => {
                        *delivery = self.delivered(delivery, object.key.id);
                        self.keep(delivery).await?;
                    }
                    None => delivery.position = object.key.id,
                }
            }
            passed += BATCH;
            // What was not for it is passed over again after a death, but not for ever.
            if passed >= FAR {
                self.keep(delivery).await?;
                passed = 0;
            }
            if delivery.position != last {
                return Ok(None);
            }
        }
    }

    async fn past_what_was_dropped(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        let found = self.subscriptions.store.get(&dropped_key(self.of.tenant.as_str())).await?;
        let dropped = found.as_ref().and_then(|object| object.doc["id"].as_str());
        if let Some(id) = dropped.filter(|id| *id > delivery.position.as_str()) {
            tracing::warn!(subscription.id = %self.of.id, "notices were dropped before it took them");
            *delivery = Delivery { position: id.to_owned(), lost: true, ..delivery.clone() };
        }
        Ok(())
    }

    /// `None`: it is not for it.
    async fn taken(&self, object: &Object, secrets: &[(String, Sealed)]) -> Option<Result<(), Unreachable>> {
        match object.read::<Notice>() {
            Ok(notice) if self.wants(&notice) => Some(self.told(&notice, (&object.key.id, secrets)).await),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "a notice cannot be read, and is passed over");
                None
            }
        }
    }

    fn delivered(&self, before: &Delivery, position: String) -> Delivery {
        Delivery {
            position,
            delivered: before.delivered + 1,
            failed: 0,
            error: None,
            failing_since: None,
            last_delivery: Some(self.subscriptions.now()),
            ..before.clone()
        }
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.interface == self.of.interface && fits(&self.of.filter, &json!(notice.facets))
    }

    async fn told(&self, notice: &Notice, (id, secrets): (&str, &[(String, Sealed)])) -> Result<(), Unreachable> {
        self.callbacks.tell((&self.of, secrets), &self.body(notice, id)).await
    }

    /// With what only this subscriber knows.
    fn body(&self, notice: &Notice, id: &str) -> Value {
        let root = format!("{}/{}/v{}", self.public, self.of.interface, self.of.major);
        let link = |path: &str| json!({"href": format!("{root}/{path}")});
        let mut links = json!({"subscription": link(&format!("subscriptions/{}", self.of.id))});
        for (name, path) in &notice.links {
            links[name] = link(path);
        }
        let mut body = json!({
            "id": id,
            "notificationType": notice.kind,
            "subscriptionId": self.of.id,
            "timeStamp": notice.at,
        });
        if let Some(map) = body.as_object_mut() {
            map.extend(notice.body.clone());
        }
        body["_links"] = links;
        body
    }

    fn failed(&self, delivery: &mut Delivery, why: Unreachable) -> Duration {
        if delivery.failed == 0 {
            tracing::warn!(subscription.id = %self.of.id, cause = %why, "a subscriber is not told; tried again");
        }
        delivery.failed = delivery.failed.saturating_add(1);
        delivery.error = Some(why.to_string());
        delivery.failing_since.get_or_insert(self.subscriptions.now());
        let rest = SHORTEST.saturating_mul(1 << delivery.failed.saturating_sub(1).min(9)).min(LONGEST);
        // Not all at one moment: by an eighth, which its id says.
        let part = self.of.id.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 128;
        rest + rest.mul_f64(f64::from(part) / 1024.0)
    }

    async fn keep(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let own = Key::new(Kind::Subscription, self.of.tenant.as_str(), self.of.id.as_str());
        let txn = Txn::new().exists(own).put(delivery_key(&self.of.tenant, &self.of.id), codec::json(delivery)?);
        match self.subscriptions.store.commit(txn).await {
            // It was deleted meanwhile.
            Err(StoreError::Conflict { .. }) => Ok(()),
            kept => kept.map(|_| ()),
        }
    }
}
