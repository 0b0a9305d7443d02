//! A slice's template as OSM writes it. OSM keeps its types and qualities and never reads them; here they are the slice's.

use super::contents::{Descriptor, Form};
use super::reader::{Notes, Part};
use crate::descriptor::{Nst, SliceLink, Subnet};
use models::Problem;
use serde_json::Value;
use std::collections::BTreeSet;

const NST: &[&str] = &[
    "id",
    "name",
    "SNSSAI-identifier",
    "quality-of-service",
    "netslice-subnet",
    "netslice-connection-point",
    "netslice-vld",
];
const SUBNET: &[&str] = &["id", "description", "is-shared-nss", "nsd-ref", "instantiation-parameters"];
const LINK: &[&str] = &[
    "id",
    "name",
    "short-name",
    "vendor",
    "description",
    "type",
    "mgmt-network",
    "root-bandwidth",
    "leaf-bandwidth",
    "nss-connection-point-ref",
];

/// The types of OSM, with their values (3GPP TS 23.501 5.15.2.2).
const TYPES: [(&str, u8); 3] = [("eMBB", 1), ("URLLC", 2), ("mMTC", 3)];

/// A slice of more services is several.
const SUBNETS: usize = 50;

pub(super) fn read(value: &Value) -> Result<(Form, Descriptor, Vec<String>), Vec<Problem>> {
    let mut notes = Notes::default();
    let all = Part::top(value).list("nst", &mut notes);
    let mut of = Nst::default();
    match all.as_slice() {
        [one] => of = nst(one, &mut notes),
        [] => notes.wrong("nst", "there is no slice in it", "write nst: [{id: …}]"),
        _ => notes.wrong("nst", "there are several slices in one file", "keep one of them"),
    }
    match notes.problems.is_empty() {
        true => Ok((Form::Osm, Descriptor::Slice(Box::new(of)), notes.warnings)),
        false => Err(notes.problems),
    }
}

fn nst(part: &Part<'_>, notes: &mut Notes) -> Nst {
    if !part.is_map(notes) {
        return Nst::default();
    }
    part.only(NST, notes);
    let id = part.must("id", notes);
    let quality = part.get("quality-of-service");
    let budget = quality.and_then(|quality| quality.number("packet-delay-budget", notes));
    let of = Nst {
        name: part.text("name", notes).unwrap_or_else(|| id.clone()),
        snssai: part.get("SNSSAI-identifier").and_then(|snssai| identifier(&snssai, notes)),
        latency_us: budget.filter(|budget| *budget > 0).map(|milliseconds| u64::from(milliseconds) * 1_000),
        subnets: part.list("netslice-subnet", notes).iter().map(|one| subnet(one, notes)).collect(),
        links: part.list("netslice-vld", notes).iter().map(|one| link(one, notes)).collect(),
        points: part.list("netslice-connection-point", notes).iter().map(|one| point(one, notes)).collect(),
        id,
    };
    whole(&of, part, notes);
    of
}

/// Nothing stands twice, and there is something to make.
fn whole(of: &Nst, part: &Part<'_>, notes: &mut Notes) {
    if of.subnets.is_empty() {
        notes.wrong(&part.path, "it has no service", "name one: netslice-subnet: [{id: …, nsd-ref: …}]");
    }
    if of.subnets.len() > SUBNETS {
        let message = format!("it has {} services, more than {SUBNETS}", of.subnets.len());
        notes.wrong(&part.path, message, "make several slices of it");
    }
    let subnets = of.subnets.iter().map(|subnet| ("netslice-subnet", &subnet.id));
    let links = of.links.iter().map(|link| ("netslice-vld", &link.id));
    let mut seen = BTreeSet::new();
    for (list, id) in subnets.chain(links).filter(|(_, id)| !id.is_empty()) {
        if !seen.insert((list, id)) {
            notes.wrong(&format!("{}.{list}", part.path), format!("{id} is there twice"), "name them apart");
        }
    }
    for (name, link) in of.points.iter().filter(|(_, link)| of.links.iter().all(|known| known.id != *link)) {
        notes.warnings.push(format!("access point {name}: no link is called {link}, so it leads nowhere"));
    }
    for link in &of.links {
        let known = |subnet: &String| of.subnets.iter().any(|known| known.id == *subnet);
        for (subnet, _) in link.points.iter().filter(|(subnet, _)| !known(subnet)) {
            // OSM takes it, and joins nothing.
            notes.warnings.push(format!("link {}: no service is called {subnet}, so it joins nothing there", link.id));
        }
    }
}

fn identifier(part: &Part<'_>, notes: &mut Notes) -> Option<(u8, Option<String>)> {
    let name = part.must("slice-service-type", notes);
    let path = |field: &str| format!("{}.{field}", part.path);
    let found = TYPES.iter().find(|(known, _)| *known == name);
    if found.is_none() && !name.is_empty() {
        notes.wrong(&path("slice-service-type"), format!("{name} is no type of a slice"), "eMBB, URLLC or mMTC");
    }
    let differentiator = part.text("slice-differentiator", notes);
    let is_one = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(wrong) = differentiator.as_ref().filter(|text| !is_one(text)) {
        notes.wrong(
            &path("slice-differentiator"),
            format!("{wrong:?} is none"),
            "write six hexadecimal digits, quoted",
        );
    }
    found.map(|(_, value)| (*value, differentiator))
}

fn subnet(part: &Part<'_>, notes: &mut Notes) -> Subnet {
    part.only(SUBNET, notes);
    let of = Subnet {
        id: part.must("id", notes),
        description: part.text("description", notes).unwrap_or_default(),
        nsd: part.must("nsd-ref", notes),
    };
    if part.get("instantiation-parameters").is_some() {
        notes.warnings.push(format!("service {}: instantiation-parameters are said when it is made", of.id));
    }
    if part.text("is-shared-nss", notes).is_some_and(|word| word == "true") {
        notes.warnings.push(format!("service {} may be shared: here each slice has its own", of.id));
    }
    of
}

fn point(part: &Part<'_>, notes: &mut Notes) -> (String, String) {
    part.only(&["name", "netslice-vld-id-ref", "floating-ip-required", "type", "port-security-enabled"], notes);
    (part.must("name", notes), part.must("netslice-vld-id-ref", notes))
}

fn link(part: &Part<'_>, notes: &mut Notes) -> SliceLink {
    part.only(LINK, notes);
    let point =
        |one: &Part<'_>, notes: &mut Notes| (one.must("nss-ref", notes), one.must("nsd-connection-point-ref", notes));
    SliceLink {
        id: part.must("id", notes),
        management: part.text("mgmt-network", notes).is_some_and(|word| word == "true"),
        points: part.list("nss-connection-point-ref", notes).iter().map(|one| point(one, notes)).collect(),
    }
}
