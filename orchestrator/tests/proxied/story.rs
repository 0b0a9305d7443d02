//! A slice of a few objects that is made and removed by an engine of its own through a proxy.

use crate::control_plane::{Api, ControlPlane, User};
use adapters::kubernetes::{ExecPolicy, Holder, Kubernetes};
use adapters::local::Local;
use adapters::{Port, PortError};
use async_trait::async_trait;
use http::Method;
use models::change::Verb;
use models::resource::{Body, Object, Owner, Resource, ResourceId, Target};
use models::slice::Phase;
use models::{Name, OperationKind, OperationState, Slice, SliceSpec};
use orchestrator::ops::{Engine, Limits, Means, OperationView, Ports, StartOptions};
use orchestrator::plan::diff::Step;
use orchestrator::plan::order::order;
use orchestrator::plan::{Plan, Recorded};
use orchestrator::store::{Blobs, Clock, Key, Kind, Options, Query, Random, Sqlite, Store, Txn, Vault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long one call waits.
const DEADLINE: Duration = Duration::from_millis(800);
/// How long an operation is waited for here.
const END: Duration = Duration::from_secs(60);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

struct Two(Arc<dyn Port>, Arc<dyn Port>);

#[async_trait]
impl Ports for Two {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        Ok(match target {
            Target::Local => Arc::clone(&self.0),
            Target::Cluster(_) => Arc::clone(&self.1),
        })
    }
}

pub struct Story {
    _folder: TempDir,
    store: Arc<dyn Store>,
    engine: Engine,
    api: Api,
    /// Of the slice and its namespace, which is there before it and stays.
    uid: String,
    namespace: String,
}

