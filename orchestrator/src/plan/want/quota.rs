//! The quota of a slice on a cluster: what its charts ask for, and room for one more pod of each workload to roll.

use super::{Ours, Scene, Wanted};
use crate::plan::demand::{self, Ask};
use models::Name;
use models::resource::{Body, Resource};
use serde_json::{Map, Value, json};
use topology::Count;

pub const QUOTA: &str = "sliceway";

#[derive(Default)]
struct Sum {
    ask: Ask,
    pods: u64,
    claims: u64,
    storage: u64,
}

pub fn wanted(scene: &Scene<'_>) -> Vec<Wanted> {
    scene.carrying().into_iter().map(|cluster| quota(scene, cluster)).collect()
}

fn quota(scene: &Scene<'_>, cluster: &Name) -> Wanted {
    let sum = sum(scene, cluster);
    let exposed = scene.rules.exposed(scene, cluster);
    let mut hard = Map::new();
    hard.insert("requests.cpu".into(), json!(format!("{}m", sum.ask.cpu_milli)));
    hard.insert("requests.memory".into(), json!(sum.ask.memory_bytes.to_string()));
    hard.insert("limits.cpu".into(), json!(format!("{}m", sum.ask.limit_cpu_milli)));
    hard.insert("limits.memory".into(), json!(sum.ask.limit_memory_bytes.to_string()));
    hard.insert("pods".into(), json!(sum.pods.to_string()));
    hard.insert("persistentvolumeclaims".into(), json!(sum.claims.to_string()));
    hard.insert("requests.storage".into(), json!(sum.storage.to_string()));
    hard.insert("services.nodeports".into(), json!((exposed + chart_node_ports(scene, cluster)).to_string()));
    overrides(scene, cluster, &mut hard);
    let ours = Ours::new("v1/ResourceQuota", QUOTA, json!({"spec": {"hard": hard}}));
    scene.object(cluster, ours.why("the slice takes no more than its charts ask for, and one pod of each to roll"))
}

/// `quota:` of the sites that stand here; several sites add up.
fn overrides(scene: &Scene<'_>, cluster: &Name, hard: &mut Map<String, Value>) {
    let here = |site: &Name| {
        let workloads = scene.slice.spec.workloads();
        workloads.iter().any(|w| w.site == site && scene.cluster_of(w.name) == Some(cluster))
    };
    let quotas: Vec<_> = scene
        .slice
        .spec
        .sites
        .iter()
        .filter(|(name, _)| here(name))
        .filter_map(|(_, site)| site.quota.as_ref())
        .collect();
    let total = |values: Vec<u64>| (!values.is_empty()).then(|| values.iter().sum::<u64>());
    if let Some(cpu) = total(quotas.iter().filter_map(|q| q.cpu).map(|c| c.cpu_milli).collect()) {
        hard.insert("requests.cpu".into(), json!(format!("{cpu}m")));
    }
    if let Some(memory) = total(quotas.iter().filter_map(|q| q.memory).map(|m| m.memory_bytes).collect()) {
        hard.insert("requests.memory".into(), json!(memory.to_string()));
    }
    if let Some(storage) = total(quotas.iter().filter_map(|q| q.storage).map(|m| m.memory_bytes).collect()) {
        hard.insert("requests.storage".into(), json!(storage.to_string()));
    }
}

fn bodies<'a>(scene: &'a Scene<'_>, cluster: &'a Name) -> impl Iterator<Item = &'a Value> {
    let here = scene.bundles.iter().filter(move |(function, _)| scene.cluster_of(function) == Some(cluster));
    here.flat_map(|(_, bundle)| &bundle.objects).filter_map(|piece| match &piece.body {
        Body::Plain(body) => Some(body),
        Body::Sealed { .. } | Body::Release(_) => None,
    })
}

