//! OSM up to release eight: catalogues.

use super::checked;
use super::contents::{Descriptor, Form};
use super::reader::{Notes, Part};
use super::sol006::kdu_services;
use crate::descriptor::{ExternalCp, FLAVOUR, LEVEL, Link, Mciop, Member, Nsd, VirtualLink, Vnfd};
use models::Problem;
use serde_json::Value;

pub(super) fn read(value: &Value) -> Result<(Form, Descriptor, Vec<String>), Vec<Problem>> {
    let mut notes = Notes::default();
    let top = Part::top(value);
    let descriptor = match (top.get("vnfd-catalog"), top.get("nsd-catalog")) {
        (Some(catalogue), _) => Descriptor::Function(Box::new(vnfd(&one(&catalogue, "vnfd", &mut notes), &mut notes))),
        (None, Some(catalogue)) => Descriptor::Service(Box::new(nsd(&one(&catalogue, "nsd", &mut notes), &mut notes))),
        (None, None) => Descriptor::Service(Box::default()),
    };
    if notes.problems.is_empty() { Ok((Form::OsmR8, descriptor, notes.warnings)) } else { Err(notes.problems) }
}

/// A catalogue holds one.
fn one<'v>(catalogue: &Part<'v>, name: &str, notes: &mut Notes) -> Part<'v> {
    let all = catalogue.list(name, notes);
    if all.len() != 1 {
        notes.wrong(&catalogue.path, format!("there are {} in the catalogue", all.len()), format!("keep one {name}"));
    }
    all.into_iter().next().unwrap_or_else(|| catalogue.clone())
}

fn vnfd(part: &Part<'_>, notes: &mut Notes) -> Vnfd {
    let id = part.must("id", notes);
    let version = part.text("version", notes).unwrap_or_default();
    let point = |cp: &Part<'_>, notes: &mut Notes| ExternalCp {
        id: cp.must("name", notes),
        link: Link::Pods,
        ports: vec![],
        description: String::new(),
        rule: None,
    };
    let mut of = Vnfd {
        product_name: part.text("name", notes).unwrap_or_else(|| id.clone()),
        provider: part.text("vendor", notes).unwrap_or_default(),
        software_version: version.clone(),
        version,
        description: part.text("description", notes).unwrap_or_default(),
        external_cps: part.list("connection-point", notes).iter().map(|cp| point(cp, notes)).collect(),
        id,
        ..Vnfd::default()
    };
    for kdu in part.list("kdu", notes) {
        let id = kdu.must("name", notes);
        if kdu.get("juju-bundle").is_some() {
            notes.wrong(
                &kdu.path,
                format!("{id} is a Juju bundle, which cannot be made here"),
                "name a Helm chart: helm-chart",
            );
            continue;
        }
        let chart = kdu.must("helm-chart", notes);
        let (chart, version) = match chart.rsplit_once(':') {
            Some((name, version)) if !version.contains('/') => (name.to_owned(), version.to_owned()),
            _ => (chart, String::new()),
        };
        of.mciops.push(Mciop { id, chart, version, digest: String::new(), vdus: vec![] });
        kdu_services(&kdu, &mut of, notes);
    }
    if !part.list("vdu", notes).is_empty() {
        notes.warnings.push("machines (vdu) cannot be made here".into());
    }
    checked::vnfd(&of, &part.path, notes);
    of
}

fn nsd(part: &Part<'_>, notes: &mut Notes) -> Nsd {
    let id = part.must("id", notes);
    let mut of = Nsd {
        name: part.text("name", notes).unwrap_or_else(|| id.clone()),
        designer: part.text("vendor", notes).unwrap_or_default(),
        version: part.text("version", notes).unwrap_or_default(),
        id,
        ..Nsd::default()
    };
    for member in part.list("constituent-vnfd", notes) {
        of.members.push(Member {
            id: member.must("member-vnf-index", notes),
            vnfd: member.must("vnfd-id-ref", notes),
            flavour: FLAVOUR.into(),
            level: LEVEL.into(),
            groups: vec![],
            connections: vec![],
        });
    }
    for link in part.list("vld", notes) {
        let id = link.must("id", notes);
        for on in link.list("vnfd-connection-point-ref", notes) {
            let (member, cp) = (on.must("member-vnf-index-ref", notes), on.must("vnfd-connection-point-ref", notes));
            match of.members.iter_mut().find(|known| known.id == member) {
                Some(known) => known.connections.push((id.clone(), cp)),
                None => {
                    notes.wrong(&on.path, format!("no function is called {member}"), "name one of constituent-vnfd")
                }
            }
        }
        of.links.push(VirtualLink {
            description: link.text("name", notes).unwrap_or_default(),
            management: link.text("mgmt-network", notes).is_some_and(|word| word == "true"),
            quality: None,
            id,
        });
    }
    checked::nsd(&of, &part.path, notes);
    of
}
