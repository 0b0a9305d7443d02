//! A slice becomes a service's descriptor: its functions are members, who may reach whom are virtual links, sites are
//! placement groups. Pure. What only one place knows (clusters, values) is said when it is instantiated.

use super::build::Built;
use super::drawing::MANAGEMENT;
use super::service::{MANAGED, Wish, begun, connect};
use crate::plan::resolve::field;
use models::problem::nearest;
use models::quantity::Port;
use models::slice::{DEVICES, Workload};
use models::{Name, Problem, SliceSpec};
use sol005::descriptor::{
    ExternalCp, FLAVOUR, LEVEL, Link, LinkQuality, Member, Nsd, PlacementGroup, VirtualLink, Vnfd,
};
use std::collections::{BTreeMap, BTreeSet};

/// Each function's chart is one of those that were built, by its name.
pub fn compose(wish: &Wish, spec: &SliceSpec, functions: &mut [Built]) -> Result<Nsd, Vec<Problem>> {
    let workloads = spec.workloads();
    let of = built(spec, &workloads, functions)?;
    let mut nsd = begun(wish);
    for workload in &workloads {
        let groups = groups(spec, workload);
        nsd.members.push(Member {
            id: workload.name.to_string(),
            vnfd: functions[of[workload.name]].drawn.vnfd.id.clone(),
            flavour: FLAVOUR.into(),
            level: LEVEL.into(),
            groups,
            connections: vec![(MANAGED.into(), MANAGEMENT.into())],
        });
    }
    nsd.groups = placement(spec);
    let mut problems = Vec::new();
    for (to, rule) in reached(spec) {
        let vnfd = &mut functions[of[&to]].drawn.vnfd;
        match points(vnfd, (&to, &rule.ports)) {
            Ok(points) => link(&mut nsd, spec, (&to, &rule.from), &points),
            Err(more) => problems.extend(more),
        }
    }
    for gateway in &spec.gateways {
        let needed = gateway.attached().into_iter().map(|server| (gateway.name.to_string(), server.to_string()));
        nsd.dependencies.extend(needed);
    }
    if problems.is_empty() { Ok(nsd) } else { Err(problems) }
}

