//! Functions become a service: what one reaches in another is a link between the two, and one needs the other. Pure.

use super::build::Built;
use super::drawing::{MANAGEMENT, identity};
use sol005::descriptor::{ExternalCp, FLAVOUR, LEVEL, Link, Member, Nsd, VirtualLink, Vnfd};

/// The network by which everything is managed.
const MANAGED: &str = "mgmt";

/// What charts do not say about the service that they make together.
pub struct Wish {
    pub name: String,
    pub version: String,
    pub designer: String,
}

/// The service of these functions. A Service of one that another reaches becomes an external connection point of it, and the
/// edge in the other's report is found.
pub fn compose(wish: &Wish, functions: &mut [Built]) -> Nsd {
    let mut nsd = Nsd {
        id: identity("nsd", [&wish.designer, &wish.name, &wish.version]),
        invariant_id: identity("nsd", [&wish.designer, &wish.name, ""]),
        name: wish.name.clone(),
        designer: wish.designer.clone(),
        version: wish.version.clone(),
        saps: vec![("mgmt-sap".into(), MANAGED.into())],
        links: vec![VirtualLink {
            id: MANAGED.into(),
            description: "the clusters' networks of pods".into(),
            management: true,
            quality: None,
        }],
        members: functions.iter().map(member).collect(),
        ..Nsd::default()
    };
    for at in 0..functions.len() {
        for (needed, service) in reached(at, functions) {
            join(&mut nsd, (functions, at), (needed, &service));
        }
    }
    nsd
}

fn member(built: &Built) -> Member {
    Member {
        id: built.chart.name.clone(),
        vnfd: built.drawn.vnfd.id.clone(),
        flavour: FLAVOUR.into(),
        level: LEVEL.into(),
        groups: vec![],
        connections: vec![(MANAGED.into(), MANAGEMENT.into())],
    }
}

/// Which functions one reaches, by which of their Services; the edges in its report are found with that.
fn reached(at: usize, functions: &mut [Built]) -> Vec<(usize, String)> {
    let services: Vec<(usize, String)> = functions
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .flat_map(|(other, built)| built.drawn.vnfd.virtual_cps.iter().map(move |cp| (other, cp.service.clone())))
        .collect();
    let names: Vec<String> = functions.iter().map(|built| built.chart.name.clone()).collect();
    let mut found = Vec::new();
    for edge in functions[at].drawn.report.needs.iter_mut().filter(|edge| edge.found.is_none()) {
        let host = edge.to.split('.').next().unwrap_or("");
        let Some((other, service)) = services.iter().find(|(_, service)| service == host) else { continue };
        edge.found = Some(format!("{} of {}", service, names[*other]));
        if !found.contains(&(*other, service.clone())) {
            found.push((*other, service.clone()));
        }
    }
    found
}

/// One link for each function that is needed, with everybody who needs it.
fn join(nsd: &mut Nsd, (functions, at): (&mut [Built], usize), (needed, service): (usize, &str)) {
    let (by, of) = (functions[at].chart.name.clone(), functions[needed].chart.name.clone());
    let link = format!("{of}-{service}");
    let point = seen_outside(&mut functions[needed].drawn.vnfd, service);
    if nsd.links.iter().all(|known| known.id != link) {
        let description = format!("to Service {service} of {of}");
        nsd.links.push(VirtualLink { id: link.clone(), description, management: false, quality: None });
        connect(nsd, (&of, &link), &point);
    }
    connect(nsd, (&by, &link), MANAGEMENT);
    let pair = (by, of);
    if !nsd.dependencies.contains(&pair) {
        nsd.dependencies.push(pair);
    }
}

fn connect(nsd: &mut Nsd, (member, link): (&str, &str), point: &str) {
    let found = nsd.members.iter_mut().find(|known| known.id == member);
    if let Some(found) = found.filter(|found| found.connections.iter().all(|(known, _)| known != link)) {
        found.connections.push((link.to_owned(), point.to_owned()));
    }
}

/// The external connection point of a Service, which is made where there is none.
fn seen_outside(vnfd: &mut Vnfd, service: &str) -> String {
    let Some(cp) = vnfd.virtual_cps.iter().find(|cp| cp.service == service).cloned() else { return MANAGEMENT.into() };
    if let Some(known) = vnfd.external_cps.iter().find(|known| known.link == Link::Virtual(cp.id.clone())) {
        return known.id.clone();
    }
    let description = format!("Service {service}, for other functions of its service:");
    let id = format!("{service}-ext");
    let link = Link::Virtual(cp.id);
    vnfd.external_cps.push(ExternalCp { id: id.clone(), link, ports: cp.ports, description, rule: None });
    id
}
