//! Functions become a service: what one reaches in another is a link between the two, and one needs the other. Pure.

use super::build::Built;
use super::drawing::{MANAGEMENT, PLATFORM, ROLE, identity};
use models::slice::{MQTT_TLS, Role};
use sol005::descriptor::{ExternalCp, FLAVOUR, LEVEL, Link, Member, Nsd, VirtualLink, Vnfd};

/// The network by which everything is managed.
pub(super) const MANAGED: &str = "mgmt";

/// What charts do not say about the service that they make together.
pub struct Wish {
    pub name: String,
    pub version: String,
    pub designer: String,
}

/// The service of these functions. A Service of one that another reaches becomes an external connection point of it, and the
/// edge in the other's report is found.
pub fn compose(wish: &Wish, functions: &mut [Built]) -> Nsd {
    let mut nsd = Nsd { members: functions.iter().map(member).collect(), ..begun(wish) };
    for at in 0..functions.len() {
        for (needed, service) in reached(at, functions) {
            join(&mut nsd, (functions, at), (needed, &service));
        }
    }
    contract(&mut nsd, functions);
    nsd
}

/// A service of nobody yet, with the link by which all are managed.
pub(super) fn begun(wish: &Wish) -> Nsd {
    let link = VirtualLink {
        id: MANAGED.into(),
        description: "the clusters' networks of pods".into(),
        management: true,
        quality: None,
    };
    Nsd {
        id: identity("nsd", [&wish.designer, &wish.name, &wish.version]),
        invariant_id: identity("nsd", [&wish.designer, &wish.name, ""]),
        name: wish.name.clone(),
        designer: wish.designer.clone(),
        version: wish.version.clone(),
        saps: vec![("mgmt-sap".into(), MANAGED.into())],
        links: vec![link],
        ..Nsd::default()
    }
}

/// Where every gateway reaches every server, and devices every gateway.
const UPLINK: &str = "uplink";
const ACCESS: &str = "device-access";

/// Charts of a known platform say nothing of each other: servers are reached by gateways, and those by devices.
fn contract(nsd: &mut Nsd, functions: &mut [Built]) {
    let of = |role: Role, functions: &[Built]| -> Vec<usize> {
        let is = |(at, built): (usize, &Built)| (played(&built.drawn.vnfd) == Some(role)).then_some(at);
        functions.iter().enumerate().filter_map(is).collect()
    };
    let (servers, gateways) = (of(Role::Server, functions), of(Role::Gateway, functions));
    let link = |id: &str, description: &str| VirtualLink {
        id: id.into(),
        description: description.into(),
        management: false,
        quality: None,
    };
    if !servers.is_empty() && !gateways.is_empty() {
        nsd.links.push(link(UPLINK, "from gateways to servers"));
    }
    for at in &servers {
        let point = spoken_to(&mut functions[*at].drawn.vnfd, UPLINK);
        for by in &gateways {
            connect(nsd, (&functions[*at].chart.name, UPLINK), &point);
            connect(nsd, (&functions[*by].chart.name, UPLINK), MANAGEMENT);
            nsd.dependencies.push((functions[*by].chart.name.clone(), functions[*at].chart.name.clone()));
        }
    }
    if !gateways.is_empty() {
        nsd.links.push(link(ACCESS, "from devices to gateways"));
        nsd.saps.push((format!("{ACCESS}-sap"), ACCESS.into()));
    }
    for at in gateways {
        let point = spoken_to(&mut functions[at].drawn.vnfd, ACCESS);
        connect(nsd, (&functions[at].chart.name, ACCESS), &point);
    }
}

/// What a function is in its platform, if its chart says so.
pub(super) fn played(vnfd: &Vnfd) -> Option<Role> {
    let noted = |word: &str| vnfd.metadata.iter().find(|(key, _)| key == word).map(|(_, value)| value.as_str());
    match (noted(PLATFORM), noted(ROLE)) {
        (Some("mqtt"), Some("server")) => Some(Role::Server),
        (Some("mqtt"), Some("gateway")) => Some(Role::Gateway),
        _ => None,
    }
}

/// The connection point of the port that the platform's contract names.
fn spoken_to(vnfd: &mut Vnfd, link: &str) -> String {
    let cps = || vnfd.vdus.iter().flat_map(|vdu| vdu.cps.iter().map(move |cp| (vdu, cp)));
    let Some((vdu, cp)) = cps().find(|(_, cp)| cp.port == Some(MQTT_TLS)) else { return MANAGEMENT.into() };
    let id = format!("{link}-ext");
    let point = ExternalCp {
        id: id.clone(),
        link: Link::Internal(vdu.id.clone(), cp.id.clone()),
        ports: vec![MQTT_TLS],
        description: format!("its listener, on {link}:"),
        rule: None,
    };
    vnfd.external_cps.push(point);
    id
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

pub(super) fn connect(nsd: &mut Nsd, (member, link): (&str, &str), point: &str) {
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
