//! What an API server refuses, and what we make of it.

use crate::control_plane::{User, until};
use crate::world::{World, deployment, port};
use adapters::{Discovery, Port, PortError};
use http::Method;
use models::resource::{Body, Fill, Form, Part, Resource};
use models::secret::SecretRef;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_missing_right_is_forbidden_and_names_verb_and_resource() {
    let Some(world) = World::new("forbidden").await else { return };
    let nobody = port(&world.plane.kubeconfig(&User::NOBODY)).await;
    match nobody.apply(&world.call, &world.config("a", json!({})), None).await {
        Err(PortError::Forbidden { cause, target }) => {
            assert!(cause.contains("cannot patch") && cause.contains("configmaps"), "{cause}");
            assert_eq!(target, "edge");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_expired_client_certificate_is_unauthorized_and_says_its_end() {
    let Some(world) = World::new("expired").await else { return };
    let text = world.plane.kubeconfig(&User::EXPIRED);
    let end = adapters::kubernetes::certificate_end(&text).unwrap();
    match port(&text).await.facts(&world.call).await {
        Err(PortError::Unauthorized { cause, .. }) => assert!(cause.contains(&end.to_string()), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_namespace_on_its_way_out_is_busy_and_one_that_is_not_there_too() {
    let Some(world) = World::new("terminating").await else { return };
    world.plant("hold", json!({"finalizers": ["dev.test/hold"]})).await;
    let path = format!("/api/v1/namespaces/{}", world.namespace);
    world.api.must(Method::DELETE, &path, None).await;
    let refused = world.apply(&world.config("a", json!({})), None).await;
    match refused {
        Err(PortError::Busy { cause, .. }) => assert!(cause.contains("being terminated"), "{cause}"),
        other => panic!("{other:?}"),
    }
    let mut home = world.id("v1/Namespace", &world.namespace);
    home.namespace = String::new();
    until("the namespace says what holds it", || async {
        let seen = world.port.observe(&world.call, &home).await.unwrap().unwrap();
        seen.deleting.is_some_and(|words| words.contains("dev.test/hold"))
    })
    .await;
    let free = json!({"metadata": {"finalizers": null}});
    world.api.must(Method::PATCH, &world.path("configmaps", "hold"), Some(&free)).await;
    until("the namespace is gone", || async { world.port.observe(&world.call, &home).await.unwrap().is_none() }).await;
    let refused = world.apply(&world.config("a", json!({})), None).await;
    assert!(matches!(refused, Err(PortError::Busy { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_busy() {
    let Some(world) = World::new("quota").await else { return };
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "0"}}});
    world.api.must(Method::POST, &world.path("resourcequotas", ""), Some(&quota)).await;
    until("the quota counts", || async {
        let live = world.api.must(Method::GET, &world.path("resourcequotas", "q"), None).await;
        live.pointer("/status/hard").is_some()
    })
    .await;
    match world.apply(&world.config("a", json!({})), None).await {
        Err(PortError::Busy { cause, .. }) => assert!(cause.contains("exceeded quota: q"), "{cause}"),
        other => panic!("{other:?}"),
    }
    // A quota of what the object does not say is the object's fault.
    let limits = json!({"metadata": {"name": "l"}, "spec": {"hard": {"limits.cpu": "1"}}});
    world.api.must(Method::POST, &world.path("resourcequotas", ""), Some(&limits)).await;
    let body = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
    let refused = refusal(&world, body, "must specify limits.cpu").await;
    assert!(matches!(refused, PortError::Invalid { .. }), "{refused:?}");
}

/// What a rule that was just made says of a pod. The API server takes a moment to know its rules, and does not judge
/// again what it let in: each try makes another pod.
async fn refusal(world: &World, body: Value, words: &str) -> PortError {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    for number in 0.. {
        let want = world.object("v1/Pod", (&format!("p{number}"), body.clone()));
        let tried = world.apply(&want, None).await;
        match tried {
            Err(error) if error.to_string().contains(words) => return error,
            other => assert!(tokio::time::Instant::now() < end, "{words}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!()
}

#[tokio::test]
async fn a_wrong_object_is_invalid_and_the_field_is_named() {
    let Some(world) = World::new("invalid").await else { return };
    let frozen =
        |value: &str| world.object("v1/ConfigMap", ("frozen", json!({"immutable": true, "data": {"x": value}})));
    let seen = world.apply(&frozen("1"), None).await.unwrap();
    let web = world.object("apps/v1/Deployment", ("web", deployment("web", "none")));
    let seen_web = world.apply(&web, None).await.unwrap();
    let mut other = deployment("other", "none");
    other["spec"]["selector"] = json!({"matchLabels": {"app": "other"}});
    let cases = [
        (frozen("2"), Some(&seen), "data: Forbidden: field is immutable"),
        (world.object("apps/v1/Deployment", ("web", other)), Some(&seen_web), "spec.selector"),
        (world.object("v1/Service", ("s", json!({"spec": {"ports": [{"port": 0}]}}))), None, "spec.ports[0].port"),
        (world.object("v1/ConfigMap", ("a", json!({"nonsense": 1}))), None, "nonsense"),
        (world.object("dev.test/v1/Thing", ("t", json!({}))), None, "does not serve dev.test/v1/Thing"),
    ];
    for (want, seen, words) in cases {
        match world.apply(&want, seen).await {
            Err(PortError::Invalid { cause, id }) => {
                assert!(cause.contains(words), "{cause}");
                assert_eq!(id, want.id().to_string());
            }
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_rule_of_the_cluster_denies_is_a_wrong_object_and_no_missing_right() {
    let Some(world) = World::new("denied").await else { return };
    let level = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let home = format!("/api/v1/namespaces/{}", world.namespace);
    world.api.must(Method::PATCH, &home, Some(&level)).await;
    let account = format!("{home}/serviceaccounts/default");
    until("the account is there", || async { world.api.call(Method::GET, &account, None).await.0 == 200 }).await;
    let most = json!({"type": "Container", "max": {"cpu": "100m"}});
    let limits = json!({"metadata": {"name": "small"}, "spec": {"limits": [most]}});
    world.api.must(Method::POST, &world.path("limitranges", ""), Some(&limits)).await;
    let pod = |spec| json!({"spec": {"containers": [spec]}});
    let large = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}});
    let small = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": "1m"}, "limits": {"cpu": "1m"}}});
    let mut urgent = pod(small.clone());
    urgent["spec"]["priorityClassName"] = json!("none-such");
    let cases = [
        (pod(large), "maximum cpu usage per Container"),
        (pod(small), "violates PodSecurity"),
        (urgent, "no PriorityClass with name none-such"),
    ];
    for (body, words) in cases {
        let refused = refusal(&world, body, words).await;
        assert!(matches!(refused, PortError::Invalid { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_refusal_tells_no_secret() {
    let Some(world) = World::new("quoted").await else { return };
    world.safe.keep("gw/password", "password", "t0p-s3cret");
    let manifest = json!({"spec": {"ports": [{"port": 1, "protocol": "s3aled-value"}]}});
    world.safe.blobs.lock().unwrap().insert("sha256:1".into(), manifest.to_string().into_bytes());
    let Resource::Object(mut sealed) = world.object("v1/Service", ("s", json!({}))) else { unreachable!() };
    sealed.body = Body::Sealed { digest: "sha256:1".into() };
    let ports = json!({"spec": {"ports": [{"port": 1}]}});
    let Resource::Object(mut filled) = world.object("v1/Service", ("f", ports)) else { unreachable!() };
    let filled_at = |pointer: &str, form| {
        let secret = SecretRef { id: "gw/password".into(), version: 1 };
        let parts = vec![Part::Text("user:".into()), Part::Secret { secret, field: "password".into() }];
        vec![Fill { pointer: pointer.into(), parts, form }]
    };
    filled.fills = filled_at("/spec/ports/0/protocol", Form::Text);
    let mut encoded = filled.clone();
    encoded.fills = filled_at("/spec/ports/0/protocol", Form::Base64);
    for object in [sealed, filled, encoded] {
        match world.apply(&Resource::Object(object), None).await {
            Err(error @ PortError::Invalid { .. }) => {
                let said = error.to_string();
                assert!(said.contains("protocol") && said.contains("(hidden)"), "{said}");
                for secret in ["t0p-s3cret", "s3aled-value", "dXNlcjp0MHAtczNjcmV0"] {
                    assert!(!said.contains(secret), "{said}");
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_webhook_that_is_away_is_busy_and_named() {
    let Some(world) = World::new("webhook").await else { return };
    let select = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    let rules =
        json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]);
    let hook = json!({"metadata": {"name": "away"}, "webhooks": [{
        "name": "away.dev.test", "rules": rules, "namespaceSelector": select, "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/"}, "timeoutSeconds": 1}]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    world.api.must(Method::POST, path, Some(&hook)).await;
    // The API server takes a moment to know its webhooks.
    let busy = async |name: String| match world.apply(&world.config(&name, json!({})), None).await {
        Err(PortError::Busy { cause, .. }) => Some(cause),
        _ => None,
    };
    let tries = std::sync::atomic::AtomicU32::new(0);
    let said = std::sync::Mutex::new(String::new());
    until("the webhook is in the way", || async {
        let number = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let cause = busy(format!("c{number}")).await;
        *said.lock().unwrap() = cause.clone().unwrap_or_default();
        cause.is_some()
    })
    .await;
    world.api.must(Method::DELETE, &format!("{path}/away"), None).await;
    let said = said.lock().unwrap().clone();
    assert!(said.contains("away.dev.test"), "{said}");
}

#[tokio::test]
async fn no_call_outlives_its_deadline() {
    let Some(world) = World::new("deadline").await else { return };
    // It accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = world.plane.kubeconfig(&User::ADMIN);
    let text = text.replace(&world.plane.port.to_string(), &silent.local_addr().unwrap().port().to_string());
    let mut call = world.call.clone();
    call.deadline = Duration::from_millis(300);
    let want = world.config("a", json!({}));
    let late = port(&text).await.apply(&call, &want, None).await;
    assert_eq!(late, Err(PortError::TimedOut { target: "edge".into(), seconds: 1 }));
}
