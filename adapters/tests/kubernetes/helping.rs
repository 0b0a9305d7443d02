//! Every refusal and every pod that cannot be made says what, where and why, and the step that is right for the case.
//! One row per cause. What needs a kubelet or a scheduler is told in the tests on the lab.

use crate::control_plane::{User, until};
use crate::world::{World, deployment, port};
use adapters::{Port, PortError};
use http::Method;
use models::resource::{Ready, Resource, ResourceId};
use serde_json::{Value, json};

/// Sets a rule of the cluster, and waits until the API server goes by it: a pod of this spec is refused with these words.
async fn rule(world: &World, (path, body): (&str, Value), (pod, words): (Value, &str)) {
    world.api.must(Method::POST, path, Some(&body)).await;
    let trial = json!({"metadata": {"generateName": "trial-"}, "spec": pod});
    let pods = format!("{}?dryRun=All", world.path("pods", ""));
    until("the rule is known", || async {
        let (_, answer) = world.api.call(Method::POST, &pods, Some(&trial)).await;
        answer["message"].as_str().is_some_and(|said| said.contains(words))
    })
    .await;
}

/// The account that pods run by; before it is there every pod is refused for another reason.
async fn account(world: &World) {
    let path = world.path("serviceaccounts", "default");
    until("the account is there", || async { world.api.call(Method::GET, &path, None).await.0 == 200 }).await;
}

/// What a workload says once its state contains `words`.
async fn said(world: &World, what: &Resource, words: &str) -> (Ready, String) {
    let found = std::sync::Mutex::new((Ready::Yes, String::new()));
    until(words, || async {
        let seen = world.observe(what).await.unwrap();
        let is = matches!(&seen.ready, Ready::Waiting { reason } | Ready::Failed { reason } if reason.contains(words));
        *found.lock().unwrap() = (seen.ready, seen.next);
        is
    })
    .await;
    found.into_inner().unwrap()
}

fn pod(resources: Value) -> Value {
    json!({"containers": [{"name": "main", "image": "some:1", "resources": resources}]})
}

#[tokio::test]
async fn what_is_refused_for_good_says_which_step_is_right() {
    let Some(world) = World::new("help-refused").await else { return };
    let frozen =
        |value: &str| world.object("v1/ConfigMap", ("frozen", json!({"immutable": true, "data": {"x": value}})));
    let seen = world.apply(&frozen("1"), None).await.unwrap();
    let long = "n".repeat(70);
    let cases = [
        (frozen("2"), Some(&seen), "field is immutable", "sliceway apply -f FILE (--replace NAME)"),
        (
            world.object("dev.test/v1/Thing", ("t", json!({}))),
            None,
            "no CRD of this cluster makes kinds of dev.test",
            "install the CRD of dev.test on edge, then: sliceway operation retry",
        ),
        (
            world.object("batch/v1beta1/CronJob", ("c", json!({}))),
            None,
            "Kubernetes removed it in 1.25",
            "take a version of the chart that uses batch/v1/CronJob, then: sliceway apply",
        ),
        (
            world.object("policy/v1beta1/PodSecurityPolicy", ("p", json!({}))),
            None,
            "removed it in 1.25, and nothing takes its place",
            "fits this version of Kubernetes, then: sliceway apply",
        ),
        (
            world.object("autoscaling/v3/HorizontalPodAutoscaler", ("h", json!({}))),
            None,
            "does not serve autoscaling/v3/HorizontalPodAutoscaler",
            "uses autoscaling/v1/HorizontalPodAutoscaler or autoscaling/v2/HorizontalPodAutoscaler, then: ",
        ),
        (
            world.object("v1/Service", (&long, json!({"spec": {"ports": [{"port": 1}]}}))),
            None,
            "must be no more than 63",
            "shorten the name in the chart",
        ),
        (world.object("v1/ConfigMap", ("a", json!({"nonsense": 1}))), None, "nonsense", "sliceway apply -f FILE"),
    ];
    for (want, seen, why, next) in cases {
        let error = world.apply(&want, seen).await.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(&want.id().to_string()) && said.contains(why), "{said}");
        assert!(!error.retryable() && error.next().contains(next), "{why}: {}", error.next());
    }
}

