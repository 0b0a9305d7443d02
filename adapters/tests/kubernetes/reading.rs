//! What `observe` and discovery tell.

use crate::control_plane::until;
use crate::world::{World, deployment};
use adapters::Discovery;
use http::Method;
use models::resource::{Ready, ResourceId};
use serde_json::{Value, json};

#[tokio::test]
async fn the_digest_changes_with_our_fields_only() {
    let Some(world) = World::new("digest").await else { return };
    let want = world.object(
        "v1/Service",
        (
            "s",
            json!({"spec": {"ports": [
        {"name": "a", "port": 1}, {"name": "b", "port": 2}], "selector": {"app": "x"}}}),
        ),
    );
    let seen = world.apply(&want, None).await.unwrap();
    let path = world.path("services", "s");
    let digest = async || world.observe(&want).await.unwrap().digest;
    world.api.must(Method::PATCH, &path, Some(&json!({"metadata": {"labels": {"theirs": "1"}}}))).await;
    assert_eq!(digest().await, seen.digest, "a field of theirs");
    let ports = json!({"spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 3}]}});
    world.api.must(Method::PATCH, &path, Some(&ports)).await;
    assert_ne!(digest().await, seen.digest, "a port of ours");
    let back = json!({"spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}});
    world.api.must(Method::PATCH, &path, Some(&back)).await;
    let now = world.observe(&want).await.unwrap();
    let again = world.apply(&want, Some(&now)).await.unwrap();
    assert_eq!(again.digest, seen.digest, "after it was repaired");
    world.api.must(Method::PATCH, &path, Some(&json!({"spec": {"selector": {"app": "y"}}}))).await;
    assert_ne!(digest().await, seen.digest, "a selector of ours");
}

#[tokio::test]
async fn a_service_tells_the_addresses_and_ports_that_the_cluster_chose() {
    let Some(world) = World::new("outputs").await else { return };
    let ports = json!([{"name": "mqtt", "port": 8883}, {"name": "web", "port": 80}]);
    let want = world.object("v1/Service", ("s", json!({"spec": {"type": "LoadBalancer", "ports": ports}})));
    let seen = world.apply(&want, None).await.unwrap();
    assert!(seen.outputs["clusterIP"].starts_with("10.96."));
    let port: u16 = seen.outputs["nodePort.mqtt"].parse().unwrap();
    assert!((30_000..32_768).contains(&port));
    assert!(matches!(&seen.ready, Ready::Waiting { reason } if reason.contains("load balancer")));
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("services", "s")), Some(&status)).await;
    let seen = world.observe(&want).await.unwrap();
    assert_eq!((seen.outputs["address"].as_str(), &seen.ready), ("192.0.2.7", &Ready::Yes));
}

#[tokio::test]
async fn a_headless_service_tells_no_address() {
    let Some(world) = World::new("headless").await else { return };
    let want = world.object("v1/Service", ("s", json!({"spec": {"clusterIP": "None", "ports": [{"port": 1}]}})));
    assert!(world.apply(&want, None).await.unwrap().outputs.is_empty());
}

/// Writes what a kubelet would about a pod's only container.
async fn report(world: &World, pod: &str, state: (Value, Value)) {
    let (now, last) = state;
    let container = json!({"name": "main", "image": "no/such:1", "imageID": "", "ready": false, "restartCount": 1,
        "state": now, "lastState": last});
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [container]}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", pod)), Some(&status)).await;
}

#[tokio::test]
async fn a_workload_that_is_not_ready_says_what_holds_its_pods() {
    let Some(world) = World::new("cause").await else { return };
    let want = world.object("apps/v1/Deployment", ("web", deployment("web", "no/such:1")));
    world.apply(&want, None).await.unwrap();
    let pod = world.pod("web").await;
    let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu."});
    let status = json!({"status": {"conditions": [condition]}});
    let path = format!("{}/status", world.path("pods", &pod));
    world.api.must(Method::PATCH, &path, Some(&status)).await;
    world.waits_for(&want, "1 Insufficient cpu").await;
    world.api.must(Method::PATCH, &path, Some(&json!({"status": {"conditions": null}}))).await;
    let pull = json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}});
    report(&world, &pod, (pull, json!({}))).await;
    world.waits_for(&want, "container main: image no/such:1 cannot be had (ImagePullBackOff): not found").await;
    let loops = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}});
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    report(&world, &pod, (loops, ended)).await;
    world.waits_for(&want, "container main keeps ending: Error, exit code 3").await;
    let config = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"s\" not found"}});
    report(&world, &pod, (config, json!({}))).await;
    world.waits_for(&want, "(CreateContainerConfigError): secret \"s\" not found").await;
}

#[tokio::test]
async fn a_workload_whose_pods_cannot_be_made_says_why() {
    let Some(world) = World::new("nopods").await else { return };
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    world.api.must(Method::POST, &world.path("resourcequotas", ""), Some(&quota)).await;
    until("the quota counts", || async {
        let live = world.api.must(Method::GET, &world.path("resourcequotas", "none"), None).await;
        live.pointer("/status/hard").is_some()
    })
    .await;
    for kind in ["apps/v1/Deployment", "apps/v1/StatefulSet"] {
        let name = kind.rsplit('/').next().unwrap().to_lowercase();
        let want = world.object(kind, (&name, deployment(&name, "none")));
        world.apply(&want, None).await.unwrap();
        world.waits_for(&want, "exceeded quota: none").await;
    }
}