impl Story {
    pub async fn new(plane: &ControlPlane, (id, kubeconfig): (usize, &str)) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path(), Options::new(Clock::system())).unwrap());
        for (kind, id) in [(Kind::Tenant, "default"), (Kind::Cluster, "edge")] {
            store.commit(Txn::new().put(Key::installation(kind, id), json!({"name": id}))).await.unwrap();
        }
        let vault = Arc::new(Vault::unlock(folder.path(), store.as_ref(), Random::system()).await.unwrap());
        let blobs = Arc::new(Blobs::open(folder.path(), Arc::clone(&vault), Clock::system()).unwrap());
        // All stories are one server's, whose Lease each of them reads.
        let holder = Holder {
            instance: "proxied".into(),
            server: "test".into(),
            now: Arc::new(jiff::Timestamp::now),
            good_for: Duration::from_secs(60),
        };
        let port = Kubernetes::connect(name("edge"), kubeconfig, ExecPolicy::Refuse).await.unwrap().held_by(holder);
        let local = Local::new(Arc::new(jiff::Timestamp::now), Arc::new(ring::rand::SystemRandom::new()));
        let means = Means {
            store: Arc::clone(&store),
            vault,
            blobs,
            ports: Arc::new(Two(Arc::new(local), Arc::new(port))),
            clock: Clock::system(),
            random: Random::system(),
            limits: Limits { call_deadline: DEADLINE, patience: Duration::from_secs(40), ..Limits::default() },
        };
        let engine = Engine::new(means).await.unwrap();
        let api = plane.api(&User::ADMIN);
        let (uid, namespace) = (format!("{id:08x}"), format!("t-proxied-{id}"));
        api.must(Method::POST, "/api/v1/namespaces", Some(&json!({"metadata": {"name": namespace}}))).await;
        Self { _folder: folder, store, engine, api, uid, namespace }
    }

    fn slice(&self) -> Slice {
        Slice {
            format: models::format::Format,
            tenant: name("default"),
            name: name("demo"),
            uid: self.uid.clone(),
            incarnation: 1,
            labels: BTreeMap::new(),
            spec: SliceSpec::default(),
            phase: Phase::Ready,
            operation: None,
            placed: BTreeMap::new(),
            adopted: None,
        }
    }

    fn object(&self, (kind, object): (&str, &str), body: &Value) -> Resource {
        let (api_version, short) = kind.rsplit_once('/').unwrap();
        let id = ResourceId {
            target: Target::Cluster(name("edge")),
            kind: kind.into(),
            namespace: self.namespace.clone(),
            name: object.into(),
        };
        let metadata = json!({"name": object, "namespace": self.namespace});
        let mut manifest = json!({"apiVersion": api_version, "kind": short, "metadata": metadata});
        manifest.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let owner = Owner { tenant: name("default"), slice: name("demo"), uid: self.uid.clone(), function: None };
        Resource::Object(Object { id, owner, body: Body::Plain(manifest), fills: vec![], keep: false })
    }

    fn wanted(&self) -> Vec<Resource> {
        vec![
            self.object(("v1/ConfigMap", "settings"), &json!({"data": {"a": "1"}})),
            self.object(("v1/Secret", "key"), &json!({"data": {"k": "dg=="}})),
            self.object(("v1/Service", "store"), &json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}})),
        ]
    }

    /// Makes the slice, one object after the other; its end.
    pub async fn made(&self) -> OperationView {
        self.wait(&self.make().await).await
    }

    /// Begins to make it.
    pub async fn make(&self) -> String {
        let mut behind = vec![];
        let mut steps = Vec::new();
        for resource in self.wanted() {
            let id = resource.id().clone();
            let step = Step::new((Verb::Create, id.clone()), 4, "wanted");
            steps.push(Step { after: Some(resource), behind: behind.clone(), ..step });
            behind.push(id);
        }
        let slice = self.slice();
        self.start(Plan::of(&slice, (OperationKind::CreateSlice, None, Some(slice.clone())), order(steps))).await
    }

    /// Removes it; its end.
    pub async fn removed(&self) -> OperationView {
        let steps = self.recorded().await.into_iter().map(|recorded| {
            let step = Step::new((Verb::Delete, recorded.resource.id().clone()), recorded.tier, "no longer wanted");
            Step { before: Some(recorded.resource), seen: recorded.seen, ..step }
        });
        let slice = self.slice();
        let sides = (OperationKind::DeleteSlice, Some(slice.clone()), None);
        let plan = Plan::of(&slice, sides, order(steps.collect()));
        self.wait(&self.start(plan).await).await
    }

    async fn start(&self, plan: Plan) -> String {
        let key = Key::new(Kind::Slice, "default", "demo");
        let slice = self.store.get(&key).await.unwrap().map(|object| object.rev);
        self.engine.start(plan, StartOptions { slice, ..StartOptions::default() }).await.unwrap().id
    }

    pub async fn view(&self, id: &str) -> OperationView {
        self.engine.get(&name("default"), id).await.unwrap()
    }

    pub async fn wait(&self, id: &str) -> OperationView {
        tokio::time::timeout(END, self.engine.wait(id)).await.expect("it ends");
        self.view(id).await
    }

    async fn recorded(&self) -> Vec<Recorded> {
        let query = Query::of(Kind::Resource, "default").prefix(format!("{}/", self.uid));
        self.store.list(&query).await.unwrap().iter().map(|object| object.read().unwrap()).collect()
    }

    /// What is wrong with the world after it was made; empty: nothing.
    pub async fn faults_when_made(&self, view: &OperationView) -> Vec<String> {
        let mut faults = ended(view);
        let recorded = self.recorded().await;
        for resource in self.wanted() {
            let (status, live) = self.live(resource.id()).await;
            let known = recorded.iter().find(|recorded| recorded.resource.id() == resource.id());
            let uid = known.and_then(|known| known.seen.as_ref()).map(|seen| seen.uid.as_str());
            if status != 200 || uid != live["metadata"]["uid"].as_str() {
                faults.push(format!("{}: {status}, recorded as {uid:?}: {live}", resource.id()));
            }
        }
        faults
    }

    /// What is left of it after it was removed.
    pub async fn faults_when_removed(&self, view: &OperationView) -> Vec<String> {
        let mut faults = ended(view);
        faults.extend(self.recorded().await.iter().map(|left| format!("{} is recorded", left.resource.id())));
        for resource in self.wanted() {
            if self.live(resource.id()).await.0 != 404 {
                faults.push(format!("{} is left", resource.id()));
            }
        }
        faults
    }

    async fn live(&self, id: &ResourceId) -> (u16, Value) {
        let plural = format!("{}s", id.api().1.to_lowercase());
        let path = format!("/api/v1/namespaces/{}/{plural}/{}", self.namespace, id.name);
        self.api.call(Method::GET, &path, None).await
    }
}

fn ended(view: &OperationView) -> Vec<String> {
    match view.operation.state {
        OperationState::Completed => vec![],
        state => vec![format!("{} instead of COMPLETED: {:?}", state.as_str(), view.operation.error)],
    }
}
