//! Why a claim has no volume.

use super::events::Events;
use super::{Cause, annotation, encoded};
use crate::kubernetes::seen::text;
use crate::kubernetes::wire::Wire;
use crate::port::PortError;
use crate::remedy::{EITHER, RETRY};
use models::resource::Ready;
use serde_json::Value;

/// Newest first matters less than who says it: what failed says more than what is expected.
const REASONS: [&str; 4] = ["ProvisioningFailed", "FailedBinding", "ExternalProvisioning", "WaitForFirstConsumer"];

pub(super) async fn cause(wire: &Wire, claim: &Value) -> Result<Option<Cause>, PortError> {
    if text(claim, "/status/phase") == "Bound" {
        return Ok(None);
    }
    if text(claim, "/status/phase") == "Lost" {
        let reason = "its volume is gone, and with it the data".to_owned();
        return Ok(Some(Cause::failed(reason, format!("make the volume again, or replace the function, {EITHER}"))));
    }
    if is_unasked(wire, claim).await {
        return Ok(Some(Cause { ready: Ready::Yes, next: String::new() }));
    }
    let events = Events::about(wire, ("PersistentVolumeClaim", claim)).await?;
    let found = REASONS.iter().find_map(|reason| Some((*reason, events.newest(&[reason])?)));
    let Some((reason, event)) = found else { return Ok(None) };
    let class = text(claim, "/spec/storageClassName");
    let message = text(event, "/message");
    let words = match class {
        "" => format!("no volume: {message}"),
        class => format!("no volume of storage class {class}: {message}"),
    };
    Ok(Some(Cause::waiting(words, next(reason, (class, message)))))
}

/// Its class makes a volume for the first pod that wants one, and none does: there is nothing to wait for. A pod that
/// wants it is waited for itself.
async fn is_unasked(wire: &Wire, claim: &Value) -> bool {
    let class = text(claim, "/spec/storageClassName");
    if class.is_empty() || annotation(claim, "volume.kubernetes.io/selected-node").is_some() {
        return false;
    }
    let answer = wire.get(&format!("/apis/storage.k8s.io/v1/storageclasses/{}", encoded(class))).await;
    answer.is_ok_and(|answer| text(&answer.json(), "/volumeBindingMode") == "WaitForFirstConsumer")
}

fn next(reason: &str, (class, message): (&str, &str)) -> String {
    match reason {
        "ProvisioningFailed" if message.contains("not found") => {
            format!("make storage class {class} on the cluster, or name another one in the chart's values, {EITHER}")
        }
        "ProvisioningFailed" => format!("mend the provisioner of storage class {class}, {RETRY}"),
        "FailedBinding" => {
            format!("make a storage class the cluster's default, or name one in the chart's values, {EITHER}")
        }
        "ExternalProvisioning" => format!("see that the provisioner of storage class {class} runs, {RETRY}"),
        _ => String::new(),
    }
}

/// The first claim of a pod that has no volume, with its cause.
pub(super) async fn of_pod(wire: &Wire, pod: &Value) -> Result<Option<Cause>, PortError> {
    let namespace = text(pod, "/metadata/namespace");
    for volume in pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten() {
        let name = text(volume, "/persistentVolumeClaim/claimName");
        if name.is_empty() {
            continue;
        }
        let path = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/{}", encoded(name));
        let answer = wire.get(&path).await?;
        if answer.is_absent() {
            let reason = format!("there is no claim {name}");
            return Ok(Some(Cause::waiting(reason, format!("bring the claim {name} in the chart, {EITHER}"))));
        }
        if let Some(cause) = cause(wire, &answer.json()).await?.filter(|cause| cause.ready != Ready::Yes) {
            let reason = format!("claim {name}: {}", cause.reason());
            return Ok(Some(Cause::waiting(reason, cause.next)));
        }
    }
    Ok(None)
}
