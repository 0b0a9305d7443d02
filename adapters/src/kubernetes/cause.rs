//! Why a workload is not ready: the first pod that has a cause, with the cluster's own words; or the events that say
//! why there is no pod.

use super::seen::text;
use super::wire::Wire;
use crate::port::PortError;
use models::resource::Ready;
use serde_json::Value;

/// `None`: nothing was found that says more than the object's own status.
pub(super) async fn of(wire: &Wire, live: &Value) -> Result<Option<Ready>, PortError> {
    let (kind, name, namespace) =
        (text(live, "/kind"), text(live, "/metadata/name"), text(live, "/metadata/namespace"));
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => {
            let pods = pods(wire, live, namespace).await?;
            for pod in &pods {
                if let Some(reason) = pod_reason(wire, pod, namespace).await? {
                    return Ok(Some(reason));
                }
            }
            let events = if pods.is_empty() { event(wire, namespace, ("FailedCreate", name)).await? } else { None };
            Ok(events.map(|message| waiting(format!("no pod can be made: {message}"))))
        }
        "PersistentVolumeClaim" => {
            for reason in ["ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning"] {
                if let Some(message) = event(wire, namespace, (reason, name)).await? {
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

async fn pods(wire: &Wire, live: &Value, namespace: &str) -> Result<Vec<Value>, PortError> {
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten().map(|(key, value)| {
        let value = value.as_str().unwrap_or("");
        format!("{}%3D{value}", key.replace('/', "%2F"))
    });
    let selector = pairs.collect::<Vec<_>>().join("%2C");
    let answer = wire.get(&format!("/api/v1/namespaces/{namespace}/pods?limit=20&labelSelector={selector}")).await?;
    Ok(answer.json().get("items").and_then(Value::as_array).cloned().unwrap_or_default())
}

async fn pod_reason(wire: &Wire, pod: &Value, namespace: &str) -> Result<Option<Ready>, PortError> {
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
            if let Some(words) = container_reason(container) {
                let last = match words.contains("keeps ending") {
                    true => last_words(wire, (namespace, name), text(container, "/name")).await,
                    false => String::new(),
                };
                return Ok(Some(waiting(format!("pod {name}, {words}{last}"))));
            }
        }
    }
    let mount = event(wire, namespace, ("FailedMount", name)).await?;
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
async fn last_words(wire: &Wire, (namespace, pod): (&str, &str), container: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines=3&previous=true");
    match wire.get(&path).await {
        Ok(answer) if answer.status == 200 && !answer.text().trim().is_empty() => {
            let lines: Vec<String> =
                answer.text().trim().lines().map(|line| line.chars().take(200).collect()).collect();
            format!("; its last words: {}", lines.join(" | "))
        }
        _ => String::new(),
    }
}

/// The newest event of this reason about an object whose name begins like this.
async fn event(wire: &Wire, namespace: &str, (reason, name): (&str, &str)) -> Result<Option<String>, PortError> {
    let path = format!("/api/v1/namespaces/{namespace}/events?limit=100&fieldSelector=reason%3D{reason}");
    let list = wire.get(&path).await?.json();
    let about = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<&Value> = about.filter(|event| text(event, "/involvedObject/name").starts_with(name)).collect();
    found.sort_by_key(|event| text(event, "/lastTimestamp"));
    Ok(found.last().map(|event| text(event, "/message").to_owned()))
}
