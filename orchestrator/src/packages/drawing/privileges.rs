//! What is left: rights, definitions, things of the whole cluster, monitors, and objects that no descriptor can hold.

use super::sheet::{Role, Sheet, Thing};
use super::{list, network, plain, text};
use crate::plan::scope::is_cluster_scoped;
use serde_json::Value;
use sol005::descriptor::{Measure, Vnfd};

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    monitors(sheet, vnfd);
    let defined: Vec<String> =
        sheet.of_kind("CustomResourceDefinition").into_iter().map(|at| made(&sheet.things[at])).collect();
    let mut warnings = Vec::new();
    for thing in &mut sheet.things {
        if thing.is_hook() {
            continue;
        }
        let (kind, name) = (thing.kind(), thing.name());
        let need = match kind {
            "Role" => Some(("needs.rights", format!("{name}: {}", rights(thing.object)))),
            "ClusterRole" => Some(("needs.cluster-rights", format!("{name}: {}", rights(thing.object)))),
            "RoleBinding" => Some(("needs.binding", bound(thing.object, &name))),
            "ClusterRoleBinding" => Some(("needs.cluster-binding", bound(thing.object, &name))),
            "ServiceAccount" => Some(("needs.account", name.clone())),
            "CustomResourceDefinition" => Some(("needs.definition", name.clone())),
            _ if is_cluster_scoped(kind) => Some(("needs.cluster", format!("{kind} {name}"))),
            _ => None,
        };
        if let Some((what, value)) = need {
            thing.is("modifiable-attributes metadata");
            vnfd.metadata.push((what.to_owned(), value));
            if is_cluster_scoped(kind) {
                warnings.push(format!("{kind} {name} is of the whole cluster: who installs it needs rights over all of it, and tenants share it"));
            }
        } else if !thing.is_told() {
            left(thing, &defined, vnfd);
        }
        elsewhere(thing, &mut warnings);
    }
    warnings.into_iter().for_each(|words| sheet.warn(words));
}

/// `group/Kind` that a definition makes.
fn made(thing: &Thing<'_>) -> String {
    format!("{}/{}", text(thing.object, "/spec/group"), text(thing.object, "/spec/names/kind"))
}

fn rights(object: &Value) -> String {
    let words = |rule: &Value, at: &str| list(rule, at).map(plain).collect::<Vec<_>>().join(",");
    let rule = |rule: &Value| {
        let what = [words(rule, "/resources"), words(rule, "/nonResourceURLs")].join("");
        format!("{} {what}", words(rule, "/verbs"))
    };
    list(object, "/rules").map(rule).collect::<Vec<_>>().join("; ")
}

fn bound(object: &Value, name: &str) -> String {
    let who: Vec<String> = list(object, "/subjects")
        .map(|subject| format!("{} {}", text(subject, "/kind"), text(subject, "/name")))
        .collect();
    format!("{name}: {} {} to {}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"), who.join(", "))
}

fn left(thing: &mut Thing<'_>, defined: &[String], vnfd: &mut Vnfd) {
    let api = text(thing.object, "/apiVersion");
    let group = api.split_once('/').map_or("", |(group, _)| group);
    let own = group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io");
    if thing.role == Role::Definition {
        return;
    }
    if own {
        thing.lacks(format!("all of {}", thing.kind()), "SOL006 has no element for it; the chart makes it");
        return;
    }
    thing.lacks(format!("all of {}", thing.kind()), "a custom resource: what it means is its controller's to say");
    let kind = format!("{group}/{}", thing.kind());
    let need = ("needs.kind".to_owned(), format!("{api}/{}", thing.kind()));
    if !defined.contains(&kind) && !vnfd.metadata.contains(&need) {
        vnfd.metadata.push(need);
    }
}

/// Objects for another namespace than the release's.
fn elsewhere(thing: &Thing<'_>, warnings: &mut Vec<String>) {
    let namespace = text(thing.object, "/metadata/namespace");
    if !namespace.is_empty() && namespace != super::super::NAMESPACE {
        warnings.push(format!(
            "{} {} is for namespace {namespace}, which is not the release's",
            thing.kind(),
            thing.name()
        ));
    }
}

/// What Prometheus' operator is told to measure.
fn monitors(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    for kind in ["ServiceMonitor", "PodMonitor"] {
        for at in sheet.of_kind(kind) {
            let (object, name) = (sheet.things[at].object, sheet.things[at].name());
            let selector = object.pointer("/spec/selector/matchLabels").unwrap_or(&Value::Null);
            let chosen = match kind {
                "PodMonitor" => pods(sheet, vnfd, selector),
                _ => services(sheet, vnfd, selector),
            };
            let places = list(object, "/spec/endpoints").chain(list(object, "/spec/podMetricsEndpoints"));
            let places: Vec<String> = places
                .map(|place| format!(":{}{}", plain(place.get("port").unwrap_or(&Value::Null)), path(place)))
                .collect();
            for id in chosen {
                let Some(vdu) = vnfd.vdus.iter_mut().find(|vdu| vdu.id == id) else { continue };
                let what = format!("http {}", places.join(" "));
                vdu.measures.push(Measure { id: format!("{id}.{name}"), name: format!("{kind} {name}"), what });
                sheet.things[at].is(format!("monitoring-parameter {id}.{name}"));
            }
            if !sheet.things[at].is_told() {
                sheet.things[at].lacks("selector", "it selects nothing of this chart");
            }
        }
    }
}

fn path(place: &Value) -> String {
    let path = text(place, "/path");
    if path.is_empty() { "/metrics".to_owned() } else { path.to_owned() }
}

fn pods(sheet: &Sheet<'_>, vnfd: &Vnfd, selector: &Value) -> Vec<String> {
    let all = network::vdus(sheet, vnfd).into_iter();
    all.filter(|(_, template)| network::selects(selector, template)).map(|(id, _)| id).collect()
}

fn services(sheet: &Sheet<'_>, vnfd: &Vnfd, selector: &Value) -> Vec<String> {
    let chosen = sheet.of_kind("Service").into_iter().filter(|at| network::selects(selector, sheet.things[*at].object));
    let mut found: Vec<String> = Vec::new();
    for at in chosen {
        let behind = network::behind(vnfd, &sheet.things[at].name()).into_iter().map(|vdu| vdu.id.clone());
        found.extend(behind.filter(|id| !found.contains(id)).collect::<Vec<_>>());
    }
    found
}