fn sum(scene: &Scene<'_>, cluster: &Name) -> Sum {
    let nodes = scene.clusters.get(cluster).and_then(|c| c.facts()).map_or(1, |facts| facts.nodes.len() as u64);
    let mut sum = Sum::default();
    let scales = demand::scales(bodies(scene, cluster));
    for body in bodies(scene, cluster) {
        let Some((ask, count)) = demand::most_pods(body, &scales) else { continue };
        let pods = 1 + match count {
            Count::Replicas(n) => u64::from(n),
            Count::EveryNode => nodes,
        };
        sum.pods += pods;
        sum.ask.cpu_milli += ask.cpu_milli * pods;
        sum.ask.memory_bytes += ask.memory_bytes * pods;
        sum.ask.limit_cpu_milli += ask.limit_cpu_milli * pods;
        sum.ask.limit_memory_bytes += ask.limit_memory_bytes * pods;
    }
    let hooks = largest_hook(scene, cluster);
    sum.pods += hooks.1;
    sum.ask = sum.ask.plus(hooks.0);
    for (function, bundle) in scene.bundles {
        if scene.cluster_of(function) == Some(cluster) {
            sum.claims += bundle.volumes.len() as u64;
            sum.storage += bundle.storage_bytes;
        }
    }
    sum
}

/// Hooks of a release run one after another, beside its pods; releases of one slice may run theirs at one time.
fn largest_hook(scene: &Scene<'_>, cluster: &Name) -> (Ask, u64) {
    let here = scene.bundles.iter().filter(|(function, _)| scene.cluster_of(function) == Some(cluster));
    let each = here.map(|(_, bundle)| {
        let bodies = bundle.hooks.iter().filter_map(|hook| match &hook.piece.body {
            Body::Plain(body) => demand::pod_ask(body),
            Body::Sealed { .. } | Body::Release(_) => None,
        });
        bodies.fold((Ask::default(), 0), |(most, pods), (ask, count)| {
            let count = match count {
                Count::Replicas(n) => u64::from(n),
                Count::EveryNode => 1,
            };
            (most.most(ask.times(count)), pods.max(count))
        })
    });
    each.fold((Ask::default(), 0), |(sum, pods), (ask, count)| (sum.plus(ask), pods + count))
}

/// Node ports of Services that charts bring.
fn chart_node_ports(scene: &Scene<'_>, cluster: &Name) -> u64 {
    let exposing = |body: &&Value| {
        let kind = body.get("kind").and_then(Value::as_str);
        let wide = body.pointer("/spec/type").and_then(Value::as_str);
        kind == Some("Service") && matches!(wide, Some("NodePort" | "LoadBalancer"))
    };
    let ports = |body: &Value| body.pointer("/spec/ports").and_then(Value::as_array).map_or(0, |p| p.len() as u64);
    bodies(scene, cluster).filter(exposing).map(ports).sum()
}

/// Whether a quota's figures only fall.
pub fn lowered(before: Option<&Resource>, after: Option<&Resource>) -> bool {
    let (Some(before), Some(after)) = (hard(before), hard(after)) else { return false };
    before != after && after.iter().all(|(key, value)| figure(Some(value)) <= figure(before.get(key)))
}

/// Where some figures rise and some fall: the quota in which nothing has fallen yet.
pub fn between(before: Option<&Resource>, after: Option<&Resource>) -> Option<Resource> {
    let (old, new) = (hard(before)?, hard(after)?);
    let falls = |(key, value): &(&String, &Value)| figure(Some(value)) < figure(old.get(*key));
    let rises = |(key, value): &(&String, &Value)| figure(Some(value)) > figure(old.get(*key));
    if !new.iter().any(|pair| falls(&pair)) || !new.iter().any(|pair| rises(&pair)) {
        return None;
    }
    let mut raised = after?.clone();
    if let Resource::Object(object) = &mut raised
        && let Body::Plain(body) = &mut object.body
    {
        let largest = new.iter().map(|pair| (pair.0.clone(), if falls(&pair) { &old[pair.0] } else { pair.1 }.clone()));
        body["spec"]["hard"] = Value::Object(largest.collect());
    }
    Some(raised)
}

fn hard(resource: Option<&Resource>) -> Option<&Map<String, Value>> {
    match resource {
        Some(Resource::Object(object)) if object.id.kind == "v1/ResourceQuota" => match &object.body {
            Body::Plain(body) => body.pointer("/spec/hard").and_then(Value::as_object),
            Body::Sealed { .. } | Body::Release(_) => None,
        },
        _ => None,
    }
}

/// A key keeps its unit from plan to plan.
fn figure(value: Option<&Value>) -> u64 {
    let text = value.and_then(Value::as_str).unwrap_or("0");
    text.strip_suffix('m').unwrap_or(text).parse().unwrap_or(0)
}
