//! Names of hosts in environment, arguments and configuration: who reaches whom, and what nobody here answers to.

use super::report::Edge;
use super::sheet::Sheet;
use super::{list, map, network, plain, pod, text};
use serde_json::Value;
use sol005::descriptor::Vnfd;
use std::net::IpAddr;

/// Longer texts are not searched to their end.
const LONGEST: usize = 256 << 10;
/// Names of variables that hold a host and nothing else.
const HOSTS: &[&str] =
    &["HOST", "HOSTNAME", "ADDR", "ADDRESS", "URL", "URI", "SERVER", "SERVERS", "ENDPOINT", "BROKER", "BROKERS", "DSN"];

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    let mut edges = Vec::new();
    for (id, template) in network::vdus(sheet, vnfd) {
        let Some(vdu) = vnfd.vdus.iter().find(|vdu| vdu.id == id) else { continue };
        let from = format!("{} {}", vdu.kind.name(), vdu.name);
        for (place, said, whole) in texts(sheet, template.get("spec").unwrap_or(&Value::Null)) {
            for to in hosts(&said, whole, vnfd) {
                let found = answers(&to, vnfd);
                edges.push((id.clone(), Edge { from: from.clone(), place: place.clone(), to, found }));
            }
        }
    }
    for at in sheet.of_kind("Service") {
        let to = text(sheet.things[at].object, "/spec/externalName");
        if !to.is_empty() {
            let from = format!("Service {}", sheet.things[at].name());
            edges.push((String::new(), Edge { from, place: "externalName".into(), to: to.to_owned(), found: None }));
        }
    }
    for (id, edge) in &edges {
        let needed = edge.found.iter().flat_map(|service| network::behind(vnfd, service)).map(|vdu| vdu.id.clone());
        for needed in needed.collect::<Vec<_>>() {
            let pair = (id.clone(), needed);
            if pair.0 != pair.1 && !vnfd.dependencies.contains(&pair) {
                vnfd.dependencies.push(pair);
            }
        }
    }
    let mut edges: Vec<Edge> = edges.into_iter().map(|(_, edge)| edge).collect();
    edges.sort();
    edges.dedup();
    sheet.edges = edges;
}

/// Where a name may stand: what says it, its text, and whether the text is a host alone.
fn texts(sheet: &Sheet<'_>, spec: &Value) -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for (container, _) in pod::containers(spec) {
        let name = text(container, "/name");
        for variable in list(container, "/env") {
            let (key, value) = (text(variable, "/name"), text(variable, "/value"));
            let whole = HOSTS.iter().any(|end| key.to_uppercase().split('_').next_back() == Some(end));
            found.push((format!("env {key} of container {name}"), value.to_owned(), whole));
        }
        for (at, word) in [("/command", "command"), ("/args", "args")] {
            let words = list(container, at).map(plain).collect::<Vec<_>>().join(" ");
            found.push((format!("{word} of container {name}"), words, false));
        }
    }
    let spec_text = spec.to_string();
    for at in sheet.of_kind("ConfigMap") {
        let name = sheet.things[at].name();
        if spec_text.contains(&format!("\"{name}\"")) {
            let data = map(sheet.things[at].object, "/data");
            found.extend(data.map(|(key, value)| (format!("ConfigMap {name} key {key}"), plain(value), false)));
        }
    }
    found
}

/// The names of hosts in a text, without port and path.
fn hosts(said: &str, whole: bool, vnfd: &Vnfd) -> Vec<String> {
    let end = said.len().min(LONGEST);
    let said = said.get(..end).unwrap_or("");
    let mut found: Vec<String> = Vec::new();
    let tokens = said.split(|c: char| !(c.is_ascii_alphanumeric() || "._-:/@%".contains(c)));
    for token in tokens.filter(|token| !token.is_empty()) {
        let (scheme, rest) = match token.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, token),
        };
        let authority = rest.split('/').next().unwrap_or("");
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().ok()),
            None => (authority, None),
        };
        let host = host.trim_end_matches('.');
        let alone = whole && token == said.trim();
        let meant = scheme.is_some_and(|scheme| scheme != "file" && scheme != "unix")
            || port.is_some_and(|port| port > 9 && rest.len() == authority.len())
            || host.ends_with(".svc")
            || host.contains(".svc.")
            || (alone && authority.len() == rest.len())
            || (rest.len() == authority.len() && answers(host, vnfd).is_some());
        if meant && is_name(host) && !found.iter().any(|known| known == host) {
            found.push(host.to_owned());
        }
    }
    found
}

/// A name that DNS would be asked for: no address, no name of the pod's own.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    host != "localhost"
        && host.len() < 254
        && host.parse::<IpAddr>().is_err()
        && host.split('.').all(label)
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

/// The Service of this chart that a name means: alone, with its namespace, or whole.
fn answers(host: &str, vnfd: &Vnfd) -> Option<String> {
    let mut parts = host.split('.');
    let first = parts.next().unwrap_or("");
    let rest: Vec<&str> = parts.collect();
    let own = super::super::NAMESPACE;
    let here = match rest.as_slice() {
        [] => true,
        [space, more @ ..] => *space == own && more.first().is_none_or(|svc| *svc == "svc"),
    };
    let known = |name: &str| network::names(vnfd).find(|service| *service == name).map(str::to_owned);
    if here {
        return known(first);
    }
    // `pod.service.namespace.svc`, as a headless Service is asked.
    match rest.as_slice() {
        [service, space, ..] if *space == own => known(service),
        [service] => known(service),
        _ => None,
    }
}
