//! The object table of a simulated cluster: what an API server and its controllers would do to it.
//!
//! No IO, no clock, no randomness: the same calls give the same world. It must never lose an effect from its journal.

use super::{nodes, rules};
use crate::fill;
use crate::helm::Lookup;
use crate::port::{Call, Labelled, PortError};
use crate::release::{self, HelmRevision};
use models::Name;
use models::cluster::{ClusterFacts, SimSpec};
use models::resource::{Object, Ready, ResourceId, Seen, Target, label};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Created,
    Updated,
    /// The removal was taken; a namespace takes what is in it along.
    Removed,
}

/// One effect on the simulated world, with who had it done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub deed: Deed,
    pub id: ResourceId,
    pub uid: String,
    pub operation: String,
    pub seq: u32,
    pub epoch: u64,
}

pub(super) struct Thing {
    pub(super) manifest: Value,
    uid: String,
    version: u64,
    generation: u64,
    outputs: BTreeMap<String, String>,
    /// Observes until it is ready.
    unsettled: u32,
    /// Observes until it is gone, once its removal was asked for.
    leaving: Option<u32>,
}

pub(super) struct World {
    pub(super) name: Name,
    pub(super) spec: SimSpec,
    pub(super) things: BTreeMap<ResourceId, Thing>,
    pub(super) journal: Vec<Effect>,
    pub(super) journals: bool,
    pub(super) settle_after: u32,
    counter: u64,
}

