//! Access rules as NetworkPolicies: nothing is open but what the file says or implies.
//!
//! Between clusters the source address is masqueraded, so the network rule is wider than asked (node addresses); the
//! identity there is mutual TLS by the slice's own CA, and [`warnings`] says so.

use super::{Ours, Scene, Wanted, reach};
use models::Name;
use models::quantity::{Port, Protocol};
use models::resource::{Fill, Form, Input, Part, label};
use models::slice::{DEVICES, SliceSpec};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Who an access rule is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum From {
    /// Things outside of the cluster that speak to a gateway.
    Devices,
    Function(Name),
}

impl From {
    fn word(&self) -> &str {
        match self {
            From::Devices => DEVICES,
            From::Function(name) => name.as_str(),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Rules(BTreeMap<(From, Name), BTreeSet<Port>>);

/// The file's rules, what `servers:` implies (the server's port), and what devices imply (the gateway's port).
pub fn rules(spec: &SliceSpec) -> Rules {
    let mut rules = Rules::default();
    let mut add = |from: From, to: &Name, ports: &[Port]| rules.0.entry((from, to.clone())).or_default().extend(ports);
    for rule in &spec.access {
        let devices = rule.from.as_str() == DEVICES && spec.workload(&rule.from).is_none();
        let from = if devices { From::Devices } else { From::Function(rule.from.clone()) };
        add(from, &rule.to, &rule.ports);
    }
    for gateway in &spec.gateways {
        for server in gateway.attached() {
            let port = spec.workload(server).and_then(|w| w.port);
            add(From::Function(gateway.name.clone()), server, port.as_slice());
        }
        if spec.devices.iter().any(|d| d.gateway == gateway.name) {
            let port = spec.workload(&gateway.name).and_then(|w| w.port);
            add(From::Devices, &gateway.name, port.as_slice());
        }
    }
    rules.0.retain(|_, ports| !ports.is_empty());
    rules
}

impl Rules {
    pub fn iter(&self) -> impl Iterator<Item = (&From, &Name, &BTreeSet<Port>)> {
        self.0.iter().map(|((from, to), ports)| (from, to, ports))
    }

    /// Every port of a function that somebody may reach.
    pub fn ports_of(&self, to: &Name) -> BTreeSet<Port> {
        self.iter().filter(|(_, name, _)| *name == to).flat_map(|(_, _, ports)| ports.iter().copied()).collect()
    }

    /// Whether somebody outside of its cluster may reach it.
    pub fn reached_from_outside(&self, scene: &Scene<'_>, to: &Name) -> bool {
        let outside = |from: &From| match from {
            From::Devices => true,
            From::Function(name) => scene.cluster_of(name) != scene.cluster_of(to),
        };
        self.iter().any(|(from, name, _)| name == to && outside(from))
    }

    /// How many node ports our Services take on a cluster.
    pub fn exposed(&self, scene: &Scene<'_>, cluster: &Name) -> u64 {
        let here =
            scene.placed.iter().filter(|(function, at)| *at == cluster && self.reached_from_outside(scene, function));
        here.map(|(function, _)| self.ports_of(function).len() as u64).sum()
    }
}

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (from, to, ports) in scene.rules.iter() {
        let Some(at) = scene.cluster_of(to) else { continue };
        all.push(ingress(scene, at, Rule { from, to, ports }));
        let From::Function(name) = from else { continue };
        let Some(here) = scene.cluster_of(name) else { continue };
        match here == at {
            true => all.push(egress_inside(scene, here, Rule { from, to, ports })),
            false => all.push(egress_across(scene, here, Rule { from, to, ports })),
        }
    }
    all
}

#[derive(Clone, Copy)]
struct Rule<'a> {
    from: &'a From,
    to: &'a Name,
    ports: &'a BTreeSet<Port>,
}

impl Rule<'_> {
    fn name(&self, way: &str) -> String {
        // No name has a dot: the rule of "a-b" to "c" never has the name of the one of "a" to "b-c".
        format!("sliceway-{way}-{}.{}", self.from.word(), self.to)
    }

    fn list(&self) -> String {
        self.ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ")
    }
}

const POLICY: &str = "networking.k8s.io/v1/NetworkPolicy";

