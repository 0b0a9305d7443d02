//! What the fields of a slice must mean together: names that are told apart, references that lead somewhere.
//!
//! It reads the node and not the typed slice, so that it speaks also where another field does not fit its shape.

use super::finding::{At, Findings, Path, choice, quoted};
use super::node::Node;
use crate::Problem;
use crate::problem::nearest;
use std::collections::HashMap;

/// What `from` of an access rule may say for all devices together.
const DEVICES: &str = "devices";
/// The values key that Sliceway writes and nobody else (SLICE.md, the contract with charts).
const RESERVED: &str = "sliceway";
const SPEC: Path<'static> = Path::Key(&Path::Root, "spec");
const WORKLOADS: [(&str, &str); 3] = [("servers", "server"), ("gateways", "gateway"), ("functions", "function")];

/// `node` is the whole document of a slice.
pub(crate) fn check_slice(node: &Node, findings: &mut Findings) {
    let Some(spec) = node.get("spec") else { return };
    let names = Names::of(spec, findings);
    let sites: Vec<&str> =
        spec.get("sites").map(Node::entries).unwrap_or_default().iter().map(|site| site.key.as_str()).collect();
    for (list, role) in WORKLOADS {
        each(spec, list, |item, path| {
            let site = Reference { what: "site", known: &sites };
            site.check(item.get("site"), &path.key("site"), findings);
            check_values(item, path, findings);
            if role == "gateway" {
                check_gateway(item, &names, path, findings);
            }
        });
    }
    check_sites(spec, &sites, findings);
    check_devices(spec, &names, findings);
    each(spec, "access", |rule, path| check_access(rule, &names, path, findings));
}

/// Every server, gateway and function by its name.
struct Names<'a> {
    roles: HashMap<&'a str, (&'static str, &'a Node)>,
    servers: Vec<&'a str>,
    gateways: Vec<&'a str>,
    all: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(spec: &'a Node, findings: &mut Findings) -> Self {
        let mut names = Names { roles: HashMap::new(), servers: Vec::new(), gateways: Vec::new(), all: Vec::new() };
        let mut first = Seen::default();
        for (list, role) in WORKLOADS {
            each(spec, list, |item, path| {
                let Some((node, name)) = named(item) else { return };
                let path = path.key("name");
                if name == DEVICES {
                    let say =
                        || Problem::at("", "\"devices\" means all devices, in access rules").mend("take another name");
                    findings.add(node.at, &path, say);
                }
                if first.twice((node, name), (role, &path), findings) {
                    return;
                }
                names.roles.insert(name, (role, item));
                names.all.push(name);
                match role {
                    "server" => names.servers.push(name),
                    "gateway" => names.gateways.push(name),
                    _ => {}
                }
            });
        }
        names
    }
}

/// Names that were met, with where and as what.
#[derive(Default)]
struct Seen<'a> {
    first: HashMap<&'a str, (At, &'static str)>,
}

impl<'a> Seen<'a> {
    fn twice(
        &mut self,
        (node, name): (&Node, &'a str),
        (role, path): (&'static str, &Path<'_>),
        findings: &mut Findings,
    ) -> bool {
        let Some((at, earlier)) = self.first.get(name) else {
            self.first.insert(name, (node.at, role));
            return false;
        };
        findings.add(node.at, path, || {
            Problem::at("", format!("{} is the name of a {earlier} at {at} already", quoted(name)))
                .mend("take another name")
        });
        true
    }
}

/// A text that must be one of the known names.
struct Reference<'a> {
    what: &'static str,
    known: &'a [&'a str],
}

impl Reference<'_> {
    /// A missing node and one that is no text are told by the check of shapes.
    fn check(&self, node: Option<&Node>, path: &Path<'_>, findings: &mut Findings) {
        let Some((node, name)) = node.and_then(|node| Some((node, node.text()?))) else { return };
        if !self.known.contains(&name) {
            self.dangles(node.at, name, (path, findings));
        }
    }

    fn dangles(&self, at: At, name: &str, (path, findings): (&Path<'_>, &mut Findings)) {
        findings.add(at, path, || {
            // As many as there may be servers: sites have no such bound, and each comparison costs.
            let near = nearest(name, self.known.iter().copied().take(1_000));
            let mend = near.map_or_else(|| self.known(), |near| format!("did you mean {}?", quoted(near)));
            Problem::at("", format!("no {} is called {}", self.what, quoted(name))).mend(mend)
        });
    }

    fn known(&self) -> String {
        match self.known {
            [] => "the slice has none".to_owned(),
            known if known.len() <= 8 => format!("write {}", choice(known)),
            known => format!("write one of the {} that there are", known.len()),
        }
    }
}

