//! How a function is reached: a Service of ours beside it, and the same name wherever somebody may call it from.
//!
//! The address and port that the far cluster chooses are born at run time; they enter the EndpointSlice, never a chart.

use super::access::From;
use super::{Ours, Scene, Wanted, port_name};
use crate::plan::bundle::Piece;
use crate::plan::demand::template_pointer;
use crate::plan::names;
use models::Name;
use models::cluster::Expose;
use models::quantity::{Port, Protocol};
use models::resource::{Fill, Form, Input, Part, ResourceId, label};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    let reached: BTreeSet<&Name> = scene.rules.iter().map(|(_, to, _)| to).collect();
    for to in reached {
        let Some(at) = scene.cluster_of(to) else { continue };
        // Within its cluster the chart's own Service of that name is the way.
        if own_service(scene, to).is_none() || scene.rules.reached_from_outside(scene, to) {
            all.push(service(scene, at, to));
        }
        for here in callers(scene, at, to) {
            all.extend(uplink(scene, here, to));
        }
    }
    all
}

/// Clusters other than its own from which a function is called.
fn callers<'a>(scene: &Scene<'a>, at: &Name, to: &Name) -> BTreeSet<&'a Name> {
    let from = scene.rules.iter().filter(|(_, name, _)| *name == to).filter_map(|(from, _, _)| match from {
        From::Function(name) => scene.cluster_of(name),
        From::Devices => None,
    });
    from.filter(|cluster| *cluster != at).collect()
}

fn protocol(port: Port) -> &'static str {
    match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// The Service of the function's name that its chart makes.
fn own_service<'s>(scene: &'s Scene<'_>, to: &Name) -> Option<&'s Piece> {
    let bundle = scene.bundles.get(to)?;
    bundle.objects.iter().find(|piece| piece.is("Service") && piece.name == to.as_str())
}

/// What our Service beside the function is called: as the function, where its chart leaves us the name.
fn front(scene: &Scene<'_>, to: &Name) -> String {
    if own_service(scene, to).is_some() { format!("sliceway-{to}") } else { to.to_string() }
}

fn service_id(scene: &Scene<'_>, at: &Name, to: &Name) -> ResourceId {
    names::object(at, "v1/Service", &scene.namespace, front(scene, to))
}

/// A port of the name that callers use, and the container's port that it leads to.
struct Called {
    port: Port,
    to: Port,
}

/// The containers' ports of the rules, and those of the chart's own Service that lead to them.
fn called(scene: &Scene<'_>, to: &Name) -> Vec<Called> {
    let opened = scene.rules.ports_of(to);
    let mut all: Vec<Called> = opened.iter().map(|port| Called { port: *port, to: *port }).collect();
    let own = own_service(scene, to).and_then(Piece::plain);
    for port in own.and_then(|body| body.pointer("/spec/ports")?.as_array()).into_iter().flatten() {
        let kind = if port["protocol"] == "UDP" { Protocol::Udp } else { Protocol::Tcp };
        let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
        let Some(seen) = number(&port["port"]).map(|number| Port { number, protocol: kind }) else { continue };
        let behind = match &port["targetPort"] {
            Value::Null => Some(seen.number),
            Value::String(name) => container_port(scene, to, name),
            other => number(other),
        };
        let Some(behind) = behind.map(|number| Port { number, protocol: kind }) else { continue };
        if opened.contains(&behind) && all.iter().all(|known| known.port != seen) {
            all.push(Called { port: seen, to: behind });
        }
    }
    all
}

/// The number of a port that a container of the function gives a name.
fn container_port(scene: &Scene<'_>, to: &Name, name: &str) -> Option<u16> {
    let bodies = scene.bundles.get(to)?.objects.iter().filter_map(|piece| {
        let pod = template_pointer(&piece.kind)?;
        piece.plain()?.pointer(pod)
    });
    let mut ports = bodies.flat_map(|template| {
        let containers = template.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        containers.flat_map(|container| container["ports"].as_array().into_iter().flatten())
    });
    let found = ports.find(|port| port["name"] == name)?;
    u16::try_from(found["containerPort"].as_u64()?).ok()
}

fn expose(scene: &Scene<'_>, at: &Name) -> Expose {
    scene.clusters.get(at).map(|view| view.cluster.spec.expose).unwrap_or_default()
}

