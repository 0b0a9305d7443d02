//! A quota that holds what is not there, as an API server leaves it that was killed between charging and storing.

use crate::control_plane::until;
use crate::world::{World, deployment};
use adapters::PortError;
use http::Method;
use models::resource::Resource;
use serde_json::{Value, json};

fn quota(world: &World, name: &str, hard: Value) -> Resource {
    world.object("v1/ResourceQuota", (name, json!({"spec": {"hard": hard}})))
}

fn claim(world: &World, name: &str) -> Resource {
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}});
    world.object("v1/PersistentVolumeClaim", (name, json!({"spec": spec})))
}

/// Writes what a killed API server left, and waits until the running one goes by it.
async fn charge(world: &World, quota: &str, used: Value) {
    let path = world.path("resourcequotas", quota);
    until("the quota counts", || async {
        world.api.must(Method::GET, &path, None).await.pointer("/status/used").is_some()
    })
    .await;
    let status = json!({"status": {"used": used}});
    world.api.must(Method::PATCH, &format!("{path}/status"), Some(&status)).await;
}

async fn is_refused(world: &World, plural: &str, spec: Value) {
    let body = json!({"metadata": {"name": "trial"}, "spec": spec});
    let path = format!("{}?dryRun=All", world.path(plural, ""));
    until("the quota refuses", || async { world.api.call(Method::POST, &path, Some(&body)).await.0 == 403 }).await;
}

fn spec(of: &Resource) -> Value {
    let Resource::Object(object) = of else { unreachable!() };
    let models::resource::Body::Plain(body) = &object.body else { unreachable!() };
    body["spec"].clone()
}

#[tokio::test]
async fn a_quota_of_ours_that_holds_what_is_not_there_is_counted_again_and_the_object_is_made() {
    let Some(world) = World::new("phantom").await else { return };
    let hard = json!({"persistentvolumeclaims": "1"});
    let ours = quota(&world, "sliceway", hard.clone());
    world.apply(&ours, None).await.unwrap();
    charge(&world, "sliceway", hard.clone()).await;
    let want = claim(&world, "data");
    is_refused(&world, "persistentvolumeclaims", spec(&want)).await;
    match world.apply(&want, None).await {
        Err(error @ PortError::Busy { .. }) => {
            let said = error.to_string();
            assert!(said.contains("counts what is not there (persistentvolumeclaims=1 where there is 0)"), "{said}");
        }
        other => panic!("{other:?}"),
    }
    until("the claim can be made", || async { world.apply(&want, None).await.is_ok() }).await;
    let live = world.api.must(Method::GET, &world.path("resourcequotas", "sliceway"), None).await;
    assert_eq!(live["spec"]["hard"], hard, "its limits are as they were");
    let seen = world.observe(&ours).await.unwrap();
    assert_eq!(world.apply(&ours, Some(&seen)).await.unwrap().digest, seen.digest, "and still ours");
    // Now it is really used up: nothing is counted again.
    match world.apply(&claim(&world, "more"), None).await {
        Err(PortError::Busy { cause, .. }) => assert!(!cause.contains("not there"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_quota_of_somebody_else_is_not_touched() {
    let Some(world) = World::new("theirquota").await else { return };
    let hard = json!({"persistentvolumeclaims": "1"});
    let body = json!({"metadata": {"name": "theirs"}, "spec": {"hard": hard}});
    world.api.must(Method::POST, &world.path("resourcequotas", ""), Some(&body)).await;
    charge(&world, "theirs", hard).await;
    let want = claim(&world, "data");
    is_refused(&world, "persistentvolumeclaims", spec(&want)).await;
    let before = world.api.must(Method::GET, &world.path("resourcequotas", "theirs"), None).await;
    match world.apply(&want, None).await {
        Err(PortError::Busy { cause, .. }) => assert!(cause.contains("exceeded quota: theirs"), "{cause}"),
        other => panic!("{other:?}"),
    }
    let after = world.api.must(Method::GET, &world.path("resourcequotas", "theirs"), None).await;
    assert_eq!(before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn a_controller_that_meets_such_a_quota_makes_its_pods_after_all() {
    let Some(mut world) = World::new("phantompods").await else { return };
    let hard = json!({"pods": "1"});
    world.apply(&quota(&world, "sliceway", hard.clone()), None).await.unwrap();
    charge(&world, "sliceway", hard).await;
    let account = format!("/api/v1/namespaces/{}/serviceaccounts/default", world.namespace);
    until("the account is there", || async { world.api.call(Method::GET, &account, None).await.0 == 200 }).await;
    is_refused(&world, "pods", json!({"containers": [{"name": "c", "image": "i"}]})).await;
    let want = world.object("apps/v1/Deployment", ("web", deployment("web", "none")));
    world.apply(&want, None).await.unwrap();
    // A look of a plan changes nothing.
    world.call.operation = String::new();
    world.waits_for(&want, "exceeded quota: sliceway").await;
    let path = world.path("resourcequotas", "sliceway");
    let used = world.api.must(Method::GET, &path, None).await["status"]["used"]["pods"].clone();
    assert_eq!(used, "1");
    world.call.operation = "o1".into();
    world.waits_for(&want, "0 of 1 pods are available").await;
    let list = world.api.must(Method::GET, &world.path("pods", ""), None).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
}
