//! The simulated cluster keeps to the contract of a port, and its faults strike where they were planned.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

#[path = "safe/mod.rs"]
mod safe;

use adapters::sim::{Deed, Fault, Sim, Trouble, When, Word};
use adapters::{Call, Discovery, Port, PortError};
use models::cluster::SimSpec;
use models::quantity::{Cpu, Memory as Bytes};
use models::resource::{Body, Fill, Form, Object, Owner, Part, Ready, Resource, ResourceId, Seen, Target};
use models::secret::SecretRef;
use safe::Memory;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

struct World {
    sim: Sim,
    safe: Arc<Memory>,
    call: Call,
}

impl World {
    /// With its namespace `ns`.
    async fn new() -> Self {
        let spec = SimSpec { nodes: 2, cpu: Cpu::new(2_000), memory: Bytes::new(4 << 30), away: false };
        let sim = Sim::new("edge".parse().unwrap(), spec);
        let safe = Arc::new(Memory::default());
        let call = safe.call("u1");
        let world = Self { sim, safe, call };
        world.make(&namespace("u1")).await.unwrap();
        world
    }

    async fn make(&self, want: &Resource) -> Result<Seen, PortError> {
        self.sim.apply(&self.call, want, None).await
    }

    async fn observe(&self, what: &Resource) -> Option<Seen> {
        self.sim.observe(&self.call, what.id()).await.unwrap()
    }
}

fn id(kind: &str, name: &str) -> ResourceId {
    let namespace = if kind == "v1/Namespace" { "" } else { "ns" };
    let target = Target::Cluster("edge".parse().unwrap());
    ResourceId { target, kind: kind.into(), namespace: namespace.into(), name: name.into() }
}

fn object(kind: &str, (name, owner): (&str, &str), body: Value) -> Resource {
    let owner =
        Owner { tenant: "acme".parse().unwrap(), slice: "factory".parse().unwrap(), uid: owner.into(), function: None };
    Resource::Object(Object { id: id(kind, name), owner, body: Body::Plain(body), fills: Vec::new(), keep: false })
}

fn namespace(owner: &str) -> Resource {
    object("v1/Namespace", ("ns", owner), json!({}))
}

fn config(name: &str, value: &str) -> Resource {
    object("v1/ConfigMap", (name, "u1"), json!({"data": {"x": value}}))
}