fn service(scene: &Scene<'_>, at: &Name, to: &Name) -> Wanted {
    let (kind, why) = match (scene.rules.reached_from_outside(scene, to), expose(scene, at)) {
        (false, _) => ("ClusterIP", format!("{to} is called from within {at}")),
        (true, Expose::NodePort) => ("NodePort", format!("{to} is called from outside of {at}")),
        (true, Expose::LoadBalancer) => ("LoadBalancer", format!("{to} is called from outside of {at}")),
    };
    let ports: Vec<Value> = scene
        .rules
        .ports_of(to)
        .into_iter()
        .map(|p| json!({"name": port_name(p), "port": p.number, "targetPort": p.number, "protocol": protocol(p)}))
        .collect();
    let body = json!({"spec": {
        "type": kind, "ports": ports, "selector": {(label::FUNCTION): to, (label::SLICE): scene.slice.uid},
    }});
    scene.object(at, Ours::new("v1/Service", front(scene, to), body).of(to).why(why))
}

/// Where a function on another cluster is found.
pub struct Way {
    pub address: Address,
    service: ResourceId,
    expose: Expose,
}

pub enum Address {
    Planned(String),
    Born(Input),
}

impl Way {
    /// The port's producer; `None` where the port is the planned one.
    pub fn port_input(&self, port: Port) -> Option<Input> {
        match self.expose {
            Expose::NodePort => {
                Some(Input { resource: self.service.clone(), field: format!("nodePort.{}", port_name(port)) })
            }
            Expose::LoadBalancer => None,
        }
    }
}

pub fn way(scene: &Scene<'_>, to: &Name) -> Option<Way> {
    let at = scene.cluster_of(to)?;
    let view = scene.clusters.get(at)?;
    let service = service_id(scene, at, to);
    let expose = expose(scene, at);
    let address = match (&view.cluster.spec.address, expose) {
        (Some(address), _) => Address::Planned(address.clone()),
        (None, Expose::NodePort) => Address::Planned(view.address()?),
        (None, Expose::LoadBalancer) => Address::Born(Input { resource: service.clone(), field: "address".into() }),
    };
    Some(Way { address, service, expose })
}

/// An EndpointSlice keeps it for life: where it changes, the plan replaces the slice. What is born at run time may turn
/// out to be another; the port sees to it then.
fn family(address: &Address) -> &'static str {
    match address {
        Address::Born(_) => "IPv4",
        Address::Planned(text) => match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => "IPv4",
            Ok(IpAddr::V6(_)) => "IPv6",
            Err(_) => "FQDN",
        },
    }
}

/// The planned name in the caller's namespace: a Service without selector, and the EndpointSlice behind it.
fn uplink(scene: &Scene<'_>, here: &Name, to: &Name) -> Vec<Wanted> {
    let Some(way) = way(scene, to) else { return vec![] };
    let ports = called(scene, to);
    let address = |pointer: &str, form: Form| {
        let part = match &way.address {
            Address::Planned(text) => Part::Text(text.clone()),
            Address::Born(input) => Part::Input(input.clone()),
        };
        Fill { pointer: pointer.into(), parts: vec![part], form }
    };
    let needs = vec![way.service.clone()];
    let named: Vec<Value> = ports
        .iter()
        .map(|p| json!({"name": port_name(p.port), "port": p.port.number, "protocol": protocol(p.port)}))
        .collect();
    let service = Ours::new("v1/Service", to.as_str(), json!({"spec": {"type": "ClusterIP", "ports": named}}))
        .of(to)
        .fills(vec![address("/spec/externalName", Form::HostName)], needs.clone())
        .why(format!("functions on {here} call {to} by this name"));
    let mut fills = vec![address("/endpoints/0/addresses/0", Form::Address)];
    for (index, port) in ports.iter().enumerate() {
        if let Some(input) = way.port_input(port.to) {
            let pointer = format!("/ports/{index}/port");
            fills.push(Fill { pointer, parts: vec![Part::Input(input)], form: Form::Integer });
        }
    }
    let mut body = json!({"endpoints": [{"addresses": [], "conditions": {"ready": true}}]});
    body["addressType"] = json!(family(&way.address));
    // Where no port is born at run time the load balancer has the container's.
    let behind =
        ports.iter().map(|p| json!({"name": port_name(p.port), "port": p.to.number, "protocol": protocol(p.port)}));
    body["ports"] = behind.collect();
    body["metadata"] = json!({
        "name": to, "namespace": scene.namespace, "labels": {"kubernetes.io/service-name": to},
    });
    let slice = Ours::new("discovery.k8s.io/v1/EndpointSlice", to.as_str(), body)
        .of(to)
        .fills(fills, needs)
        .why(format!("where {to} is reached from {here}"));
    vec![scene.object(here, service), scene.object(here, slice)]
}
