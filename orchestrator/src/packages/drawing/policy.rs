//! Network policies become rules of security groups: what they allow, port by port.

use super::network::labels;
use super::sheet::{Sheet, Thing};
use super::workload::protocol;
use super::{list, plain, text};
use serde_json::Value;
use sol005::descriptor::{SecurityRule, Vnfd};

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    for at in sheet.of_kind("NetworkPolicy") {
        let thing = &mut sheet.things[at];
        for (side, peers) in [("ingress", "from"), ("egress", "to")] {
            let rules = rules(thing, (side, peers), vnfd.security_rules.len());
            rules.iter().for_each(|rule| thing.is(format!("security-group-rule {}", rule.id)));
            vnfd.security_rules.extend(rules);
        }
        let denies = list(thing.object, "/spec/policyTypes").map(plain).collect::<Vec<_>>().join(" and ");
        let what = if denies.is_empty() { "Ingress".to_owned() } else { denies };
        thing.lacks(
            format!("{what} that is not allowed"),
            "a rule of SOL006 allows; what it does not name it does not deny",
        );
        let pods = labels(thing.object, "/spec/podSelector/matchLabels");
        let whom = if pods.is_empty() { "all pods of the namespace".to_owned() } else { format!("pods with {pods}") };
        thing.lacks(format!("podSelector: {whom}"), "a rule of SOL006 belongs to a connection point, not to labels");
    }
}

fn rules(thing: &Thing<'_>, (side, peers): (&str, &str), before: usize) -> Vec<SecurityRule> {
    let name = thing.name();
    let mut found = Vec::new();
    for rule in list(thing.object, &format!("/spec/{side}")) {
        let who: Vec<String> = list(rule, &format!("/{peers}")).map(peer).collect();
        let who = if who.is_empty() { "anybody".to_owned() } else { who.join(" or ") };
        let ports: Vec<&Value> = list(rule, "/ports").collect();
        let each: Vec<Option<&Value>> =
            if ports.is_empty() { vec![None] } else { ports.into_iter().map(Some).collect() };
        for port in each {
            let number = |at: &str| port.and_then(|port| port.get(at)?.as_u64()).and_then(|n| u16::try_from(n).ok());
            let first = number("port");
            let named = port.and_then(|port| port.get("port")?.as_str()).map(|name| format!(", port {name}"));
            found.push(SecurityRule {
                id: format!("{name}-{side}-{}", before + found.len() + 1),
                ingress: side == "ingress",
                protocol: port.map(protocol),
                first,
                last: number("endPort").or(first),
                description: format!("NetworkPolicy {name}: {peers} {who}{}", named.unwrap_or_default()),
            });
        }
    }
    found
}

fn peer(peer: &Value) -> String {
    if let Some(cidr) = peer.pointer("/ipBlock/cidr").map(plain) {
        let but: Vec<String> = list(peer, "/ipBlock/except").map(plain).collect();
        return if but.is_empty() { cidr } else { format!("{cidr} but {}", but.join(", ")) };
    }
    let (pods, spaces) = (labels(peer, "/podSelector/matchLabels"), labels(peer, "/namespaceSelector/matchLabels"));
    let pods = if pods.is_empty() { "all pods".to_owned() } else { format!("pods with {pods}") };
    match (
        peer.get("namespaceSelector").is_some(),
        text(peer, "/namespaceSelector/matchLabels").is_empty(),
        spaces.as_str(),
    ) {
        (false, ..) => pods,
        (true, _, "") => format!("{pods} of any namespace"),
        (true, _, labels) => format!("{pods} of namespaces with {labels}"),
    }
}
