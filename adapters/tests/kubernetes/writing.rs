//! What `apply` and `remove` do to the world.

use crate::control_plane::until;
use crate::world::{World, deployment};
use adapters::{Port, PortError};
use http::Method;
use models::resource::{Body, Fill, Form, Part, Resource, label};
use models::secret::SecretRef;
use serde_json::json;

#[tokio::test]
async fn what_is_made_carries_our_labels_and_a_second_apply_changes_nothing() {
    let Some(world) = World::new("labels").await else { return };
    let want = world.config("a", json!({"x": "1"}));
    let seen = world.apply(&want, None).await.unwrap();
    let live = world.live("a").await;
    assert_eq!(live["metadata"]["labels"][label::SLICE], world.call.owner);
    assert_eq!(live["metadata"]["managedFields"][0]["operation"], "Apply");
    assert_eq!(world.apply(&want, Some(&seen)).await.unwrap(), seen);
    assert_eq!(world.observe(&want).await, Some(seen));
}

#[tokio::test]
async fn a_field_that_left_the_manifest_leaves_the_object() {
    let Some(world) = World::new("prune").await else { return };
    let seen = world.apply(&world.config("a", json!({"x": "1", "y": "2"})), None).await.unwrap();
    world.apply(&world.config("a", json!({"x": "1"})), Some(&seen)).await.unwrap();
    assert_eq!(world.live("a").await["data"], json!({"x": "1"}));
}