fn deployment(name: &str, cpu: &str) -> Resource {
    let labels = json!({"app": name});
    let container = json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
    let spec = json!({"selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [container]}}});
    object("apps/v1/Deployment", (name, "u1"), json!({"spec": spec}))
}

#[tokio::test]
async fn every_verb_may_be_said_twice() {
    let world = World::new().await;
    let want = config("a", "1");
    let seen = world.make(&want).await.unwrap();
    assert_eq!(world.sim.apply(&world.call, &want, Some(&seen)).await.as_ref(), Ok(&seen));
    assert_eq!(world.make(&want).await, Ok(seen.clone()), "an answer that was lost");
    for _ in 0..2 {
        assert_eq!(world.sim.remove(&world.call, &want, Some(&seen)).await, Ok(()));
    }
    let deeds: Vec<Deed> = world.sim.journal().iter().skip(1).map(|effect| effect.deed).collect();
    assert_eq!(deeds, [Deed::Created, Deed::Removed]);
    assert_eq!(world.observe(&want).await, None);
}

#[tokio::test]
async fn an_older_writer_loses_and_so_does_an_update_of_what_is_gone() {
    let world = World::new().await;
    let old = world.make(&config("a", "1")).await.unwrap();
    let new = world.sim.apply(&world.call, &config("a", "2"), Some(&old)).await.unwrap();
    let stale = |result| matches!(result, Err(PortError::Stale { .. }));
    assert!(stale(world.sim.apply(&world.call, &config("a", "3"), Some(&old)).await));
    assert!(world.sim.vanish(&id("v1/ConfigMap", "a")));
    assert!(stale(world.sim.apply(&world.call, &config("a", "3"), Some(&new)).await));
}

#[tokio::test]
async fn a_strangers_object_is_named_and_not_touched() {
    let world = World::new().await;
    let want = config("a", "1");
    world.sim.plant(want.id(), json!({"metadata": {"labels": {"sliceway.io/slice": "u2"}}}));
    let before = world.sim.dump();
    let theirs = world.observe(&want).await.unwrap();
    assert!(theirs.stranger.is_some());
    for seen in [None, Some(&theirs)] {
        assert!(matches!(world.sim.apply(&world.call, &want, seen).await, Err(PortError::Foreign { .. })));
        assert!(matches!(world.sim.remove(&world.call, &want, seen).await, Err(PortError::Foreign { .. })));
    }
    assert_eq!(world.sim.dump(), before);
}

#[tokio::test]
async fn a_removal_means_the_object_that_was_seen() {
    let world = World::new().await;
    let want = config("a", "1");
    let first = world.make(&want).await.unwrap();
    world.sim.vanish(want.id());
    world.make(&want).await.unwrap();
    let late = world.sim.remove(&world.call, &want, Some(&first)).await;
    assert!(matches!(late, Err(PortError::Stale { .. })), "{late:?}");
    world.sim.vanish(want.id());
    world.sim.plant(want.id(), json!({}));
    assert_eq!(world.sim.remove(&world.call, &want, Some(&first)).await, Ok(()));
    assert!(world.observe(&want).await.is_some());
}

#[tokio::test]
async fn a_namespace_is_needed_and_takes_what_is_in_it_along() {
    let world = World::new().await;
    let home = namespace("u1");
    world.make(&config("a", "1")).await.unwrap();
    world.sim.remove(&world.call, &home, None).await.unwrap();
    assert_eq!(world.observe(&config("a", "1")).await, None);
    assert!(matches!(world.make(&config("b", "1")).await, Err(PortError::Busy { .. })), "it is on its way out");
    assert!(matches!(world.make(&home).await, Err(PortError::Busy { .. })));
    assert!(world.observe(&home).await.unwrap().deleting.is_some());
    assert_eq!(world.observe(&home).await, None);
    assert!(matches!(world.make(&config("b", "1")).await, Err(PortError::Busy { .. })), "it is gone");
    assert!(world.sim.dump().is_empty());
}

#[tokio::test]
async fn what_a_cluster_refuses_is_refused() {
    let world = World::new().await;
    let seen = world.make(&deployment("web", "1")).await.unwrap();
    let mut other = deployment("web", "1");
    if let Resource::Object(Object { body: Body::Plain(body), .. }) = &mut other {
        body["spec"]["selector"] = json!({"matchLabels": {"app": "x"}});
        body["spec"]["template"]["metadata"]["labels"] = json!({"app": "x"});
    }
    let cases = [
        (other, Some(&seen), "spec.selector"),
        (object("dev.test/v1/Thing", ("t", "u1"), json!({})), None, "does not know kind Thing"),
        (object("v1/ConfigMap", ("A_b", "u1"), json!({})), None, "metadata.name"),
        (object("v1/ConfigMap", ("a", "u1"), json!({"metadata": {"name": "b"}})), None, "its id"),
        (object("apps/v1/Deployment", ("d", "u1"), json!({"spec": {}})), None, "spec.selector"),
    ];
    for (want, seen, words) in cases {
        match world.sim.apply(&world.call, &want, seen).await {
            Err(PortError::Invalid { cause, .. }) => assert!(cause.contains(words), "{cause}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_secret_is_an_error_and_a_kept_one_is_filled_in() {
    let world = World::new().await;
    let Resource::Object(mut want) = object("v1/Secret", ("s", "u1"), json!({})) else { unreachable!() };
    let secret = SecretRef { id: "gw/p".into(), version: 1 };
    let parts = vec![Part::Secret { secret, field: "password".into() }];
    want.fills = vec![Fill { pointer: "/stringData/p".into(), parts, form: Form::Text }];
    let want = Resource::Object(want);
    assert!(matches!(world.make(&want).await, Err(PortError::Sealed { .. })));
    world.safe.keep("gw/p", "password", "p4ss");
    world.make(&want).await.unwrap();
    assert_eq!(world.sim.dump()[want.id()]["stringData"]["p"], "p4ss");
}

#[tokio::test]
async fn a_service_keeps_the_ports_that_were_chosen() {
    let world = World::new().await;
    let service =
        |ports: Value| object("v1/Service", ("s", "u1"), json!({"spec": {"type": "NodePort", "ports": ports}}));
    let first = world.make(&service(json!([{"name": "mqtt", "port": 1}]))).await.unwrap();
    let more = service(json!([{"name": "web", "port": 2}, {"name": "mqtt", "port": 1}]));
    let second = world.sim.apply(&world.call, &more, Some(&first)).await.unwrap();
    for key in ["clusterIP", "nodePort.mqtt"] {
        assert_eq!(first.outputs[key], second.outputs[key]);
    }
    assert_ne!(second.outputs["nodePort.web"], second.outputs["nodePort.mqtt"]);
}

#[tokio::test]
async fn a_workload_becomes_ready_after_the_planned_number_of_looks_and_again_after_a_change() {
    let world = World::new().await;
    world.sim.settle_after(2);
    let web = deployment("web", "1");
    let seen = world.make(&web).await.unwrap();
    let looks = async || {
        let mut looks = 0;
        while world.observe(&web).await.unwrap().ready != Ready::Yes {
            looks += 1;
        }
        looks
    };
    assert_eq!(looks().await, 2);
    world.sim.apply(&world.call, &deployment("web", "500m"), Some(&seen)).await.unwrap();
    assert_eq!(looks().await, 2);
}

#[tokio::test]
async fn capacity_runs_out_as_it_does_on_a_cluster() {
    let world = World::new().await;
    world.sim.settle_after(0);
    for (name, cpu) in [("a", "1500m"), ("b", "1500m"), ("c", "1")] {
        world.make(&deployment(name, cpu)).await.unwrap();
    }
    let facts = world.sim.facts(&world.call).await.unwrap();
    assert!(facts.nodes.iter().all(|node| node.requested_cpu_milli == 1_500 && node.usable));
    let ranges: std::collections::BTreeSet<_> = facts.nodes.iter().flat_map(|node| &node.pod_cidrs).collect();
    assert_eq!(ranges.len(), facts.nodes.len(), "each has its own");
    let left_out = world.observe(&deployment("c", "1")).await.unwrap();
    assert!(matches!(left_out.ready, Ready::Waiting { reason } if reason.contains("fits on none of 2 nodes")));
    world.sim.vanish(&id("apps/v1/Deployment", "a"));
    assert_eq!(world.observe(&deployment("c", "1")).await.unwrap().ready, Ready::Yes);
}

#[tokio::test]
async fn a_change_by_another_hand_changes_the_digest() {
    let world = World::new().await;
    let want = config("a", "1");
    let seen = world.make(&want).await.unwrap();
    assert!(world.sim.meddle(want.id(), "/data/x", json!("2")));
    let now = world.observe(&want).await.unwrap();
    assert_ne!((&now.digest, &now.version), (&seen.digest, &seen.version));
    let again = world.sim.apply(&world.call, &want, Some(&now)).await.unwrap();
    assert_eq!(again.digest, seen.digest);
}

#[tokio::test]
async fn a_fault_strikes_the_nth_matching_call_before_or_after_its_effect() {
    let world = World::new().await;
    let busy = PortError::Busy { target: "edge".into(), cause: "planned".into(), retry_after_s: None };
    let fault = |nth, when| Fault {
        verb: Word::Apply,
        matching: "ConfigMap".into(),
        nth,
        when,
        trouble: Trouble::Error(busy.clone()),
        times: 1,
    };
    world.sim.plan(fault(2, When::Before));
    world.sim.plan(fault(3, When::After));
    let calls = world.sim.calls();
    assert!(world.make(&config("a", "1")).await.is_ok());
    assert_eq!(world.make(&config("b", "1")).await, Err(busy.clone()));
    assert_eq!(world.make(&config("c", "1")).await, Err(busy));
    assert!(world.make(&config("d", "1")).await.is_ok());
    let names: Vec<String> = world.sim.dump().into_keys().map(|id| id.name).collect();
    assert_eq!(names, ["a", "c", "d", "ns"].map(str::to_owned));
    assert_eq!(world.sim.calls() - calls, 4);
}

#[tokio::test(start_paused = true)]
async fn a_cut_and_a_hang_last_until_the_deadline_and_latency_as_long_as_it_says() {
    let world = World::new().await;
    let late = PortError::TimedOut { target: "edge".into(), seconds: 20 };
    world.sim.plan(Fault::once(Word::Apply, "/a", (When::After, Trouble::Hang)));
    assert_eq!(world.make(&config("a", "1")).await, Err(late.clone()));
    assert!(world.sim.dump().contains_key(config("a", "1").id()), "it happened, and nobody was told");
    world.sim.cut();
    assert_eq!(world.make(&config("b", "1")).await, Err(late.clone()));
    assert_eq!(world.sim.facts(&world.call).await.map(|_| ()), Err(late));
    world.sim.heal();
    world.sim.latency(Duration::from_secs(3));
    let start = tokio::time::Instant::now();
    world.make(&config("b", "1")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn the_journal_says_who_did_it_and_the_world_outlives_its_handle() {
    let world = World::new().await;
    let again = world.sim.clone();
    let mut call = world.call.clone();
    (call.operation, call.seq, call.epoch) = ("op-2".into(), 7, 3);
    again.apply(&call, &config("a", "1"), None).await.unwrap();
    drop(again);
    let last = world.sim.journal().pop().unwrap();
    assert_eq!((last.operation.as_str(), last.seq, last.epoch), ("op-2", 7, 3));
    let found = world.sim.scan(&world.call, Some("u1")).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|one| one.id).collect();
    assert_eq!(found, [id("v1/ConfigMap", "a"), id("v1/Namespace", "ns")]);
    assert!(world.sim.scan(&world.call, Some("u2")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_world_that_is_put_back_is_seen_as_before_and_gives_no_number_twice() {
    let world = World::new().await;
    let service = |name: &str| {
        let ports = json!([{"name": "a", "port": 1}, {"name": "b", "port": 2}]);
        object("v1/Service", (name, "u1"), json!({"spec": {"type": "NodePort", "ports": ports}}))
    };
    let mut all = Vec::new();
    for want in [namespace("u1"), config("a", "1"), deployment("d", "1"), service("s")] {
        world.make(&want).await.unwrap();
        // The second look finds it ready.
        world.observe(&want).await.unwrap();
        let seen = world.observe(&want).await.unwrap();
        all.push((want, seen));
    }
    let next = Sim::new(
        "edge".parse().unwrap(),
        SimSpec { nodes: 2, cpu: Cpu::new(2_000), memory: Bytes::new(4 << 30), away: false },
    );
    for (want, seen) in &all {
        let Resource::Object(object) = want else { panic!("an object") };
        next.put_back(&world.call, (object, seen)).await.unwrap();
    }
    assert_eq!(next.dump(), world.sim.dump());
    for (want, seen) in &all {
        assert_eq!(next.observe(&world.call, want.id()).await.unwrap().as_ref(), Some(seen));
        assert_eq!(next.apply(&world.call, want, Some(seen)).await.as_ref(), Ok(seen));
    }
    assert!(next.journal().is_empty());
    let new = next.apply(&world.call, &service("t"), None).await.unwrap();
    let taken: Vec<&String> = all.iter().flat_map(|(_, seen)| seen.outputs.values()).collect();
    assert!(new.outputs.values().all(|value| !taken.contains(&value)), "{new:?} {taken:?}");
    assert!(all.iter().all(|(_, seen)| seen.uid != new.uid));
}
