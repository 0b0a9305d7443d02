//! Every kind that is awaited: what is told on the way, and how it ends. The controllers are real; what a kubelet or a
//! provisioner would do is done by the test.

use crate::control_plane::until;
use crate::world::{World, deployment};
use adapters::Port;
use http::Method;
use models::resource::{Ready, Resource};
use serde_json::{Value, json};

/// The pod of `label` runs and is ready, as a kubelet would say it.
async fn runs(world: &World, pod: &str) {
    let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({"status": {"phase": "Running", "conditions": [condition]}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", pod)), Some(&status)).await;
}

async fn is_ready(world: &World, what: &Resource) {
    until("it is ready", || async { world.observe(what).await.unwrap().ready == Ready::Yes }).await;
}

async fn failure(world: &World, what: &Resource) -> String {
    let said = std::sync::Mutex::new(String::new());
    until("it has failed", || async {
        match world.observe(what).await.unwrap().ready {
            Ready::Failed { reason } => {
                *said.lock().unwrap() = reason;
                true
            }
            Ready::Yes | Ready::Waiting { .. } => false,
        }
    })
    .await;
    said.into_inner().unwrap()
}

#[tokio::test]
async fn a_deployment_waits_for_its_pods_and_for_the_end_of_the_old_ones() {
    let Some(world) = World::new("await-deployment").await else { return };
    let web = |image: &str| world.object("apps/v1/Deployment", ("web", deployment("web", image)));
    let seen = world.apply(&web("some:1"), None).await.unwrap();
    assert!(matches!(seen.ready, Ready::Waiting { .. }), "{:?}", seen.ready);
    world.waits_for(&web("some:1"), "0 of 1 pods are available").await;
    let old = world.pod("web").await;
    runs(&world, &old).await;
    is_ready(&world, &web("some:1")).await;
    let seen = world.observe(&web("some:1")).await.unwrap();
    world.apply(&web("some:2"), Some(&seen)).await.unwrap();
    world.waits_for(&web("some:2"), "1 old pods are still there").await;
    let newer = || async {
        let list = world.api.must(Method::GET, &world.path("pods", ""), None).await;
        let all = list["items"].as_array().cloned().unwrap_or_default();
        all.iter().find(|pod| pod["spec"]["containers"][0]["image"] == "some:2").cloned()
    };
    until("there is a newer pod", || async { newer().await.is_some() }).await;
    let newer = newer().await.unwrap();
    runs(&world, newer["metadata"]["name"].as_str().unwrap()).await;
    is_ready(&world, &web("some:2")).await;
}

#[tokio::test]
async fn a_deployment_past_its_own_deadline_has_failed_unless_its_cause_can_pass() {
    let Some(world) = World::new("await-deadline").await else { return };
    let mut body = deployment("late", "some:1");
    body["spec"]["progressDeadlineSeconds"] = json!(1);
    let want = world.object("apps/v1/Deployment", ("late", body));
    world.apply(&want, None).await.unwrap();
    let pod = world.pod("late").await;
    let said = failure(&world, &want).await;
    assert!(said.contains("0 of 1 pods are available, and its progress deadline of 1 s has passed"), "{said}");
    let waiting = json!({"reason": "ImagePullBackOff", "message": "not found"});
    let container = json!({"name": "main", "image": "some:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": waiting}});
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [container]}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", &pod)), Some(&status)).await;
    world.waits_for(&want, "image some:1 cannot be had").await;
    world.waits_for(&want, "its progress deadline of 1 s has passed").await;
    world
        .api
        .must(
            Method::PATCH,
            &format!("{}/status", world.path("pods", &pod)),
            Some(&json!({"status": {"containerStatuses": null}})),
        )
        .await;
    runs(&world, &pod).await;
    is_ready(&world, &want).await;
}

#[tokio::test]
async fn a_stateful_set_waits_for_one_pod_after_the_other() {
    let Some(world) = World::new("await-stateful").await else { return };
    let mut body = deployment("db", "some:1");
    body["spec"]["replicas"] = json!(2);
    let want = world.object("apps/v1/StatefulSet", ("db", body));
    let seen = world.apply(&want, None).await.unwrap();
    assert!(matches!(seen.ready, Ready::Waiting { .. }));
    for pod in ["db-0", "db-1"] {
        let path = world.path("pods", pod);
        until("the next pod is there", || async { world.api.call(Method::GET, &path, None).await.0 == 200 }).await;
        let done = if pod == "db-0" { "0 of 2 pods are ready" } else { "1 of 2 pods are ready" };
        world.waits_for(&want, done).await;
        runs(&world, pod).await;
    }
    is_ready(&world, &want).await;
}

