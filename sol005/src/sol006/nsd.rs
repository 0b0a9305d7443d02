//! An NSD in SOL006's model (`etsi-nfv-nsd`, 3.6.1).

use super::{identity, said};
use crate::descriptor::{LinkQuality, Member, NS_FLAVOUR, Nsd, PlacementGroup, VirtualLink};
use serde_json::{Value, json};

/// The one level of a service.
const LEVEL: &str = "default";

/// The document, with its module's name in front.
pub fn nsd(of: &Nsd) -> Value {
    let mut vnfds: Vec<&str> = Vec::new();
    for member in &of.members {
        if !vnfds.contains(&member.vnfd.as_str()) {
            vnfds.push(&member.vnfd);
        }
    }
    let saps = of.saps.iter().map(|(id, link)| json!({"id": id, "virtual-link-desc": link}));
    let body = said([
        ("id", json!(of.id)),
        ("designer", json!(of.designer)),
        ("version", json!(of.version)),
        ("name", json!(of.name)),
        ("invariant-id", json!(of.invariant_id)),
        ("vnfd-id", json!(vnfds)),
        ("sapd", Value::Array(saps.collect())),
        ("virtual-link-desc", Value::Array(of.links.iter().map(link).collect())),
        ("df", json!([flavour(of)])),
    ]);
    json!({"etsi-nfv-nsd:nsd": {"nsd": [body]}})
}

fn link(of: &VirtualLink) -> Value {
    said([
        ("id", json!(of.id)),
        ("connectivity-type", json!({"layer-protocol": [identity("ipv4")]})),
        ("df", json!([level_of_link(of.quality)])),
        ("description", json!(of.description)),
    ])
}

/// The model wants jitter beside delay, and knows no fraction of a millisecond: a part of one is a whole one.
fn level_of_link(quality: Option<LinkQuality>) -> Value {
    let delay = quality.and_then(|quality| quality.latency_us).map(|us| us.div_ceil(1_000));
    said([
        ("id", json!(LEVEL)),
        ("qos", delay.map_or(Value::Null, |ms| json!({"latency": ms, "packet-delay-variation": ms}))),
    ])
}

fn flavour(of: &Nsd) -> Value {
    let profile = |link: &VirtualLink| {
        let rate = link.quality.and_then(|quality| quality.bandwidth_bps).unwrap_or(0).to_string();
        json!({
            "id": link.id,
            "virtual-link-desc-id": link.id,
            "flavour-id": LEVEL,
            "max-bitrate-requirements": {"root": rate},
            "min-bitrate-requirements": {"root": rate},
        })
    };
    let level = of.members.iter().map(|member| json!({"vnf-profile-id": member.id, "number-of-instances": 1}));
    let vnfd = |member: &str| of.members.iter().find(|known| known.id == member).map(|known| known.vnfd.as_str());
    let needs = of.dependencies.iter().enumerate().map(|(at, (first, second))| {
        json!({"id": format!("needs-{at}"), "primary-vnf-profile": vnfd(second), "secondary-vnf-profile": vnfd(first)})
    });
    said([
        ("id", json!(NS_FLAVOUR)),
        ("vnf-profile", Value::Array(of.members.iter().map(member).collect())),
        ("virtual-link-profile", Value::Array(of.links.iter().map(profile).collect())),
        ("affinity-or-anti-affinity-group", Value::Array(of.groups.iter().map(group).collect())),
        ("ns-instantiation-level", json!([{"id": LEVEL, "vnf-to-level-mapping": Value::Array(level.collect())}])),
        ("dependencies", Value::Array(needs.collect())),
    ])
}

fn member(of: &Member) -> Value {
    let connection = |(link, cp): &(String, String)| {
        json!({
            "virtual-link-profile-id": link,
            "constituent-cpd-id": [{"constituent-base-element-id": of.id, "constituent-cpd-id": cp}],
        })
    };
    said([
        ("id", json!(of.id)),
        ("vnfd-id", json!(of.vnfd)),
        ("flavour-id", json!(of.flavour)),
        ("instantiation-level", json!(of.level)),
        ("affinity-or-anti-affinity-group-id", json!(of.groups)),
        ("virtual-link-connectivity", Value::Array(of.connections.iter().map(connection).collect())),
    ])
}

fn group(of: &PlacementGroup) -> Value {
    let kind = if of.together { "affinity" } else { "anti-affinity" };
    json!({"id": of.id, "affinityorAntiaffinity": kind, "scope": of.scope})
}
