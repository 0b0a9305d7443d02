//! Services, and what is seen from outside of the cluster, become connection points.

use super::sheet::{Sheet, Thing};
use super::workload::{protocol, template};
use super::{list, map, plain, text};
use models::quantity::Port;
use serde_json::Value;
use sol005::descriptor::{ExternalCp, InternalCp, Link, Vdu, VirtualCp, Vnfd};

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    let labelled: Vec<(String, &Value)> = vdus(sheet, vnfd);
    let mut warnings = Vec::new();
    for at in sheet.of_kind("Service") {
        warnings.extend(service(&mut sheet.things[at], &labelled, vnfd));
    }
    for kind in ["Ingress", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"] {
        for at in sheet.of_kind(kind) {
            warnings.extend(route(&mut sheet.things[at], vnfd));
        }
    }
    hosts(sheet, vnfd);
    warnings.into_iter().for_each(|words| sheet.warn(words));
}

/// Each VDU by its id, with its pods' template.
pub(super) fn vdus<'a>(sheet: &Sheet<'a>, vnfd: &Vnfd) -> Vec<(String, &'a Value)> {
    let by_name = |vdu: &Vdu| {
        let is = |thing: &&Thing<'a>| thing.kind() == vdu.kind.name() && thing.name() == vdu.name && !thing.is_hook();
        let thing = sheet.things.iter().find(is)?;
        Some((vdu.id.clone(), template(thing.object)?))
    };
    vnfd.vdus.iter().filter_map(by_name).collect()
}

/// Whether these labels are all on the template.
pub(super) fn selects(selector: &Value, template: &Value) -> bool {
    let own = template.pointer("/metadata/labels");
    let mut wanted = selector.as_object().into_iter().flatten().peekable();
    wanted.peek().is_some() && wanted.all(|(key, value)| own.and_then(|labels| labels.get(key)) == Some(value))
}

fn service(thing: &mut Thing<'_>, labelled: &[(String, &Value)], vnfd: &mut Vnfd) -> Vec<String> {
    let (object, name) = (thing.object, thing.name());
    let kind = text(object, "/spec/type");
    if kind == "ExternalName" {
        let to = text(object, "/spec/externalName");
        thing.lacks(
            format!("externalName {to}"),
            "a name for something outside is no connection point of this function",
        );
        return vec![];
    }
    let selector = object.pointer("/spec/selector").unwrap_or(&Value::Null);
    let chosen: Vec<String> =
        labelled.iter().filter(|(_, template)| selects(selector, template)).map(|(id, _)| id.clone()).collect();
    let ports: Vec<Port> = list(object, "/spec/ports").filter_map(|port| numbered(port, "/port")).collect();
    let mut internal = Vec::new();
    for port in list(object, "/spec/ports") {
        for vdu in vnfd.vdus.iter_mut().filter(|vdu| chosen.contains(&vdu.id)) {
            internal.extend(led_to(vdu, port).filter(|id| !internal.contains(id)).into_iter().collect::<Vec<_>>());
        }
    }
    let answered = match (selector.as_object().is_some_and(|map| !map.is_empty()), chosen.is_empty()) {
        (false, _) => Some(format!("Service {name} selects nothing: who answers to it is said elsewhere")),
        (true, true) => Some(format!("Service {name} selects labels that no pod of this chart has")),
        (true, false) if internal.is_empty() => Some(format!("Service {name} leads to ports that no container has")),
        (true, false) => None,
    };
    if let Some(words) = answered {
        thing.lacks(format!("vip-cpd {name}"), "SOL006 wants it to lead to a VDU of this function");
        return vec![words];
    }
    let headless = text(object, "/spec/clusterIP") == "None";
    thing.is(format!("vip-cpd {name}"));
    vnfd.virtual_cps.push(VirtualCp {
        id: name.clone(),
        service: name.clone(),
        internal,
        ports: ports.clone(),
        has_address: !headless,
    });
    if matches!(kind, "NodePort" | "LoadBalancer") || list(object, "/spec/externalIPs").next().is_some() {
        let nodes: Vec<String> =
            list(object, "/spec/ports").filter_map(|port| port.get("nodePort").map(plain)).collect();
        let at = if nodes.is_empty() { String::new() } else { format!(" at {}", nodes.join(", ")) };
        let shown = if kind.is_empty() { "external address" } else { kind };
        let description = format!("{shown}{at} of Service {name}:");
        let id = external(vnfd, &name, (Link::Virtual(name.clone()), ports, description));
        thing.is(format!("ext-cpd {id}"));
    }
    vec![]
}

fn numbered(port: &Value, at: &str) -> Option<Port> {
    let number = port.pointer(at).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok())?;
    Some(Port { number, protocol: protocol(port) })
}

