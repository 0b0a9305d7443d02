//! Why a workload is not ready: the cause of this one, of what it is now, and of nothing else.

use crate::control_plane::until;
use crate::world::{World, deployment};
use http::Method;
use models::resource::Ready;
use serde_json::{Value, json};

/// What a kubelet would write of a pod's only container that waits.
async fn waits(world: &World, pod: &str, (reason, message): (&str, &str)) {
    let container = json!({"name": "main", "image": "some:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}});
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [container]}});
    world.api.must(Method::PATCH, &format!("{}/status", world.path("pods", pod)), Some(&status)).await;
}

#[tokio::test]
async fn a_workload_that_selects_by_expressions_is_not_blamed_for_the_pods_of_others() {
    let Some(world) = World::new("expressions").await else { return };
    let one = json!([{"key": "app", "operator": "In", "values": ["chosen"]}]);
    let mut body = deployment("chosen", "some:1");
    body["spec"]["selector"] = json!({"matchExpressions": one});
    let want = world.object("apps/v1/Deployment", ("chosen", body));
    let theirs = world.object("apps/v1/Deployment", ("theirs", deployment("theirs", "some:1")));
    world.apply(&theirs, None).await.unwrap();
    let pod = world.pod("theirs").await;
    waits(&world, &pod, ("ImagePullBackOff", "not mine")).await;
    world.apply(&want, None).await.unwrap();
    let own = world.pod("chosen").await;
    world.waits_for(&want, "0 of 1 pods are available").await;
    waits(&world, &own, ("ImagePullBackOff", "mine")).await;
    world.waits_for(&want, &format!("pod {own}, container main: image some:1 cannot be had")).await;
}

#[tokio::test]
async fn what_holds_another_of_a_longer_name_holds_not_this_one() {
    let Some(world) = World::new("longer").await else { return };
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    world.api.must(Method::POST, &world.path("resourcequotas", ""), Some(&quota)).await;
    until("the quota counts", || async {
        let live = world.api.must(Method::GET, &world.path("resourcequotas", "none"), None).await;
        live.pointer("/status/hard").is_some()
    })
    .await;
    let longer = world.object("apps/v1/StatefulSet", ("web-db", deployment("web-db", "some:1")));
    world.apply(&longer, None).await.unwrap();
    world.waits_for(&longer, "exceeded quota: none").await;
    // Nobody makes its pods: its update is paused before the first one.
    let mut body = deployment("web", "some:1");
    body["spec"]["paused"] = json!(true);
    let want = world.object("apps/v1/Deployment", ("web", body));
    world.apply(&want, None).await.unwrap();
    let seen = world.observe(&want).await.unwrap();
    assert!(matches!(&seen.ready, Ready::Waiting { reason } if !reason.contains("quota")), "{:?}", seen.ready);
}

#[tokio::test]
async fn a_pod_of_an_older_revision_is_no_cause_and_a_name_that_is_no_image_has_failed() {
    let Some(world) = World::new("revision").await else { return };
    let want = |image: &str| world.object("apps/v1/Deployment", ("web", deployment("web", image)));
    let seen = world.apply(&want("some:1"), None).await.unwrap();
    let old = world.pod("web").await;
    waits(&world, &old, ("InvalidImageName", "no such form")).await;
    until("it has failed", || async {
        let seen = world.observe(&want("some:1")).await.unwrap();
        matches!(seen.ready, Ready::Failed { reason } if reason.contains("no such form"))
    })
    .await;
    world.apply(&want("some:2"), Some(&seen)).await.unwrap();
    let newer = || async {
        let list =
            world.api.must(Method::GET, &format!("{}?labelSelector=app%3Dweb", world.path("pods", "")), None).await;
        let pods = list["items"].as_array().unwrap().clone();
        let image = |pod: &Value| pod.pointer("/spec/containers/0/image") == Some(&json!("some:2"));
        pods.iter().find(|pod| image(pod)).map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
    };
    // From the first moment on: also before the controller has seen the change.
    until("there is a newer pod", || async {
        let seen = world.observe(&want("some:2")).await.unwrap();
        assert!(
            matches!(&seen.ready, Ready::Waiting { reason } if !reason.contains("no such form")),
            "{:?}",
            seen.ready
        );
        newer().await.is_some()
    })
    .await;
    let newer = newer().await.unwrap();
    waits(&world, &newer, ("ErrImagePull", "of the newer")).await;
    world.waits_for(&want("some:2"), "of the newer").await;
}
