//! The rights that Sliceway's calls need, against those that our user holds. The list is what the port does: it reads,
//! applies (create and patch), deletes, lists what is left of a slice, and watches what becomes ready.

use super::Patient;
use crate::port::PortError;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use models::checkup::{Check, Finding};
use serde_json::{Value, json};

const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Without it the cluster carries no slice.
    Always,
    /// Without it a chart that brings such an object is refused.
    Charts,
    /// Without it a second server on the cluster is not kept from writing there.
    Alone,
    /// Without it less is seen: causes, left-overs, changes.
    Sight,
}

struct Right {
    group: &'static str,
    /// `pods/log` is the subresource `log` of `pods`.
    resource: &'static str,
    verbs: &'static [&'static str],
    need: Need,
}

const HOLD: &[&str] = &["get", "create", "patch", "delete"];
const SEE: &[&str] = &["list", "watch"];

const fn right(group: &'static str, resource: &'static str, (verbs, need): (&'static [&'static str], Need)) -> Right {
    Right { group, resource, verbs, need }
}

/// Everything that is asked of an API server.
static NEEDED: &[Right] = &[
    // What is read of every cluster.
    right("", "nodes", (&["list"], Need::Always)),
    right("", "pods", (&["list"], Need::Always)),
    right("storage.k8s.io", "storageclasses", (&["list"], Need::Always)),
    // What every slice has.
    right("", "namespaces", (HOLD, Need::Always)),
    right("", "serviceaccounts", (HOLD, Need::Always)),
    right("", "secrets", (HOLD, Need::Always)),
    right("", "services", (HOLD, Need::Always)),
    right("", "limitranges", (HOLD, Need::Always)),
    right("", "resourcequotas", (HOLD, Need::Always)),
    right("networking.k8s.io", "networkpolicies", (HOLD, Need::Always)),
    right("discovery.k8s.io", "endpointslices", (HOLD, Need::Always)),
    // What charts bring.
    right("", "configmaps", (HOLD, Need::Charts)),
    right("", "persistentvolumeclaims", (HOLD, Need::Charts)),
    right("", "pods", (HOLD, Need::Charts)),
    right("apps", "deployments", (HOLD, Need::Charts)),
    right("apps", "statefulsets", (HOLD, Need::Charts)),
    right("apps", "daemonsets", (HOLD, Need::Charts)),
    right("batch", "jobs", (HOLD, Need::Charts)),
    right("batch", "cronjobs", (HOLD, Need::Charts)),
    right("rbac.authorization.k8s.io", "roles", (HOLD, Need::Charts)),
    right("rbac.authorization.k8s.io", "rolebindings", (HOLD, Need::Charts)),
    right("apiextensions.k8s.io", "customresourcedefinitions", (HOLD, Need::Charts)),
    right("rbac.authorization.k8s.io", "clusterroles", (HOLD, Need::Charts)),
    right("rbac.authorization.k8s.io", "clusterrolebindings", (HOLD, Need::Charts)),
    // What keeps other servers out.
    right("coordination.k8s.io", "leases", (&["get", "create", "update", "delete"], Need::Alone)),
    // What tells why something is not ready.
    right("", "pods/log", (&["get"], Need::Sight)),
    right("", "events", (&["list"], Need::Sight)),
    right("apps", "replicasets", (&["list"], Need::Sight)),
    // What finds left-overs, and hears of a change at once.
    right("", "namespaces", (SEE, Need::Sight)),
    right("", "secrets", (SEE, Need::Sight)),
    right("", "services", (SEE, Need::Sight)),
    right("", "serviceaccounts", (SEE, Need::Sight)),
    right("", "configmaps", (SEE, Need::Sight)),
    right("", "persistentvolumeclaims", (SEE, Need::Sight)),
    right("apps", "deployments", (SEE, Need::Sight)),
    right("apps", "statefulsets", (SEE, Need::Sight)),
    right("apps", "daemonsets", (SEE, Need::Sight)),
    right("batch", "jobs", (SEE, Need::Sight)),
    right("networking.k8s.io", "networkpolicies", (SEE, Need::Sight)),
];

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let all: Vec<(&'static Right, &'static str)> =
        NEEDED.iter().flat_map(|right| right.verbs.iter().map(move |verb| (right, *verb))).collect();
    let everything = json!({"verb": "*", "group": "*", "resource": "*"});
    if held(patient, everything).await? {
        let found = format!("all: our user may do everything (needed: {} rights)", all.len());
        return Ok(Check::new("rights", Finding::Ok, found));
    }
    let mut asked: Vec<BoxFuture<'_, Result<_, PortError>>> = Vec::new();
    for (right, verb) in &all {
        asked.push(Box::pin(lacks(patient, right, verb)));
    }
    let answers: Vec<_> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut missing = Vec::new();
    for answer in answers {
        missing.extend(answer?);
    }
    Ok(judged(&missing, all.len()))
}

async fn lacks(
    patient: &Patient<'_>,
    right: &'static Right,
    verb: &'static str,
) -> Result<Option<(&'static Right, &'static str)>, PortError> {
    let (resource, sub) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let attributes = json!({"verb": verb, "group": right.group, "resource": resource, "subresource": sub});
    Ok((!held(patient, attributes).await?).then_some((right, verb)))
}

/// Whether our user holds it in every namespace.
async fn held(patient: &Patient<'_>, attributes: Value) -> Result<bool, PortError> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}});
    let answer = patient.wire.post(path, &review).await?;
    let answer = patient.wire.ok(answer, &patient.wire.itself(path))?;
    Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or(false))
}

fn judged(missing: &[(&Right, &str)], needed: usize) -> Check {
    if missing.is_empty() {
        return Check::new("rights", Finding::Ok, format!("all {needed} that are needed are held"));
    }
    let mut details = Vec::new();
    let mut state = Finding::Warning;
    for (need, what) in [
        (Need::Always, "no slice works without it"),
        (Need::Charts, "charts that bring it are refused"),
        (Need::Alone, "another server is not kept from writing here (Lease sliceway in kube-system)"),
        (Need::Sight, "causes or left-overs are not seen"),
    ] {
        for right in NEEDED.iter().filter(|right| right.need == need) {
            let verbs = missing.iter().filter(|(one, _)| std::ptr::eq(*one, right)).map(|(_, verb)| (*verb).to_owned());
            let verbs: Vec<String> = verbs.collect();
            if verbs.is_empty() {
                continue;
            }
            if need == Need::Always {
                state = Finding::Failed;
            }
            let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
            details.push(format!("{} on {}{group}: {what}", verbs.join(", "), right.resource));
        }
    }
    let found = format!("{} of {needed} are missing", missing.len());
    Check::new("rights", state, found).details(details).next("grant them to our user by a ClusterRole and its binding")
}