/// The connection point of a VDU that a Service's port leads to; made where no container told of the port.
fn led_to(vdu: &mut Vdu, port: &Value) -> Option<String> {
    if let Some(name) = port.get("targetPort").and_then(Value::as_str).filter(|name| name.parse::<u16>().is_err()) {
        return vdu.cps.iter().find(|cp| cp.name == name).map(|cp| cp.id.clone());
    }
    let wanted = match port.get("targetPort").map(plain).and_then(|text| text.parse::<u16>().ok()) {
        Some(number) => Port { number, protocol: protocol(port) },
        None => numbered(port, "/port")?,
    };
    if let Some(known) = vdu.cps.iter().find(|cp| cp.port == Some(wanted)) {
        return Some(known.id.clone());
    }
    let id = format!("{}.{}", vdu.id, wanted.to_string().replace('/', "-"));
    vdu.cps.push(InternalCp { id: id.clone(), port: Some(wanted), name: text(port, "/name").to_owned() });
    Some(id)
}

/// Adds one under a name that is free.
fn external(vnfd: &mut Vnfd, name: &str, (link, ports, description): (Link, Vec<Port>, String)) -> String {
    let taken = |id: &str| vnfd.external_cps.iter().any(|known| known.id == id);
    let mut id = format!("{name}-ext");
    let mut next = 2;
    while taken(&id) {
        id = format!("{name}-ext-{next}");
        next += 1;
    }
    vnfd.external_cps.push(ExternalCp { id: id.clone(), link, ports, description, rule: None });
    id
}

/// An Ingress or a route of the Gateway API: each Service behind it is seen from outside.
fn route(thing: &mut Thing<'_>, vnfd: &mut Vnfd) -> Vec<String> {
    let (object, kind, name) = (thing.object, thing.kind(), thing.name());
    let paths = list(object, "/spec/rules").flat_map(|rule| list(rule, "/http/paths"));
    let ingress =
        paths.filter_map(|path| path.pointer("/backend/service/name").or(path.pointer("/backend/serviceName")));
    let default = object.pointer("/spec/defaultBackend/service/name");
    let routes =
        list(object, "/spec/rules").flat_map(|rule| list(rule, "/backendRefs")).filter_map(|to| to.get("name"));
    let mut services: Vec<String> = Vec::new();
    for service in ingress.chain(default).chain(routes).map(plain) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    let hosts = list(object, "/spec/rules").map(|rule| plain(rule.get("host").unwrap_or(&Value::Null)));
    let hosts: Vec<String> =
        hosts.chain(list(object, "/spec/hostnames").map(plain)).filter(|host| host != "null").collect();
    let mut warnings = Vec::new();
    for service in services {
        let Some(known) = vnfd.virtual_cps.iter().find(|cp| cp.service == service) else {
            thing.lacks(format!("backend {service}"), "this chart has no such Service");
            warnings.push(format!("{kind} {name} leads to Service {service}, which this chart does not make"));
            continue;
        };
        let (link, ports) = (Link::Virtual(known.id.clone()), known.ports.clone());
        let at = if hosts.is_empty() { String::new() } else { format!(" for {}", hosts.join(", ")) };
        let id = external(vnfd, &name, (link, ports, format!("{kind}{at} of Service {service}:")));
        thing.is(format!("ext-cpd {id}"));
    }
    if list(object, "/spec/tls").next().is_some() {
        let secrets: Vec<String> = list(object, "/spec/tls").map(|tls| text(tls, "/secretName").to_owned()).collect();
        thing.lacks("tls", format!("SOL006 has no word for it; certificates of {}", secrets.join(", ")));
    }
    if !thing.is_told() {
        thing.lacks("rules", "it leads to no Service");
    }
    warnings
}

/// Pods in the node's own network, and ports of the node.
fn hosts(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    for (id, template) in vdus(sheet, vnfd) {
        let own = template.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true);
        let containers = list(template, "/spec/containers");
        let taken: Vec<u64> = containers
            .flat_map(|container| list(container, "/ports"))
            .filter(|port| own || port.get("hostPort").and_then(Value::as_u64).is_some_and(|port| port > 0))
            .filter_map(|port| port.get("containerPort").and_then(Value::as_u64))
            .collect();
        let Some(vdu) = vnfd.vdus.iter().find(|vdu| vdu.id == id).cloned() else { continue };
        let is =
            |thing: &&mut Thing<'_>| thing.kind() == vdu.kind.name() && thing.name() == vdu.name && !thing.is_hook();
        for cp in &vdu.cps {
            let Some(port) = cp.port.filter(|port| taken.contains(&u64::from(port.number))) else { continue };
            let link = Link::Internal(vdu.id.clone(), cp.id.clone());
            let made = external(vnfd, &cp.id, (link, vec![port], "port of the node:".into()));
            if let Some(thing) = sheet.things.iter_mut().find(is) {
                thing.is(format!("ext-cpd {made}"));
            }
        }
    }
}

/// The Services of a chart by the names that reach them.
pub(super) fn names(vnfd: &Vnfd) -> impl Iterator<Item = &str> {
    vnfd.virtual_cps.iter().map(|cp| cp.service.as_str())
}

/// VDUs behind a Service.
pub(super) fn behind<'v>(vnfd: &'v Vnfd, service: &str) -> Vec<&'v Vdu> {
    let Some(cp) = vnfd.virtual_cps.iter().find(|cp| cp.service == service) else { return vec![] };
    vnfd.vdus.iter().filter(|vdu| vdu.cps.iter().any(|own| cp.internal.contains(&own.id))).collect()
}

/// Labels as words.
pub(super) fn labels(value: &Value, pointer: &str) -> String {
    map(value, pointer).map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(",")
}
