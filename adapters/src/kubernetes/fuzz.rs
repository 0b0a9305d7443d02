//! The parsers of what clusters say, for the fuzzer: an API server answers as the input has it, whatever is asked.

use super::access::Access;
use super::connect::{self, ExecPolicy};
use super::lease::{Hold, Holder};
use super::way::Way;
use super::wire::Wire;
use super::{Kubernetes, catalog, facts, fields, names, quantity, quota, ready, seen};
use crate::helm::Lookup;
use crate::port::{Call, Discovery, Port, PortError, Safe, Sealed};
use async_trait::async_trait;
use http::{Request, Response};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use models::Name;
use models::checkup::Question;
use models::resource::{ResourceId, Target};
use models::secret::SecretRef;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready as at_once};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::RwLock;

/// A call in the fuzzer is answered at once; one that goes on for ever must not be cut off here, but be found.
const DEADLINE: Duration = Duration::from_secs(3_600);

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn wait<T>(work: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.ok().map(|runtime| runtime.block_on(work))
}

/// What is taken holds all it needs, and names no file or program of this machine.
pub fn kubeconfig(bytes: &[u8]) {
    let text = text(bytes);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _ = Way::of(text);
    let _ = connect::certificate_end(text);
    let made = wait(connect::access(text, ExecPolicy::Refuse));
    if let Some(Err(error)) = made {
        assert!(!error.to_string().is_empty());
    }
}

pub fn kubernetes_names(bytes: &[u8]) {
    let text = text(bytes);
    let (kind, name) = text.split_once('\n').unwrap_or(("Service", text));
    if let (None, true) = (names::broken_name(kind, name), kind == "Service") {
        assert!(!name.is_empty() && name.len() <= 63, "{name:?}");
    }
    let _ = names::broken_label(name);
    let _ = (quantity::milli(name), quantity::whole(name));
    let encoded = catalog::encoded(name);
    assert!(!encoded.contains(['/', '?', '#', '&', ' ']), "{encoded}");
    if let Some((quota, _)) = quota::taken_apart(name) {
        assert!(name.contains(quota));
    }
}

/// One object as an API server prints it.
pub fn live_object(bytes: &[u8]) {
    let Ok(live) = serde_json::from_slice::<Value>(bytes) else { return };
    let seen = seen::of(&call(), &live);
    let written = serde_json::to_string(&seen).unwrap_or_default();
    assert_eq!(serde_json::from_str(&written).ok().as_ref(), Some(&seen), "{written}");
    let _ = (ready::of(&live), seen.why());
    let _ = (fields::written_in(&live), fields::with_helms(&live), fields::ours(&live));
    let _ = (facts::of_node(&live), facts::requests(&live), super::node::barriers(&live));
    let _ = super::cause::joined(&live, ready::of(&live), None);
}

/// Every line is an answer, `STATUS BODY`; the first one is an object that is asked about. Then nothing is there.
pub fn api_server(bytes: &[u8]) {
    let mut lines = text(bytes).split('\n');
    let first: Value = serde_json::from_str(lines.next().unwrap_or_default()).unwrap_or_default();
    let answers: Vec<&str> = lines.collect();
    let Ok(name) = "edge".parse::<Name>() else { return };
    let ask = async {
        let cluster = |answers: &[&str]| Kubernetes {
            wire: Wire::new(name.clone(), Access::Held(Client::new(Answers::of(answers), "default")), None),
            catalog: RwLock::new(None),
            way: Way::default(),
            hold: Some(Hold::new(holder())),
        };
        let call = call();
        let _ = cluster(&answers).facts(&call).await;
        let _ = cluster(&answers).scan(&call, Some("0a1b2c3d")).await;
        let kind = format!("{}/{}", seen::text(&first, "/apiVersion"), seen::text(&first, "/kind"));
        let (namespace, object) = (seen::text(&first, "/metadata/namespace"), seen::text(&first, "/metadata/name"));
        let id = ResourceId {
            target: Target::Cluster(name.clone()),
            kind,
            namespace: namespace.to_owned(),
            name: object.to_owned(),
        };
        let _ = cluster(&answers).observe(&call, &id).await;
        let _ = cluster(&answers).words(&call, &id).await;
        let _ = cluster(&answers).releases(&call, ("iot", Some(&["gw".to_owned()]))).await;
        let lookup = Lookup {
            api_version: seen::text(&first, "/apiVersion").to_owned(),
            kind: seen::text(&first, "/kind").to_owned(),
            namespace: namespace.to_owned(),
            name: object.to_owned(),
        };
        let _ = cluster(&answers).find(&call, &lookup).await;
        let _ = super::cause::of(&cluster(&answers).wire, &first).await;
        let _ = cluster(&answers).objects_of(&first).await;
        let _ = cluster(&answers).ownership().await;
        let _ = cluster(&answers).hold(&call).await;
        // Its ends may be waits for ever: nothing more is said then.
        let (tell, _listens) = tokio::sync::mpsc::channel(1_000);
        let _ = tokio::time::timeout(Duration::from_millis(5), cluster(&answers).hear_all(&tell)).await;
        let words = seen::text(&first, "/message");
        let _ = quota::count_again(&cluster(&answers).wire, &call, ("iot", words)).await;
        let question = Question { now: Timestamp::UNIX_EPOCH, used: vec![] };
        let _ = cluster(&answers).examine(&call, &question).await;
    };
    wait(ask);
}

fn holder() -> Holder {
    Holder {
        instance: "0a1b".into(),
        server: "here".into(),
        now: Arc::new(|| Timestamp::UNIX_EPOCH),
        good_for: Duration::from_secs(1),
    }
}

/// Answers in order, then 404.
#[derive(Clone)]
struct Answers(Arc<Mutex<VecDeque<Answer>>>);

/// Status and body.
type Answer = (u16, Vec<u8>);

impl Answers {
    fn of(lines: &[&str]) -> Self {
        let answer = |line: &&str| {
            let (status, body) = line.split_once(' ').unwrap_or((line, ""));
            (status.parse().unwrap_or(200), body.as_bytes().to_vec())
        };
        Self(Arc::new(Mutex::new(lines.iter().map(answer).collect())))
    }
}

impl tower::Service<Request<Body>> for Answers {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (status, body) = next.unwrap_or((404, Vec::new()));
        let response = Response::builder().status(status).body(Body::from(body));
        at_once(Ok(response.unwrap_or_else(|_| Response::new(Body::empty()))))
    }
}

fn call() -> Call {
    Call {
        operation: "o".into(),
        seq: 1,
        owner: "0a1b2c3d".into(),
        adopted: None,
        epoch: 1,
        deadline: DEADLINE,
        safe: Arc::new(Empty),
    }
}

/// Holds no secret.
struct Empty;

#[async_trait]
impl Safe for Empty {
    async fn read(&self, _: &SecretRef) -> Result<Option<Vec<(String, Sealed)>>, PortError> {
        Ok(None)
    }

    async fn write(&self, _: &SecretRef, _: Vec<(String, Sealed)>) -> Result<(), PortError> {
        Ok(())
    }

    async fn versions(&self, _: &str) -> Result<Vec<u32>, PortError> {
        Ok(vec![])
    }

    async fn erase(&self, _: &SecretRef) -> Result<(), PortError> {
        Ok(())
    }

    async fn blob(&self, digest: &str) -> Result<Sealed, PortError> {
        Err(PortError::Sealed { cause: format!("there is no blob {digest}") })
    }
}
