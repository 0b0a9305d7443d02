//! OSM since release nine: SOL006, with what OSM itself leaves out so that strict readers take it too.

use super::{NET, function, nsd_name, vnfd_name};
use crate::descriptor::{Link, Member, Nsd, VirtualLink, Vnfd};
use serde_json::{Value, json};

const FLAVOUR: &str = "default-df";
const LEVEL: &str = "default";

pub(super) fn vnfd(of: &Vnfd) -> Value {
    let management = of.external_cps.iter().find(|cp| cp.link == Link::Pods);
    let points: Vec<Value> = of.external_cps.iter().map(|cp| json!({"id": cp.id, "k8s-cluster-net": NET})).collect();
    let mut body = json!({
        "id": vnfd_name(of),
        "product-name": vnfd_name(of),
        "provider": of.provider,
        "version": of.version,
        "software-version": of.software_version,
        "vnfm-info": ["OSM"],
        "description": of.description,
        "mgmt-cp": management.map(|cp| cp.id.as_str()),
        "ext-cpd": points,
        "k8s-cluster": {"nets": [{"id": NET}]},
        "kdu": of.mciops.iter().map(|mciop| super::kdu(mciop, of)).collect::<Vec<_>>(),
        "df": [{"id": FLAVOUR, "instantiation-level": [{"id": LEVEL}]}],
    });
    if of.description.is_empty() {
        body.as_object_mut().map(|map| map.shift_remove("description"));
    }
    json!({"vnfd": body})
}

pub(super) fn nsd(of: &Nsd, functions: &[&Vnfd]) -> Value {
    let mut names: Vec<String> = Vec::new();
    for name in of.members.iter().map(|member| function(functions, &member.vnfd)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let saps: Vec<Value> = of.saps.iter().map(|(id, link)| json!({"id": id, "virtual-link-desc": link})).collect();
    let level = of.members.iter().map(|member| json!({"vnf-profile-id": member.id, "number-of-instances": 1}));
    json!({"nsd": {"nsd": [{
        "id": nsd_name(of),
        "name": nsd_name(of),
        "designer": of.designer,
        "version": of.version,
        "vnfd-id": names,
        "sapd": saps,
        "virtual-link-desc": of.links.iter().map(link).collect::<Vec<_>>(),
        "df": [{
            "id": FLAVOUR,
            "virtual-link-profile": of.links.iter().map(profile).collect::<Vec<_>>(),
            "vnf-profile": of.members.iter().map(|one| member(one, functions)).collect::<Vec<_>>(),
            "ns-instantiation-level": [{"id": LEVEL, "vnf-to-level-mapping": level.collect::<Vec<_>>()}],
        }],
    }]}})
}

fn link(of: &VirtualLink) -> Value {
    let mut link = json!({
        "id": of.id,
        "connectivity-type": {"layer-protocol": ["etsi-nfv-descriptors:ipv4"]},
        "df": [{"id": LEVEL}],
    });
    if of.management {
        // A word and no boolean, as OSM's own clients write it.
        link["mgmt-network"] = "true".into();
    }
    link
}

fn profile(of: &VirtualLink) -> Value {
    let rate = of.quality.and_then(|quality| quality.bandwidth_bps).unwrap_or(0);
    json!({
        "id": of.id,
        "virtual-link-desc-id": of.id,
        "flavour-id": LEVEL,
        "max-bitrate-requirements": {"root": rate},
        "min-bitrate-requirements": {"root": rate},
    })
}

fn member(of: &Member, functions: &[&Vnfd]) -> Value {
    let connection = |(link, cp): &(String, String)| {
        json!({
            "virtual-link-profile-id": link,
            "constituent-cpd-id": [{"constituent-base-element-id": of.id, "constituent-cpd-id": cp}],
        })
    };
    json!({
        "id": of.id,
        "vnfd-id": function(functions, &of.vnfd),
        "flavour-id": FLAVOUR,
        "instantiation-level": LEVEL,
        "virtual-link-connectivity": of.connections.iter().map(connection).collect::<Vec<_>>(),
    })
}
