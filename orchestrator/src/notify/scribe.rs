//! Writes down what happens, once and in its order, for tenants that somebody has subscribed in. Where it stands is written
//! in the same transaction: after a death it goes on there, and nothing is told twice or never.

use super::notice::{self, Notice};
use super::subscription::Subscription;
use crate::ops::{OperationDoc, codec};
use crate::store::{Clock, Event, Key, Kind, Object, Op, Query, Revision, Store, StoreError, Txn};
use jiff::Timestamp;
use models::operation::LcmOperation;
use models::package::{DescriptorKind, Package};
use models::{OperationKind, OperationState};
use serde_json::{Map, Value, json};
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
}

fn cursor_key() -> Key {
    Key::installation(Kind::Meta, "notices/cursor")
}

/// What was told of a thing last.
fn noted_key(tenant: &str, kind: Kind, id: &str) -> Key {
    Key::new(Kind::Meta, tenant, format!("noted/{kind}/{id}"))
}

/// What is gathered for one transaction.
struct Gathered {
    txn: Txn,
    /// What this transaction will have noted.
    noted: BTreeMap<Key, Option<Value>>,
    count: usize,
}

impl Scribe {
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, seen: Revision::default() }
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
            let (tenants, first) = self.tenants().await?;
            if tenants.is_empty() {
                return Ok(());
            }
            let found = self.store.get(&cursor_key()).await?;
            let written =
                found.as_ref().and_then(|object| object.doc["revision"].as_u64()).map_or(Revision(0), Revision);
            // What happened before anybody had subscribed is told nobody.
            let from = self.seen.max(written).max(first);
            let newest = *self.store.changed().borrow();
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
            let Some(last) = events.last().map(|event| event.rev) else { return Ok(()) };
            events.sort_by_key(|event| (event.rev, rank(event)));
            let mut gathered = Gathered { txn: Txn::new(), noted: BTreeMap::new(), count: 0 };
            for event in &events {
                if let Some(since) = tenants.get(&event.key.tenant) {
                    self.note((event, *since), &mut gathered).await?;
                }
            }
            // What only this and its readers wrote is passed over, and written down with something else, or when it is much.
            if gathered.txn != Txn::new() || last.0 > written.0 + FAR {
                let txn = match found {
                    Some(object) => gathered.txn.at(cursor_key(), object.rev),
                    None => gathered.txn.absent(cursor_key()),
                };
                self.store.commit(txn.put(cursor_key(), json!({"revision": last.0}))).await?;
                for tenant in tenants.keys().filter(|_| gathered.count > 0) {
                    self.drop_old(tenant).await?;
                }
            }
            self.seen = last;
        }
    }

    /// Where somebody has subscribed, since when, and from which revision on.
    async fn tenants(&self) -> Result<(BTreeMap<String, Timestamp>, Revision), StoreError> {
        let mut tenants: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut first = Revision(u64::MAX);
        for object in codec::all(&self.store, Query::all(Kind::Subscription)).await? {
            let Ok(of) = object.read::<Subscription>() else { continue };
            first = first.min(Revision(of.from));
            let since = tenants.entry(object.key.tenant).or_insert(of.created);
            *since = of.created.min(*since);
        }
        Ok((tenants, first))
    }

    /// What nobody may take any more, where there are more than are kept.
    async fn drop_old(&self, tenant: &str) -> Result<(), StoreError> {
        let all = self.store.list(&Query::of(Kind::Notice, tenant).limit(KEPT + BATCH)).await?;
        let Some(old) = all.len().checked_sub(KEPT).filter(|old| *old >= BATCH) else { return Ok(()) };
        let last = all[old - 1].key.id.clone();
        let txn = all.into_iter().take(old).fold(Txn::new(), |txn, object: Object| txn.delete(object.key));
        self.store.commit(txn.put(notice::dropped_key(tenant), json!({"id": last}))).await.map(|_| ())
    }

    async fn noted(&self, key: &Key, gathered: &Gathered) -> Result<Option<Value>, StoreError> {
        match gathered.noted.get(key) {
            Some(known) => Ok(known.clone()),
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
            (Op::Put, Some(doc)) => self.put((event, since), (doc, told.as_ref(), at)).await?,
            (Op::Delete, _) | (Op::Put, None) => (self.deleted(event, (told.as_ref(), at)).await?, None),
        };
        if let Some(notice) = notice {
            let key = notice::key(&event.key.tenant, (event.rev, gathered.count));
            gathered.count += 1;
            gathered.txn = std::mem::take(&mut gathered.txn).put(key, codec::json(&notice)?);
        }
        let txn = std::mem::take(&mut gathered.txn);
        gathered.txn = match &note {
            Some(note) if told.as_ref() != Some(note) => txn.put(key.clone(), note.clone()),
            None if told.is_some() => txn.delete(key.clone()),
            Some(_) | None => txn,
        };
        gathered.noted.insert(key, note);
        Ok(())
    }

    /// What is told of a thing that was written, and what is noted of it.
    async fn put(
        &self,
        (event, since): (&Event, Timestamp),
        (doc, told, at): (&Value, Option<&Value>, Timestamp),
    ) -> Result<(Option<Notice>, Option<Value>), StoreError> {
        Ok(match event.key.kind {
            Kind::Operation => {
                let Ok(doc) = serde_json::from_value::<OperationDoc>(doc.clone()) else {
                    return Ok((None, told.cloned()));
                };
                let state = json!({"state": doc.operation.state, "entered": doc.operation.entered});
                let is_older = doc.operation.entered.unwrap_or(doc.operation.created) < since;
                let new = is_one(&doc) && told != Some(&state) && !is_older;
                let nsd = self.nsd_of(&doc).await?;
                (new.then(|| occurrence(&doc, &nsd)), Some(state))
            }
            Kind::Package => {
                let Ok(package) = serde_json::from_value::<Package>(doc.clone()) else {
                    return Ok((None, told.cloned()));
                };
                let note = json!({"kind": package.descriptor.kind, "id": package.descriptor.id, "operational": package.operational});
                let notice = match told {
                    None if package.onboarded >= since => onboarded(&package, at),
                    None => state_changed(&package, at),
                    Some(told) if told["operational"] != note["operational"] => state_changed(&package, at),
                    Some(_) => None,
                };
                (notice, Some(note))
            }
            Kind::Awaited => {
                let note = json!({"kind": doc["kind"], "failure": doc["failure"]});
                let failed = doc["failure"].as_array().is_some_and(|failure| !failure.is_empty());
                let new = failed && told.is_none_or(|told| told["failure"] != note["failure"]);
                (if new { failed_onboarding(&event.key.id, doc, at) } else { None }, Some(note))
            }
            Kind::Service | Kind::Slice => {
                let other = self.other(event).await?;
                let created = doc["created"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
                let is_older = match event.key.kind {
                    Kind::Service => created.is_some_and(|created| created < since),
                    _ => doc["phase"] != "Creating",
                };
                let note = json!({"there": true});
                let new = told.is_none() && !other && !is_older;
                (new.then(|| identifier("NsIdentifierCreationNotification", &event.key.id, at)), Some(note))
            }
            _ => (None, None),
        })
    }

    async fn deleted(
        &self,
        event: &Event,
        (told, at): (Option<&Value>, Timestamp),
    ) -> Result<Option<Notice>, StoreError> {
        Ok(match (event.key.kind, told) {
            (Kind::Package, Some(told)) => gone(&event.key.id, told, at),
            (Kind::Service | Kind::Slice, Some(_)) => {
                let other = self.other(event).await?;
                (!other).then(|| identifier("NsIdentifierDeletionNotification", &event.key.id, at))
            }
            _ => None,
        })
    }

    /// A service is one NS with its slice.
    async fn other(&self, event: &Event) -> Result<bool, StoreError> {
        let kind = if event.key.kind == Kind::Service { Kind::Slice } else { Kind::Service };
        let there = self.store.get(&Key::new(kind, event.key.tenant.as_str(), event.key.id.as_str())).await?;
        Ok(there.is_some())
    }

    async fn nsd_of(&self, doc: &OperationDoc) -> Result<String, StoreError> {
        let service = doc.after.iter().chain(&doc.before).find_map(|slice| slice.spec.service.as_ref());
        let Some(service) = service else { return Ok(String::new()) };
        let key = crate::ops::footing::package_key(&doc.operation.tenant, &service.package);
        let found = self.store.get(&key).await?;
        Ok(found.and_then(|object| object.doc["descriptor"]["id"].as_str().map(str::to_owned)).unwrap_or_default())
    }
}

