//! A slice's template: NST in OSM's form, of services that are on-boarded beside it. IFA 014 has no such thing; a slice is
//! made of it as of one service, in which each of its own stands with its name before everything.

use super::nsd::{Member, Nsd, PlacementGroup, VirtualLink};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nst {
    pub id: String,
    pub name: String,
    /// Slice/service type and differentiator, six hexadecimal digits (S-NSSAI, 3GPP TS 23.003 28.4).
    pub snssai: Option<(u8, Option<String>)>,
    /// What a packet may take, in microseconds (packet delay budget, 3GPP TS 23.501 5.7.3.4).
    pub latency_us: Option<u64>,
    pub subnets: Vec<Subnet>,
    pub links: Vec<SliceLink>,
    /// Where the slice is reached from outside (`netslice-connection-point`): `(name, link)`. What its services are reached by
    /// leads into the slice only.
    pub points: Vec<(String, String)>,
}

/// A service of the slice (`netslice-subnet`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub description: String,
    /// [`Nsd::id`]
    pub nsd: String,
}

/// A network between services (`netslice-vld`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceLink {
    pub id: String,
    pub management: bool,
    /// `(subnet, access point of its service)`
    pub points: Vec<(String, String)>,
}

impl Nst {
    /// All its services as one. `services` are those of its subnets, by the subnets' ids; an access point that a service has
    /// not is told as `(subnet, access point)`.
    pub fn service(&self, services: &BTreeMap<String, Nsd>) -> Result<Nsd, Vec<(String, String)>> {
        let mut whole =
            Nsd { id: self.id.clone(), invariant_id: self.id.clone(), name: self.name.clone(), ..Nsd::default() };
        let known = |link: &String| self.links.iter().any(|known| known.id == *link);
        let points = self.points.iter().filter(|(_, link)| known(link));
        whole.saps = points.map(|(name, link)| (name.clone(), outer(link))).collect();
        for subnet in &self.subnets {
            if let Some(nsd) = services.get(&subnet.id) {
                within(&mut whole, &subnet.id, nsd);
            }
        }
        let mut lost = Vec::new();
        for link in &self.links {
            whole.links.push(VirtualLink {
                id: outer(&link.id),
                description: format!("of the slice: {}", link.id),
                management: link.management,
                quality: None,
            });
            for (subnet, sap) in &link.points {
                match services.get(subnet).map(|nsd| nsd.saps.iter().find(|(id, _)| id == sap)) {
                    Some(Some((_, inner))) => join(&mut whole, &outer(&link.id), &below(subnet, inner)),
                    Some(None) => lost.push((subnet.clone(), sap.clone())),
                    None => {}
                }
            }
        }
        if lost.is_empty() { Ok(whole) } else { Err(lost) }
    }
}

/// What a link of the slice is called in it: as no link of a service is, since each of those begins with its subnet.
fn outer(id: &str) -> String {
    format!("/{id}")
}

/// What a link or group of a subnet's service is called in the slice.
fn below(subnet: &str, id: &str) -> String {
    format!("{subnet}/{id}")
}

fn within(whole: &mut Nsd, subnet: &str, nsd: &Nsd) {
    let below = |id: &String| below(subnet, id);
    let called = |id: &String| format!("{subnet}-{id}");
    let member = |of: &Member| Member {
        id: called(&of.id),
        groups: of.groups.iter().map(below).collect(),
        connections: of.connections.iter().map(|(link, cp)| (below(link), cp.clone())).collect(),
        ..of.clone()
    };
    whole.members.extend(nsd.members.iter().map(member));
    whole.links.extend(nsd.links.iter().map(|link| VirtualLink { id: below(&link.id), ..link.clone() }));
    whole.groups.extend(nsd.groups.iter().map(|group| PlacementGroup { id: below(&group.id), ..group.clone() }));
    whole.dependencies.extend(nsd.dependencies.iter().map(|(needs, needed)| (called(needs), called(needed))));
}

/// An access point leads to a link inside: who is on that is on the slice's, by the same connection points.
fn join(whole: &mut Nsd, link: &str, inner: &str) {
    for member in &mut whole.members {
        let on = |(known, _): &&(String, String)| known == inner;
        let points: Vec<(String, String)> =
            member.connections.iter().filter(on).map(|(_, cp)| (link.to_owned(), cp.clone())).collect();
        member.connections.extend(points);
    }
}
