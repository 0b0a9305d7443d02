//! What holds of every descriptor, whatever it was written in: nothing stands twice, and what is referred to is there.

use super::reader::Notes;
use crate::descriptor::{Link, Nsd, Vnfd};
use std::collections::BTreeSet;

/// `path` is the descriptor's own place in its document.
pub(super) fn vnfd(of: &Vnfd, path: &str, notes: &mut Notes) {
    let cps = of.vdus.iter().flat_map(|vdu| &vdu.cps).map(|cp| cp.id.as_str());
    twice(of.vdus.iter().map(|vdu| vdu.id.as_str()), "VDU", (path, notes));
    twice(cps, "internal connection point", (path, notes));
    twice(of.external_cps.iter().map(|cp| cp.id.as_str()), "external connection point", (path, notes));
    twice(of.virtual_cps.iter().map(|cp| cp.id.as_str()), "virtual connection point", (path, notes));
    twice(of.storages.iter().map(|storage| storage.id.as_str()), "storage", (path, notes));
    twice(of.mciops.iter().map(|mciop| mciop.id.as_str()), "chart", (path, notes));
    let storages: BTreeSet<&str> = of.storages.iter().map(|storage| storage.id.as_str()).collect();
    for vdu in &of.vdus {
        for storage in vdu.storages.iter().filter(|storage| !storages.contains(storage.as_str())) {
            notes.wrong(
                path,
                format!("VDU {} has storage {storage}, which is not described", vdu.id),
                "describe it, or leave it out",
            );
        }
    }
    let virtuals: BTreeSet<&str> = of.virtual_cps.iter().map(|cp| cp.id.as_str()).collect();
    for cp in &of.external_cps {
        let lost = match &cp.link {
            Link::Pods => None,
            Link::Virtual(id) => (!virtuals.contains(id.as_str())).then(|| id.clone()),
            Link::Internal(vdu, id) => {
                let known = of.vdus.iter().any(|known| known.id == *vdu && known.cps.iter().any(|cp| cp.id == *id));
                (!known).then(|| format!("{vdu}/{id}"))
            }
        };
        if let Some(id) = lost {
            notes.wrong(
                path,
                format!("external connection point {} leads to {id}, which is not described", cp.id),
                "describe it",
            );
        }
    }
    if of.mciops.is_empty() {
        notes.wrong(
            path,
            "it names no chart: there is nothing to make",
            "name one: kdu with helm-chart (SOL006, OSM), an Mciop (SOL001)",
        );
    }
}

/// A service of more functions is several.
const MEMBERS: usize = 200;

pub(super) fn nsd(of: &Nsd, path: &str, notes: &mut Notes) {
    if of.members.len() > MEMBERS {
        let message = format!("it has {} functions, more than {MEMBERS}", of.members.len());
        notes.wrong(path, message, "make several services of it");
    }
    twice(of.members.iter().map(|member| member.id.as_str()), "function", (path, notes));
    twice(of.links.iter().map(|link| link.id.as_str()), "virtual link", (path, notes));
    let links: BTreeSet<&str> = of.links.iter().map(|link| link.id.as_str()).collect();
    for member in &of.members {
        for (link, _) in member.connections.iter().filter(|(link, _)| !links.contains(link.as_str())) {
            notes.wrong(
                path,
                format!("function {} is on virtual link {link}, which is not described", member.id),
                "describe it, or leave it out",
            );
        }
    }
    for (sap, link) in of.saps.iter().filter(|(_, link)| !links.contains(link.as_str())) {
        notes.wrong(
            path,
            format!("access point {sap} is on virtual link {link}, which is not described"),
            "describe it",
        );
    }
    if of.members.is_empty() {
        notes.wrong(path, "it has no function", "name one in df.vnf-profile (SOL006), or as a node (SOL001)");
    }
}

fn twice<'n>(names: impl Iterator<Item = &'n str>, what: &str, (path, notes): (&str, &mut Notes)) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !name.is_empty()) {
        if !seen.insert(name) {
            notes.wrong(path, format!("{what} {name} is there twice"), "name them apart");
        }
    }
}