/// Which of the charts makes each function.
fn built<'w>(
    spec: &SliceSpec,
    workloads: &[Workload<'w>],
    functions: &[Built],
) -> Result<BTreeMap<&'w Name, usize>, Vec<Problem>> {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    let known = || functions.iter().map(|built| built.chart.name.as_str());
    for workload in workloads {
        match functions.iter().position(|built| built.chart.name == workload.chart.name) {
            Some(at) => drop(found.insert(workload.name, at)),
            None => {
                let message =
                    format!("{} is made of chart {:?}, which is not given", workload.name, workload.chart.name);
                let mend = match nearest(&workload.chart.name, known()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "name its folder or archive: sliceway package build CHART... --slice FILE".into(),
                };
                problems.push(Problem::at(format!("{}.chart", field(spec, workload.name)), message).mend(mend));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// Everybody who reaches a function, and its ports.
#[derive(Default)]
struct Reached {
    from: BTreeSet<String>,
    ports: BTreeSet<Port>,
}

/// The file's rules, and what attached gateways and devices imply.
fn reached(spec: &SliceSpec) -> BTreeMap<Name, Reached> {
    let mut all: BTreeMap<Name, Reached> = BTreeMap::new();
    let mut add = |from: &str, to: &Name, ports: &[Port]| {
        let reached = all.entry(to.clone()).or_default();
        reached.from.insert(from.to_owned());
        reached.ports.extend(ports);
    };
    for rule in &spec.access {
        add(rule.from.as_str(), &rule.to, &rule.ports);
    }
    let port = |name: &Name| spec.workload(name).and_then(|workload| workload.port);
    for gateway in &spec.gateways {
        for server in gateway.attached() {
            add(gateway.name.as_str(), server, port(server).as_slice());
        }
        if spec.devices.iter().any(|device| device.gateway == gateway.name) {
            add(DEVICES, &gateway.name, port(&gateway.name).as_slice());
        }
    }
    all
}

/// External connection points that lead to the containers' ports; made where there are none.
fn points(vnfd: &mut Vnfd, (to, ports): (&Name, &BTreeSet<Port>)) -> Result<Vec<String>, Vec<Problem>> {
    let (mut points, mut problems) = (Vec::new(), Vec::new());
    for port in ports {
        let mut cps = vnfd.vdus.iter().flat_map(|vdu| vdu.cps.iter().map(move |cp| (vdu.id.clone(), cp)));
        let Some((vdu, cp)) = cps.find(|(_, cp)| cp.port == Some(*port)) else {
            let message = format!("no container of {to} says the port {port}");
            let mend = "say it in the chart (containerPort), or leave it out of the access rule";
            problems.push(Problem::at("spec.access", message).mend(mend));
            continue;
        };
        let link = Link::Internal(vdu, cp.id.clone());
        let known = vnfd.external_cps.iter().find(|known| known.link == link).map(|known| known.id.clone());
        let id = known.unwrap_or_else(|| {
            let id = format!("port-{}", port.to_string().replace('/', "-"));
            let description = format!("its port {port}, for others:");
            vnfd.external_cps.push(ExternalCp { id: id.clone(), link, ports: vec![*port], description, rule: None });
            id
        });
        points.push(id);
    }
    if problems.is_empty() { Ok(points) } else { Err(problems) }
}

/// One link for each function that is reached, with everybody who reaches it.
fn link(nsd: &mut Nsd, spec: &SliceSpec, (to, from): (&Name, &BTreeSet<String>), points: &[String]) {
    let id = format!("to-{to}");
    let site = |name: &str| spec.workloads().into_iter().find(|w| w.name.as_str() == name).map(|w| w.site.clone());
    let crosses = from.iter().any(|from| from != DEVICES && site(from) != site(to.as_str()));
    let quality = spec.quality.as_ref().filter(|_| crosses).map(|asked| LinkQuality {
        latency_us: asked.latency.map(|latency| latency.latency_us),
        bandwidth_bps: asked.uplink.map(|rate| rate.bandwidth_bps),
        availability_ppb: asked.availability.map(|share| share.share_ppb),
    });
    nsd.links.push(VirtualLink { id: id.clone(), description: format!("to {to}"), management: false, quality });
    for point in points {
        connect(nsd, (to.as_str(), &id), point);
    }
    for from in from {
        match from.as_str() {
            DEVICES => nsd.saps.push((format!("{id}-sap"), id.clone())),
            name => connect(nsd, (name, &id), MANAGEMENT),
        }
    }
}

/// A cluster, in the standard's words.
const POP: &str = "nfvi-pop";

/// Functions of one site stand together; sites that keep apart do so by their first functions.
fn placement(spec: &SliceSpec) -> Vec<PlacementGroup> {
    let several = |site: &Name| spec.workloads().iter().filter(|workload| workload.site == site).count() > 1;
    let together = spec.sites.keys().filter(|site| several(site));
    let group = |id: String, together: bool| PlacementGroup { id, together, scope: POP };
    let together = together.map(|site| group(site.to_string(), true));
    let apart =
        spec.sites.iter().flat_map(|(site, of)| of.apart.iter().map(move |other| group(apart(site, other), false)));
    together.chain(apart).collect()
}

fn apart(site: &Name, other: &Name) -> String {
    format!("{site}-{other}-apart")
}

fn groups(spec: &SliceSpec, of: &Workload<'_>) -> Vec<String> {
    let on: Vec<Workload<'_>> = spec.workloads().into_iter().filter(|workload| workload.site == of.site).collect();
    let mut groups: Vec<String> = (on.len() > 1).then(|| of.site.to_string()).into_iter().collect();
    if on.first().is_some_and(|first| first.name == of.name) {
        for (site, known) in &spec.sites {
            let pairs = known.apart.iter().filter(|other| site == of.site || *other == of.site);
            groups.extend(pairs.map(|other| apart(site, other)));
        }
    }
    groups
}
