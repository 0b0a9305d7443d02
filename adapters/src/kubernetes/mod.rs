//! A real Kubernetes cluster as a target: server-side apply under our field manager, and the truth read back.
//!
//! An object that is not ours is never touched, a finalizer never stripped. Nothing is retried here but a write that lost
//! against a controller's own fields.

mod access;
mod catalog;
mod cause;
mod connect;
mod definition;
mod doctor;
mod facts;
mod family;
mod fields;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod hear;
mod hide;
mod lease;
mod lookup;
mod marks;
mod names;
mod node;
mod program;
pub mod quantity;
mod quota;
mod ready;
mod releases;
mod scan;
mod seen;
mod way;
mod wire;
mod words;

pub use connect::{ConnectError, ExecPolicy, certificate_end, inline};
pub use lease::Holder;
pub use names::{broken_label, broken_name};
pub use wire::another;

use crate::deadline::within;
use crate::fill;
use crate::helm::Lookup;
use crate::port::{Call, Discovery, Heard, Labelled, Port, PortError};
use crate::release::{self, BY_HELM, HelmRevision};
use async_trait::async_trait;
use catalog::Catalog;
use lease::Hold;
use models::checkup::{Check, Question};
use models::cluster::Ownership;
use models::removed::{self, Removed};
use models::resource::{Hook, Object, Ready, Resource, ResourceId, Seen, label};
use models::{ClusterFacts, Name, Readiness};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::{RwLock, mpsc};
use way::Way;
use wire::{Answer, Wire};

/// A version that no object ever has: a write based on it makes what is absent and is refused, atomically, where an
/// object stands.
const NEVER: &str = "1";
/// How often a write is based on a new look: a controller that reports a status wins a race or two, not many.
const LOOKS: u32 = 4;
pub struct Kubernetes {
    wire: Wire,
    catalog: RwLock<Option<Arc<Catalog>>>,
    way: Way,
    /// As whom it writes; without one nobody is asked whose the cluster is.
    hold: Option<Hold>,
}

impl Kubernetes {
    /// Writes only where the cluster is this server's.
    #[must_use]
    pub fn held_by(self, holder: Holder) -> Self {
        Self { hold: Some(Hold::new(holder)), ..self }
    }

    /// Reads the kubeconfig and makes a client. Connects to nothing yet.
    pub async fn connect(target: Name, kubeconfig: &str, exec: ExecPolicy) -> Result<Self, ConnectError> {
        let access = connect::access(kubeconfig, exec).await?;
        let way = Way::of(kubeconfig);
        Ok(Self { wire: Wire::new(target, access, way.client_end), catalog: RwLock::new(None), way, hold: None })
    }

    /// What the API server serves; read once, and again when a kind is not in it.
    async fn catalog(&self) -> Result<Arc<Catalog>, PortError> {
        if let Some(catalog) = self.catalog.read().await.as_ref() {
            return Ok(Arc::clone(catalog));
        }
        self.discover().await
    }