fn pods(function: &Name) -> Value {
    json!({"matchLabels": {(label::FUNCTION): function}})
}

fn protocol(port: Port) -> &'static str {
    match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

fn ports(ports: &BTreeSet<Port>) -> Vec<Value> {
    ports.iter().map(|port| json!({"port": port.number, "protocol": protocol(*port)})).collect()
}

fn ingress(scene: &Scene<'_>, at: &Name, rule: Rule<'_>) -> Wanted {
    let from = sources(scene, at, rule);
    // An empty list of sources would admit everybody; no rule at all admits nobody.
    let admitted = if from.is_empty() { vec![] } else { vec![json!({"from": from, "ports": ports(rule.ports)})] };
    let body = json!({"spec": {"podSelector": pods(rule.to), "policyTypes": ["Ingress"], "ingress": admitted}});
    let why = format!("{} may reach {} on {}", rule.from.word(), rule.to, rule.list());
    scene.object(at, Ours::new(POLICY, rule.name("in"), body).of(rule.to).why(why))
}

fn sources(scene: &Scene<'_>, at: &Name, rule: Rule<'_>) -> Vec<Value> {
    match rule.from {
        // Without the pods' ranges "outside" cannot be said; most ways in are masqueraded by a node.
        From::Devices => outside_pods(scene, at).unwrap_or_else(|| node_blocks(scene, at)),
        From::Function(name) => match scene.cluster_of(name) {
            Some(there) if there != at => [at, there].iter().flat_map(|c| node_blocks(scene, c)).collect(),
            _ => vec![json!({"podSelector": pods(name)})],
        },
    }
}

/// Everything but the cluster's own pods; `None` where it is not known which addresses those have.
fn outside_pods(scene: &Scene<'_>, cluster: &Name) -> Option<Vec<Value>> {
    let nodes = &scene.clusters.get(cluster).and_then(|c| c.facts())?.nodes;
    if nodes.is_empty() || nodes.iter().any(|node| node.pod_cidrs.is_empty()) {
        return None;
    }
    let pods: BTreeSet<&String> = nodes.iter().flat_map(|node| &node.pod_cidrs).collect();
    let (six, four): (Vec<&String>, Vec<&String>) = pods.into_iter().partition(|cidr| cidr.contains(':'));
    // Of a family that its pods do not have nothing can arrive.
    let families = [("0.0.0.0/0", four), ("::/0", six)].into_iter().filter(|(_, own)| !own.is_empty());
    Some(families.map(|(all, own)| json!({"ipBlock": {"cidr": all, "except": own}})).collect())
}

fn node_blocks(scene: &Scene<'_>, cluster: &Name) -> Vec<Value> {
    let facts = scene.clusters.get(cluster).and_then(|c| c.facts());
    let addresses = facts.into_iter().flat_map(|f| &f.nodes).flat_map(|n| &n.addresses);
    addresses
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|ip| json!({"ipBlock": {"cidr": block(ip)}}))
        .collect()
}

fn block(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(_) => format!("{ip}/32"),
        IpAddr::V6(_) => format!("{ip}/128"),
    }
}

fn egress_inside(scene: &Scene<'_>, here: &Name, rule: Rule<'_>) -> Wanted {
    let body = json!({"spec": {
        "podSelector": from_pods(rule.from), "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": pods(rule.to)}], "ports": ports(rule.ports)}],
    }});
    finish(scene, here, rule, (body, vec![]))
}

/// Most CNIs judge egress after the Service's address was translated: the rule opens the server's address and port.
fn egress_across(scene: &Scene<'_>, here: &Name, rule: Rule<'_>) -> Wanted {
    let Some(way) = reach::way(scene, rule.to) else {
        return egress_inside(scene, here, rule);
    };
    let mut fills = Vec::new();
    let mut opened = Vec::new();
    for (index, port) in rule.ports.iter().enumerate() {
        opened.push(json!({"protocol": protocol(*port), "port": port.number}));
        if let Some(input) = way.port_input(*port) {
            let pointer = format!("/spec/egress/0/ports/{index}/port");
            fills.push(Fill { pointer, parts: vec![Part::Input(input)], form: Form::Integer });
        }
    }
    let to = match &way.address {
        reach::Address::Planned(address) => match address.parse::<IpAddr>() {
            Ok(ip) => vec![json!({"ipBlock": {"cidr": block(ip)}})],
            // A policy cannot say a host name; see `warnings`.
            Err(_) => outside_pods(scene, here).unwrap_or_else(anywhere),
        },
        reach::Address::Born(input) => {
            fills.push(cidr(input));
            vec![json!({"ipBlock": {"cidr": "0.0.0.0/0"}})]
        }
    };
    let body = json!({"spec": {
        "podSelector": from_pods(rule.from), "policyTypes": ["Egress"], "egress": [{"to": to, "ports": opened}],
    }});
    finish(scene, here, rule, (body, fills))
}

