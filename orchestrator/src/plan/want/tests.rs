//! What a slice wants of the network, by whole plans over clusters of which more or less is known.

use crate::plan::bundle::ChartPin;
use crate::plan::render::{Order, Renderer};
use crate::plan::{Bundle, ClusterView, Goal, Plan, PlanError, Recorded, Wish, World, make};
use async_trait::async_trait;
use models::change::Verb;
use models::cluster::{Cluster, ClusterFacts, ClusterSpec, Expose, Health, HealthState, Node};
use models::resource::{Body, Resource};
use models::{Name, SliceSpec};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A chart without objects: what is ours stays.
struct Empty;

#[async_trait]
impl Renderer for Empty {
    async fn definition(&self, _: &Name, _: &str) -> Result<Option<Value>, PlanError> {
        Ok(None)
    }

    async fn seal(&self, _: &Value) -> Result<String, PlanError> {
        Ok(String::new())
    }

    async fn recorded(&self, order: &Order<'_>, _: &Value) -> Result<Bundle, PlanError> {
        self.render(order).await
    }

    async fn render(&self, order: &Order<'_>) -> Result<Bundle, PlanError> {
        Ok(Bundle {
            format: Bundle::FORMAT,
            inputs: order.inputs.to_owned(),
            chart: order.chart.clone(),
            objects: vec![],
            hooks: vec![],
            definitions: vec![],
            release: None,
            lookups: 0,
            pods: vec![],
            volumes: vec![],
            storage_bytes: 0,
            notes: vec![],
        })
    }
}

fn node(addresses: &[&str], pod_cidrs: &[&str]) -> Node {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    Node {
        name: "n".into(),
        addresses: texts(addresses),
        pod_cidrs: texts(pod_cidrs),
        cpu_milli: 4_000,
        memory_bytes: 8 << 30,
        usable: true,
        ..Node::default()
    }
}

fn view(cluster: &str, spec: ClusterSpec, nodes: Vec<Node>) -> (Name, ClusterView) {
    let facts = ClusterFacts { version: "v1.36.3".into(), nodes, ..ClusterFacts::default() };
    let health = Health { state: HealthState::Reachable, cause: String::new(), since: None };
    let (name, labels) = (name(cluster), BTreeMap::new());
    (
        name.clone(),
        ClusterView {
            cluster: Cluster {
                identity: None,
                name,
                labels,
                spec,
                health,
                facts: Some(facts),
                owner: None,
                taken: vec![],
                draining: None,
                certificate_end: None,
            },
        },
    )
}

fn world(edge: Vec<Node>, cloud: (ClusterSpec, Vec<Node>)) -> World {
    let chart = ChartPin {
        name: "c".into(),
        version: "1.0.0".into(),
        digest: "d".into(),
        repository: Some(name("lab")),
        package: None,
        asked: None,
        source: None,
        dependencies: vec![],
    };
    let functions = ["gw", "store", "a", "a-b", "c", "b-c"];
    World {
        clusters: [view("edge", ClusterSpec::default(), edge), view("cloud", cloud.0, cloud.1)].into(),
        charts: functions.into_iter().map(|function| (name(function), Ok(chart.clone()))).collect(),
        ..World::default()
    }
}

fn pinned(nodes: &str) -> Vec<Node> {
    vec![node(&[nodes], &["10.1.0.0/16"])]
}

/// A gateway at the edge that devices reach, and that calls a function in the cloud.
fn slice() -> SliceSpec {
    let chart = json!({"repository": "lab", "name": "c"});
    serde_json::from_value(json!({
        "sites": {"edge": {"cluster": "edge"}, "cloud": {"cluster": "cloud"}},
        "functions": [
            {"name": "gw", "site": "edge", "chart": chart}, {"name": "store", "site": "cloud", "chart": chart},
            {"name": "a", "site": "edge", "chart": chart}, {"name": "a-b", "site": "edge", "chart": chart},
            {"name": "c", "site": "edge", "chart": chart}, {"name": "b-c", "site": "edge", "chart": chart},
        ],
        "access": [
            {"from": "devices", "to": "gw", "ports": ["1883/tcp"]},
            {"from": "gw", "to": "store", "ports": ["8883/tcp"]},
            {"from": "a", "to": "b-c", "ports": ["1/tcp"]}, {"from": "a-b", "to": "c", "ports": ["2/tcp"]},
        ],
    }))
    .unwrap()
}

async fn plan(world: &World) -> Plan {
    let none = BTreeSet::new;
    let goal = Goal::Apply { labels: BTreeMap::new(), spec: Box::new(slice()) };
    let wish = Wish {
        forget: false,
        tenant: name("t"),
        name: name("s"),
        goal,
        replace: none(),
        allow_data_loss: none(),
        upgrade: none(),
        charts: BTreeMap::new(),
    };
    make(world, &wish, &Empty).await.unwrap()
}

