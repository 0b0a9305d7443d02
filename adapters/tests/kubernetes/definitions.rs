//! Definitions of custom kinds on a real API server: ready when they are served, and never removed with objects of them.

use crate::control_plane::until;
use crate::world::World;
use adapters::helm::Lookup;
use adapters::{Discovery, Port, PortError};
use http::Method;
use models::resource::{Body, Object, Ready, Resource};
use serde_json::{Value, json};

fn definition(world: &World, kind: &str) -> Resource {
    let (plural, group) = (format!("{}s", kind.to_lowercase()), "port.sliceway.invalid");
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}});
    let body = json!({"spec": {
        "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
    }});
    let made = world.object("apiextensions.k8s.io/v1/CustomResourceDefinition", ("x", body.clone()));
    let Resource::Object(made) = made else { panic!("an object") };
    let mut id = made.id;
    (id.namespace, id.name) = (String::new(), format!("{plural}.{group}"));
    Resource::Object(Object { id, body: Body::Plain(body), ..made })
}

#[tokio::test]
async fn a_definition_is_ready_when_its_kind_is_served_and_stays_while_objects_of_it_exist() {
    let Some(world) = World::new("definition").await else { return };
    let crd = definition(&world, "Valve");
    let first = world.apply(&crd, None).await.unwrap();
    assert!(matches!(first.ready, Ready::Yes | Ready::Waiting { .. }));
    until("it is served", || async { world.observe(&crd).await.unwrap().ready == Ready::Yes }).await;
    // At once, with what the port knew of the server before.
    let valve = world.object("port.sliceway.invalid/v1/Valve", ("main", json!({"spec": {}})));
    let seen = world.apply(&valve, None).await.unwrap();
    let held = world.port.remove(&world.call, &crd, None).await;
    match held {
        Err(PortError::Foreign { owner, .. }) => {
            assert!(owner.contains("its 1 objects") && owner.contains("/main"), "{owner}")
        }
        other => panic!("{other:?}"),
    }
    world.port.remove(&world.call, &valve, Some(&seen)).await.unwrap();
    until("the object is gone", || async { world.observe(&valve).await.is_none() }).await;
    world.port.remove(&world.call, &crd, None).await.unwrap();
    until("the definition is gone", || async { world.observe(&crd).await.is_none() }).await;
    assert_eq!(world.observe(&valve).await, None, "nothing of a kind that is gone exists");
}

#[tokio::test]
async fn what_is_left_behind_carries_no_mark_of_ours() {
    let Some(world) = World::new("disown").await else { return };
    let want = world.config("a", json!({"x": "1"}));
    world.apply(&want, None).await.unwrap();
    let Resource::Object(object) = &want else { panic!("an object") };
    world.port.disown(&world.call, object).await.unwrap();
    let live = world.live("a").await;
    assert_eq!(live["data"], json!({"x": "1"}));
    assert!(
        live.pointer("/metadata/labels").is_none_or(|labels| !labels.to_string().contains("sliceway.io")),
        "{live}"
    );
    assert!(!live["metadata"]["managedFields"].to_string().contains("\"sliceway\""), "{live}");
    assert!(world.observe(&want).await.unwrap().stranger.is_some(), "it is nobody's of ours");
    world.port.own(&world.call, object).await.unwrap();
    assert!(world.observe(&want).await.unwrap().stranger.is_none());
    world.port.remove(&world.call, &want, None).await.unwrap();
    world.port.disown(&world.call, object).await.expect("gone is done");
}

/// What templates look up: one object, a list with its items' kinds, and nothing where there is nothing.
#[tokio::test]
async fn a_lookup_finds_an_object_a_list_or_nothing() {
    let Some(world) = World::new("lookup").await else { return };
    world.apply(&world.config("a", json!({"x": "1"})), None).await.unwrap();
    let find = async |kind: &str, namespace: &str, name: &str| -> Option<Value> {
        let (api_version, kind) = kind.rsplit_once('/').unwrap();
        let lookup = Lookup {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        world.port.find(&world.call, &lookup).await.unwrap()
    };
    let own = world.namespace.clone();
    assert_eq!(find("v1/ConfigMap", &own, "a").await.unwrap()["data"]["x"], "1");
    assert_eq!(find("v1/ConfigMap", &own, "b").await, None);
    let list = find("v1/ConfigMap", &own, "").await.unwrap();
    let items = list["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["metadata"]["name"] == "a" && item["kind"] == "ConfigMap"), "{list}");
    assert_eq!(find("example.invalid/v1/Nothing", &own, "a").await, None, "a kind that is not served");
    assert_eq!(find("v1/Namespace", "", &own).await.unwrap()["metadata"]["name"], own.as_str());
    assert_eq!(find("v1/Namespace", &own, &own).await, None, "a namespace is in no namespace");
    let body = json!({"metadata": {"name": "sh.helm.release.v1.x.v3", "labels": {
        "owner": "helm", "name": "x", "version": "3", "status": "failed"}}, "type": "helm.sh/release.v1"});
    world.api.must(Method::POST, &format!("/api/v1/namespaces/{own}/secrets"), Some(&body)).await;
    let releases = world.port.releases(&world.call, (&own, None)).await.unwrap();
    let told: Vec<_> =
        releases.iter().map(|found| (found.release.as_str(), found.revision, found.status.as_str())).collect();
    assert_eq!(told, [("x", 3, "failed")]);
}
