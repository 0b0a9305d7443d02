//! A real Kubernetes cluster as a target: server-side apply under our field manager, and the truth read back.
//!
//! An object that is not ours is never touched, a finalizer never stripped, and nothing is retried here.

mod catalog;
mod cause;
mod connect;
mod facts;
mod fields;
mod ready;
mod seen;
mod wire;

pub use connect::{ConnectError, ExecPolicy, certificate_end, inline};

use crate::deadline::within;
use crate::fill;
use crate::port::{Call, Discovery, Port, PortError};
use async_trait::async_trait;
use catalog::Catalog;
use models::resource::{Object, Ready, Resource, ResourceId, Seen, label};
use models::{ClusterFacts, Name, Readiness};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::RwLock;
use wire::{Answer, Wire};

pub struct Kubernetes {
    wire: Wire,
    catalog: RwLock<Option<Arc<Catalog>>>,
}

impl Kubernetes {
    /// Reads the kubeconfig and makes a client. Connects to nothing yet.
    pub async fn connect(target: Name, kubeconfig: &str, exec: ExecPolicy) -> Result<Self, ConnectError> {
        let client = connect::client(kubeconfig, exec).await?;
        let end = certificate_end(kubeconfig);
        Ok(Self { wire: Wire::new(target, client, end), catalog: RwLock::new(None) })
    }

    /// What the API server serves; read once, and again when a kind is not in it.
    async fn catalog(&self) -> Result<Arc<Catalog>, PortError> {
        if let Some(catalog) = self.catalog.read().await.as_ref() {
            return Ok(Arc::clone(catalog));
        }
        self.discover().await
    }

    async fn discover(&self) -> Result<Arc<Catalog>, PortError> {
        let catalog = Arc::new(Catalog::read(&self.wire).await?);
        *self.catalog.write().await = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    async fn path(&self, id: &ResourceId) -> Result<String, PortError> {
        let known = self.catalog().await?.path(id);
        let path = match known {
            Some(path) => Some(path),
            None => self.discover().await?.path(id),
        };
        let cause = || format!("this cluster does not serve {} (is its CRD installed, or the API removed?)", id.kind);
        path.ok_or_else(|| PortError::Invalid { id: id.to_string(), cause: cause() })
    }

    async fn get(&self, id: &ResourceId) -> Result<Option<Value>, PortError> {
        let path = self.path(id).await?;
        match self.wire.get(&path).await? {
            Answer { status: 404, .. } => Ok(None),
            answer => self.wire.ok(answer, id).map(Some),
        }
    }

    async fn apply_object(&self, call: &Call, object: &Object, seen: Option<&Seen>) -> Result<Seen, PortError> {
        let id = &object.id;
        let mut manifest = fill::manifest(call, object).await?;
        let based_on = match seen {
            Some(seen) => Some(seen.version.clone()),
            None => self.look(call, id).await?,
        };
        let path = self.path(id).await?;
        let query = match &based_on {
            Some(version) => {
                manifest["metadata"]["resourceVersion"] = json!(version);
                "?fieldManager=sliceway&force=true"
            }
            None => "?fieldManager=sliceway",
        };
        let answer = self.wire.apply(&format!("{path}{query}"), &manifest).await?;
        if answer.status == 409 {
            return Err(self.conflict(call, id, (&answer, based_on.as_deref())).await?);
        }
        let live = self.wire.ok(answer, id)?;
        Ok(seen::of(call, &live))
    }

    /// What was absent: whether it still is. Ours of an earlier, interrupted try is written over; a stranger's is not.
    async fn look(&self, call: &Call, id: &ResourceId) -> Result<Option<String>, PortError> {
        let Some(live) = self.get(id).await? else { return Ok(None) };
        match seen::stranger(call, &live) {
            Some(owner) => Err(PortError::Foreign { id: id.to_string(), owner }),
            None => Ok(live.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned)),
        }
    }

    /// 409: a newer writer, or a stranger's object that came between our look and our write.
    async fn conflict(
        &self,
        call: &Call,
        id: &ResourceId,
        (answer, based_on): (&Answer, Option<&str>),
    ) -> Result<PortError, PortError> {
        let message = answer.message();
        if message.contains("being deleted") || message.contains("being terminated") {
            return Ok(self.wire.busy(message, None));
        }
        if based_on.is_some() {
            return Ok(PortError::Stale { id: id.to_string() });
        }
        let live = self.get(id).await?;
        let owner = live.and_then(|live| seen::stranger(call, &live));
        Ok(match owner {
            Some(owner) => PortError::Foreign { id: id.to_string(), owner },
            None => PortError::Stale { id: id.to_string() },
        })
    }

