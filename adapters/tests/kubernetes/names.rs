//! What we say about names, held against what a real API server and its controllers say.

use crate::control_plane::until;
use crate::world::{World, deployment};
use adapters::kubernetes::{broken_label, broken_name};
use http::Method;
use serde_json::{Value, json};

fn pods() -> Value {
    json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

fn job() -> Value {
    let mut pods = pods();
    pods["spec"]["restartPolicy"] = json!("Never");
    json!({"template": pods})
}

/// Base path, plural and kind, and the least that the kind takes.
fn kinds() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let selector = json!({"matchLabels": {"a": "b"}});
    let run = json!({"spec": {"selector": selector, "template": pods()}});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"});
    let scale =
        json!({"scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}, "maxReplicas": 2});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let ingress = json!({"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}});
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    vec![
        ("/api/v1", "configmaps", "ConfigMap", json!({})),
        ("/api/v1", "secrets", "Secret", json!({})),
        ("/api/v1", "services", "Service", json!({"spec": {"ports": [{"port": 1}]}})),
        ("/api/v1", "serviceaccounts", "ServiceAccount", json!({})),
        ("/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim", json!({"spec": claim})),
        ("/api/v1", "pods", "Pod", json!({"spec": {"containers": [{"name": "c", "image": "i"}]}})),
        ("/api/v1", "limitranges", "LimitRange", json!({"spec": {"limits": []}})),
        ("/api/v1", "resourcequotas", "ResourceQuota", json!({})),
        ("/api/v1", "endpoints", "Endpoints", json!({})),
        ("/apis/apps/v1", "deployments", "Deployment", run.clone()),
        ("/apis/apps/v1", "replicasets", "ReplicaSet", run.clone()),
        ("/apis/apps/v1", "daemonsets", "DaemonSet", run.clone()),
        ("/apis/apps/v1", "statefulsets", "StatefulSet", run),
        ("/apis/batch/v1", "jobs", "Job", json!({"spec": job()})),
        (
            "/apis/batch/v1",
            "cronjobs",
            "CronJob",
            json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job()}}}),
        ),
        ("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", json!({"spec": {"podSelector": {}}})),
        ("/apis/networking.k8s.io/v1", "ingresses", "Ingress", json!({"spec": ingress})),
        (
            "/apis/discovery.k8s.io/v1",
            "endpointslices",
            "EndpointSlice",
            json!({"addressType": "IPv4", "endpoints": []}),
        ),
        ("/apis/autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", json!({"spec": scale})),
        ("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", json!({"spec": {"selector": selector}})),
        ("/apis/coordination.k8s.io/v1", "leases", "Lease", json!({})),
        (rbac, "roles", "Role", json!({})),
        (rbac, "rolebindings", "RoleBinding", json!({"roleRef": role})),
    ]
}

/// Accepted by the API server, and refused by us since its controller fails on it; see the test below.
fn stricter(kind: &str, name: &str) -> bool {
    kind == "StatefulSet" && name.len() > 52 && name.len() <= 63
}

#[tokio::test]
async fn a_name_is_refused_exactly_where_the_api_server_refuses_it() {
    let Some(world) = World::new("names").await else { return };
    let account = format!("/api/v1/namespaces/{}/serviceaccounts/default", world.namespace);
    until("the account is there", || async { world.api.call(Method::GET, &account, None).await.0 == 200 }).await;
    let long = |length: usize| "a".repeat(length);
    let forms = "a 0a a-b a.b a.0 A a_b -a a- a..b a. . .. a:b a/b a%b ä";
    let mut names: Vec<String> = forms.split(' ').map(str::to_owned).collect();
    names.extend([52, 53, 63, 64, 253, 254].map(long));
    let mut wrong = Vec::new();
    for (base, plural, kind, mut body) in kinds() {
        for name in &names {
            body["metadata"] = json!({"name": name});
            let path = format!("{base}/namespaces/{}/{plural}?dryRun=All", world.namespace);
            let (status, answer) = world.api.call(Method::POST, &path, Some(&body)).await;
            let taken = (200..300).contains(&status) && !stricter(kind, name);
            let ours = broken_name(kind, name);
            if taken != ours.is_none() {
                wrong.push(format!("{kind} {name:?}: {status} {} against {ours:?}", answer["message"]));
            }
        }
    }
    for value in ["", "a", "A_b.c", "-a", "a-", "ä", "a b", &long(63), &long(64)] {
        let body = json!({"metadata": {"name": "labels", "labels": {"k": value}}});
        let path = format!("{}?dryRun=All", world.path("configmaps", ""));
        let (status, _) = world.api.call(Method::POST, &path, Some(&body)).await;
        if (status == 201) != broken_label(value).is_none() {
            wrong.push(format!("label {value:?}: {status} against {:?}", broken_label(value)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Why StatefulSets have a shorter limit than the API server's: the hash of a revision has up to ten digits.
#[tokio::test]
async fn a_stateful_set_with_a_name_of_63_characters_brings_no_pods_and_one_of_52_does() {
    let Some(world) = World::new("longest").await else { return };
    let make = async |plural: &str, (label, length): (&str, usize)| {
        let mut body = deployment(label, "none");
        body["metadata"] = json!({"name": format!("{label}{}", "a".repeat(length - label.len()))});
        let path = format!("/apis/apps/v1/namespaces/{}/{plural}", world.namespace);
        world.api.must(Method::POST, &path, Some(&body)).await;
    };
    make("statefulsets", ("bad", 63)).await;
    make("statefulsets", ("good", 52)).await;
    // The controller shortens what it calls after a Deployment.
    make("deployments", ("long", 253)).await;
    world.pod("good").await;
    world.pod("long").await;
    until("the controller fails", || async {
        let list = world.api.must(Method::GET, &world.path("events", ""), None).await;
        let all = list["items"].as_array().cloned().unwrap_or_default();
        let about =
            |event: &Value| event["involvedObject"]["name"].as_str().is_some_and(|name| name.starts_with("bad"));
        all.iter().any(|event| about(event) && event["type"] == "Warning")
    })
    .await;
    let list = format!("{}?labelSelector=app%3Dbad", world.path("pods", ""));
    assert_eq!(world.api.must(Method::GET, &list, None).await["items"], json!([]));
}
