//! What was changed by hand is found and put back; what is born at run time comes where it belongs.

use crate::ground::{Ground, ask, factory, lab, name, probes};
use models::cluster::{ClusterSpec, Expose};
use models::{OperationState, Verb};
use orchestrator::plan::Plan;
use orchestrator::slices::Ask;
use serde_json::json;

async fn plan(ground: &Ground, ask: &Ask) -> Plan {
    ground.slices.plan(&name("default"), ask).await.unwrap()
}

async fn namespace(ground: &Ground, slice: &str) -> (String, String) {
    let (slice, _) = ground.slices.get(&name("default"), &name(slice)).await.unwrap();
    (slice.namespace(), slice.uid)
}

fn lines(plan: &Plan) -> Vec<(Verb, String, String)> {
    let all = plan.changes.iter().filter(|c| c.change.verb != Verb::Check);
    all.map(|c| (c.change.verb, c.change.id.short(), c.change.reason.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_or_deleted_by_hand_is_found_with_its_reason_and_put_back() {
    let Some(ground) = Ground::new().await else { return };
    let wish = ask("hand", probes(json!({})));
    assert_eq!(ground.reach(&wish).await.operation.state, OperationState::Completed);
    let (ns, uid) = namespace(&ground, "hand").await;
    assert!(plan(&ground, &wish).await.is_empty());
    lab(&["kubectl", "edge", "--", "scale", "deployment", &format!("here-{uid}"), "--replicas=2", "-n", &ns]);
    lab(&["kubectl", "cloud", "--", "delete", "networkpolicy", "sliceway-default-deny", "-n", &ns]);
    let told = ground.slices.describe(&name("default"), &name("hand")).await.unwrap();
    assert_eq!(told["drift"].as_array().map(Vec::len), Some(2), "{}", told["drift"]);
    assert_ne!(told["state"]["word"], "ready");
    let found = lines(&plan(&ground, &wish).await);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|(verb, what, why)| {
        *verb == Verb::Update && what.starts_with("Deployment here") && why.contains("changed by hand")
    }));
    assert!(found.iter().any(|(verb, what, why)| {
        *verb == Verb::Create && what.contains("sliceway-default-deny") && why.contains("gone, and not by us")
    }));
    assert_eq!(ground.reach(&wish).await.operation.state, OperationState::Completed);
    let replicas = [
        "kubectl",
        "edge",
        "--",
        "get",
        "deployment",
        &format!("here-{uid}"),
        "-n",
        &ns,
        "-o",
        "jsonpath={.spec.replicas}",
    ];
    assert_eq!(lab(&replicas), "1");
    assert!(plan(&ground, &wish).await.is_empty());
    ground.remove("hand").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_leaves_the_file_leaves_the_object() {
    let Some(ground) = Ground::new().await else { return };
    let (labels, mut spec) = probes(json!({}));
    spec.access = serde_json::from_value(json!([
        {"from": "there", "to": "here", "ports": ["80/tcp", "81/tcp"]},
    ]))
    .unwrap();
    assert_eq!(
        ground.reach(&ask("field", (labels.clone(), spec.clone()))).await.operation.state,
        OperationState::Completed
    );
    let (ns, _) = namespace(&ground, "field").await;
    let ports = ["kubectl", "edge", "--", "get", "service", "here", "-n", &ns, "-o", "jsonpath={.spec.ports[*].port}"];
    assert_eq!(lab(&ports), "80 81");
    spec.access[0].ports.pop();
    let less = ask("field", (labels, spec));
    assert_eq!(ground.reach(&less).await.operation.state, OperationState::Completed);
    assert_eq!(lab(&ports), "80");
    assert!(plan(&ground, &less).await.is_empty());
    ground.remove("field").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finalizer_that_holds_is_named_and_never_stripped() {
    let Some(ground) = Ground::new().await else { return };
    assert_eq!(ground.reach(&ask("held", probes(json!({})))).await.operation.state, OperationState::Completed);
    let (ns, uid) = namespace(&ground, "held").await;
    let object = format!("deployment/here-{uid}");
    let patch = |value: &str| {
        let patch = format!("{{\"metadata\":{{\"finalizers\":{value}}}}}");
        lab(&["kubectl", "edge", "--", "patch", &object, "-n", &ns, "--type=merge", "-p", &patch])
    };
    patch("[\"example.org/hold\"]");
    let delete = Ask { goal: orchestrator::slices::Goal::Delete, ..ask("held", probes(json!({}))) };
    let id = ground.start(&delete).await;
    let view = ground.until(&id, |view| view.operation.waiting_for.is_some()).await;
    assert!(view.operation.waiting_for.unwrap().contains("example.org/hold"));
    patch("null");
    assert_eq!(ground.wait(&id).await.operation.state, OperationState::Completed);
}

/// No load balancer is here: the test gives the Service its address, as one would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_of_a_load_balancer_comes_into_the_gateways_namespace_and_may_become_a_name() {
    let cloud = ClusterSpec { expose: Expose::LoadBalancer, ..ClusterSpec::default() };
    let Some(ground) = Ground::with(None, cloud).await else { return };
    let id = ground.start(&ask("balanced", factory())).await;
    let waits = |view: &orchestrator::ops::OperationView| {
        view.operation.waiting_for.as_ref().is_some_and(|text| text.contains("address"))
    };
    ground.until(&id, waits).await;
    let (ns, _) = namespace(&ground, "balanced").await;
    balancer(&ns, json!({"ip": "10.50.2.2"}));
    let view = ground.wait(&id).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    let at_edge = |what: &str, path: &str| {
        lab(&["kubectl", "edge", "--", "get", what, "-n", &ns, "-o", &format!("jsonpath={path}")])
    };
    let peer = "{.addressType} {.endpoints[0].addresses[0]}:{.ports[0].port}";
    let block = "{.spec.egress[0].to[0].ipBlock.cidr}";
    let egress = "networkpolicy/sliceway-out-gw.store";
    assert_eq!(at_edge("endpointslice/store", peer), "IPv4 10.50.2.2:8883");
    assert_eq!(at_edge(egress, block), "10.50.2.2/32");

    // Tomorrow it tells a name. The type of the slice is for life, so that it is another slice then.
    balancer(&ns, json!({"hostname": "store.example.org"}));
    let (labels, mut spec) = factory();
    spec.access[0].ports.push("8884/tcp".parse().unwrap());
    let view = ground.reach(&ask("balanced", (labels, spec))).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(at_edge("endpointslice/store", peer), "FQDN store.example.org:8883");
    assert_eq!(at_edge("service/store", "{.spec.type} {.spec.externalName}"), "ExternalName store.example.org");
    assert_eq!(at_edge(egress, block), "0.0.0.0/0");
    ground.remove("balanced").await;
}

/// What a load balancer of the cloud's would write.
fn balancer(namespace: &str, ingress: serde_json::Value) {
    let status = json!({"status": {"loadBalancer": {"ingress": [ingress]}}}).to_string();
    let patch = ["patch", "service", "store", "--subresource=status", "--type=merge", "-p", &status];
    lab(&[&["kubectl", "cloud", "--", "-n", namespace], &patch[..]].concat());
}