fn anywhere() -> Vec<Value> {
    ["0.0.0.0/0", "::/0"].iter().map(|all| json!({"ipBlock": {"cidr": all}})).collect()
}

fn cidr(input: &Input) -> Fill {
    let parts = vec![Part::Input(input.clone())];
    Fill { pointer: "/spec/egress/0/to/0/ipBlock/cidr".into(), parts, form: Form::Block }
}

fn from_pods(from: &From) -> Value {
    match from {
        From::Function(name) => pods(name),
        From::Devices => json!({}),
    }
}

fn finish(scene: &Scene<'_>, here: &Name, rule: Rule<'_>, (body, fills): (Value, Vec<Fill>)) -> Wanted {
    let producers = fills.iter().flat_map(|fill| &fill.parts).filter_map(|part| match part {
        Part::Input(input) => Some(input.resource.clone()),
        Part::Text(_) | Part::Secret { .. } => None,
    });
    let needs = producers.collect();
    let why = format!("{} may call {} on {}", rule.from.word(), rule.to, rule.list());
    let mut ours = Ours::new(POLICY, rule.name("out"), body).fills(fills, needs).why(why);
    if let From::Function(name) = rule.from {
        ours = ours.of(name);
    }
    scene.object(here, ours)
}

/// Every place where the network is opened wider, or narrower, than the file asks for.
pub fn warnings(scene: &Scene<'_>) -> Vec<String> {
    scene.rules.iter().flat_map(|(from, to, ports)| of_rule(scene, Rule { from, to, ports })).collect()
}

fn of_rule(scene: &Scene<'_>, rule: Rule<'_>) -> Vec<String> {
    let (from, to) = (rule.from.word(), rule.to);
    let Some(at) = scene.cluster_of(to) else { return vec![] };
    let mut warnings = Vec::new();
    let there = match rule.from {
        From::Devices => None,
        From::Function(name) => scene.cluster_of(name).filter(|there| *there != at),
    };
    if sources(scene, at, rule).is_empty() {
        let at = [Some(at), there].into_iter().flatten().map(Name::as_str).collect::<Vec<_>>().join(" and ");
        warnings.push(format!("{from} to {to} stays closed: no address of a node of {at} is known"));
    } else if *rule.from == From::Devices && outside_pods(scene, at).is_none() {
        warnings.push(format!(
            "devices to {to}: the address ranges of {at}'s pods are not known, so the network rule admits its nodes only; \
             a device that arrives there with its own address is refused"
        ));
    }
    if there.is_none() {
        return warnings;
    }
    let speaks = |name: &Name| scene.slice.spec.workload(name).is_some_and(|workload| workload.platform.is_some());
    let proven = match rule.from {
        From::Function(name) => speaks(name) && speaks(to),
        From::Devices => false,
    };
    let who = if proven { "is proven by mutual TLS" } else { "they must see to themselves" };
    warnings.push(format!(
        "{from} to {to} crosses clusters: the network rule admits the clusters' nodes; who it is, {who}"
    ));
    let open = match reach::way(scene, to).map(|way| way.address) {
        Some(reach::Address::Planned(address)) if address.parse::<IpAddr>().is_err() => {
            format!("{address:?} is a host name")
        }
        Some(reach::Address::Born(_)) => format!("where the load balancer of {at} tells a host name and no address"),
        Some(reach::Address::Planned(_)) | None => return warnings,
    };
    warnings.push(format!(
        "{from} to {to}: {open}, which no network rule can hold: {from} may call any address on {}",
        rule.list()
    ));
    warnings
}
