//! A VNFD in SOL006's model (`etsi-nfv-vnfd`, 3.6.1).

use super::{identity, pairs, said};
use crate::descriptor::{
    Amount, Aspect, Compute, ExternalCp, FLAVOUR, InternalCp, LEVEL, Level, Link, Mciop, Measure, SecurityRule,
    Storage, Vdu, VirtualCp, Vnfd,
};
use models::quantity::Protocol;
use serde_json::{Value, json};

/// Numbers of instances are 16 bits wide there.
fn narrow(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// The document, with its module's name in front.
pub fn vnfd(of: &Vnfd) -> Value {
    let body = said([
        ("id", json!(of.id)),
        ("provider", json!(of.provider)),
        ("product-name", json!(of.product_name)),
        ("software-version", json!(of.software_version)),
        ("version", json!(of.version)),
        ("product-info-description", json!(of.description)),
        ("vnfm-info", json!(["sliceway"])),
        ("vdu", list(&of.vdus, vdu)),
        ("virtual-compute-desc", list(&of.vdus, compute)),
        ("virtual-storage-desc", list(&of.storages, storage)),
        ("security-group-rule", list(&of.security_rules, security_rule)),
        ("ext-cpd", list(&of.external_cps, external)),
        ("vip-cpd", list(&of.virtual_cps, virtual_cp)),
        ("df", json!([flavour(of)])),
        ("configurable-properties", properties(of)),
        ("modifiable-attributes", metadata(of)),
        ("lifecycle-management-script", scripts(of)),
        ("kdu:k8s-cluster", json!({"nets": [{"id": NET}]})),
        ("kdu:kdu", list(&of.mciops, mciop)),
    ]);
    json!({"etsi-nfv-vnfd:vnfd": body})
}

/// The network of a cluster that every pod is in.
const NET: &str = "pods";

fn list<T>(all: &[T], one: impl Fn(&T) -> Value) -> Value {
    Value::Array(all.iter().map(one).collect())
}

fn vdu(of: &Vdu) -> Value {
    let images = of.images.iter().map(|image| {
        let role = if image.init { "init-image" } else { "image" };
        (format!("{role}/{}", image.container), Some(image.reference.clone()))
    });
    let settings = of.settings.iter().cloned();
    said([
        ("id", json!(of.id)),
        ("name", json!(of.name)),
        ("description", json!(of.kind.name())),
        ("int-cpd", list(&of.cps, internal)),
        // Its virtual-compute-desc has its id and is not referred to: a VDU that does must have an image that says how much
        // memory it wants at least.
        ("virtual-storage-desc", json!(of.storages)),
        ("nfvi-constraint", json!(of.constraints)),
        ("monitoring-parameter", list(&of.measures, measure)),
        ("configurable-properties", pairs(images.chain(settings))),
    ])
}

fn internal(of: &InternalCp) -> Value {
    let told = match of.port {
        Some(port) => format!("{} {port}", of.name),
        None => of.name.clone(),
    };
    json!({"id": of.id, "layer-protocol": [identity("ipv4")], "description": told.trim()})
}

fn measure(of: &Measure) -> Value {
    json!({"id": of.id, "name": of.name, "performance-metric": of.what})
}

/// In Kubernetes' units: the model's own are whole processors and tenths of a gigabyte, which would round.
fn compute(of: &Vdu) -> Value {
    let Compute { cpu_request_milli, cpu_limit_milli, memory_request_bytes, memory_limit_bytes, assumed } = &of.compute;
    let assumed = |what: &'static str| {
        let found = assumed.iter().find(|(name, _)| *name == what);
        found.map(|(name, value)| (format!("{name}.assumed"), Some(value.to_string())))
    };
    let cpu = amount("requests.cpu-milli", cpu_request_milli).chain(amount("limits.cpu-milli", cpu_limit_milli));
    let memory =
        amount("requests.memory-bytes", memory_request_bytes).chain(amount("limits.memory-bytes", memory_limit_bytes));
    json!({
        "id": of.id,
        "virtual-memory": {"vdu-mem-requirements": pairs(memory.chain(assumed("requests.memory-bytes")))},
        "virtual-cpu": {"vdu-cpu-requirements": pairs(cpu.chain(assumed("requests.cpu-milli")))},
    })
}

/// What is said, and who says nothing.
fn amount(name: &'static str, of: &Amount) -> impl Iterator<Item = (String, Option<String>)> {
    let value = of.value.map(|value| (name.to_owned(), Some(value.to_string())));
    let silent = of.unspecified.join(", ");
    let unspecified = (!silent.is_empty()).then(|| (format!("{name}.unspecified"), Some(silent)));
    value.into_iter().chain(unspecified)
}

fn storage(of: &Storage) -> Value {
    let kind = of.kind.name();
    let size = match of.size_bytes {
        Some(bytes) => ("size-bytes", Some(bytes.to_string())),
        None => ("size", Some("unspecified".to_owned())),
    };
    let modes = of.access_modes.iter().map(|mode| (format!("access-mode/{mode}"), Some("true".to_owned())));
    let told = [("kind".to_owned(), Some(kind.to_owned())), (size.0.to_owned(), size.1)].into_iter().chain(modes);
    let class = of.class.clone().map(|class| ("storage-class".to_owned(), Some(class)));
    let place = of.place.clone().map(|place| ("place".to_owned(), Some(place)));
    // Whole gigabytes there; a part of one is a whole one.
    let gigabytes = of.size_bytes.map(|bytes| bytes.div_ceil(1_000_000_000).to_string());
    let data = said([
        ("size-of-storage", json!(gigabytes)),
        ("vdu-storage-requirements", pairs(told.chain(class).chain(place))),
    ]);
    json!({"id": of.id, "type-of-storage": identity("block"), "block-storage-data": data})
}