    async fn discover(&self) -> Result<Arc<Catalog>, PortError> {
        let known = self.catalog.read().await.clone();
        let Some(catalog) = Catalog::read(&self.wire, known.as_deref()).await? else {
            // Nothing of it changed, so it is still there.
            return known.ok_or_else(|| self.wire.busy("discovery says that nothing changed since never".into(), None));
        };
        let catalog = Arc::new(catalog);
        *self.catalog.write().await = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    /// Where the object stands; `None` where its kind is not served.
    async fn place(&self, id: &ResourceId) -> Result<Option<String>, PortError> {
        let path = match self.catalog().await?.path(id) {
            Some(path) => Some(path),
            None => self.discover().await?.path(id),
        };
        path.transpose().map_err(|cause| PortError::Invalid { id: id.to_string(), cause })
    }

    async fn path(&self, id: &ResourceId) -> Result<String, PortError> {
        match self.place(id).await? {
            Some(path) => Ok(path),
            None => Err(PortError::Invalid { id: id.to_string(), cause: self.unserved_words(id).await? }),
        }
    }

    /// Why a kind is not there: dropped by Kubernetes, served in another version, or never made by a CRD.
    async fn unserved_words(&self, id: &ResourceId) -> Result<String, PortError> {
        let (version, kind) = id.api();
        let words = format!("this cluster does not serve {}", id.kind);
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let others = self.catalog().await?.versions_of(group, kind);
        Ok(match removed::of(&id.kind) {
            Some(Removed { in_minor: Some(minor), instead: "", .. }) => {
                format!("{words}: Kubernetes removed it in 1.{minor}, and nothing takes its place")
            }
            Some(Removed { in_minor: Some(minor), instead, .. }) => {
                format!("{words}: Kubernetes removed it in 1.{minor}; use {instead} in its place")
            }
            _ if !others.is_empty() => format!("{words}; use {} in its place", others.join(" or ")),
            _ if removed::is_builtin(group) => format!("{words}: its version of Kubernetes does not know it"),
            _ => format!("{words}: no CRD of this cluster makes kinds of {group}: {kind} is not known"),
        })
    }

    async fn get(&self, id: &ResourceId) -> Result<Option<Value>, PortError> {
        let Some(path) = self.place(id).await? else { return self.unserved(id).await };
        let answer = self.wire.get(&path).await?;
        if answer.is_absent() {
            return Ok(None);
        }
        if answer.status != 404 {
            return self.wire.ok(answer, id).map(Some);
        }
        // The path itself is not found: the kind went away, or something in the way answers.
        match self.discover().await?.path(id) {
            None => self.unserved(id).await,
            Some(_) => Err(self.wire.odd(&answer)),
        }
    }

    /// Nothing of a kind that is not served exists. But an extension server that is down leaves discovery too, and its
    /// objects stay: then its group still has an answer, which is an error.
    async fn unserved(&self, id: &ResourceId) -> Result<Option<Value>, PortError> {
        let (version, _) = id.api();
        let root = if version.contains('/') { "/apis" } else { "/api" };
        match self.wire.get(&format!("{root}/{version}")).await? {
            Answer { status: 404, .. } => Ok(None),
            answer => self.wire.ok(answer, id).map(|_| None),
        }
    }

    async fn apply_object(&self, call: &Call, object: &Object, seen: Option<&Seen>) -> Result<Seen, PortError> {
        match self.converge(call, object, seen).await {
            Err(error) => Err(hide::secrets_of(call, object, error).await),
            done => done,
        }
    }

    async fn converge(&self, call: &Call, object: &Object, seen: Option<&Seen>) -> Result<Seen, PortError> {
        let id = &object.id;
        if let Some(owner) = seen.and_then(|seen| seen.stranger.clone()) {
            return Err(PortError::Foreign { id: id.to_string(), owner });
        }
        let manifest = fill::manifest(call, object, seen).await?;
        let seen = seen.filter(|seen| !seen.version.is_empty());
        let mut answer = self.write(id, manifest.clone(), seen).await?;
        for _ in 0..LOOKS {
            // A quota may refuse what is there already.
            let there = answer.status == 409 || quota::refuses(&answer) && self.get(id).await?.is_some();
            if !there {
                break;
            }
            let now = self.met(call, id, seen).await?;
            answer = self.write(id, manifest.clone(), Some(&now)).await?;
        }
        if quota::refuses(&answer) {
            let words = answer.message();
            let again = self.count_again(call, id, &words).await;
            return Err(self.wire.busy(again.unwrap_or(words), None));
        }
        if family::refuses(&answer) && self.has_another_family(call, id, &manifest).await? {
            answer = self.write(id, manifest.clone(), None).await?;
        }
        let live = self.wire.ok(answer, id)?;
        let live = self.take_fields(id, (&manifest, call), live).await?;
        let written = seen::of(call, &live);
        match &written.deleting {
            // It goes, and what was just written goes with it.
            Some(holds) => Err(self.leaving(id, holds)),
            None => Ok(written),
        }
    }

    /// Server-side apply based on what was seen. Without force where it was absent.
    async fn write(&self, id: &ResourceId, mut manifest: Value, seen: Option<&Seen>) -> Result<Answer, PortError> {
        let path = self.path(id).await?;
        let query = match seen {
            Some(Seen { version, uid, .. }) => {
                manifest["metadata"]["resourceVersion"] = json!(version);
                if !uid.is_empty() {
                    // A version alone would make anew what is gone.
                    manifest["metadata"]["uid"] = json!(uid);
                }
                "?fieldManager=sliceway&force=true"
            }
            None => {
                manifest["metadata"]["resourceVersion"] = json!(NEVER);
                "?fieldManager=sliceway"
            }
        };
        self.wire.apply(&format!("{path}{query}"), &manifest).await
    }

    /// After a 409: what stands there, if a write may be based on it. That is ours of an earlier, interrupted try; or
    /// what was seen, where only fields of others changed since (a status, mostly).
    async fn met(&self, call: &Call, id: &ResourceId, seen: Option<&Seen>) -> Result<Seen, PortError> {
        let stale = || PortError::Stale { id: id.to_string() };
        let live = self.get(id).await?.ok_or_else(stale)?;
        let now = seen::of(call, &live);
        if let Some(owner) = now.stranger {
            return Err(PortError::Foreign { id: id.to_string(), owner });
        }
        if let Some(holds) = &now.deleting {
            return Err(self.leaving(id, holds));
        }
        match seen {
            // Whatever of ours an earlier try made carries our marks.
            None if release::is_by_helm(&now) => Err(PortError::Foreign { id: id.to_string(), owner: BY_HELM.into() }),
            None => Ok(now),
            Some(seen) if seen.uid == now.uid && seen.digest == now.digest => Ok(now),
            Some(_) => Err(stale()),
        }
    }

    /// A quota that is used up passes when something else ends; one that counts what is not there, when it is counted.
    /// Not being able to look must not hide the refusal.
    async fn count_again(&self, call: &Call, id: &ResourceId, words: &str) -> Option<String> {
        quota::count_again(&self.wire, call, (&id.namespace, words)).await.unwrap_or(None)
    }

    fn leaving(&self, id: &ResourceId, holds: &str) -> PortError {
        self.wire.busy(format!("{id} is still on its way out: {holds}"), None)
    }

    /// Looks first: what was ours when it was seen may have become a stranger's since. What is removed is what was
    /// looked at, by uid and version.
    async fn remove_object(&self, call: &Call, object: &Object, seen: Option<&Seen>) -> Result<(), PortError> {
        let id = &object.id;
        for _ in 0..LOOKS {
            let Some(live) = self.get(id).await? else { return Ok(()) };
            let now = seen::of(call, &live);
            let other = seen.is_some_and(|seen| !seen.uid.is_empty() && seen.uid != now.uid);
            match now.stranger {
                // The one that was meant is gone; what stands there now is somebody else's.
                Some(_) if other => return Ok(()),
                Some(owner) => return Err(PortError::Foreign { id: id.to_string(), owner }),
                // One of ours in its place says that somebody works with old knowledge.
                None if other => return Err(PortError::Stale { id: id.to_string() }),
                None if now.deleting.is_some() => return Ok(()),
                None => {}
            }
            if id.api().1 == "CustomResourceDefinition"
                && let Some(owner) = self.objects_of(&live).await?
            {
                return Err(PortError::Foreign { id: id.to_string(), owner });
            }
            let options = json!({
                "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
                "preconditions": {"uid": now.uid, "resourceVersion": now.version},
            });
            let answer = self.wire.delete(&self.path(id).await?, &options).await?;
            if answer.is_absent() {
                return Ok(());
            }
            if answer.status != 409 {
                return self.wire.ok(answer, id).map(drop);
            }
        }
        Err(PortError::Stale { id: id.to_string() })
    }

    async fn observe_object(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        match self.get(id).await? {
            Some(live) => self.observe_live(call, (id, live)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn observe_live(&self, call: &Call, (id, live): (&ResourceId, Value)) -> Result<Seen, PortError> {
        let mut seen = seen::of(call, &live);
        if seen.ready != Ready::Yes {
            // What holds it stands elsewhere: in its pods and events. Not finding out must not hide the first reason.
            let found = cause::of(&self.wire, &live).await.unwrap_or(None);
            let cause = cause::joined(&live, seen.ready, found);
            (seen.ready, seen.next) = (cause.ready, cause.next);
        }
        if id.api().1 == "CustomResourceDefinition" && seen.ready == Ready::Yes && !self.serves(&live).await? {
            seen.ready = Ready::Waiting { reason: "the API server does not serve it yet".into() };
        }
        match &seen.ready {
            // A look alone changes nothing, not even a count.
            Ready::Waiting { reason } if !call.operation.is_empty() && quota::is_short(reason) => {
                self.count_again(call, id, reason).await;
            }
            Ready::Waiting { .. } | Ready::Yes | Ready::Failed { .. } => {}
        }
        Ok(seen)
    }

    async fn check(&self, call: &Call, readiness: &Readiness) -> Result<Seen, PortError> {
        let mut all = Vec::new();
        for id in &readiness.objects {
            all.push((id.clone(), self.observe_object(call, id).await?));
        }
        Ok(crate::sim::joined(&all))
    }

    async fn relabel(&self, object: &Object, patch: &Value) -> Result<(), PortError> {
        let Some(path) = self.place(&object.id).await? else { return Ok(()) };
        let answer = self.wire.merge(&path, patch).await?;
        if answer.is_absent() { Ok(()) } else { self.wire.ok(answer, &object.id).map(drop) }
    }

    /// What carries nobody's marks gets ours, on what was looked at; the marks of another slice or release stay.
    async fn mark(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let Some(live) = self.get(&object.id).await? else { return Ok(()) };
        match live.pointer("/metadata/labels").and_then(|labels| labels.get(label::SLICE)?.as_str()) {
            Some(uid) if uid != object.owner.uid => {
                let owner = seen::stranger(call, &live).unwrap_or_else(|| uid.to_owned());
                Err(PortError::Foreign { id: object.id.to_string(), owner })
            }
            Some(_) => self.relabel(object, &marks::all(&object.owner, &live)).await,
            None => match seen::another_release(call, &live) {
                Some(owner) => Err(PortError::Foreign { id: object.id.to_string(), owner }),
                None => self.relabel(object, &marks::all(&object.owner, &live)).await,
            },
        }
    }

    /// What Helm wrote becomes ours, field by field: else what a later chart leaves out would stay, as Helm's.
    async fn take_fields(
        &self,
        id: &ResourceId,
        (manifest, call): (&Value, &Call),
        live: Value,
    ) -> Result<Value, PortError> {
        let Some(managed) = fields::with_helms(&live) else { return Ok(live) };
        let version = live.pointer("/metadata/resourceVersion");
        let patch = json!({"metadata": {"managedFields": managed, "resourceVersion": version}});
        let answer = self.wire.merge(&self.path(id).await?, &patch).await?;
        let taken = seen::of(call, &self.wire.ok(answer, id)?);
        let answer = self.write(id, manifest.clone(), Some(&taken)).await?;
        self.wire.ok(answer, id)
    }

    fn not_here(&self, id: &ResourceId) -> PortError {
        PortError::Invalid { id: id.to_string(), cause: "a cluster holds objects, no secrets of ours".into() }
    }
}

#[async_trait]
impl Port for Kubernetes {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        let work = async {
            self.hold(call).await?;
            match want {
                Resource::Object(object) | Resource::Hook(Hook { object, .. }) => {
                    self.apply_object(call, object, seen).await
                }
                Resource::Readiness(readiness) => self.check(call, readiness).await,
                Resource::Secret(secret) => Err(self.not_here(&secret.id)),
            }
        };
        within(call, self.wire.target(), work).await
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        let work = async {
            self.hold(call).await?;
            match what {
                Resource::Object(object) | Resource::Hook(Hook { object, .. }) => {
                    self.remove_object(call, object, seen).await
                }
                Resource::Readiness(_) => Ok(()),
                Resource::Secret(secret) => Err(self.not_here(&secret.id)),
            }
        };
        within(call, self.wire.target(), work).await
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        within(call, self.wire.target(), self.observe_object(call, id)).await
    }

    async fn disown(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let work = async {
            self.hold(call).await?;
            self.relabel(object, &marks::none(&object.owner)).await
        };
        within(call, self.wire.target(), work).await
    }

    async fn own(&self, call: &Call, object: &Object) -> Result<(), PortError> {
        let work = async {
            self.hold(call).await?;
            self.mark(call, object).await
        };
        within(call, self.wire.target(), work).await
    }

    async fn words(&self, call: &Call, id: &ResourceId) -> Vec<String> {
        let work = async { Ok(words::of(&self.wire, id).await) };
        within(call, self.wire.target(), work).await.unwrap_or_default()
    }

    async fn moved(&self, _: &Call, id: &ResourceId, version: &str) {
        if let Ok(Some(path)) = self.place(id).await
            && let Some((collection, name)) = path.rsplit_once('/')
        {
            let watch =
                format!("{collection}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={version}");
            if self.wire.event(&watch).await {
                return;
            }
        }
        std::future::pending().await
    }
}

#[async_trait]
impl Discovery for Kubernetes {
    fn calls(&self) -> u64 {
        self.wire.calls()
    }

    async fn facts(&self, call: &Call) -> Result<ClusterFacts, PortError> {
        let work = async {
            let (catalog, facts) = tokio::join!(self.discover(), facts::read(&self.wire));
            let apis = catalog?.apis();
            facts.map(|facts| ClusterFacts { apis, ..facts })
        };
        within(call, self.wire.target(), work).await
    }

    async fn find(&self, call: &Call, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        within(call, self.wire.target(), self.look_up(lookup)).await
    }

    async fn releases(&self, call: &Call, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError> {
        within(call, self.wire.target(), self.revisions(asked)).await
    }

    async fn scan(&self, call: &Call, uid: Option<&str>) -> Result<Vec<Labelled>, PortError> {
        within(call, self.wire.target(), self.labelled(uid)).await
    }

    async fn hear(&self, _: &Call, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        self.hear_all(tell).await
    }

    async fn owner(&self, call: &Call) -> Result<Option<Ownership>, PortError> {
        within(call, self.wire.target(), self.ownership()).await
    }

    async fn take_over(&self, call: &Call) -> Result<Option<Ownership>, PortError> {
        within(call, self.wire.target(), self.take(call.epoch)).await
    }

    async fn let_go(&self, call: &Call) -> Result<(), PortError> {
        within(call, self.wire.target(), self.let_it_go()).await
    }

    async fn examine(&self, call: &Call, question: &Question) -> Vec<Check> {
        let asked = std::time::Instant::now();
        let catalog = within(call, self.wire.target(), self.discover()).await;
        let catalog = catalog.as_ref().map(Arc::as_ref).map_err(Clone::clone);
        doctor::Patient { wire: &self.wire, catalog, way: &self.way, question, asked }.checks(call).await
    }
}