impl World {
    pub(super) fn new(name: Name, spec: SimSpec) -> Self {
        Self { name, spec, things: BTreeMap::new(), journal: Vec::new(), journals: true, settle_after: 1, counter: 0 }
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn record(&mut self, call: &Call, deed: Deed, (id, uid): (&ResourceId, &str)) {
        if !self.journals {
            return;
        }
        let Call { operation, seq, epoch, .. } = call;
        let (id, uid, operation) = (id.clone(), uid.to_owned(), operation.clone());
        self.journal.push(Effect { deed, id, uid, operation, seq: *seq, epoch: *epoch });
    }

    pub(super) fn apply(
        &mut self,
        call: &Call,
        object: &Object,
        (manifest, seen): (Value, Option<&Seen>),
    ) -> Result<Seen, PortError> {
        let id = &object.id;
        rules::named(id, &self.custom())?;
        rules::selected(id, &manifest)?;
        if self.things.contains_key(id) {
            self.update(call, object, (manifest, seen))?;
        } else if seen.is_some() {
            return Err(PortError::Stale { id: id.to_string() });
        } else {
            self.housed(id)?;
            self.create(call, id, manifest);
        }
        Ok(self.look(call, id).unwrap_or_default())
    }

    /// An object of a namespace needs that namespace, and needs it to stay.
    fn housed(&self, id: &ResourceId) -> Result<(), PortError> {
        if id.namespace.is_empty() {
            return Ok(());
        }
        let target = id.target.clone();
        let kind = "v1/Namespace".to_owned();
        let home = ResourceId { target, kind, namespace: String::new(), name: id.namespace.clone() };
        match self.things.get(&home) {
            // Both pass, and are what a cluster's port says.
            None => Err(self.busy(format!("namespace {} is not found", id.namespace))),
            Some(Thing { leaving: Some(_), .. }) => {
                Err(self.busy(format!("namespace {} is being terminated", id.namespace)))
            }
            Some(_) => Ok(()),
        }
    }

    fn busy(&self, cause: String) -> PortError {
        PortError::Busy { target: self.name.to_string(), cause, retry_after_s: None }
    }

    fn create(&mut self, call: &Call, id: &ResourceId, manifest: Value) {
        let number = self.next();
        let uid = format!("00000000-0000-4000-8000-{number:012x}");
        self.record(call, Deed::Created, (id, &uid));
        let unsettled = if takes_time(id) { self.settle_after } else { 0 };
        let outputs = self.outputs(id, &manifest, &BTreeMap::new());
        let thing = Thing { manifest, uid, version: number, generation: 1, outputs, unsettled, leaving: None };
        self.things.insert(id.clone(), thing);
    }

    fn update(
        &mut self,
        call: &Call,
        object: &Object,
        (manifest, seen): (Value, Option<&Seen>),
    ) -> Result<(), PortError> {
        let id = &object.id;
        let number = self.next();
        let settle_after = self.settle_after;
        let Some(thing) = self.things.get(id) else { return Ok(()) };
        if let Some(owner) = stranger(&thing.manifest, call) {
            return Err(PortError::Foreign { id: id.to_string(), owner });
        }
        let newer = |seen: &Seen| {
            let other = !seen.uid.is_empty() && seen.uid != thing.uid;
            other || !seen.version.is_empty() && seen.version != thing.version.to_string()
        };
        if thing.leaving.is_some() {
            return Err(self.busy(format!("{id} is still on its way out")));
        }
        if seen.is_some_and(newer) {
            return Err(PortError::Stale { id: id.to_string() });
        }
        rules::unchanged(id, &thing.manifest, &manifest)?;
        if thing.manifest == manifest {
            return Ok(());
        }
        let uid = thing.uid.clone();
        let outputs = self.outputs(id, &manifest, &thing.outputs.clone());
        if let Some(thing) = self.things.get_mut(id) {
            if thing.manifest.get("spec") != manifest.get("spec") {
                thing.generation += 1;
                thing.unsettled = if takes_time(id) { settle_after } else { 0 };
            }
            thing.manifest = manifest;
            thing.version = number;
            thing.outputs = outputs;
        }
        self.record(call, Deed::Updated, (id, &uid));
        Ok(())
    }

    pub(super) fn remove(&mut self, call: &Call, id: &ResourceId, seen: Option<&Seen>) -> Result<(), PortError> {
        let settle_after = self.settle_after;
        let Some(thing) = self.things.get_mut(id) else { return Ok(()) };
        let other = seen.is_some_and(|seen| !seen.uid.is_empty() && seen.uid != thing.uid);
        match stranger(&thing.manifest, call) {
            // The one that was meant is gone already; what stands there now is somebody else's.
            Some(_) if other => return Ok(()),
            Some(owner) => return Err(PortError::Foreign { id: id.to_string(), owner }),
            None if other => return Err(PortError::Stale { id: id.to_string() }),
            None if thing.leaving.is_some() => return Ok(()),
            None => {}
        }
        let uid = thing.uid.clone();
        if id.api().1 == "Namespace" && settle_after > 0 {
            thing.leaving = Some(settle_after);
        } else {
            self.things.remove(id);
        }
        if id.api().1 == "Namespace" {
            self.things.retain(|inside, _| inside.namespace != id.name);
        }
        self.record(call, Deed::Removed, (id, &uid));
        Ok(())
    }

    /// The labels of its owner: with values, or none.
    pub(super) fn mark(
        &mut self,
        (call, object): (&Call, &Object),
        labels: Option<&BTreeMap<String, String>>,
    ) -> Result<(), PortError> {
        let number = self.next();
        let Some(thing) = self.things.get_mut(&object.id) else { return Ok(()) };
        let other = match slice_of(&thing.manifest) {
            Some(uid) => (uid != object.owner.uid).then(|| format!("slice {uid}")),
            None => another_release(call, &thing.manifest),
        };
        if let Some(owner) = other.filter(|_| labels.is_some()) {
            return Err(PortError::Foreign { id: object.id.to_string(), owner });
        }
        thing.version = number;
        let held = thing.manifest["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        thing.manifest["metadata"]["labels"] = Value::Object(held);
        let Some(held) = thing.manifest.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) else {
            return Ok(());
        };
        for key in object.owner.labels().into_keys() {
            match labels.and_then(|labels| labels.get(&key)) {
                Some(value) => held.insert(key, Value::from(value.as_str())),
                None => held.remove(&key),
            };
        }
        Ok(())
    }

    /// Reads, and lets time pass for the thing that is read.
    pub(super) fn observe(&mut self, call: &Call, id: &ResourceId) -> Option<Seen> {
        let thing = self.things.get_mut(id)?;
        match &mut thing.leaving {
            Some(0) => {
                self.things.remove(id);
                return None;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let seen = self.look(call, id);
        if let Some(thing) = self.things.get_mut(id) {
            thing.unsettled = thing.unsettled.saturating_sub(1);
        }
        seen
    }

    fn look(&self, call: &Call, id: &ResourceId) -> Option<Seen> {
        let thing = self.things.get(id)?;
        Some(Seen {
            uid: thing.uid.clone(),
            version: thing.version.to_string(),
            digest: digest(&thing.manifest),
            outputs: thing.told(id),
            ready: self.ready(id, thing),
            deleting: thing.leaving.map(|_| "its contents are being removed".to_owned()),
            stranger: stranger(&thing.manifest, call),
            next: String::new(),
        })
    }

    fn ready(&self, id: &ResourceId, thing: &Thing) -> Ready {
        if let Some(reason) = nodes::unplaced(self, id) {
            return Ready::Waiting { reason };
        }
        if thing.unsettled == 0 {
            return Ready::Yes;
        }
        let generation = thing.generation;
        Ready::Waiting { reason: format!("{} of generation {generation} is starting (simulated)", id.short()) }
    }

    /// What the cluster chooses: addresses and ports of Services. A choice stays while the port stays.
    fn outputs(
        &mut self,
        id: &ResourceId,
        manifest: &Value,
        had: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut outputs = BTreeMap::new();
        let kind = manifest.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
        if id.api().1 != "Service" || kind == "ExternalName" {
            return outputs;
        }
        let mut keep = |key: String, new: String| {
            let value = had.get(&key).cloned().unwrap_or(new);
            outputs.insert(key, value);
        };
        let number = self.next();
        keep("clusterIP".to_owned(), format!("10.96.{}.{}", number / 250 % 250, number % 250 + 1));
        if kind == "LoadBalancer" {
            keep("address".to_owned(), format!("192.0.2.{}", number % 250 + 1));
        }
        let ports = manifest.pointer("/spec/ports").and_then(Value::as_array);
        for port in ports.into_iter().flatten().filter(|_| kind != "ClusterIP") {
            let name = port.get("name").and_then(Value::as_str).map(str::to_owned);
            let name = name.or_else(|| port.get("port").map(Value::to_string)).unwrap_or_default();
            let asked = port.get("nodePort").and_then(Value::as_u64);
            let number = asked.unwrap_or_else(|| 30_000 + self.next() % 2_768);
            keep(format!("nodePort.{name}"), number.to_string());
        }
        outputs
    }

    pub(super) fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            uid: String::new(),
            version: super::VERSION.to_owned(),
            apis: rules::apis(&self.custom()),
            nodes: nodes::all(self),
            storage_classes: vec!["standard".to_owned()],
            read_at: None,
        }
    }

    /// What carries our label, with its version; of one slice, or of any.
    pub(super) fn labelled(&self, uid: Option<&str>) -> impl Iterator<Item = (Labelled, String)> {
        let all = self.things.iter().filter_map(|(id, thing)| labelled(id, thing));
        all.filter(move |(one, _)| uid.is_none_or(|uid| uid == one.uid))
    }

    pub(super) fn told(&self, id: &ResourceId) -> Option<(Labelled, String)> {
        labelled(id, self.things.get(id)?)
    }

    /// Of one kind in one version.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&ResourceId, &Thing)> {
        let target = Target::Cluster(self.name.clone());
        let first = ResourceId { target, kind: kind.to_owned(), namespace: String::new(), name: String::new() };
        self.things.range(first..).take_while(move |(id, _)| id.kind == kind)
    }