    async fn remove_object(&self, call: &Call, object: &Object, seen: Option<&Seen>) -> Result<(), PortError> {
        let id = &object.id;
        let uid = match seen {
            Some(seen) => seen.uid.clone(),
            None => match self.get(id).await? {
                None => return Ok(()),
                Some(live) => match seen::stranger(call, &live) {
                    Some(owner) => return Err(PortError::Foreign { id: id.to_string(), owner }),
                    None => seen::text(&live, "/metadata/uid").to_owned(),
                },
            },
        };
        let path = self.path(id).await?;
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "propagationPolicy": "Background", "preconditions": {"uid": uid},
        });
        match self.wire.delete(&path, &options).await? {
            Answer { status: 404, .. } => Ok(()),
            answer if answer.status == 409 && answer.message().contains("UID") => Ok(()),
            answer if answer.status == 409 => Err(self.wire.busy(answer.message(), None)),
            answer => self.wire.ok(answer, id).map(|_| ()),
        }
    }

    async fn observe_object(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        let Some(live) = self.get(id).await? else { return Ok(None) };
        let mut seen = seen::of(call, &live);
        if let Ready::Waiting { reason } = &seen.ready {
            // What holds it stands elsewhere: in its pods and events. Not finding out must not hide the first reason.
            let found = cause::of(&self.wire, &live).await.unwrap_or(None);
            seen.ready = found.unwrap_or(Ready::Waiting { reason: reason.clone() });
        }
        Ok(Some(seen))
    }

    async fn check(&self, call: &Call, readiness: &Readiness) -> Result<Seen, PortError> {
        let mut all = Vec::new();
        for id in &readiness.objects {
            all.push((id.clone(), self.observe_object(call, id).await?));
        }
        Ok(crate::sim::joined(&all))
    }

    fn not_here(&self, id: &ResourceId) -> PortError {
        PortError::Invalid { id: id.to_string(), cause: "a cluster holds objects, no secrets of ours".into() }
    }
}

#[async_trait]
impl Port for Kubernetes {
    async fn apply(&self, call: &Call, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        let work = async {
            match want {
                Resource::Object(object) => self.apply_object(call, object, seen).await,
                Resource::Readiness(readiness) => self.check(call, readiness).await,
                Resource::Secret(secret) => Err(self.not_here(&secret.id)),
            }
        };
        within(call, self.wire.target(), work).await
    }

    async fn remove(&self, call: &Call, what: &Resource, seen: Option<&Seen>) -> Result<(), PortError> {
        let work = async {
            match what {
                Resource::Object(object) => self.remove_object(call, object, seen).await,
                Resource::Readiness(_) => Ok(()),
                Resource::Secret(secret) => Err(self.not_here(&secret.id)),
            }
        };
        within(call, self.wire.target(), work).await
    }

    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        within(call, self.wire.target(), self.observe_object(call, id)).await
    }
}

#[async_trait]
impl Discovery for Kubernetes {
    async fn facts(&self, call: &Call) -> Result<ClusterFacts, PortError> {
        let work = async {
            let catalog = self.discover().await?;
            facts::read(&self.wire, &catalog).await
        };
        within(call, self.wire.target(), work).await
    }

    async fn scan(&self, call: &Call, uid: &str) -> Result<Vec<ResourceId>, PortError> {
        let work = async {
            let catalog = self.discover().await?;
            let selector = format!("?labelSelector={}%3D{uid}&limit=500", label::SLICE.replace('/', "%2F"));
            let mut found = Vec::new();
            for kind in catalog.listable() {
                let answer = self.wire.get(&format!("{}{selector}", kind.path)).await?;
                // A kind that we may not list, or that went away, holds nothing of ours.
                if answer.status == 200 {
                    found.extend(seen::ids(self.wire.target_name(), kind, &answer.json()));
                }
            }
            Ok(found)
        };
        within(call, self.wire.target(), work).await
    }
}
