//! A slice, or what a template offers, as OSM's template of a slice (NST): its service is the one in it, with the type and the
//! latency that are asked. Pure.

use models::slice::Quality;
use sol005::descriptor::{Nsd, Nst, SliceLink, Subnet};
use sol005::osm::nsd_name;

/// `name` is the template's; `osm` writes it as its own.
pub fn nst(name: &str, (nsd, quality): (&Nsd, Option<&Quality>)) -> Nst {
    let is_management = |link: &String| nsd.links.iter().any(|known| known.id == *link && known.management);
    let outer = |link: &String| format!("slice-{link}");
    let link = |(sap, link): &(String, String)| SliceLink {
        id: outer(link),
        management: is_management(link),
        points: vec![(nsd.name.clone(), sap.clone())],
    };
    // What the service is reached by, the slice is.
    let points = nsd.saps.iter().filter(|(_, link)| !is_management(link));
    Nst {
        id: name.to_owned(),
        name: name.to_owned(),
        snssai: quality.and_then(|quality| Some((quality.sst?, quality.sd.clone()))),
        latency_us: quality.and_then(|quality| quality.latency).map(|latency| latency.latency_us),
        subnets: vec![Subnet {
            id: nsd.name.clone(),
            description: format!("the service {}", nsd.name),
            nsd: nsd_name(nsd),
        }],
        links: nsd.saps.iter().map(link).collect(),
        points: points.map(|(sap, link)| (sap.clone(), outer(link))).collect(),
    }
}