#[tokio::test]
async fn a_missing_right_says_what_to_grant_to_whom_and_where() {
    let Some(world) = World::new("help-right").await else { return };
    let nobody = port(&world.plane.kubeconfig(&User::NOBODY)).await;
    let error = nobody.apply(&world.call, &world.config("a", json!({})), None).await.unwrap_err();
    let next = error.next();
    let grant = "grant patch on configmaps to nobody in namespace t-help-right of edge";
    assert!(next.starts_with(grant) && next.contains("then: sliceway operation retry"), "{next}");
    let expired = port(&world.plane.kubeconfig(&User::EXPIRED)).await;
    let error = expired.apply(&world.call, &world.config("a", json!({})), None).await.unwrap_err();
    assert!(error.next().contains("sliceway cluster set edge --kubeconfig F"), "{}", error.next());
}

#[tokio::test]
async fn a_quota_says_whether_the_file_or_somebody_else_raises_it() {
    let Some(world) = World::new("help-quota").await else { return };
    account(&world).await;
    for (name, next) in
        [("sliceway", "raise `quota:` of the site in the slice file"), ("theirs", "have quota theirs raised")]
    {
        let quota = json!({"metadata": {"name": name}, "spec": {"hard": {"pods": "0"}}});
        rule(&world, (&world.path("resourcequotas", ""), quota), (pod(json!({})), "exceeded quota")).await;
        let want = world.object("apps/v1/Deployment", (name, deployment(name, "some:1")));
        world.apply(&want, None).await.unwrap();
        let (ready, help) = said(&world, &want, &format!("exceeded quota: {name}")).await;
        assert!(matches!(ready, Ready::Waiting { .. }) && help.contains(next), "{ready:?} {help}");
        world.api.must(Method::DELETE, &world.path("resourcequotas", name), None).await;
    }
}

/// Rules that refuse pods for good, each with what sets it, its words, and what helps.
fn rules(world: &World) -> Vec<(&'static str, String, Value, &'static str, &'static str)> {
    let most = json!([{"type": "Container", "max": {"cpu": "100m"}}]);
    let select = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    let pods = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]);
    let deny = json!([{"expression": "object.metadata.name == 'never'", "message": "only never may be"}]);
    let policy = json!({"metadata": {"name": "help-never"}, "spec": {"failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": pods, "namespaceSelector": select}, "validations": deny}});
    vec![
        (
            "limits",
            world.path("limitranges", ""),
            json!({"metadata": {"name": "small"}, "spec": {"limits": most}}),
            "maximum cpu usage per Container is 100m",
            "to what the LimitRange allows",
        ),
        (
            "policy",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies".into(),
            policy,
            "only never may be",
            "policy help-never asks for",
        ),
    ]
}

#[tokio::test]
async fn a_rule_that_refuses_pods_for_good_fails_at_once_and_names_what_helps() {
    let Some(world) = World::new("help-rules").await else { return };
    account(&world).await;
    let binding = json!({"metadata": {"name": "help-never"}, "spec": {"policyName": "help-never", "validationActions": ["Deny"]}});
    let bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    world.api.must(Method::POST, bindings, Some(&binding)).await;
    let large = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}});
    for (name, path, body, words, next) in rules(&world) {
        let rule_name = body["metadata"]["name"].as_str().unwrap().to_owned();
        rule(&world, (&path, body), (pod(large.clone()), words)).await;
        let mut body = deployment(name, "some:1");
        body["spec"]["template"]["spec"] = pod(large.clone());
        let want = world.object("apps/v1/Deployment", (name, body));
        world.apply(&want, None).await.unwrap();
        let (ready, help) = said(&world, &want, words).await;
        assert!(matches!(ready, Ready::Failed { .. }) && help.contains(next), "{name}: {ready:?} {help}");
        world.api.must(Method::DELETE, &format!("{path}/{rule_name}"), None).await;
        // Nothing is called failed any more, though what the controller said last is still there.
        until("it may be made again", || async {
            !matches!(world.observe(&want).await.unwrap().ready, Ready::Failed { .. })
        })
        .await;
    }
    world.api.must(Method::DELETE, &format!("{bindings}/help-never"), None).await;
}

