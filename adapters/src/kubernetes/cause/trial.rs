//! Why a controller makes no pod. Its words may be old: it tries again ever more rarely. What a refusal says is
//! therefore asked again by a dry run before anything is called failed.

use super::Cause;
use crate::kubernetes::quota;
use crate::kubernetes::seen::text;
use crate::kubernetes::wire::{Wire, waits};
use crate::port::PortError;
use crate::remedy::{self, RETRY};
use serde_json::{Value, json};

pub(super) async fn cause(wire: &Wire, maker: &Value, message: &str) -> Result<Cause, PortError> {
    let reason = format!("no pod can be made: {}", message.trim_start_matches("Error creating: "));
    let away = message.contains("failed calling webhook");
    if quota::is_short(message) || waits(message) || away {
        let next = remedy::busy(message, wire.target()).unwrap_or_default();
        return Ok(Cause::waiting(reason, next));
    }
    let namespace = text(maker, "/metadata/namespace");
    let answer = wire.post(&format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod(maker)).await?;
    let refused = matches!(answer.status, 400 | 403 | 422) && answer.json().get("reason").is_some();
    Ok(match answer.status {
        200..=299 => {
            let reason = format!("{reason} (it would be taken now; its controller tries again by itself, in minutes)");
            Cause::waiting(reason, format!("wait, or delete the ReplicaSet or Job that waits, {RETRY}"))
        }
        // What we may not do ourselves says nothing of its controller.
        _ if refused && !answer.message().contains("User \"") => {
            Cause::failed(reason, remedy::refused(message, wire.target()))
        }
        _ => Cause::waiting(reason, remedy::refused(message, wire.target())),
    })
}

/// A pod as its maker's template has it. Volumes that a StatefulSet makes for each pod are empty ones here.
fn pod(maker: &Value) -> Value {
    let template = maker.pointer("/spec/template").cloned().unwrap_or_default();
    let mut spec = template.get("spec").cloned().unwrap_or_default();
    let claims = maker.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
    let empty = claims.map(|claim| json!({"name": text(claim, "/metadata/name"), "emptyDir": {}}));
    let empty: Vec<Value> = empty.collect();
    if let (false, Some(spec)) = (empty.is_empty(), spec.as_object_mut())
        && let Some(volumes) = spec.entry("volumes").or_insert_with(|| json!([])).as_array_mut()
    {
        volumes.extend(empty);
    }
    let metadata = json!({
        "generateName": "sliceway-trial-",
        "labels": template.pointer("/metadata/labels"),
        "annotations": template.pointer("/metadata/annotations"),
    });
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}
