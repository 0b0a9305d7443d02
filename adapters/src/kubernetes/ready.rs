//! When an object is ready, by its own status. Pure. What holds a workload back is found out in `cause`.

use super::seen::text;
use models::resource::Ready;
use serde_json::Value;

pub(super) fn of(live: &Value) -> Ready {
    match text(live, "/kind") {
        "Deployment" => deployment(live),
        "StatefulSet" => stateful_set(live),
        "DaemonSet" => daemon_set(live),
        "Job" => job(live),
        "Pod" => pod(live),
        "PersistentVolumeClaim" => phase(live, "Bound"),
        "Namespace" => phase(live, "Active"),
        "Service" => service(live),
        "CustomResourceDefinition" => crd(live),
        _ => Ready::Yes,
    }
}

fn number(live: &Value, pointer: &str) -> u64 {
    live.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn wait(reason: impl Into<String>) -> Ready {
    Ready::Waiting { reason: reason.into() }
}

fn condition<'v>(live: &'v Value, kind: &str) -> Option<&'v Value> {
    let all = live.pointer("/status/conditions").and_then(Value::as_array)?;
    all.iter().find(|condition| text(condition, "/type") == kind)
}

fn is_true(live: &Value, kind: &str) -> bool {
    condition(live, kind).is_some_and(|condition| text(condition, "/status") == "True")
}

/// Its status, and the pods that stand now, belong to what was wanted before.
pub(super) fn is_behind(live: &Value) -> bool {
    number(live, "/status/observedGeneration") < number(live, "/metadata/generation")
}

fn unseen(live: &Value) -> Option<Ready> {
    is_behind(live).then(|| wait("its controller has not seen the change yet"))
}

fn deployment(live: &Value) -> Ready {
    if let Some(wait) = unseen(live) {
        return wait;
    }
    let want = live.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let (updated, available) = (number(live, "/status/updatedReplicas"), number(live, "/status/availableReplicas"));
    let all = number(live, "/status/replicas");
    let late = condition(live, "Progressing").filter(|is| text(is, "/reason") == "ProgressDeadlineExceeded");
    match (updated >= want, all > updated, available >= want) {
        (true, false, true) => Ready::Yes,
        _ if late.is_some() => {
            let seconds = number(live, "/spec/progressDeadlineSeconds");
            let reason = format!(
                "{available} of {want} pods are available, and its progress deadline of {seconds} s has passed"
            );
            Ready::Failed { reason }
        }
        (true, true, _) => wait(format!("{} old pods are still there", all - updated)),
        _ => wait(format!("{available} of {want} pods are available")),
    }
}

fn stateful_set(live: &Value) -> Ready {
    if let Some(wait) = unseen(live) {
        return wait;
    }
    let want = live.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let (updated, ready) = (number(live, "/status/updatedReplicas"), number(live, "/status/readyReplicas"));
    // Pods that its strategy holds back stay as they are until somebody lets them go.
    let held = number(live, "/spec/updateStrategy/rollingUpdate/partition");
    let due = if is_by_hand(live) { 0 } else { want.saturating_sub(held) };
    match updated >= due && ready >= want {
        true => Ready::Yes,
        false => wait(format!("{ready} of {want} pods are ready")),
    }
}

fn daemon_set(live: &Value) -> Ready {
    if let Some(wait) = unseen(live) {
        return wait;
    }
    let want = number(live, "/status/desiredNumberScheduled");
    let (updated, ready) = (number(live, "/status/updatedNumberScheduled"), number(live, "/status/numberAvailable"));
    let due = if is_by_hand(live) { 0 } else { want };
    match updated >= due && ready >= want {
        true => Ready::Yes,
        false => wait(format!("{ready} of {want} pods are available")),
    }
}

/// Somebody deletes the old pods; no controller does.
fn is_by_hand(live: &Value) -> bool {
    text(live, "/spec/updateStrategy/type") == "OnDelete"
}

fn job(live: &Value) -> Ready {
    if is_true(live, "Complete") {
        return Ready::Yes;
    }
    match condition(live, "Failed").filter(|condition| text(condition, "/status") == "True") {
        Some(failed) => Ready::Failed { reason: format!("the job failed: {}", text(failed, "/message")) },
        None => {
            let all = live.pointer("/spec/completions").and_then(Value::as_u64).unwrap_or(1);
            wait(format!("the job runs: {} of {all} are done", number(live, "/status/succeeded")))
        }
    }
}

fn pod(live: &Value) -> Ready {
    match (text(live, "/status/phase"), is_true(live, "Ready")) {
        ("Succeeded", _) | (_, true) => Ready::Yes,
        ("Failed", _) => Ready::Failed { reason: text(live, "/status/message").to_owned() },
        (phase, false) => wait(format!("the pod is {phase}, not ready")),
    }
}

fn phase(live: &Value, good: &str) -> Ready {
    let phase = text(live, "/status/phase");
    if phase == good { Ready::Yes } else { wait(format!("it is {phase}, not {good}")) }
}

fn service(live: &Value) -> Ready {
    let balancer = text(live, "/spec/type") == "LoadBalancer";
    let assigned = live.pointer("/status/loadBalancer/ingress/0").is_some();
    if balancer && !assigned { wait("no load balancer gave it an address yet") } else { Ready::Yes }
}

fn crd(live: &Value) -> Ready {
    if is_true(live, "Established") {
        return Ready::Yes;
    }
    let refused = condition(live, "NamesAccepted").filter(|names| text(names, "/status") == "False");
    let why = refused.map(|names| format!(": {}", text(names, "/message"))).unwrap_or_default();
    wait(format!("the CRD is not established yet{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_is_ready_when_its_new_pods_are_available_and_no_old_one_is_left() {
        let state = |updated: u64, all: u64, available: u64| {
            of(&json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {
                "observedGeneration": 2, "updatedReplicas": updated, "replicas": all, "availableReplicas": available}}))
        };
        assert_eq!(state(2, 2, 2), Ready::Yes);
        assert_eq!(state(2, 3, 3), wait("1 old pods are still there"));
        assert_eq!(state(1, 2, 2), wait("2 of 2 pods are available"));
    }

    #[test]
    fn a_status_of_an_older_generation_is_not_believed() {
        let old = json!({"kind": "StatefulSet", "metadata": {"generation": 3}, "status": {
            "observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 1}});
        assert!(matches!(of(&old), Ready::Waiting { .. }));
    }
}