#[tokio::test]
async fn a_pod_security_level_fails_at_once_and_says_what_it_asks_for() {
    let Some(world) = World::new("help-security").await else { return };
    account(&world).await;
    let level = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    world.api.must(Method::PATCH, &format!("/api/v1/namespaces/{}", world.namespace), Some(&level)).await;
    for kind in ["apps/v1/Deployment", "apps/v1/StatefulSet"] {
        let name = kind.rsplit('/').next().unwrap().to_lowercase();
        let mut body = deployment(&name, "some:1");
        if name == "statefulset" {
            let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
            body["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": claim}]);
            body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "data", "mountPath": "/d"}]);
        }
        let want = world.object(kind, (&name, body));
        world.apply(&want, None).await.unwrap();
        let (ready, help) = said(&world, &want, "violates PodSecurity \"restricted:latest\"").await;
        assert!(matches!(&ready, Ready::Failed { .. }), "{ready:?}");
        assert!(help.contains("set the securityContext that it asks for"), "{help}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_away_is_waited_for_and_named_also_where_a_controller_meets_it() {
    let Some(world) = World::new("help-webhook").await else { return };
    account(&world).await;
    let select = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    let rules = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods", "configmaps"]}]);
    let hook = json!({"metadata": {"name": "help-away"}, "webhooks": [{
        "name": "help-away.dev.test", "rules": rules, "namespaceSelector": select, "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/"}, "timeoutSeconds": 1}]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    rule(&world, (path, hook), (pod(json!({})), "failed calling webhook")).await;
    let next = "bring the server of webhook help-away.dev.test back on edge";
    let error = world.apply(&world.config("a", json!({})), None).await.unwrap_err();
    assert!(error.retryable() && error.next().starts_with(next), "{error}: {}", error.next());
    let want = world.object("apps/v1/Deployment", ("web", deployment("web", "some:1")));
    world.apply(&want, None).await.unwrap();
    let (ready, help) = said(&world, &want, "failed calling webhook").await;
    assert!(matches!(ready, Ready::Waiting { .. }) && help.starts_with(next), "{ready:?} {help}");
    world.api.must(Method::DELETE, &format!("{path}/help-away"), None).await;
}

/// A kind in two versions, of which one has to be asked for at a webhook that is away.
fn converted(world: &World) -> (Value, Resource) {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version =
        |name: &str, storage: bool| json!({"name": name, "served": true, "storage": storage, "schema": schema});
    let webhook = json!({"clientConfig": {"url": "https://127.0.0.1:1/"}, "conversionReviewVersions": ["v1"]});
    let definition = json!({"metadata": {"name": "dials.help.dev"}, "spec": {"group": "help.dev", "scope": "Namespaced",
        "names": {"plural": "dials", "singular": "dial", "kind": "Dial", "listKind": "DialList"},
        "versions": [version("v1", true), version("v2", false)],
        "conversion": {"strategy": "Webhook", "webhook": webhook}}});
    (definition, world.object("help.dev/v2/Dial", ("d", json!({"a": 1}))))
}

#[tokio::test]
async fn a_conversion_that_fails_is_waited_for_and_names_its_webhook() {
    let Some(world) = World::new("help-convert").await else { return };
    let (definition, want) = converted(&world);
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    world.api.must(Method::POST, path, Some(&definition)).await;
    let error = std::sync::Mutex::new(None);
    until("the kind is served", || async {
        let tried = world.apply(&want, None).await.unwrap_err();
        let is = tried.to_string().contains("conversion webhook for");
        *error.lock().unwrap() = Some(tried);
        is
    })
    .await;
    let error: PortError = error.into_inner().unwrap().unwrap();
    assert!(error.retryable() && error.next().starts_with("bring the conversion webhook of its CRD back"), "{error}");
    world.api.must(Method::DELETE, &format!("{path}/dials.help.dev"), None).await;
}

#[tokio::test]
async fn a_claim_without_a_volume_says_why_and_what_helps() {
    let Some(world) = World::new("help-claim").await else { return };
    let claim = |class: Option<&str>| {
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        if let Some(class) = class {
            spec["storageClassName"] = json!(class);
        }
        spec
    };
    for (name, class, words, next) in [
        ("lost", Some("none-such"), "no volume of storage class none-such", "make storage class none-such"),
        ("bare", None, "no persistent volumes available for this claim", "make a storage class the cluster's default"),
    ] {
        let want = world.object("v1/PersistentVolumeClaim", (name, json!({"spec": claim(class)})));
        world.apply(&want, None).await.unwrap();
        let (ready, help) = said(&world, &want, words).await;
        assert!(matches!(ready, Ready::Waiting { .. }) && help.starts_with(next), "{ready:?} {help}");
    }
}

/// Its class waits for a first pod: until one is placed there is nothing to wait for, and then there is.
#[tokio::test]
async fn a_claim_that_no_pod_wants_is_not_waited_for() {
    let Some(world) = World::new("help-unasked").await else { return };
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "patient"},
        "provisioner": "help.dev/nobody", "volumeBindingMode": "WaitForFirstConsumer"});
    world.api.must(Method::POST, "/apis/storage.k8s.io/v1/storageclasses", Some(&class)).await;
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "patient", "resources": {"requests": {"storage": "1Gi"}}});
    let want = world.object("v1/PersistentVolumeClaim", ("data", json!({"spec": spec})));
    world.apply(&want, None).await.unwrap();
    until("ready", || async { world.observe(&want).await.unwrap().ready == Ready::Yes }).await;
    // As a scheduler writes it for the first pod.
    let chosen = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n"}}});
    world.api.must(Method::PATCH, &world.path("persistentvolumeclaims", "data"), Some(&chosen)).await;
    let (ready, _) = said(&world, &want, "no volume of storage class patient").await;
    assert!(matches!(ready, Ready::Waiting { .. }), "{ready:?}");
    world.api.must(Method::DELETE, "/apis/storage.k8s.io/v1/storageclasses/patient", None).await;
}