/// A site is apart from others that there are.
fn check_sites(spec: &Node, known: &[&str], findings: &mut Findings) {
    for site in spec.get("sites").map(Node::entries).unwrap_or_default() {
        let path = SPEC;
        let (path, name) = (path.key("sites"), site.key.as_str());
        let (path, list) = (path.key(name), site.node.get("apart").map(Node::items).unwrap_or_default());
        let path = path.key("apart");
        for (index, node) in list.iter().enumerate() {
            let path = path.item(index);
            Reference { what: "site", known }.check(Some(node), &path, findings);
            if node.text() == Some(name) {
                findings.add(node.at, &path, || {
                    Problem::at("", "a site is not apart from itself").mend("name another site, or leave it out")
                });
            }
        }
    }
}

fn check_values(item: &Node, path: &Path<'_>, findings: &mut Findings) {
    let reserved = item.get("values").and_then(|values| values.entry(RESERVED));
    if let Some(entry) = reserved {
        findings.add(entry.at, &path.key("values").key(RESERVED), || {
            Problem::at("", "is written by Sliceway and nobody else").mend("leave it out, or map it with bind")
        });
    }
}

fn check_gateway(gateway: &Node, names: &Names<'_>, path: &Path<'_>, findings: &mut Findings) {
    if let Some(node) = gateway.get("server") {
        check_spoken_to(node, (names, "server"), &path.key("server"), findings);
    }
    let list = path.key("servers");
    for (index, node) in gateway.get("servers").map(Node::items).unwrap_or_default().iter().enumerate() {
        check_spoken_to(node, (names, "server"), &list.item(index), findings);
    }
}

/// `node` must be the name of a workload of the role, and that workload must have a port.
fn check_spoken_to(node: &Node, (names, role): (&Names<'_>, &'static str), path: &Path<'_>, findings: &mut Findings) {
    let Some(name) = node.text() else { return };
    let known = if role == "server" { &names.servers } else { &names.gateways };
    let reference = Reference { what: role, known };
    match names.roles.get(name) {
        Some((is, workload)) if *is == role => check_port(node, (name, workload), path, findings),
        Some((is, _)) => findings.add(node.at, path, || {
            Problem::at("", format!("{} is a {is}, not a {role}", quoted(name))).mend(reference.known())
        }),
        None => reference.dangles(node.at, name, (path, findings)),
    }
}

/// Who is spoken to needs a port, its own or its platform's.
fn check_port(node: &Node, (name, spoken_to): (&str, &Node), path: &Path<'_>, findings: &mut Findings) {
    if spoken_to.get("platform").is_none() && spoken_to.get("port").is_none() {
        findings.add(node.at, path, || {
            Problem::at("", format!("{} has no port to connect to", quoted(name))).mend("give it a platform or a port")
        });
    }
}

fn check_devices(spec: &Node, names: &Names<'_>, findings: &mut Findings) {
    let mut first = Seen::default();
    each(spec, "devices", |device, path| {
        if let Some(named) = named(device) {
            first.twice(named, ("device", &path.key("name")), findings);
        }
        // The gateways of a service are known where its descriptors are.
        if let Some(gateway) = device.get("gateway").filter(|_| spec.get("service").is_none()) {
            check_spoken_to(gateway, (names, "gateway"), &path.key("gateway"), findings);
        }
        let mut first = Seen::default();
        let list = path.key("resources");
        for (index, resource) in device.get("resources").map(Node::items).unwrap_or_default().iter().enumerate() {
            if let Some(named) = named(resource) {
                first.twice(named, ("resource", &list.item(index).key("name")), findings);
            }
        }
    });
}

fn check_access(rule: &Node, names: &Names<'_>, path: &Path<'_>, findings: &mut Findings) {
    let (from, to) = (rule.get("from"), rule.get("to"));
    let workload = Reference { what: "server, gateway or function", known: &names.all };
    if from.and_then(Node::text) != Some(DEVICES) {
        workload.check(from, &path.key("from"), findings);
    }
    workload.check(to, &path.key("to"), findings);
    if let (Some(from), Some(to)) = (from.and_then(Node::text), to)
        && Some(from) == to.text()
    {
        findings.add(to.at, &path.key("to"), || {
            Problem::at("", format!("{} reaches itself without a rule", quoted(from))).mend("leave the rule out")
        });
    }
}

fn named(item: &Node) -> Option<(&Node, &str)> {
    let node = item.get("name")?;
    Some((node, node.text()?))
}

fn each<'a>(spec: &'a Node, list: &str, mut with: impl FnMut(&'a Node, &Path<'_>)) {
    let path = SPEC;
    let path = path.key(list);
    for (index, item) in spec.get(list).map(Node::items).unwrap_or_default().iter().enumerate() {
        with(item, &path.item(index));
    }
}