    /// Kinds that definitions brought, and whether each is of the whole cluster.
    fn custom(&self) -> BTreeMap<String, bool> {
        let definitions = self.of_kind("apiextensions.k8s.io/v1/CustomResourceDefinition");
        let kinds = definitions.flat_map(|(_, thing)| {
            let word = |at: &str| thing.manifest.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (group, kind, wide) = (word("/spec/group"), word("/spec/names/kind"), word("/spec/scope") == "Cluster");
            let versions = thing.manifest.pointer("/spec/versions").and_then(Value::as_array).cloned();
            let names =
                versions.unwrap_or_default().into_iter().filter_map(|v| Some(v.get("name")?.as_str()?.to_owned()));
            names.map(move |version| (format!("{group}/{version}/{kind}"), wide)).collect::<Vec<_>>()
        });
        kinds.collect()
    }

    pub(super) fn find(&self, lookup: &Lookup) -> Option<Value> {
        let kind = format!("{}/{}", lookup.api_version, lookup.kind);
        let here = |id: &ResourceId| id.namespace == lookup.namespace;
        let all = self.of_kind(&kind).filter(|(id, thing)| here(id) && thing.leaving.is_none());
        if lookup.name.is_empty() {
            let items: Vec<&Value> = all.map(|(_, thing)| &thing.manifest).collect();
            let kind = format!("{}List", lookup.kind);
            return Some(json!({"apiVersion": lookup.api_version, "kind": kind, "items": items}));
        }
        let mut named = all.filter(|(id, _)| id.name == lookup.name);
        named.next().map(|(_, thing)| thing.manifest.clone())
    }

    pub(super) fn releases(&self, (namespace, of): (&str, Option<&[String]>)) -> Vec<HelmRevision> {
        let secrets = self.of_kind("v1/Secret").filter(|(id, _)| id.namespace == namespace);
        let all = secrets.filter_map(|(_, thing)| HelmRevision::of(&thing.manifest));
        all.filter(|found| of.is_none_or(|of| of.contains(&found.release))).collect()
    }