fn security_rule(of: &SecurityRule) -> Value {
    let protocol = of.protocol.map(|protocol| match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    });
    said([
        ("id", json!(of.id)),
        ("description", json!(of.description)),
        ("direction", json!(if of.ingress { "ingress" } else { "egress" })),
        ("ether-type", json!("ipv4")),
        ("protocol", json!(protocol)),
        ("port-range-min", json!(of.first)),
        ("port-range-max", json!(of.last)),
    ])
}

fn external(of: &ExternalCp) -> Value {
    let (net, virtual_cp, internal) = match &of.link {
        Link::Pods => (json!(NET), Value::Null, Value::Null),
        Link::Virtual(id) => (Value::Null, json!(id), Value::Null),
        Link::Internal(vdu, cpd) => (Value::Null, Value::Null, json!({"vdu-id": vdu, "cpd": cpd})),
    };
    let ports: Vec<String> = of.ports.iter().map(ToString::to_string).collect();
    said([
        ("id", json!(of.id)),
        ("kdu:k8s-cluster-net", net),
        ("vip-cpd", virtual_cp),
        ("int-cpd", internal),
        ("layer-protocol", json!([identity("ipv4")])),
        ("description", json!([of.description.as_str(), &ports.join(" ")].join(" ").trim())),
        ("security-group-rule-id", json!(of.rule)),
    ])
}

fn virtual_cp(of: &VirtualCp) -> Value {
    let ports: Vec<String> = of.ports.iter().map(ToString::to_string).collect();
    said([
        ("id", json!(of.id)),
        ("int-cpd", json!(of.internal)),
        ("dedicated-ip-address", json!(of.has_address)),
        ("vip-function", json!(identity("load-balancing"))),
        ("layer-protocol", json!([identity("ipv4")])),
        ("description", json!(format!("Service {} {}", of.service, ports.join(" ")).trim())),
    ])
}

fn flavour(of: &Vnfd) -> Value {
    let profile = |vdu: &Vdu| {
        let known = of.profiles.get(&vdu.id);
        let rules = vdu.affinities.iter().map(|rule| {
            let kind = if rule.together { "affinity" } else { "anti-affinity" };
            json!({"type": kind, "scope": rule.scope, "nfvi-maintenance-info": unannounced()})
        });
        said([
            ("id", json!(vdu.id)),
            ("min-number-of-instances", json!(known.map(|profile| narrow(profile.min)))),
            ("max-number-of-instances", json!(known.map(|profile| narrow(profile.max)))),
            ("local-affinity-or-anti-affinity-rule", Value::Array(rules.collect())),
            ("nfvi-maintenance-info", unannounced()),
        ])
    };
    let needs = |(at, (first, second)): (usize, &(String, String))| json!({"id": format!("needs-{at}"), "primary-id": second, "secondary-id": first});
    said([
        ("id", json!(FLAVOUR)),
        ("vdu-profile", list(&of.vdus, profile)),
        ("instantiation-level", list(&of.levels, level)),
        ("default-instantiation-level", json!((of.levels.len() > 1).then_some(LEVEL))),
        ("scaling-aspect", list(&of.aspects, aspect)),
        ("dependencies", Value::Array(of.dependencies.iter().enumerate().map(needs).collect())),
    ])
}

/// Mandatory there; nobody asks to be told beforehand.
fn unannounced() -> Value {
    json!({"impact-notification-lead-time": 0})
}

fn level(of: &Level) -> Value {
    let vdus = of.vdus.iter().map(|(vdu, count)| json!({"vdu-id": vdu, "number-of-instances": narrow(*count)}));
    let aspects = of.aspects.iter().map(|(id, level)| json!({"scaling-aspect-id": id, "scale-level": level}));
    said([
        ("id", json!(of.id)),
        ("vdu-level", Value::Array(vdus.collect())),
        ("scaling-info", Value::Array(aspects.collect())),
    ])
}

fn aspect(of: &Aspect) -> Value {
    let deltas = of.vdus.iter().map(|vdu| json!({"id": vdu, "number-of-instances": 1}));
    said([
        ("id", json!(of.id)),
        ("name", json!(of.id)),
        ("description", json!(of.description)),
        ("max-scale-level", json!(of.max_level)),
        (
            "aspect-delta-details",
            json!({"deltas": [{"id": "one", "vdu-delta": Value::Array(deltas.collect())}], "step-deltas": "one"}),
        ),
    ])
}

fn properties(of: &Vnfd) -> Value {
    let all = of.properties.iter().map(|property| (property.path.clone(), property.written()));
    said([("additional-configurable-property", pairs(all))])
}

fn metadata(of: &Vnfd) -> Value {
    let told = |(name, value): &(String, String)| format!("{name}={value}");
    said([("metadata", json!(of.metadata.iter().map(told).collect::<Vec<_>>()))])
}

fn scripts(of: &Vnfd) -> Value {
    list(&of.scripts, |script| json!({"id": script.id, "event": script.events, "script": script.source}))
}

fn mciop(of: &Mciop) -> Value {
    let told = format!("chart version {}, sha256:{}; makes {}", of.version, of.digest, of.vdus.join(", "));
    json!({"name": of.id, "description": told, "helm-chart": of.chart, "helm-version": "v3"})
}