#[tokio::test]
async fn a_strangers_object_is_named_and_not_touched() {
    let Some(world) = World::new("foreign").await else { return };
    let release = json!({"annotations": {"meta.helm.sh/release-name": "web"}});
    let home = world.api.must(Method::GET, &format!("/api/v1/namespaces/{}", world.namespace), None).await;
    let parent = json!({"ownerReferences": [{
        "apiVersion": "v1", "kind": "Namespace", "name": world.namespace, "uid": home["metadata"]["uid"]}]});
    let slice = json!({"labels": {label::SLICE: "other", label::NAME: "plant", label::TENANT: "umbrella"}});
    let cases = [
        ("plain", json!({}), "somebody else"),
        ("helm", release, "the Helm release web"),
        ("parent", parent, "Namespace t-foreign"),
        ("slice", slice, "slice plant of tenant umbrella"),
    ];
    for (name, metadata, owner) in cases {
        world.plant(name, metadata).await;
        let before = world.live(name).await;
        let want = world.config(name, json!({"ours": "1"}));
        let theirs = world.observe(&want).await.unwrap();
        for refused in [world.apply(&want, None).await, world.apply(&want, Some(&theirs)).await] {
            match refused {
                Err(PortError::Foreign { owner: said, .. }) => assert!(said.contains(owner), "{said}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        for known in [None, Some(&theirs)] {
            let kept = world.port.remove(&world.call, &want, known).await;
            assert!(matches!(kept, Err(PortError::Foreign { .. })), "{name}: {kept:?}");
        }
        assert_eq!(world.live(name).await, before, "{name}");
        assert!(theirs.stranger.is_some_and(|said| said.contains(owner)));
    }
}

#[tokio::test]
async fn what_an_interrupted_try_made_is_written_over() {
    let Some(world) = World::new("again").await else { return };
    let first = world.apply(&world.config("a", json!({"x": "1"})), None).await.unwrap();
    let second = world.apply(&world.config("a", json!({"x": "2"})), None).await.unwrap();
    assert_eq!(first.uid, second.uid);
    assert_eq!(world.live("a").await["data"], json!({"x": "2"}));
}

#[tokio::test]
async fn a_write_that_rests_on_old_knowledge_of_our_fields_loses() {
    let Some(world) = World::new("stale").await else { return };
    let old = world.apply(&world.config("a", json!({"x": "1"})), None).await.unwrap();
    world.apply(&world.config("a", json!({"x": "2"})), Some(&old)).await.unwrap();
    let late = world.apply(&world.config("a", json!({"x": "3"})), Some(&old)).await;
    assert!(matches!(late, Err(PortError::Stale { .. })), "{late:?}");
    assert_eq!(world.live("a").await["data"], json!({"x": "2"}));
}

#[tokio::test]
async fn what_others_write_into_their_own_fields_does_not_stop_a_write() {
    let Some(world) = World::new("others").await else { return };
    let seen = world.apply(&world.config("a", json!({"x": "1"})), None).await.unwrap();
    let patch = json!({"metadata": {"annotations": {"theirs": "1"}}});
    world.api.must(Method::PATCH, &world.path("configmaps", "a"), Some(&patch)).await;
    world.apply(&world.config("a", json!({"x": "2"})), Some(&seen)).await.unwrap();
    let live = world.live("a").await;
    assert_eq!((&live["data"]["x"], &live["metadata"]["annotations"]["theirs"]), (&json!("2"), &json!("1")));
}

#[tokio::test]
async fn an_update_of_what_is_gone_does_not_make_it_anew() {
    let Some(world) = World::new("gone").await else { return };
    let want = world.config("a", json!({"x": "1"}));
    let seen = world.apply(&want, None).await.unwrap();
    world.api.must(Method::DELETE, &world.path("configmaps", "a"), None).await;
    assert!(matches!(world.apply(&want, Some(&seen)).await, Err(PortError::Stale { .. })));
    assert_eq!(world.observe(&want).await, None);
}

#[tokio::test]
async fn a_removal_means_the_object_that_was_seen() {
    let Some(world) = World::new("remove").await else { return };
    let want = world.config("a", json!({"x": "1"}));
    assert_eq!(world.port.remove(&world.call, &want, None).await, Ok(()), "absent is success");
    let first = world.apply(&want, None).await.unwrap();
    assert_eq!(world.port.remove(&world.call, &want, Some(&first)).await, Ok(()));
    assert_eq!(world.observe(&want).await, None);
    world.plant("a", json!({})).await;
    assert_eq!(world.port.remove(&world.call, &want, Some(&first)).await, Ok(()), "a stranger took the name");
    assert_eq!(world.live("a").await["data"], json!({"theirs": "1"}));
    world.api.must(Method::DELETE, &world.path("configmaps", "a"), None).await;
    let second = world.apply(&want, None).await.unwrap();
    let late = world.port.remove(&world.call, &want, Some(&first)).await;
    assert!(matches!(late, Err(PortError::Stale { .. })), "{late:?}");
    assert_eq!(world.observe(&want).await, Some(second));
}

#[tokio::test]
async fn what_another_slice_took_over_since_it_was_seen_is_not_removed() {
    let Some(world) = World::new("taken").await else { return };
    let want = world.config("a", json!({"x": "1"}));
    let seen = world.apply(&want, None).await.unwrap();
    let theirs = json!({"metadata": {"labels": {label::SLICE: "other"}}});
    world.api.must(Method::PATCH, &world.path("configmaps", "a"), Some(&theirs)).await;
    let kept = world.port.remove(&world.call, &want, Some(&seen)).await;
    assert!(matches!(kept, Err(PortError::Foreign { .. })), "{kept:?}");
    assert_eq!(world.live("a").await["data"], json!({"x": "1"}));
}

#[tokio::test]
async fn a_finalizer_that_holds_is_named_and_nothing_is_written_meanwhile() {
    let Some(world) = World::new("finalizer").await else { return };
    let held = json!({"metadata": {"finalizers": ["dev.test/hold"]}, "data": {"x": "1"}});
    let want = world.object("v1/ConfigMap", ("a", held));
    let seen = world.apply(&want, None).await.unwrap();
    world.port.remove(&world.call, &want, Some(&seen)).await.unwrap();
    let deleting = world.observe(&want).await.unwrap();
    assert_eq!(deleting.deleting.as_deref(), Some("held by finalizer dev.test/hold"));
    for based_on in [None, Some(&deleting)] {
        let refused = world.apply(&world.config("a", json!({"x": "2"})), based_on).await;
        assert!(matches!(refused, Err(PortError::Busy { .. })), "{refused:?}");
    }
    world
        .api
        .call(Method::PATCH, &world.path("configmaps", "a"), Some(&json!({"metadata": {"finalizers": null}})))
        .await;
    until("it is gone", || async { world.observe(&want).await.is_none() }).await;
}

#[tokio::test]
async fn removing_a_workload_takes_its_pods_along() {
    let Some(world) = World::new("pods").await else { return };
    let want = world.object("apps/v1/Deployment", ("web", deployment("web", "none")));
    let seen = world.apply(&want, None).await.unwrap();
    let pod = world.pod("web").await;
    world.port.remove(&world.call, &want, Some(&seen)).await.unwrap();
    let path = world.path("pods", &pod);
    until("the pod goes", || async {
        let (status, live) = world.api.call(Method::GET, &path, None).await;
        status == 404 || live.pointer("/metadata/deletionTimestamp").is_some()
    })
    .await;
}

#[tokio::test]
async fn secrets_and_sealed_manifests_are_opened_on_the_way() {
    let Some(world) = World::new("sealed").await else { return };
    world.safe.keep("gw/password", "password", "p4ss");
    let manifest = json!({"type": "Opaque", "data": {}}).to_string().into_bytes();
    world.safe.blobs.lock().unwrap().insert("sha256:1".into(), manifest);
    let Resource::Object(mut object) = world.object("v1/Secret", ("s", json!({}))) else { unreachable!() };
    object.body = Body::Sealed { digest: "sha256:1".into() };
    let secret = SecretRef { id: "gw/password".into(), version: 1 };
    let parts = vec![Part::Text("user:".into()), Part::Secret { secret, field: "password".into() }];
    object.fills = vec![Fill { pointer: "/data/login".into(), parts, form: Form::Base64 }];
    world.apply(&Resource::Object(object.clone()), None).await.unwrap();
    let live = world.api.must(Method::GET, &world.path("secrets", "s"), None).await;
    assert_eq!(live["data"]["login"], "dXNlcjpwNHNz");
    world.safe.secrets.lock().unwrap().clear();
    let missing = world.apply(&Resource::Object(object), None).await;
    assert!(matches!(missing, Err(PortError::Sealed { .. })), "{missing:?}");
}
