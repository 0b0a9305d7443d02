//! OSM's template of a slice, the same in all its releases.

use super::plain;
use crate::descriptor::{Nst, SliceLink, Subnet};
use serde_json::{Value, json};

/// What OSM calls it: `factory_nst`.
pub fn nst_name(of: &Nst) -> String {
    format!("{}_nst", plain(&of.name))
}

/// The types that OSM knows, by their values (3GPP TS 23.501 5.15.2.2).
fn kind(sst: u8) -> Option<&'static str> {
    match sst {
        1 => Some("eMBB"),
        2 => Some("URLLC"),
        3 => Some("mMTC"),
        _ => None,
    }
}

/// Its document; a slice/service type that OSM has no word for is left out.
pub fn nst(of: &Nst) -> Value {
    let mut body = json!({
        "id": nst_name(of),
        "name": nst_name(of),
        "netslice-subnet": of.subnets.iter().map(subnet).collect::<Vec<_>>(),
        "netslice-vld": of.links.iter().map(link).collect::<Vec<_>>(),
    });
    if !of.points.is_empty() {
        let point = |(name, link): &(String, String)| json!({"name": name, "netslice-vld-id-ref": link});
        body["netslice-connection-point"] = of.points.iter().map(point).collect();
    }
    let snssai = of.snssai.as_ref().and_then(|(sst, sd)| Some((kind(*sst)?, sd)));
    if let Some((kind, sd)) = snssai {
        body["SNSSAI-identifier"] = json!({"slice-service-type": kind});
        if let Some(sd) = sd {
            body["SNSSAI-identifier"]["slice-differentiator"] = sd.as_str().into();
        }
    }
    // A bound that is no whole number of milliseconds is kept by the next below.
    let budget = of.latency_us.and_then(|latency| u16::try_from(latency / 1_000).ok()).filter(|budget| *budget > 0);
    if let Some(budget) = budget {
        body["quality-of-service"] = json!({"packet-delay-budget": budget});
    }
    json!({"nst": [body]})
}

/// What cannot be said in it.
pub fn nst_leaves_out(of: &Nst) -> Vec<String> {
    let kind = of.snssai.as_ref().filter(|(sst, _)| kind(*sst).is_none());
    let kind = kind.map(|(sst, _)| format!("slice/service type {sst}: OSM knows 1, 2 and 3"));
    let budget = of.latency_us.filter(|latency| !(1_000..65_536_000).contains(latency));
    let budget = budget.map(|latency| format!("latency {latency} us: OSM knows 1 to 65535 ms"));
    kind.into_iter().chain(budget).collect()
}

/// Without a description OSM takes it, and cannot make it.
fn subnet(of: &Subnet) -> Value {
    let description = if of.description.is_empty() { &of.id } else { &of.description };
    json!({"id": of.id, "description": description, "is-shared-nss": "false", "nsd-ref": of.nsd})
}

fn link(of: &SliceLink) -> Value {
    let point = |(subnet, sap): &(String, String)| json!({"nss-ref": subnet, "nsd-connection-point-ref": sap});
    json!({
        "id": of.id,
        "name": of.id,
        "type": "ELAN",
        "mgmt-network": of.management.to_string(),
        "nss-connection-point-ref": of.points.iter().map(point).collect::<Vec<_>>(),
    })
}
