//! Every cause has one message: what, where, why, and the step that is right for it. The table is in `broken`; all its
//! slices stand side by side on the edge's real cluster.

use crate::broken::{ASKS, Ends, OPEN, Row, rows};
use crate::ground::{Ground, ask, lab, name};
use crate::registry::{Door, Registry};
use models::OperationState;
use models::labels::Labels;
use orchestrator::ops::OperationView;
use orchestrator::slices::{Ask, AskError};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Long enough for a container to end three times, when all of them start at once.
const PATIENCE_S: u64 = 90;

fn slice(row: &Row) -> Ask {
    let quota = row.quota.map(|cpu| json!({"cpu": cpu}));
    let chart = json!({"repository": "lab", "name": "raw"});
    let mut site = json!({"cluster": "edge"});
    if let Some(quota) = quota {
        site["quota"] = quota;
    }
    let spec = json!({"sites": {"edge": site}, "functions": [
        {"name": "f", "site": "edge", "chart": chart, "values": {"objects": row.objects}}]});
    let mut ask = ask(row.name, (Labels::new(), serde_json::from_value(spec).unwrap()));
    ask.options.timeout_s = Some(PATIENCE_S);
    ask
}

/// Rules of the cluster for the slices that are named after them.
fn rules() -> Value {
    let of = |slice: &str| json!({"matchLabels": {"sliceway.io/slice-name": slice}});
    let pods = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]);
    let api = "admissionregistration.k8s.io/v1";
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": api, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "causes-away"}, "webhooks": [{
            "name": "away.causes.test", "rules": pods, "namespaceSelector": of("c-hook"), "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": 1, "clientConfig": {"url": "https://127.0.0.1:1/"}}]},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "causes-never"}, "spec": {
            "matchConstraints": {"resourceRules": pods, "namespaceSelector": of("c-policy")},
            "validations": [{"expression": "false", "message": "no pods on Sundays"}]}},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "causes-never"},
            "spec": {"policyName": "causes-never", "validationActions": ["Deny"]}},
        {"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "causes-level"}, "spec": {
            "matchConstraints": {"resourceRules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["namespaces"]}],
                "objectSelector": of("c-level")},
            "failurePolicy": "Fail", "reinvocationPolicy": "Never", "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                "expression": "Object{metadata: Object.metadata{labels: {'pod-security.kubernetes.io/enforce': 'restricted'}}}"}}]}},
        {"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "causes-level"},
            "spec": {"policyName": "causes-level"}},
    ]})
}

fn kubectl(verb: &str, file: &str) {
    lab(&["kubectl", "edge", "--", verb, "-f", file]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cause_says_what_where_why_and_what_to_do() {
    let Some(ground) = Ground::new().await else { return };
    let _registries = [Registry::start(OPEN, Door::Open), Registry::start(ASKS, Door::Asks)];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules().to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    kubectl("apply", path);
    let rows = rows();
    let mut started = Vec::new();
    for row in &rows {
        started.push(ground.start(&slice(row)).await);
    }
    let each = rows.iter().zip(&started).map(|(row, id)| told(&ground, row, id));
    let wrong: Vec<String> = futures::future::join_all(each).await.into_iter().flatten().collect();
    kubectl("delete", path);
    futures::future::join_all(rows.iter().map(|row| ground.remove(row.name))).await;
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Follows one row to its end; what is wrong about it.
async fn told(ground: &Ground, row: &Row, id: &str) -> Vec<String> {
    let mut waited = String::new();
    // The operation has a patience of its own.
    let deadline = Instant::now() + Duration::from_secs(2 * PATIENCE_S);
    let view = loop {
        let view = ground.view(id).await;
        if let Some(text) = &view.operation.waiting_for
            && row.says.iter().all(|part| text.contains(part))
        {
            waited.clone_from(text);
        }
        if view.operation.state != OperationState::Processing {
            break view;
        }
        assert!(Instant::now() < deadline, "{} does not end: {:?}", row.name, view.operation);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    judged(row, &view, &waited)
}

fn judged(row: &Row, view: &OperationView, waited: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if view.operation.error.is_none() {
        wrong.push(format!("{}: no error, it is {:?}", row.name, view.operation.state));
    }
    let mut must = |good: bool, words: String| {
        if !good {
            wrong.push(format!("{}: {words}", row.name));
        }
    };
    must(view.operation.state == OperationState::FailedTemp, format!("it is {:?}", view.operation.state));
    let Some(error) = view.operation.error.clone() else { return wrong };
    for part in row.says {
        must(error.message.contains(part), format!("no {part:?} in {:?}", error.message));
    }
    for part in row.next {
        must(error.next.contains(part), format!("no {part:?} in next {:?}", error.next));
    }
    match row.ends {
        Ends::Waiting => {
            must(error.code == "timeout", format!("{} instead of waiting: {}", error.code, error.message));
            let help = row.next.first().copied().unwrap_or("");
            must(
                waited.contains(&format!("what helps: {help}")) || waited.contains(help),
                format!("it waited for {waited:?}"),
            );
        }
        Ends::AtOnce => must(error.code != "timeout", format!("it was waited for: {}", error.message)),
    }
    wrong
}

/// What can be known before anything happens is said before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_too_long_is_refused_before_anything_happens() {
    let Some(ground) = Ground::new().await else { return };
    let long = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "n".repeat(70)}, "spec": {"ports": [{"port": 1}]}});
    let row = Row { name: "c-long", objects: vec![long], ends: Ends::AtOnce, says: &[], next: &[], quota: None };
    let refused = ground.slices.start(&name("default"), &slice(&row)).await;
    let Err(AskError::Problems(problems)) = refused else { panic!("{refused:?}") };
    let said = problems[0].to_string();
    for part in [
        "spec.functions[0].chart",
        "templates/objects.yaml",
        "at most 63 characters, it has 70",
        "change the name in the chart",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
