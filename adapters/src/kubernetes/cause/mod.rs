//! Why a workload is not ready: the first of its pods that has a cause, with the cluster's own words; or the events that
//! say why there is no pod. Each cause comes with what would help. Only what is wanted now counts: pods of an older
//! revision, and what is somebody else's, say nothing about it.

mod events;
mod logs;
mod pod;
mod trial;
mod volume;

use super::catalog::encoded;
use super::ready;
use super::seen::text;
use super::wire::Wire;
use crate::port::PortError;
use crate::remedy;
use events::Events;
use models::resource::Ready;
use serde_json::Value;

/// Why something is not ready, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) ready: Ready,
    pub(super) next: String,
}

impl Cause {
    fn waiting(reason: String, next: impl Into<String>) -> Self {
        Self { ready: Ready::Waiting { reason }, next: next.into() }
    }

    fn failed(reason: String, next: impl Into<String>) -> Self {
        Self { ready: Ready::Failed { reason }, next: next.into() }
    }

    /// The reason, whichever it is.
    fn reason(&self) -> &str {
        match &self.ready {
            Ready::Yes => "",
            Ready::Waiting { reason } | Ready::Failed { reason } => reason,
        }
    }
}

/// A cause beside what the object itself says of being ready.
pub(super) fn joined(live: &Value, first: Ready, cause: Option<Cause>) -> Cause {
    let Some(cause) = cause else { return Cause { next: alone(live, &first), ready: first } };
    let Cause { ready, next } = &cause;
    let ready = match (first, ready) {
        (Ready::Yes, _) | (_, Ready::Yes) => Ready::Yes,
        // Nothing starts a job or a pod again that has given up, and trying again only finds it so.
        (Ready::Failed { reason }, _) if matches!(text(live, "/kind"), "Job" | "Pod") => {
            let help = next.split_once(", then: ").map_or(next.as_str(), |(help, _)| help);
            return Cause::failed(format!("{reason}; {}", cause.reason()), format!("{help}, {}", remedy::FILE));
        }
        // A cause that can pass by itself is waited for, whatever the object's own deadline says.
        (Ready::Failed { reason }, Ready::Waiting { reason: cause }) => {
            Ready::Waiting { reason: format!("{cause} ({reason})") }
        }
        (_, Ready::Waiting { .. } | Ready::Failed { .. }) => ready.clone(),
    };
    Cause { ready, next: next.clone() }
}

/// What helps where nothing but the object's own status is known.
fn alone(live: &Value, ready: &Ready) -> String {
    match (text(live, "/kind"), ready) {
        ("Service", Ready::Waiting { .. }) => {
            format!("have a controller of load balancers on the cluster, or expose by nodePort, {}", remedy::RETRY)
        }
        (_, Ready::Failed { .. }) => format!("change the slice file or the chart, {}", remedy::FILE),
        (_, Ready::Yes | Ready::Waiting { .. }) => String::new(),
    }
}

/// `None`: nothing was found that says more than the object's own status.
pub(super) async fn of(wire: &Wire, live: &Value) -> Result<Option<Cause>, PortError> {
    match text(live, "/kind") {
        "Deployment" | "StatefulSet" | "DaemonSet" if ready::is_behind(live) => Ok(None),
        "Deployment" => match replica_set(wire, live).await? {
            Some(set) => workload(wire, (&set, "ReplicaSet"), "").await,
            None => Ok(None),
        },
        kind @ "StatefulSet" => {
            let revision = text(live, "/status/updateRevision");
            let newest =
                if revision.is_empty() { String::new() } else { format!("controller-revision-hash={revision}") };
            workload(wire, (live, kind), &newest).await
        }
        kind @ "DaemonSet" => {
            let generation = annotation(live, "deprecated.daemonset.template.generation");
            let newest = generation.map(|number| format!("pod-template-generation={number}")).unwrap_or_default();
            workload(wire, (live, kind), &newest).await
        }
        kind @ "Job" => workload(wire, (live, kind), "").await,
        "Pod" => pod::cause(wire, live).await,
        "PersistentVolumeClaim" => volume::cause(wire, live).await,
        _ => Ok(None),
    }
}

fn annotation<'v>(live: &'v Value, key: &str) -> Option<&'v str> {
    live.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// What holds the pods of `maker`, or holds it from making any. `newest` narrows to those of its newest revision.
async fn workload(wire: &Wire, (maker, kind): (&Value, &str), newest: &str) -> Result<Option<Cause>, PortError> {
    let pods = made_by(wire, "/api/v1", ("pods", maker, newest)).await?;
    // A pod that is over is replaced, but for a job, which counts it.
    let counts = |pod: &&Value| kind == "Job" || !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
    for pod in pods.iter().filter(counts) {
        if let Some(cause) = pod::cause(wire, pod).await? {
            return Ok(Some(cause));
        }
    }
    if pods.iter().any(|pod| counts(&pod)) {
        return Ok(None);
    }
    match Events::about(wire, (kind, maker)).await?.newest(&["FailedCreate"]) {
        Some(event) => trial::cause(wire, maker, text(event, "/message")).await.map(Some),
        None => Ok(None),
    }
}

/// The ReplicaSet of a Deployment's current revision.
async fn replica_set(wire: &Wire, live: &Value) -> Result<Option<Value>, PortError> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let sets = made_by(wire, "/apis/apps/v1", ("replicasets", live, "")).await?;
    let number = |set: &Value| annotation(set, REVISION).and_then(|text| text.parse::<u64>().ok());
    let current = annotation(live, REVISION).and_then(|text| text.parse().ok());
    Ok(sets.into_iter().filter(|set| current.is_none() || number(set) == current).max_by_key(number))
}

/// The objects that `maker` controls, of those that it selects and that `also` selects.
async fn made_by(
    wire: &Wire,
    base: &str,
    (plural, maker, also): (&str, &Value, &str),
) -> Result<Vec<Value>, PortError> {
    let mut terms = selector(maker);
    terms.extend((!also.is_empty()).then(|| also.to_owned()));
    let namespace = text(maker, "/metadata/namespace");
    let query = encoded(&terms.join(","));
    let answer = wire.get(&format!("{base}/namespaces/{namespace}/{plural}?limit=100&labelSelector={query}")).await?;
    let uid = text(maker, "/metadata/uid");
    let controlled = |item: &Value| {
        let owners = item.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| text(owner, "/uid") == uid)
    };
    let mut items = answer.json().get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items.retain(controlled);
    Ok(items)
}

/// `spec.selector` in the form of a query.
fn selector(live: &Value) -> Vec<String> {
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let mut terms: Vec<String> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or(""))).collect();
    for term in live.pointer("/spec/selector/matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = text(term, "/key");
        let values = term.get("values").and_then(Value::as_array);
        let values = values.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match text(term, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms
}
