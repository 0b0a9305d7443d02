//! A namespace of its own for each test, a port that works in it, and somebody else's hand.

use crate::control_plane::{Api, ControlPlane, User, until};
use crate::safe::Memory;
use adapters::kubernetes::{ExecPolicy, Kubernetes};
use adapters::{Call, Discovery, Port, PortError};
use http::Method;
use models::resource::{Body, Object, Owner, Ready, Resource, ResourceId, Seen, Target};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct World {
    pub plane: &'static ControlPlane,
    pub port: Kubernetes,
    pub api: Api,
    pub safe: Arc<Memory>,
    pub call: Call,
    pub namespace: String,
}

impl World {
    /// `None` where there is no control plane; `name` must be the test's own.
    pub async fn new(name: &str) -> Option<Self> {
        let plane = ControlPlane::shared()?;
        let api = plane.api(&User::ADMIN);
        let namespace = format!("t-{name}");
        api.must(Method::POST, "/api/v1/namespaces", Some(&json!({"metadata": {"name": namespace}}))).await;
        let safe = Arc::new(Memory::default());
        let call = safe.call(&format!("uid-{name}"));
        let port = port(&plane.kubeconfig(&User::ADMIN)).await;
        Some(Self { plane, port, api, safe, call, namespace })
    }

    pub fn id(&self, kind: &str, name: &str) -> ResourceId {
        let target = Target::Cluster("edge".parse().unwrap());
        ResourceId { target, kind: kind.into(), namespace: self.namespace.clone(), name: name.into() }
    }

    pub fn object(&self, kind: &str, (name, body): (&str, Value)) -> Resource {
        let owner = Owner {
            tenant: "acme".parse().unwrap(),
            slice: "factory".parse().unwrap(),
            uid: self.call.owner.clone(),
            function: None,
        };
        Resource::Object(Object {
            id: self.id(kind, name),
            owner,
            body: Body::Plain(body),
            fills: Vec::new(),
            keep: false,
        })
    }

    pub fn config(&self, name: &str, data: Value) -> Resource {
        self.object("v1/ConfigMap", (name, json!({"data": data})))
    }

    /// What carries the label of the world's slice.
    pub async fn scan(&self) -> Vec<ResourceId> {
        let found = self.port.scan(&self.call, Some(&self.call.owner)).await.unwrap();
        found.into_iter().map(|one| one.id).collect()
    }

    pub async fn apply(&self, want: &Resource, seen: Option<&Seen>) -> Result<Seen, PortError> {
        self.port.apply(&self.call, want, seen).await
    }

    pub async fn observe(&self, what: &Resource) -> Option<Seen> {
        self.port.observe(&self.call, what.id()).await.unwrap()
    }

    /// Where a namespaced object of the core group stands: `path("configmaps", "a")`.
    pub fn path(&self, plural: &str, name: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}/{name}", self.namespace).trim_end_matches('/').to_owned()
    }

    pub async fn live(&self, name: &str) -> Value {
        self.api.must(Method::GET, &self.path("configmaps", name), None).await
    }

    /// Somebody else makes a ConfigMap.
    pub async fn plant(&self, name: &str, metadata: Value) {
        let mut metadata = metadata;
        metadata["name"] = json!(name);
        let body = json!({"metadata": metadata, "data": {"theirs": "1"}});
        self.api.must(Method::POST, &self.path("configmaps", ""), Some(&body)).await;
    }

    /// Observes until the reason why it is not ready contains `words`.
    pub async fn waits_for(&self, what: &Resource, words: &str) {
        let last = std::sync::Mutex::new(String::new());
        let said = || async {
            let seen = self.observe(what).await;
            *last.lock().unwrap() = format!("{seen:?}");
            matches!(seen.map(|seen| seen.ready), Some(Ready::Waiting { reason }) if reason.contains(words))
        };
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !said().await {
            assert!(tokio::time::Instant::now() < end, "no {words:?} in {}", last.lock().unwrap());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// The one pod of a workload, once its controller made it.
    pub async fn pod(&self, label: &str) -> String {
        let path = format!("{}?labelSelector=app%3D{label}", self.path("pods", ""));
        let first = || async {
            let list = self.api.must(Method::GET, &path, None).await;
            list.pointer("/items/0/metadata/name").and_then(Value::as_str).map(str::to_owned)
        };
        until("there is a pod", || async { first().await.is_some() }).await;
        first().await.unwrap()
    }
}

pub async fn port(kubeconfig: &str) -> Kubernetes {
    Kubernetes::connect("edge".parse().unwrap(), kubeconfig, ExecPolicy::Refuse).await.unwrap()
}

/// A Deployment of one pod with label `app: NAME`.
pub fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    json!({"spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}}})
}