#[tokio::test]
async fn a_job_that_failed_has_failed_and_a_claim_says_what_it_waits_for() {
    let Some(world) = World::new("others2").await else { return };
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}});
    let job = world.object("batch/v1/Job", ("j", json!({"spec": {"backoffLimit": 0, "template": pod}})));
    let seen = world.apply(&job, None).await.unwrap();
    assert!(matches!(seen.ready, Ready::Waiting { .. }));
    let path = format!("{}?labelSelector=job-name%3Dj", world.path("pods", ""));
    until("the job's pod is there", || async {
        world.api.must(Method::GET, &path, None).await.pointer("/items/0").is_some()
    })
    .await;
    let list = world.api.must(Method::GET, &path, None).await;
    let name = list.pointer("/items/0/metadata/name").and_then(Value::as_str).unwrap();
    let failed = json!({"status": {"phase": "Failed"}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", name)), Some(&failed)).await;
    until("the job has failed", || async {
        matches!(world.observe(&job).await.unwrap().ready, Ready::Failed { reason } if reason.contains("backoff limit"))
    })
    .await;
    let class = json!({"metadata": {"name": "late"}, "provisioner": "dev.test/none"});
    world.api.must(Method::POST, "/apis/storage.k8s.io/v1/storageclasses", Some(&class)).await;
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}});
    let claim = world.object("v1/PersistentVolumeClaim", ("c", json!({"spec": spec})));
    world.apply(&claim, None).await.unwrap();
    world.waits_for(&claim, "external provisioner 'dev.test/none'").await;
}

#[tokio::test]
async fn a_kind_that_comes_later_is_found_and_its_definition_is_awaited() {
    let Some(world) = World::new("crd").await else { return };
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let names = json!({"plural": "gears", "singular": "gear", "kind": "Gear"});
    let body = json!({"spec": {"group": "late.dev", "scope": "Namespaced", "names": names,
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
    let mut definition = world.object("apiextensions.k8s.io/v1/CustomResourceDefinition", ("gears.late.dev", body));
    if let models::Resource::Object(object) = &mut definition {
        object.id.namespace = String::new();
    }
    world.apply(&definition, None).await.unwrap();
    until("the CRD is established", || async { world.observe(&definition).await.unwrap().ready == Ready::Yes }).await;
    let gear = world.object("late.dev/v1/Gear", ("g", json!({"spec": {"teeth": 12}})));
    let last = std::sync::Mutex::new(None);
    until("a gear can be made", || async {
        let made = world.apply(&gear, None).await;
        *last.lock().unwrap() = Some(made.clone());
        made.is_ok()
    })
    .await;
    let seen = last.lock().unwrap().take().unwrap().unwrap();
    world.apply(&world.object("late.dev/v1/Gear", ("g", json!({"spec": {}}))), Some(&seen)).await.unwrap();
    let found = world.scan().await;
    assert_eq!(found, vec![definition.id().clone(), gear.id().clone()]);
}

#[tokio::test]
async fn facts_tell_version_kinds_nodes_and_their_free_room() {
    let Some(world) = World::new("facts").await else { return };
    let node = json!({"metadata": {"name": "n1"}});
    world.api.must(Method::POST, "/api/v1/nodes", Some(&node)).await;
    let status = json!({"status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}});
    let written = async |status: &Value| world.api.must(Method::PATCH, "/api/v1/nodes/n1/status", Some(status)).await;
    written(&status).await;
    let ask = json!({"requests": {"cpu": "250m", "memory": "64Mi"}});
    let pod = |name: &str| {
        json!({"metadata": {"name": name}, "spec": {"nodeName": "n1",
        "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "i", "resources": ask}]}})
    };
    for name in ["runs", "over"] {
        until("pods are taken", || async {
            let (status, _) = world.api.call(Method::POST, &world.path("pods", ""), Some(&pod(name))).await;
            status == 201 || status == 409
        })
        .await;
    }
    let over = json!({"status": {"phase": "Succeeded"}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", "over")), Some(&over)).await;
    let facts = world.port.facts(&world.call).await.unwrap();
    assert_eq!(facts.version, "v1.36.3");
    for api in ["v1", "v1/Pod", "apps/v1", "apps/v1/Deployment", "networking.k8s.io/v1/NetworkPolicy"] {
        assert!(facts.apis.iter().any(|known| known == api), "{api}");
    }
    assert!(facts.apis.is_sorted());
    let node = facts.nodes.iter().find(|node| node.name == "n1").unwrap();
    assert_eq!(
        (node.cpu_milli, node.memory_bytes, node.addresses.as_slice()),
        (2_000, 4 << 30, &["192.0.2.1".into()][..])
    );
    assert_eq!((node.requested_cpu_milli, node.requested_memory_bytes), (250, 64 << 20));
}

#[tokio::test]
async fn a_scan_finds_everything_with_our_label_and_nothing_else() {
    let Some(world) = World::new("scan").await else { return };
    let mut made: Vec<ResourceId> = Vec::new();
    let service =
        world.object("v1/Service", ("s", json!({"spec": {"ports": [{"port": 1}], "selector": {"app": "x"}}})));
    let role = json!({"rules": []});
    let mut wide = world.object("rbac.authorization.k8s.io/v1/ClusterRole", ("scan-role", role));
    if let models::Resource::Object(object) = &mut wide {
        object.id.namespace = String::new();
    }
    for want in [world.config("a", json!({})), service, wide] {
        world.apply(&want, None).await.unwrap();
        made.push(want.id().clone());
    }
    world.plant("theirs", json!({"labels": {"sliceway.io/slice": "another"}})).await;
    made.sort();
    let found = world.scan().await;
    // EndpointSlices of a Service carry its labels; their controller owns them, and they go with the Service.
    assert_eq!(found, made);
}