#[tokio::test]
async fn a_stateful_set_that_holds_pods_back_by_a_partition_is_ready_without_them() {
    let Some(world) = World::new("await-partition").await else { return };
    let web = |image: &str| {
        let mut body = deployment("part", image);
        body["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
        world.object("apps/v1/StatefulSet", ("part", body))
    };
    world.apply(&web("some:1"), None).await.unwrap();
    let pod = world.pod("part").await;
    runs(&world, &pod).await;
    is_ready(&world, &web("some:1")).await;
    let seen = world.observe(&web("some:1")).await.unwrap();
    world.apply(&web("some:2"), Some(&seen)).await.unwrap();
    is_ready(&world, &web("some:2")).await;
}

#[tokio::test]
async fn a_daemon_set_waits_for_a_pod_on_every_node_that_it_means() {
    let Some(world) = World::new("await-daemon").await else { return };
    let node = json!({"metadata": {"name": "await-node", "labels": {"await": "daemon"}}});
    world.api.must(Method::POST, "/api/v1/nodes", Some(&node)).await;
    let mut body = deployment("agent", "some:1");
    body["spec"].as_object_mut().unwrap().remove("replicas");
    body["spec"]["template"]["spec"]["nodeSelector"] = json!({"await": "daemon"});
    let want = world.object("apps/v1/DaemonSet", ("agent", body));
    let seen = world.apply(&want, None).await.unwrap();
    assert!(matches!(seen.ready, Ready::Waiting { .. }));
    world.waits_for(&want, "0 of 1 pods are available").await;
    let pod = world.pod("agent").await;
    runs(&world, &pod).await;
    is_ready(&world, &want).await;
    world.api.must(Method::DELETE, "/api/v1/nodes/await-node", None).await;
}

fn job(backoff: u64) -> Value {
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}});
    json!({"spec": {"backoffLimit": backoff, "completions": 2, "parallelism": 1, "template": pod}})
}

/// The pod of a Job that is not over yet ends as a kubelet would say it.
async fn ends(world: &World, job: &str, phase: &str) {
    let path = format!("{}?labelSelector=job-name%3D{job}", world.path("pods", ""));
    let open = || async {
        let list = world.api.must(Method::GET, &path, None).await;
        let all = list["items"].as_array().cloned().unwrap_or_default();
        all.iter().find(|pod| pod["status"]["phase"] == "Pending").map(|pod| pod["metadata"]["name"].clone())
    };
    until("a pod of the job is there", || async { open().await.is_some() }).await;
    let name = open().await.unwrap();
    let path = format!("{}/status", world.path("pods", name.as_str().unwrap()));
    world.api.must(Method::PATCH, &path, Some(&json!({"status": {"phase": phase}}))).await;
}

#[tokio::test]
async fn a_job_tells_how_much_of_it_is_done_until_it_is() {
    let Some(world) = World::new("await-job").await else { return };
    let want = world.object("batch/v1/Job", ("twice", job(0)));
    world.apply(&want, None).await.unwrap();
    world.waits_for(&want, "the job runs: 0 of 2 are done").await;
    ends(&world, "twice", "Succeeded").await;
    world.waits_for(&want, "the job runs: 1 of 2 are done").await;
    ends(&world, "twice", "Succeeded").await;
    is_ready(&world, &want).await;
}

#[tokio::test]
async fn a_job_that_failed_has_failed_with_its_words() {
    let Some(world) = World::new("await-failed").await else { return };
    let want = world.object("batch/v1/Job", ("bad", job(0)));
    world.apply(&want, None).await.unwrap();
    ends(&world, "bad", "Failed").await;
    let said = failure(&world, &want).await;
    assert!(said.contains("the job failed: ") && said.contains("backoff limit"), "{said}");
}

#[tokio::test]
async fn a_claim_waits_for_its_volume_and_is_bound_then() {
    let Some(world) = World::new("await-claim").await else { return };
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand", "resources": {"requests": {"storage": "1Gi"}}});
    let want = world.object("v1/PersistentVolumeClaim", ("data", json!({"spec": spec})));
    world.apply(&want, None).await.unwrap();
    world.waits_for(&want, "it is Pending, not Bound").await;
    let volume = json!({"metadata": {"name": "await-volume"}, "spec": {"capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand", "hostPath": {"path": "/nowhere"}}});
    world.api.must(Method::POST, "/api/v1/persistentvolumes", Some(&volume)).await;
    is_ready(&world, &want).await;
}

