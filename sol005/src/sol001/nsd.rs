//! An NSD as a TOSCA service template. Each function of it is known by a type of its own, which its own descriptor defines
//! in the same words.

use super::{VERSION, fixed, function_properties, type_name};
use crate::descriptor::{Member, NS_FLAVOUR, Nsd, VirtualLink, Vnfd};
use serde_json::{Map, Value, json};

/// `functions` are those of the service's members.
pub fn nsd(of: &Nsd, functions: &[&Vnfd]) -> Value {
    let name = type_name(&of.designer, &format!("{}_ns", of.name));
    let properties = json!({
        "descriptor_id": fixed(&of.id),
        "designer": fixed(&of.designer),
        "version": fixed(&of.version),
        "name": fixed(&of.name),
        "invariant_id": fixed(&of.invariant_id),
        "flavour_id": fixed(NS_FLAVOUR),
    });
    let mut types = Map::new();
    types.insert(name.clone(), json!({"derived_from": "tosca.nodes.nfv.NS", "properties": properties}));
    for function in functions {
        types.insert(type_name(&function.provider, &function.product_name), function_type(function, of));
    }
    let mut nodes = Map::new();
    nodes.insert("NS".into(), json!({"type": name}));
    for link in &of.links {
        nodes.insert(link.id.clone(), virtual_link(link));
    }
    for (id, link) in &of.saps {
        let properties = json!({"layer_protocols": ["ipv4"]});
        let requirements = json!([{"internal_virtual_link": link}]);
        nodes.insert(
            id.clone(),
            json!({"type": "tosca.nodes.nfv.Sap", "properties": properties, "requirements": requirements}),
        );
    }
    for member in &of.members {
        nodes.insert(member_name(member), self::member(member, (of, functions)));
    }
    json!({
        "tosca_definitions_version": VERSION,
        "description": of.name,
        "imports": ["etsi_nfv_sol001_nsd_types.yaml"],
        "node_types": types,
        "topology_template": {
            "substitution_mappings": {"node_type": name},
            "node_templates": nodes,
            "policies": policies(of),
        },
    })
}

/// A function may have the name of a link.
fn member_name(of: &Member) -> String {
    format!("{}-function", of.id)
}

/// What a service sees of a function: who it is, and where links are put on it.
fn function_type(of: &Vnfd, nsd: &Nsd) -> Value {
    let properties = function_properties(of);
    let mut requirements = Vec::new();
    for member in nsd.members.iter().filter(|member| member.vnfd == of.id) {
        for (link, cp) in &member.connections {
            requirements.push(json!({requirement(link, cp): {
                "capability": "tosca.capabilities.nfv.VirtualLinkable",
                "relationship": "tosca.relationships.nfv.VirtualLinksTo",
                "occurrences": [0, 1],
            }}));
        }
    }
    json!({"derived_from": "tosca.nodes.nfv.VNF", "properties": properties, "requirements": requirements})
}

/// One connection point may be on several links.
fn requirement(link: &str, cp: &str) -> String {
    format!("{cp}_on_{link}")
}

fn virtual_link(of: &VirtualLink) -> Value {
    let rate = of.quality.and_then(|quality| quality.bandwidth_bps).unwrap_or(0);
    let mut profile = json!({"max_bitrate_requirements": {"root": rate}, "min_bitrate_requirements": {"root": rate}});
    if let Some(delay) = of.quality.and_then(|quality| quality.latency_us) {
        profile["qos"] = json!({"latency": format!("{delay} us"), "packet_delay_variation": format!("{delay} us")});
    }
    json!({
        "type": "tosca.nodes.nfv.NsVirtualLink",
        "properties": {
            "vl_profile": profile,
            "connectivity_type": {"layer_protocols": ["ipv4"]},
            "description": of.description,
        },
    })
}

/// What it needs is the requirement that every node of TOSCA may have (TOSCA 1.3, 5.9.1.2).
fn member(of: &Member, (nsd, functions): (&Nsd, &[&Vnfd])) -> Value {
    let name = functions.iter().find(|known| known.id == of.vnfd);
    let kind =
        name.map_or_else(|| "tosca.nodes.nfv.VNF".to_owned(), |known| type_name(&known.provider, &known.product_name));
    let links = of.connections.iter().map(|(link, cp)| json!({requirement(link, cp): link}));
    let needed = nsd.dependencies.iter().filter(|(needs, _)| *needs == of.id).map(|(_, needed)| needed);
    let needed = nsd.members.iter().filter(|member| needed.clone().any(|id| *id == member.id));
    let requirements: Vec<Value> =
        links.chain(needed.map(|member| json!({"dependency": member_name(member)}))).collect();
    json!({"type": kind, "requirements": requirements})
}

fn policies(of: &Nsd) -> Value {
    let each = of.groups.iter().map(|group| {
        let kind = if group.together { "NsAffinityRule" } else { "NsAntiAffinityRule" };
        let targets: Vec<String> =
            of.members.iter().filter(|member| member.groups.contains(&group.id)).map(member_name).collect();
        json!({group.id.clone(): {
            "type": format!("tosca.policies.nfv.{kind}"),
            "properties": {"scope": group.scope.replace('-', "_")},
            "targets": targets,
        }})
    });
    each.collect()
}
