//! What a chart may not bring into a slice, each with words: hooks and CRDs (until they are carried out), objects of the
//! whole cluster or of other namespaces, names and labels of ours, and what an API server would refuse or lose. Pure.

use super::claim::DEFINITION;
use super::demand;
use super::render::{Order, text};
use super::scope::{is_cluster_scoped, is_of_the_cluster};
use adapters::helm::{Object, Rendered};
use adapters::kubernetes::{broken_label, broken_name};
use models::Problem;
use models::resource::label;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything that is wrong, at once.
pub(super) fn refusals(order: &Order<'_>, rendered: &Rendered) -> Vec<Problem> {
    let field = format!("{}.chart", order.field);
    let mut problems = Vec::new();
    for Object { source, object, .. } in &rendered.crds {
        if text(object, "/kind") != DEFINITION || text(object, "/metadata/name").is_empty() {
            let message = format!("{source}: {} {:?} is no CRD", text(object, "/kind"), text(object, "/metadata/name"));
            problems.push(
                Problem::at(&field, message)
                    .mend("crds/ of a chart holds CustomResourceDefinitions of apiextensions.k8s.io/v1"),
            );
        }
    }
    let hooks = rendered.hooks.iter().flat_map(|hook| &hook.objects);
    for object in rendered.objects.iter().chain(hooks) {
        let found =
            [placed(order, &object.object), named(&object.object), labelled(&object.object), sized(&object.object)];
        for (message, mend) in found.into_iter().flatten() {
            problems.push(Problem::at(&field, format!("{}: {message}", object.source)).mend(mend));
        }
    }
    problems.extend(twice(&rendered.objects).map(|message| {
        let mend = "a namespace holds one object of a kind and name: rename one, or switch one off in the values";
        Problem::at(&field, message).mend(mend)
    }));
    problems
}

/// A word for what is wrong, and its mend.
type Refusal = Option<(String, &'static str)>;

fn placed(order: &Order<'_>, object: &Value) -> Refusal {
    let (kind, name) = (text(object, "/kind"), short(text(object, "/metadata/name")));
    let namespace = text(object, "/metadata/namespace");
    if is_of_the_cluster(kind) {
        let mend = "a slice has one namespace, of its own; have the cluster's operator make it, or switch it off in the values";
        return Some((format!("{kind} {name} belongs to the whole cluster"), mend));
    }
    if is_cluster_scoped(kind) {
        return None;
    }
    let foreign = !namespace.is_empty() && namespace != order.release.namespace;
    foreign.then(|| (format!("{kind} {name} wants namespace {namespace}"), "leave the namespace to the release"))
}

fn sized(object: &Value) -> Refusal {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let broken = demand::broken_quantity(object)?;
    Some((format!("{kind} {name}: {broken:?} is no quantity"), "write it as Kubernetes does: 250m, 2, 64Mi"))
}

fn named(object: &Value) -> Refusal {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    if name.is_empty() {
        return Some((format!("a {kind} without a name"), "give it a name; generateName cannot be kept true"));
    }
    if name.starts_with("sliceway") && ours(kind) {
        return Some((format!("{kind} {name} has a name of ours"), "names that begin with \"sliceway\" are reserved"));
    }
    let rule = broken_name(kind, name)?;
    let message = format!("{kind} {} has a name that a cluster does not take: {rule}", short(name));
    Some((message, "change the name in the chart, or the values that it is made of"))
}

/// What a person can read of a name that may be of any length.
fn short(name: &str) -> String {
    let start: String = name.chars().take(80).collect();
    if start.len() < name.len() { format!("{start}...") } else { start }
}

fn ours(kind: &str) -> bool {
    matches!(kind, "Secret" | "ServiceAccount" | "NetworkPolicy" | "ResourceQuota" | "LimitRange")
}

fn labelled(object: &Value) -> Refusal {
    let (kind, name) = (text(object, "/kind"), short(text(object, "/metadata/name")));
    let template = demand::template(object).map(|(_, template)| template);
    for at in [Some(object), template].into_iter().flatten() {
        let map = |pointer: &str| at.pointer(pointer).and_then(Value::as_object);
        let (labels, annotations) = (map("/metadata/labels"), map("/metadata/annotations"));
        let keys = [labels, annotations].into_iter().flatten().flat_map(|map| map.keys());
        if let Some(key) = keys.into_iter().find(|key| key.starts_with(label::PREFIX)) {
            return Some((format!("{kind} {name} sets {key}"), "labels under sliceway.io/ are reserved"));
        }
        for (key, value) in labels.into_iter().flatten() {
            let rule = value.as_str().map_or_else(|| Some("it is no text".to_owned()), broken_label);
            if let Some(rule) = rule {
                let message = format!("{kind} {name} has a value that a cluster does not take in label {key}: {rule}");
                return Some((message, "change the label in the chart, or the values that it is made of"));
            }
        }
    }
    None
}

/// Objects that are one object to a cluster, in whatever version of their kind they are written.
fn twice(objects: &[Object]) -> impl Iterator<Item = String> {
    let mut sources: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for Object { source, object, .. } in objects {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        match sources.insert((group(text(object, "/apiVersion")), kind, name), source) {
            Some(other) if other == source => found.push(format!("{source}: {kind} {name} is there twice")),
            Some(other) => found.push(format!("{source}: {kind} {name} is also in {other}")),
            None => {}
        }
    }
    found.into_iter()
}

/// `apps` of `apps/v1`; nothing of `v1`.
pub(super) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