#[tokio::test]
async fn a_service_is_ready_at_once_and_a_balanced_one_with_its_address() {
    let Some(world) = World::new("await-service").await else { return };
    for kind in ["ClusterIP", "NodePort", "LoadBalancer"] {
        let body = json!({"spec": {"type": kind, "ports": [{"port": 1}], "selector": {"a": "b"}}});
        let want = world.object("v1/Service", (&kind.to_lowercase(), body));
        let seen = world.apply(&want, None).await.unwrap();
        assert_eq!(seen.ready == Ready::Yes, kind != "LoadBalancer", "{kind}");
        if kind == "LoadBalancer" {
            world.waits_for(&want, "no load balancer gave it an address yet").await;
            let status = json!({"status": {"loadBalancer": {"ingress": [{"hostname": "lb.test"}]}}});
            let path = format!("{}/status", world.path("services", "loadbalancer"));
            world.api.must(Method::PATCH, &path, Some(&status)).await;
            is_ready(&world, &want).await;
        }
    }
}

#[tokio::test]
async fn a_definition_is_ready_when_it_is_established_and_says_which_name_is_taken() {
    let Some(world) = World::new("await-crd").await else { return };
    let definition = |plural: &str, kind: &str| {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let body = json!({"spec": {"group": "await.dev", "scope": "Namespaced",
            "names": {"plural": plural, "singular": plural, "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
        let name = format!("{plural}.await.dev");
        let mut want = world.object("apiextensions.k8s.io/v1/CustomResourceDefinition", (&name, body));
        if let Resource::Object(object) = &mut want {
            object.id.namespace = String::new();
        }
        want
    };
    let first = definition("cogs", "Cog");
    world.apply(&first, None).await.unwrap();
    is_ready(&world, &first).await;
    let second = definition("others", "Cog");
    world.apply(&second, None).await.unwrap();
    world.waits_for(&second, "the CRD is not established yet").await;
    world.waits_for(&second, "\"CogList\" is already in use").await;
    for name in ["cogs.await.dev", "others.await.dev"] {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        world.api.must(Method::DELETE, &path, None).await;
    }
}

#[tokio::test]
async fn a_peer_whose_address_becomes_a_name_gets_another_slice_and_an_alias() {
    let Some(world) = World::new("await-family").await else { return };
    let slice = |kind: &str, address: &str| {
        let body =
            json!({"addressType": kind, "endpoints": [{"addresses": [address]}], "ports": [{"name": "p", "port": 1}]});
        world.object("discovery.k8s.io/v1/EndpointSlice", ("peer", body))
    };
    let mut seen = world.apply(&slice("IPv4", "192.0.2.1"), None).await.unwrap();
    for (kind, address) in [("FQDN", "peer.test"), ("IPv6", "2001:db8::1"), ("IPv4", "192.0.2.2")] {
        let now = world.apply(&slice(kind, address), Some(&seen)).await.unwrap();
        assert_ne!(now.uid, seen.uid, "{kind}");
        seen = now;
    }
    let service = |spec: Value| world.object("v1/Service", ("peer", json!({"spec": spec})));
    let ports = json!([{"name": "p", "port": 1}]);
    let plain = json!({"type": "ClusterIP", "ports": ports});
    let alias = json!({"type": "ExternalName", "externalName": "peer.test", "ports": ports});
    let mut seen = world.apply(&service(plain.clone()), None).await.unwrap();
    for (spec, address) in [(alias, false), (plain, true)] {
        let now = world.apply(&service(spec), Some(&seen)).await.unwrap();
        assert_eq!(now.uid, seen.uid, "a service changes in place");
        assert_eq!(now.outputs.contains_key("clusterIP"), address);
        seen = now;
    }
}

#[tokio::test]
async fn a_change_is_told_to_who_waits_for_it_and_nothing_is_told_of_what_stays() {
    let Some(world) = World::new("await-moved").await else { return };
    let settings = |value: &str| world.object("v1/ConfigMap", ("c", json!({"data": {"a": value}})));
    let seen = world.apply(&settings("1"), None).await.unwrap();
    let id = settings("1").id().clone();
    let moved = world.port.moved(&world.call, &id, &seen.version);
    let short = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(short, moved).await.is_err(), "nothing changed");
    // What changed before the watch began is told as well.
    world.apply(&settings("2"), Some(&seen)).await.unwrap();
    let moved = world.port.moved(&world.call, &id, &seen.version);
    let long = std::time::Duration::from_secs(20);
    assert!(tokio::time::timeout(long, moved).await.is_ok(), "it changed");
}
