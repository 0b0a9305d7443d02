//! Why a workload is not ready: the first of its pods that has a cause, with the cluster's own words; or the events that
//! say why there is no pod. Only what is wanted now counts: pods of an older revision, and what is somebody else's, say
//! nothing about it.

use super::catalog::encoded;
use super::ready;
use super::seen::text;
use super::wire::Wire;
use crate::port::PortError;
use models::resource::Ready;
use serde_json::Value;

/// `None`: nothing was found that says more than the object's own status.
pub(super) async fn of(wire: &Wire, live: &Value) -> Result<Option<Ready>, PortError> {
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
        kind @ "PersistentVolumeClaim" => {
            for reason in ["ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning"] {
                if let Some(message) = event(wire, reason, (kind, live)).await? {
                    return Ok(Some(waiting(format!("no volume: {message}"))));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn waiting(reason: String) -> Ready {
    Ready::Waiting { reason }
}

fn annotation<'v>(live: &'v Value, key: &str) -> Option<&'v str> {
    live.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// What holds the pods of `maker`, or holds it from making any. `newest` narrows to those of its newest revision.
async fn workload(wire: &Wire, (maker, kind): (&Value, &str), newest: &str) -> Result<Option<Ready>, PortError> {
    let pods = made_by(wire, "/api/v1", ("pods", maker, newest)).await?;
    for pod in &pods {
        if let Some(reason) = pod_reason(wire, pod).await? {
            return Ok(Some(reason));
        }
    }
    let message = if pods.is_empty() { event(wire, "FailedCreate", (kind, maker)).await? } else { None };
    Ok(message.map(|message| waiting(format!("no pod can be made: {message}"))))
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

async fn pod_reason(wire: &Wire, pod: &Value) -> Result<Option<Ready>, PortError> {
    let name = text(pod, "/metadata/name");
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|c| {
        text(c, "/type") == "PodScheduled" && text(c, "/status") == "False" && !text(c, "/message").is_empty()
    });
    if let Some(condition) = unscheduled {
        return Ok(Some(waiting(format!("pod {name} has no node: {}", text(condition, "/message")))));
    }
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        for container in pod.pointer(list).and_then(Value::as_array).into_iter().flatten() {
            let Some(words) = container_reason(container) else { continue };
            let reason = format!("pod {name}, {words}");
            return Ok(Some(match text(container, "/state/waiting/reason") {
                // No time makes an image's name out of it.
                "InvalidImageName" => Ready::Failed { reason },
                "CrashLoopBackOff" => waiting(reason + &last_words(wire, pod, text(container, "/name")).await),
                _ => waiting(reason),
            }));
        }
    }
    let mount = event(wire, "FailedMount", ("Pod", pod)).await?;
    Ok(mount.map(|message| waiting(format!("pod {name}: {message}"))))
}

fn container_reason(container: &Value) -> Option<String> {
    let name = text(container, "/name");
    let reason = text(container, "/state/waiting/reason");
    let message = text(container, "/state/waiting/message");
    match reason {
        "" | "ContainerCreating" | "PodInitializing" => None,
        "CrashLoopBackOff" => {
            let code = container.pointer("/lastState/terminated/exitCode").map(Value::to_string).unwrap_or_default();
            let why = text(container, "/lastState/terminated/reason");
            Some(format!("container {name} keeps ending: {why}, exit code {code}"))
        }
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
            let image = text(container, "/image");
            Some(format!("container {name}: image {image} cannot be had ({reason}): {message}"))
        }
        other => Some(format!("container {name}: {other}: {message}")),
    }
}

/// The last lines of the container that ended.
async fn last_words(wire: &Wire, pod: &Value, container: &str) -> String {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let path =
        format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}&tailLines=3&previous=true");
    match wire.get(&path).await {
        Ok(answer) if answer.status == 200 && !answer.text().trim().is_empty() => {
            let lines: Vec<String> =
                answer.text().trim().lines().map(|line| line.chars().take(200).collect()).collect();
            format!("; its last words: {}", lines.join(" | "))
        }
        _ => String::new(),
    }
}

/// The newest event of this reason about exactly this object.
async fn event(wire: &Wire, reason: &str, (kind, about): (&str, &Value)) -> Result<Option<String>, PortError> {
    let (namespace, name) = (text(about, "/metadata/namespace"), text(about, "/metadata/name"));
    let query = encoded(&format!("reason={reason},involvedObject.kind={kind},involvedObject.name={name}"));
    let path = format!("/api/v1/namespaces/{namespace}/events?limit=100&fieldSelector={query}");
    let list = wire.get(&path).await?.json();
    // The two libraries that write events date them in two fields.
    let at = |event: &&Value| text(event, "/lastTimestamp").max(text(event, "/eventTime")).to_owned();
    let newest = list.get("items").and_then(Value::as_array).into_iter().flatten().max_by_key(at);
    Ok(newest.map(|event| text(event, "/message").to_owned()))
}