/// Of one moment: an NS comes before what is done to it, and goes after.
fn rank(event: &Event) -> u8 {
    match (event.key.kind, event.op) {
        (Kind::Service | Kind::Slice, Op::Put) => 0,
        (Kind::Service | Kind::Slice, Op::Delete) => 2,
        _ => 1,
    }
}

fn is_one(doc: &OperationDoc) -> bool {
    !matches!(doc.operation.kind, OperationKind::TestSlice | OperationKind::RemoveOrphans)
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn notice(
    (interface, kind): (&str, &str),
    at: Timestamp,
    (body, facets): (Value, Value),
    links: &[(&str, String)],
) -> Notice {
    let mut facets = map(facets);
    facets.insert("notificationTypes".into(), json!(kind));
    Notice {
        interface: interface.into(),
        kind: kind.into(),
        at,
        body: map(body),
        facets,
        links: links.iter().map(|(name, path)| ((*name).to_owned(), path.clone())).collect(),
    }
}

/// NsLcmOperationOccurrenceNotification: START when it is begun (again), RESULT when it ends or waits for an operator.
fn occurrence(doc: &OperationDoc, nsd: &str) -> Notice {
    let of = &doc.operation;
    let kind = match (doc.asked.as_ref().map(|asked| asked.operation), of.kind) {
        (Some(asked), _) => json!(asked),
        (None, OperationKind::CreateSlice) => json!(LcmOperation::Instantiate),
        (None, OperationKind::DeleteSlice) => json!(LcmOperation::Terminate),
        (None, OperationKind::HealSlice) => json!(LcmOperation::Heal),
        (None, OperationKind::ChangeSlice | OperationKind::TestSlice | OperationKind::RemoveOrphans) => {
            json!(LcmOperation::Update)
        }
    };
    let running = matches!(of.state, OperationState::Processing | OperationState::RollingBack);
    let mut body = json!({
        "nsInstanceId": of.subject,
        "nsLcmOpOccId": of.id,
        "operation": kind,
        "notificationStatus": if running { "START" } else { "RESULT" },
        "operationState": of.state,
        "isAutomaticInvocation": of.kind == OperationKind::HealSlice,
    });
    if let Some(error) = of.error.as_ref().filter(|_| !running && of.state != OperationState::Completed) {
        body["error"] =
            json!({"title": error.code, "status": 500, "detail": format!("{}; next: {}", error.message, error.next)});
    }
    let facets = json!({
        "operationTypes": kind,
        "operationStates": of.state,
        "nsInstanceSubscriptionFilter": {"nsInstanceIds": of.subject, "nsInstanceNames": of.subject, "nsdIds": nsd},
    });
    let links =
        [("nsInstance", format!("ns_instances/{}", of.subject)), ("nsLcmOpOcc", format!("ns_lcm_op_occs/{}", of.id))];
    notice(("nslcm", "NsLcmOperationOccurrenceNotification"), of.entered.unwrap_or(of.created), (body, facets), &links)
}

fn identifier(kind: &str, name: &str, at: Timestamp) -> Notice {
    let facets = json!({"nsInstanceSubscriptionFilter": {"nsInstanceIds": name, "nsInstanceNames": name}});
    let links = [("nsInstance", format!("ns_instances/{name}"))];
    notice(("nslcm", kind), at, (json!({"nsInstanceId": name}), facets), &links)
}

fn onboarded(package: &Package, at: Timestamp) -> Option<Notice> {
    let (name, of) = (&package.name, &package.descriptor);
    match of.kind {
        DescriptorKind::Nsd => Some(notice(
            ("nsd", "NsdOnBoardingNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": of.id}), nsd_facets(package)),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        DescriptorKind::Vnfd => Some(notice(
            ("vnfpkgm", "VnfPackageOnboardingNotification"),
            at,
            (json!({"vnfPkgId": name, "vnfdId": of.id}), vnf_facets(package)),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        DescriptorKind::Nst => None,
    }
}

fn nsd_facets(package: &Package) -> Value {
    let of = &package.descriptor;
    json!({
        "nsdInfoId": package.name, "nsdId": of.id, "nsdName": of.name, "nsdVersion": of.version, "nsdDesigner": of.provider,
        "nsdOperationalState": package.operational,
    })
}

fn vnf_facets(package: &Package) -> Value {
    json!({"vnfPkgId": package.name, "vnfdId": package.descriptor.id, "operationalState": package.operational})
}

fn state_changed(package: &Package, at: Timestamp) -> Option<Notice> {
    let (name, of, state) = (&package.name, &package.descriptor, package.operational);
    match of.kind {
        DescriptorKind::Nsd => Some(notice(
            ("nsd", "NsdChangeNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": of.id, "nsdOperationalState": state}), nsd_facets(package)),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        DescriptorKind::Vnfd => Some(notice(
            ("vnfpkgm", "VnfPackageChangeNotification"),
            at,
            (
                json!({"vnfPkgId": name, "vnfdId": of.id, "changeType": "OP_STATE_CHANGE", "operationalState": state}),
                vnf_facets(package),
            ),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        DescriptorKind::Nst => None,
    }
}

fn gone(name: &str, told: &Value, at: Timestamp) -> Option<Notice> {
    let id = &told["id"];
    match told["kind"].as_str() {
        Some("NSD") => Some(notice(
            ("nsd", "NsdDeletionNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": id}), json!({"nsdInfoId": name, "nsdId": id})),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        Some("VNFD") => Some(notice(
            ("vnfpkgm", "VnfPackageChangeNotification"),
            at,
            (
                json!({"vnfPkgId": name, "vnfdId": id, "changeType": "PKG_DELETE"}),
                json!({"vnfPkgId": name, "vnfdId": id}),
            ),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        _ => None,
    }
}

fn failed_onboarding(name: &str, doc: &Value, at: Timestamp) -> Option<Notice> {
    let words = doc["failure"].as_array()?.iter().filter_map(|problem| problem["message"].as_str());
    let details = json!({"status": 422, "detail": words.collect::<Vec<_>>().join("\n")});
    // The standard has no such notification of VNF packages.
    (doc["kind"] == "NSD").then(|| {
        notice(
            ("nsd", "NsdOnBoardingFailureNotification"),
            at,
            (json!({"nsdInfoId": name, "onboardingFailureDetails": details}), json!({"nsdInfoId": name})),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )
    })
}