    pub(super) fn dump(&self) -> BTreeMap<ResourceId, Value> {
        let here = self.things.iter().filter(|(_, thing)| thing.leaving.is_none());
        here.map(|(id, thing)| (id.clone(), thing.manifest.clone())).collect()
    }

    pub(super) fn put_back(&mut self, id: &ResourceId, manifest: Value, seen: &Seen) {
        if self.things.contains_key(id) {
            return;
        }
        let (uid, outputs) = (seen.uid.clone(), seen.outputs.clone());
        let version = seen.version.parse().unwrap_or(0);
        // What comes later takes no number that this one took: for its version, its addresses, its ports.
        let taken = version + outputs.len() as u64 + 1;
        self.counter = self.counter.max(taken);
        let thing = Thing { manifest, uid, version, generation: 1, outputs, unsettled: 0, leaving: None };
        self.things.insert(id.clone(), thing);
    }

    pub(super) fn plant(&mut self, id: &ResourceId, manifest: Value) {
        let number = self.next();
        let outputs = self.outputs(id, &manifest, &BTreeMap::new());
        let uid = format!("11111111-0000-4000-8000-{number:012x}");
        let thing = Thing { manifest, uid, version: number, generation: 1, outputs, unsettled: 0, leaving: None };
        self.things.insert(id.clone(), thing);
    }

    pub(super) fn meddle(&mut self, id: &ResourceId, pointer: &str, value: Value) -> bool {
        let number = self.next();
        let Some(thing) = self.things.get_mut(id) else { return false };
        thing.version = number;
        fill::put(&mut thing.manifest, pointer, value).is_ok()
    }

    pub(super) fn vanish(&mut self, id: &ResourceId) -> bool {
        if id.api().1 == "Namespace" {
            self.things.retain(|inside, _| inside.namespace != id.name);
        }
        self.things.remove(id).is_some()
    }
}

/// Kinds that a controller has to bring up.
impl Thing {
    /// What its target chose, and what is read of it besides.
    fn told(&self, id: &ResourceId) -> BTreeMap<String, String> {
        let mut outputs = self.outputs.clone();
        outputs.extend(release::outputs(&self.manifest));
        let annotations = self.manifest.pointer("/metadata/annotations");
        if let Some(run) = annotations.and_then(|all| all.get(label::RUN)).and_then(Value::as_str) {
            outputs.insert("run".into(), run.to_owned());
        }
        if id.api().1 == "Pod" {
            let ends = matches!(
                self.manifest.pointer("/spec/restartPolicy").and_then(Value::as_str),
                Some("Never" | "OnFailure")
            );
            let phase = match (self.unsettled, ends) {
                (0, true) => "Succeeded",
                (0, false) => "Running",
                _ => "Pending",
            };
            outputs.insert("phase".into(), phase.into());
        }
        outputs
    }
}

fn takes_time(id: &ResourceId) -> bool {
    matches!(id.api().1, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "Pod")
}

fn labelled(id: &ResourceId, thing: &Thing) -> Option<(Labelled, String)> {
    let uid = slice_of(&thing.manifest)?.to_owned();
    Some((Labelled { id: id.clone(), uid }, thing.version.to_string()))
}

fn slice_of(manifest: &Value) -> Option<&str> {
    manifest.pointer("/metadata/labels")?.get(label::SLICE)?.as_str()
}

/// Whom it belongs to, where that is not the caller.
fn stranger(manifest: &Value, call: &Call) -> Option<String> {
    let name = || manifest.pointer("/metadata/labels")?.get(label::NAME)?.as_str();
    match slice_of(manifest) {
        Some(uid) if uid == call.owner => None,
        Some(uid) => Some(format!("slice {} ({uid})", name().unwrap_or("of another name"))),
        None if is_adopted(call, manifest) => None,
        None => Some("somebody else (it carries no label of ours)".to_owned()),
    }
}

/// Whose release it is, where releases were taken over and it is none of them.
fn another_release(call: &Call, manifest: &Value) -> Option<String> {
    let release = manifest.pointer("/metadata/annotations/meta.helm.sh~1release-name")?.as_str()?;
    let other = call.adopted.is_some() && !is_adopted(call, manifest);
    other.then(|| format!("the Helm release {release}"))
}

fn is_adopted(call: &Call, manifest: &Value) -> bool {
    call.adopted.as_ref().is_some_and(|adopted| release::is_adopted((adopted, &call.owner), manifest))
}

fn digest(manifest: &Value) -> String {
    Sha256::digest(manifest.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}
