//! OSM up to release eight: catalogues of its own model.

use super::{NET, function, nsd_name, vnfd_name};
use crate::descriptor::{Link, Nsd, VirtualLink, Vnfd};
use serde_json::{Value, json};

pub(super) fn vnfd(of: &Vnfd) -> Value {
    let name = vnfd_name(of);
    let management = of.external_cps.iter().find(|cp| cp.link == Link::Pods).map(|cp| cp.id.as_str());
    let points: Vec<Value> = of.external_cps.iter().map(|cp| json!({"name": cp.id})).collect();
    let kdus: Vec<Value> = of.mciops.iter().map(|mciop| super::kdu(mciop, of)).collect();
    json!({"vnfd-catalog": {"vnfd": [{
        "id": name,
        "name": name,
        "short-name": name,
        "version": of.version,
        "vendor": of.provider,
        "description": of.description,
        "mgmt-interface": {"cp": management},
        "connection-point": points,
        "k8s-cluster": {"nets": [{"id": NET, "external-connection-point-ref": management}]},
        "kdu": kdus,
    }]}})
}

pub(super) fn nsd(of: &Nsd, functions: &[&Vnfd]) -> Value {
    let name = nsd_name(of);
    let members: Vec<Value> = of
        .members
        .iter()
        .map(|member| json!({"member-vnf-index": member.id, "vnfd-id-ref": function(functions, &member.vnfd)}))
        .collect();
    let links: Vec<Value> = of.links.iter().map(|one| link(one, of, functions)).collect();
    json!({"nsd-catalog": {"nsd": [{
        "id": name,
        "name": name,
        "short-name": name,
        "version": of.version,
        "vendor": of.designer,
        "constituent-vnfd": members,
        "vld": links,
    }]}})
}

fn link(link: &VirtualLink, of: &Nsd, functions: &[&Vnfd]) -> Value {
    let on = of.members.iter().flat_map(|member| {
        let here = member.connections.iter().filter(|(id, _)| *id == link.id);
        here.map(|(_, cp)| {
            json!({
                "member-vnf-index-ref": member.id,
                "vnfd-id-ref": function(functions, &member.vnfd),
                "vnfd-connection-point-ref": cp,
            })
        })
    });
    let on: Vec<Value> = on.collect();
    json!({"id": link.id, "name": link.id, "type": "ELAN", "mgmt-network": link.management, "vnfd-connection-point-ref": on})
}