/// The body of one object that a plan wants.
fn body(plan: &Plan, what: &str) -> Value {
    let found = plan.changes.iter().filter(|c| c.change.id.short() == what).find_map(|c| match &c.change.after {
        Some(Resource::Object(object)) => match &object.body {
            Body::Plain(body) => Some(body.clone()),
            Body::Sealed { .. } | Body::Release(_) => None,
        },
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no {what} in the plan"))
}

fn ingress(plan: &Plan) -> Value {
    body(plan, "NetworkPolicy sliceway-in-devices.gw")["spec"]["ingress"].clone()
}

fn warns(plan: &Plan, words: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(words))
}

#[tokio::test]
async fn devices_may_come_from_everywhere_but_the_pods_where_those_are_known() {
    let plan = plan(&world(pinned("192.0.2.1"), (ClusterSpec::default(), pinned("192.0.2.2")))).await;
    assert_eq!(ingress(&plan)[0]["from"], json!([{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.1.0.0/16"]}}]));
    assert!(!warns(&plan, "ranges"), "{:?}", plan.warnings);
}

#[tokio::test]
async fn devices_may_come_by_the_nodes_only_where_the_pods_are_not_known_and_the_plan_warns() {
    let cloud = (ClusterSpec::default(), pinned("192.0.2.2"));
    let half = vec![node(&["192.0.2.1"], &["10.1.0.0/16"]), node(&["192.0.2.9"], &[])];
    let plan = plan(&world(half, cloud)).await;
    let nodes = json!([{"ipBlock": {"cidr": "192.0.2.1/32"}}, {"ipBlock": {"cidr": "192.0.2.9/32"}}]);
    assert_eq!(ingress(&plan)[0]["from"], nodes);
    assert!(warns(&plan, "the address ranges of edge's pods are not known"), "{:?}", plan.warnings);
}

#[tokio::test]
async fn nobody_may_come_where_no_address_is_known_and_the_plan_warns() {
    let plan = plan(&world(vec![node(&[], &[])], (ClusterSpec::default(), vec![node(&[], &["10.2.0.0/16"])]))).await;
    assert_eq!(ingress(&plan), json!([]));
    let across = body(&plan, "NetworkPolicy sliceway-in-gw.store");
    assert_eq!(across["spec"]["ingress"], json!([]));
    assert!(warns(&plan, "devices to gw stays closed: no address of a node of edge is known"), "{:?}", plan.warnings);
    assert!(warns(&plan, "gw to store stays closed: no address of a node of cloud and edge"), "{:?}", plan.warnings);
}

#[tokio::test]
async fn a_peer_that_is_a_host_name_opens_more_than_it_and_the_plan_warns() {
    let named = |address: &str| ClusterSpec { address: Some(address.into()), ..ClusterSpec::default() };
    let egress = |plan: &Plan| body(plan, "NetworkPolicy sliceway-out-gw.store")["spec"]["egress"][0].clone();
    let host = plan(&world(pinned("192.0.2.1"), (named("cloud.test"), pinned("192.0.2.2")))).await;
    assert_eq!(egress(&host)["to"], json!([{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.1.0.0/16"]}}]));
    assert_eq!(egress(&host)["ports"].as_array().map(Vec::len), Some(1));
    assert!(warns(&host, "\"cloud.test\" is a host name"), "{:?}", host.warnings);
    let address = plan(&world(pinned("192.0.2.1"), (named("2001:db8::1"), pinned("192.0.2.2")))).await;
    assert_eq!(egress(&address)["to"], json!([{"ipBlock": {"cidr": "2001:db8::1/128"}}]));
    assert!(!warns(&address, "host name"), "{:?}", address.warnings);
    let balanced = ClusterSpec { expose: Expose::LoadBalancer, ..ClusterSpec::default() };
    let born = plan(&world(pinned("192.0.2.1"), (balanced, pinned("192.0.2.2")))).await;
    assert!(warns(&born, "where the load balancer of cloud tells a host name"), "{:?}", born.warnings);
}

#[tokio::test]
async fn two_rules_never_share_the_name_of_a_policy() {
    let plan = plan(&world(pinned("192.0.2.1"), (ClusterSpec::default(), pinned("192.0.2.2")))).await;
    for (policy, port) in [("sliceway-in-a.b-c", 1), ("sliceway-in-a-b.c", 2)] {
        let body = body(&plan, &format!("NetworkPolicy {policy}"));
        assert_eq!(body["spec"]["ingress"][0]["ports"][0]["port"], port);
    }
}

/// The world after a plan was carried out.
fn carried_out(mut world: World, plan: &Plan) -> World {
    for planned in &plan.changes {
        let change = &planned.change;
        let Some(resource) = change.after.clone().filter(|resource| !resource.is_check()) else { continue };
        let (format, tier, operation) = (Recorded::FORMAT, planned.tier, String::new());
        let needs = planned.resource_needs.clone();
        let recorded = Recorded { format, resource, needs, tier, seen: None, certain: true, operation };
        world.recorded.insert(change.id.clone(), recorded);
    }
    world.slice = plan.after.clone();
    let read =
        |(function, bundle): &(String, Value)| (function.clone(), serde_json::from_value(bundle.clone()).unwrap());
    world.bundles = plan.bundles.iter().map(read).collect();
    world
}

#[tokio::test]
async fn a_peer_that_moves_to_another_kind_of_address_gets_its_endpoint_slice_replaced_unasked() {
    let at = |address: &str| ClusterSpec { address: Some(address.into()), ..ClusterSpec::default() };
    let made = |address: &str| world(pinned("192.0.2.1"), (at(address), pinned("192.0.2.2")));
    let first = plan(&made("192.0.2.2")).await;
    assert_eq!(body(&first, "EndpointSlice store")["addressType"], "IPv4");
    let world = carried_out(made("192.0.2.2"), &first);
    for (address, verb, kind) in [
        ("192.0.2.3", Verb::Update, "IPv4"),
        ("cloud.test", Verb::Replace, "FQDN"),
        ("2001:db8::1", Verb::Replace, "IPv6"),
    ] {
        let world = World { clusters: made(address).clusters, ..world.clone() };
        let plan = plan(&world).await;
        let slice = plan.changes.iter().find(|c| c.change.id.short() == "EndpointSlice store").unwrap();
        assert_eq!(slice.change.verb, verb, "{address}");
        assert_eq!(body(&plan, "EndpointSlice store")["addressType"], kind);
        let service = plan.changes.iter().find(|c| c.change.id.short() == "Service store").unwrap();
        assert_eq!(service.change.verb, Verb::Update, "a service changes in place");
    }
}
