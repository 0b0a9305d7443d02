//! Writes down what happens, once and in its order, for tenants that somebody has subscribed in. Where it stands is written
//! in the same transaction: after a death it goes on there, and nothing is told twice or never.

use super::notice::{self, Notice};
use super::subscription::Subscription;
use super::telling::{failed_onboarding, gone, identifier, note_of, occurrence, onboarded, state_changed};
use crate::ops::{OperationDoc, codec};
use crate::store::{Clock, Event, Key, Kind, Object, Op, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::package::Package;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events per transaction.
const BATCH: usize = 200;
/// Notices that a tenant keeps for those who have not taken them.
const KEPT: usize = 100_000;
/// So many revisions are passed over before that is written down.
const FAR: u64 = 5_000;
/// Before a store that cannot be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

pub struct Scribe {
    store: Arc<dyn Store>,
    clock: Clock,
    /// What was looked at already, and written down as far as there was anything to write.
    seen: Revision,
    /// Notices since it was last looked for old ones.
    written: usize,
    /// Who listens, as of the newest change of a subscription that was looked at.
    tenants: BTreeMap<String, Listened>,
    first: Revision,
    looked: Option<Revision>,
}

fn cursor_key() -> Key {
    Key::installation(Kind::Meta, "notices/cursor")
}

/// What was told of a thing last.
fn noted_key(tenant: &str, kind: Kind, id: &str) -> Key {
    Key::new(Kind::Meta, tenant, format!("noted/{kind}/{id}"))
}

/// What is gathered for one transaction.
#[derive(Default)]
struct Gathered {
    notices: Vec<(Key, Value)>,
    /// What is noted of each thing before this transaction, and after it.
    noted: BTreeMap<Key, (Option<Value>, Option<Value>)>,
}

impl Gathered {
    /// Each thing is written once, however often it changed.
    fn txn(self) -> Txn {
        let txn = self.notices.into_iter().fold(Txn::new(), |txn, (key, notice)| txn.put(key, notice));
        self.noted.into_iter().fold(txn, |txn, (key, (before, after))| match after {
            Some(note) if before.as_ref() != Some(&note) => txn.put(key, note),
            None if before.is_some() => txn.delete(key),
            Some(_) | None => txn,
        })
    }
}

impl Scribe {
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            seen: Revision::default(),
            written: 0,
            tenants: BTreeMap::new(),
            first: Revision::default(),
            looked: None,
        }
    }

    pub async fn run(mut self, stop: CancellationToken) {
        let mut changed = self.store.changed();
        loop {
            changed.borrow_and_update();
            match self.caught_up().await {
                Ok(()) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        changed = changed.changed() => if changed.is_err() { return },
                    }
                }
                Err(StoreError::Fenced) => return,
                Err(error) => {
                    tracing::warn!(%error, "what happened could not be written down for subscribers; tried again");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(AGAIN) => {}
                    }
                }
            }
        }
    }

    /// Until there is nothing new.
    async fn caught_up(&mut self) -> Result<(), StoreError> {
        loop {
            // Whoever subscribes after this moment is told of nothing up to it.
            let newest = *self.store.changed().borrow();
            self.look().await?;
            if self.tenants.is_empty() {
                return Ok(());
            }
            let (tenants, first) = (self.tenants.clone(), self.first);
            let found = self.store.get(&cursor_key()).await?;
            let written =
                found.as_ref().and_then(|object| object.doc["revision"].as_u64()).map_or(Revision(0), Revision);
            // What happened before anybody had subscribed is told nobody.
            let from = self.seen.max(written).max(first);
            let mut events = match self.store.events(from, BATCH).await {
                Ok(events) => events,
                Err(StoreError::Gone { oldest }) => {
                    tracing::warn!(
                        "changes before revision {oldest} are not kept any more: subscribers are not told of them"
                    );
                    self.seen = newest;
                    continue;
                }
                Err(error) => return Err(error),
            };

            events.retain(|event| event.rev <= newest);
            events.sort_by_key(|event| (event.rev, rank(event)));
            let Some(last) = events.last().map(|event| event.rev) else { return Ok(()) };
            let mut gathered = Gathered::default();
            for event in &events {
                if let Some(of) = tenants.get(&event.key.tenant) {
                    self.note((event, of.since), &mut gathered).await?;
                }
            }
            let (count, txn) = (gathered.notices.len(), gathered.txn());
            // What only this and its readers wrote is passed over, and written down with something else, or when it is much.
            if txn != Txn::new() || last.0 > written.0 + FAR {
                let txn = match found {
                    Some(object) => txn.at(cursor_key(), object.rev),
                    None => txn.absent(cursor_key()),
                };
                self.store.commit(txn.put(cursor_key(), json!({"revision": last.0}))).await?;
                self.written += count;
                if self.written >= BATCH {
                    self.written = 0;
                    for tenant in tenants.keys() {
                        self.drop_old(tenant).await?;
                    }
                }
            }
            self.seen = last;
        }
    }

    /// Where somebody has subscribed, and from which revision on anybody is told anything: read again where that changed, since
    /// every write of anybody's leads here.
    async fn look(&mut self) -> Result<(), StoreError> {
        let newest = self.store.newest_of(Kind::Subscription);
        if newest.is_some() && newest == self.looked {
            return Ok(());
        }
        let mut tenants: BTreeMap<String, Listened> = BTreeMap::new();
        let mut first = Revision(u64::MAX);
        for object in codec::all(&self.store, Query::all(Kind::Subscription)).await? {
            let Ok(of) = object.read::<Subscription>() else { continue };
            first = first.min(Revision(of.from));
            let since = Listened { since: of.created, from: Revision(of.from) };
            let known = tenants.entry(object.key.tenant).or_insert(since);
            *known = Listened { since: of.created.min(known.since), from: Revision(of.from).min(known.from) };
        }
        for (tenant, of) in &tenants {
            self.seeded(tenant, of.from).await?;
        }
        (self.tenants, self.first, self.looked) = (tenants, first, newest);
        Ok(())
    }

    /// What there was before anybody had subscribed is noted once, so that its end, or another state of it, is told as that.
    /// What changed since then is not: its own event tells of it.
    async fn seeded(&self, tenant: &str, from: Revision) -> Result<(), StoreError> {
        let mark = notice::seeded_key(tenant);
        if self.store.get(&mark).await?.is_some() {
            return Ok(());
        }
        let stale = codec::all(&self.store, Query::of(Kind::Meta, tenant).prefix("noted/")).await?;
        let mut keys: BTreeMap<Key, Option<Value>> = stale.into_iter().map(|object| (object.key, None)).collect();
        for kind in [Kind::Package, Kind::Awaited, Kind::Service, Kind::Slice] {
            for object in codec::all(&self.store, Query::of(kind, tenant)).await? {
                let note = note_of(kind, &object.doc).filter(|_| object.rev <= from);
                keys.insert(noted_key(tenant, kind, &object.key.id), note);
            }
        }
        let mut rest: Vec<(Key, Option<Value>)> = keys.into_iter().collect();
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(BATCH));
            let txn = rest.into_iter().fold(Txn::new(), |txn, (key, note)| match note {
                Some(note) => txn.put(key, note),
                None => txn.delete(key),
            });
            self.store.commit(txn).await?;
            rest = later;
        }
        self.store.commit(Txn::new().put(mark, json!({}))).await.map(|_| ())
    }

    /// What all have taken; and of the rest what is more than is kept.
    async fn drop_old(&self, tenant: &str) -> Result<(), StoreError> {
        let mut taken: Option<String> = None;
        for object in codec::all(&self.store, Query::of(Kind::Meta, tenant).prefix("delivery/")).await? {
            let position = object.doc["position"].as_str().unwrap_or_default().to_owned();
            taken = Some(taken.map_or(position.clone(), |known| known.min(position)));
        }
        let all = self.store.list(&Query::of(Kind::Notice, tenant).limit(KEPT + BATCH)).await?;
        let more = all.len().saturating_sub(KEPT);
        let is_old = |(at, object): &(usize, Object)| *at < more || Some(&object.key.id) <= taken.as_ref();
        let old: Vec<Key> = all.into_iter().enumerate().take_while(is_old).map(|(_, object)| object.key).collect();
        let dropped = more.checked_sub(1).map(|at| old[at].id.clone());
        let txn = old.into_iter().fold(Txn::new(), Txn::delete);
        let txn = match dropped {
            Some(id) => txn.put(notice::dropped_key(tenant), json!({"id": id})),
            None => txn,
        };
        self.store.commit(txn).await.map(|_| ())
    }

    async fn noted(&self, key: &Key, gathered: &Gathered) -> Result<Option<Value>, StoreError> {
        match gathered.noted.get(key) {
            Some((_, known)) => Ok(known.clone()),
            None => Ok(self.store.get(key).await?.map(|object| object.doc)),
        }
    }

    async fn note(&self, (event, since): (&Event, Timestamp), gathered: &mut Gathered) -> Result<(), StoreError> {
        let key = noted_key(&event.key.tenant, event.key.kind, &event.key.id);
        let told = match event.key.kind {
            Kind::Operation | Kind::Package | Kind::Awaited | Kind::Service | Kind::Slice => {
                self.noted(&key, gathered).await?
            }
            _ => return Ok(()),
        };
        let at = Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let (notice, note) = match (event.op, &event.doc) {
            (Op::Put, Some(doc)) => self.put((event, since), (doc, told.as_ref(), at), gathered).await?,
            (Op::Delete, _) | (Op::Put, None) => (self.deleted(event, (told.as_ref(), at), gathered).await?, None),
        };
        if let Some(notice) = notice {
            let key = notice::key(&event.key.tenant, (event.rev, gathered.notices.len()));
            gathered.notices.push((key, codec::json(&notice)?));
        }
        let before = gathered.noted.get(&key).map_or(told, |(before, _)| before.clone());
        gathered.noted.insert(key, (before, note));
        Ok(())
    }

    /// What is told of a thing that was written, and what is noted of it.
    async fn put(
        &self,
        (event, since): (&Event, Timestamp),
        (doc, told, at): (&Value, Option<&Value>, Timestamp),
        gathered: &Gathered,
    ) -> Result<(Option<Notice>, Option<Value>), StoreError> {
        Ok(match event.key.kind {
            Kind::Operation => {
                let Ok(doc) = serde_json::from_value::<OperationDoc>(doc.clone()) else {
                    return Ok((None, told.cloned()));
                };
                let state = json!({"state": doc.operation.state, "entered": doc.operation.entered});
                let is_older = doc.operation.entered.unwrap_or(doc.operation.created) < since;
                let new = doc.lcm().is_some() && told != Some(&state) && !is_older;
                let facets = self.facets_of(&doc).await?;
                (new.then(|| occurrence(&doc, facets)), Some(state))
            }
            Kind::Package => {
                let Ok(package) = serde_json::from_value::<Package>(doc.clone()) else {
                    return Ok((None, told.cloned()));
                };
                let Some(note) = note_of(Kind::Package, doc) else { return Ok((None, told.cloned())) };
                let notice = match told {
                    None if package.onboarded >= since => onboarded(&package, at),
                    None => state_changed(&package, at),
                    Some(told) if told["operational"] != note["operational"] => state_changed(&package, at),
                    Some(_) => None,
                };
                (notice, Some(note))
            }
            Kind::Awaited => {
                let note = note_of(Kind::Awaited, doc).unwrap_or_default();
                let failed = doc["failure"].as_array().is_some_and(|failure| !failure.is_empty());
                let new = failed && told.is_none_or(|told| told["failure"] != note["failure"]);
                (if new { failed_onboarding(&event.key.id, doc, at) } else { None }, Some(note))
            }
            Kind::Service | Kind::Slice => {
                let other = self.other(event, gathered).await?.is_some();
                let created = doc["created"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
                let is_older = match event.key.kind {
                    Kind::Service => created.is_some_and(|created| created < since),
                    _ => doc["phase"] != "Creating",
                };
                let note = note_of(event.key.kind, doc).unwrap_or_default();
                let new = told.is_none() && !other && !is_older;
                let nsd = self.nsd_of(&event.key.tenant, note["package"].as_str()).await?;
                let kind = "NsIdentifierCreationNotification";
                (new.then(|| identifier(kind, &event.key.id, (&note, nsd), at)), Some(note))
            }
            _ => (None, None),
        })
    }

    async fn deleted(
        &self,
        event: &Event,
        (told, at): (Option<&Value>, Timestamp),
        gathered: &Gathered,
    ) -> Result<Option<Notice>, StoreError> {
        Ok(match (event.key.kind, told) {
            (Kind::Package, Some(told)) => gone(&event.key.id, told, at),
            (Kind::Service | Kind::Slice, Some(told)) => {
                let other = self.other(event, gathered).await?.is_some();
                let nsd = self.nsd_of(&event.key.tenant, told["package"].as_str()).await?;
                (!other).then(|| identifier("NsIdentifierDeletionNotification", &event.key.id, (told, nsd), at))
            }
            _ => None,
        })
    }

    /// A service is one NS with its slice: what was noted of the other, which is how it stood at the event.
    async fn other(&self, event: &Event, gathered: &Gathered) -> Result<Option<Value>, StoreError> {
        let kind = if event.key.kind == Kind::Service { Kind::Slice } else { Kind::Service };
        self.noted(&noted_key(&event.key.tenant, kind, &event.key.id), gathered).await
    }

    async fn nsd_of(&self, tenant: &str, package: Option<&str>) -> Result<String, StoreError> {
        let Some(package) = package else { return Ok(String::new()) };
        let found = self.store.get(&Key::new(Kind::Package, tenant, package)).await?;
        Ok(found.and_then(|object| object.doc["descriptor"]["id"].as_str().map(str::to_owned)).unwrap_or_default())
    }

    /// Of which NS an operation is, as filters name it.
    async fn facets_of(&self, doc: &OperationDoc) -> Result<Value, StoreError> {
        let (tenant, name) = (doc.operation.tenant.as_str(), doc.operation.subject.as_str());
        let service = doc.after.iter().chain(&doc.before).find_map(|slice| slice.spec.service.as_ref());
        let nsd = self.nsd_of(tenant, service.map(|service| service.package.as_str())).await?;
        let record = self.store.get(&Key::new(Kind::Service, tenant, name)).await?;
        let title = record.and_then(|object| object.doc["title"].as_str().map(str::to_owned));
        let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| name.to_owned());
        Ok(json!({"nsInstanceIds": name, "nsInstanceNames": title, "nsdIds": nsd}))
    }
}

/// Where somebody listens: since when, and from which revision on.
#[derive(Clone, Copy)]
struct Listened {
    since: Timestamp,
    from: Revision,
}

/// Of one moment: an NS comes before what is done to it, and goes after.
fn rank(event: &Event) -> u8 {
    match (event.key.kind, event.op) {
        (Kind::Service | Kind::Slice, Op::Put) => 0,
        (Kind::Service | Kind::Slice, Op::Delete) => 2,
        _ => 1,
    }
}