/// A pod waits for the claim, and the claim for a class: the class is what is told.
#[tokio::test]
async fn a_pod_that_waits_for_a_claim_says_what_the_claim_waits_for() {
    let Some(world) = World::new("help-mount").await else { return };
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "none-such", "resources": {"requests": {"storage": "1Gi"}}});
    let claim = world.object("v1/PersistentVolumeClaim", ("data", json!({"spec": spec})));
    world.apply(&claim, None).await.unwrap();
    let mut body = deployment("web", "some:1");
    body["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]);
    let want = world.object("apps/v1/Deployment", ("web", body));
    world.apply(&want, None).await.unwrap();
    let pod = world.pod("web").await;
    // As a scheduler writes it.
    let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."});
    let path = format!("{}/status", world.path("pods", &pod));
    world.api.must(Method::PATCH, &path, Some(&json!({"status": {"conditions": [condition]}}))).await;
    let (ready, help) = said(&world, &want, "has no node: claim data: no volume of storage class none-such").await;
    assert!(matches!(ready, Ready::Waiting { .. }) && help.starts_with("make storage class"), "{ready:?} {help}");
    let gone: ResourceId = world.id("v1/PersistentVolumeClaim", "data");
    assert!(world.port.observe(&world.call, &gone).await.unwrap().is_some());
}
