//! A scan tells each object of ours once, as we know it.

use crate::control_plane::until;
use crate::world::World;
use adapters::{Port, PortError};
use http::Method;
use models::resource::Resource;
use serde_json::json;

#[tokio::test]
async fn what_is_served_in_two_versions_is_told_once_and_in_the_version_in_which_it_was_written() {
    let Some(world) = World::new("versions").await else { return };
    let body = json!({"spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let old = world.object("autoscaling/v1/HorizontalPodAutoscaler", ("old", body.clone()));
    let new = world.object("autoscaling/v2/HorizontalPodAutoscaler", ("new", body));
    for want in [&old, &new] {
        world.apply(want, None).await.unwrap();
    }
    let found = world.scan().await;
    assert_eq!(found, vec![old.id().clone(), new.id().clone()]);
}

#[tokio::test]
async fn a_service_without_a_selector_is_told_without_the_endpoints_that_follow_it() {
    let Some(world) = World::new("mirror").await else { return };
    let service =
        world.object("v1/Service", ("s", json!({"spec": {"ports": [{"port": 1}], "selector": {"app": "x"}}})));
    world.apply(&service, None).await.unwrap();
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", world.namespace);
    until("its slice is there", || async {
        world.api.must(Method::GET, &slices, None).await.pointer("/items/0").is_some()
    })
    .await;
    let event = json!({"metadata": {"name": "e", "labels": {"sliceway.io/slice": world.call.owner}},
        "involvedObject": {"kind": "Service", "name": "s", "namespace": world.namespace}, "reason": "Told"});
    world.api.must(Method::POST, &world.path("events", ""), Some(&event)).await;
    let found = world.scan().await;
    assert_eq!(found, vec![service.id().clone()]);
}

#[tokio::test]
async fn endpoints_that_we_wrote_are_told_and_those_that_follow_a_service_are_not() {
    let Some(world) = World::new("endpoints").await else { return };
    let ports = json!({"spec": {"ports": [{"port": 1}], "selector": {"app": "x"}}});
    let service = world.object("v1/Service", ("followed", ports));
    world.apply(&service, None).await.unwrap();
    let followed = world.path("endpoints", "followed");
    until("its endpoints are there", || async { world.api.call(Method::GET, &followed, None).await.0 == 200 }).await;
    let subsets = json!({"subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 1}]}]});
    let ours = world.object("v1/Endpoints", ("ours", subsets));
    world.apply(&ours, None).await.unwrap();
    let mirrored = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", world.namespace);
    until("a slice follows", || async {
        world.api.must(Method::GET, &mirrored, None).await.pointer("/items/0").is_some()
    })
    .await;
    let found = world.scan().await;
    assert_eq!(found, vec![ours.id().clone(), service.id().clone()]);
}

#[tokio::test]
async fn an_object_whose_kind_went_away_is_gone() {
    let Some(world) = World::new("uninstalled").await else { return };
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let names = json!({"plural": "cogs", "singular": "cog", "kind": "Cog"});
    let body = json!({"metadata": {"name": "cogs.away.dev"}, "spec": {"group": "away.dev", "scope": "Namespaced", "names": names,
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    world.api.must(Method::POST, path, Some(&body)).await;
    let cog = world.object("away.dev/v1/Cog", ("c", json!({})));
    until("a cog can be made", || async { world.apply(&cog, None).await.is_ok() }).await;
    let seen = world.observe(&cog).await;
    world.api.must(Method::DELETE, &format!("{path}/cogs.away.dev"), None).await;
    let gone = || async { world.port.observe(&world.call, cog.id()).await == Ok(None) };
    until("the cog is gone", gone).await;
    assert_eq!(world.port.remove(&world.call, &cog, seen.as_ref()).await, Ok(()));
    let refused = world.apply(&cog, None).await;
    assert!(matches!(refused, Err(PortError::Invalid { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_kind_in_the_wrong_scope_is_refused_and_no_name_leads_elsewhere() {
    let Some(world) = World::new("scope").await else { return };
    let without = |mut want: Resource| {
        if let Resource::Object(object) = &mut want {
            object.id.namespace = String::new();
        }
        want
    };
    let role = world.object("rbac.authorization.k8s.io/v1/ClusterRole", ("r", json!({"rules": []})));
    for (want, words) in [
        (without(world.config("a", json!({}))), "a ConfigMap needs a namespace"),
        (role, "a ClusterRole has no namespace"),
    ] {
        let refused = [world.apply(&want, None).await.map(drop), world.port.remove(&world.call, &want, None).await];
        for error in refused {
            assert!(matches!(&error, Err(PortError::Invalid { cause, .. }) if cause == words), "{error:?}");
        }
    }
    world.apply(&world.config("real", json!({"x": "1"})), None).await.unwrap();
    for name in ["x/../real", "real?pretty=1", "real#x", "%72eal"] {
        let seen = world.port.observe(&world.call, &world.id("v1/ConfigMap", name)).await;
        assert!(!matches!(seen, Ok(Some(_))), "{name}: {seen:?}");
    }
}
