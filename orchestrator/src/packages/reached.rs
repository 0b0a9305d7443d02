//! Virtual links become access rules: on a link each function may reach the ports of the others' connection points. A
//! connection point that leads to the pods' network alone is one that only calls; by the network of management nobody
//! reaches anybody.

use super::composed::{Names, Parts};
use super::service;
use models::Name;
use models::quantity::Port;
use models::slice::{AccessRule, DEVICES, MQTT_TLS, Role};
use sol005::descriptor::{Link, Mciop, Vnfd};
use std::collections::{BTreeMap, BTreeSet};

/// Who is on a link: the functions that call, and the ports that are reached.
#[derive(Default)]
struct On {
    callers: BTreeSet<Name>,
    gateways: BTreeSet<Name>,
    reached: BTreeMap<Name, BTreeSet<Port>>,
}

/// The rules, and what stays closed although somebody is connected.
pub(super) fn rules(parts: &Parts<'_>, names: &Names) -> (Vec<AccessRule>, Vec<String>) {
    let mut opened: BTreeMap<(Name, Name), BTreeSet<Port>> = BTreeMap::new();
    let mut warnings = Vec::new();
    for link in parts.nsd.links.iter().filter(|link| !link.management) {
        let on = on(parts, names, &link.id);
        let members = parts.nsd.members.iter().filter(|m| m.connections.iter().any(|(known, _)| *known == link.id));
        if on.reached.is_empty() && on.gateways.is_empty() && members.count() > 1 {
            warnings.push(format!("virtual link {} opens nothing: no connection point on it says a port", link.id));
        }
        let outside: Option<Name> =
            DEVICES.parse().ok().filter(|_| parts.nsd.saps.iter().any(|(_, to)| *to == link.id));
        if let Some(outside) = &outside {
            // What devices speak to on a gateway its platform says, also where a descriptor does not.
            let unsaid = on.gateways.iter().filter(|gateway| !on.reached.contains_key(*gateway));
            for gateway in unsaid {
                opened.entry((outside.clone(), gateway.clone())).or_default().insert(MQTT_TLS);
            }
        }
        for (to, ports) in &on.reached {
            for from in on.callers.iter().chain(&outside).filter(|from| *from != to) {
                opened.entry((from.clone(), to.clone())).or_default().extend(ports);
            }
        }
    }
    let rule = |((from, to), ports): ((Name, Name), BTreeSet<Port>)| AccessRule {
        from,
        to,
        ports: ports.into_iter().collect(),
    };
    (opened.into_iter().map(rule).collect(), warnings)
}

fn on(parts: &Parts<'_>, names: &Names, link: &str) -> On {
    let mut on = On::default();
    for member in &parts.nsd.members {
        let Some(described) = parts.functions.get(&member.id) else { continue };
        let points = member.connections.iter().filter(|(known, _)| known == link).map(|(_, point)| point);
        let own = || names.iter().filter(|((id, _), _)| *id == member.id).map(|(_, name)| name.clone());
        for point in points {
            on.callers.extend(own());
            if service::played(&described.vnfd) == Some(Role::Gateway) && own().count() == 1 {
                on.gateways.extend(own());
            }
            for (chart, port) in ports(&described.vnfd, point) {
                if let Some(name) = names.get(&(member.id.clone(), chart)) {
                    on.reached.entry(name.clone()).or_default().insert(port);
                }
            }
        }
    }
    on
}

/// The containers' ports behind an external connection point, each with the chart that makes it.
fn ports(vnfd: &Vnfd, point: &str) -> Vec<(String, Port)> {
    let Some(point) = vnfd.external_cps.iter().find(|cp| cp.id == point) else { return vec![] };
    let internal: Vec<&str> = match &point.link {
        Link::Pods => vec![],
        Link::Internal(_, id) => vec![id],
        Link::Virtual(id) => vnfd
            .virtual_cps
            .iter()
            .filter(|cp| cp.id == *id)
            .flat_map(|cp| cp.internal.iter().map(String::as_str))
            .collect(),
    };
    let mut found = Vec::new();
    for vdu in &vnfd.vdus {
        for cp in vdu.cps.iter().filter(|cp| internal.contains(&cp.id.as_str())) {
            found.extend(cp.port.map(|port| (made_by(vnfd, &vdu.id), port)));
        }
    }
    found
}

fn made_by(vnfd: &Vnfd, vdu: &str) -> String {
    let makes = |mciop: &&Mciop| mciop.vdus.iter().any(|id| id == vdu);
    vnfd.mciops.iter().find(makes).or(vnfd.mciops.first()).map(|mciop| mciop.id.clone()).unwrap_or_default()
}
