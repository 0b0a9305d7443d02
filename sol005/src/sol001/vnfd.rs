//! A VNFD as a TOSCA service template.

use super::{VERSION, function_properties, type_name};
use crate::descriptor::{Amount, Compute, ExternalCp, InternalCp, LEVEL, Link, Mciop, Storage, Vdu, VirtualCp, Vnfd};
use models::quantity::Protocol;
use serde_json::{Map, Value, json};

type Nodes = Map<String, Value>;

/// `chart` says where in its archive a chart lies; `None`: it is fetched by its reference.
pub fn vnfd(of: &Vnfd, chart: impl Fn(&Mciop) -> Option<String>) -> Value {
    let name = type_name(&of.provider, &of.product_name);
    let properties = function_properties(of);
    json!({
        "tosca_definitions_version": VERSION,
        "description": told(&of.description, &of.product_name),
        "imports": ["etsi_nfv_sol001_vnfd_types.yaml"],
        "node_types": {name.clone(): {"derived_from": "tosca.nodes.nfv.VNF", "properties": properties}},
        "topology_template": {
            "substitution_mappings": {"node_type": name},
            "node_templates": nodes(of, &name, chart),
            "policies": policies(of),
        },
    })
}

fn told(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

fn nodes(of: &Vnfd, name: &str, chart: impl Fn(&Mciop) -> Option<String>) -> Value {
    let mut nodes = Nodes::new();
    nodes.insert("VNF".into(), json!({"type": name, "properties": own(of)}));
    for one in &of.vdus {
        nodes.insert(one.id.clone(), vdu(one, of));
        for cp in &one.cps {
            nodes.insert(cp.id.clone(), internal(cp, &one.id));
        }
    }
    for one in &of.storages {
        nodes.insert(volume(&one.id), storage(one));
    }
    for one in &of.virtual_cps {
        nodes.insert(service(&one.id), virtual_cp(one, of));
    }
    for one in &of.external_cps {
        nodes.insert(one.id.clone(), external(one));
    }
    for one in &of.mciops {
        nodes.insert(package(&one.id), mciop(one, chart(one)));
    }
    Value::Object(nodes)
}

/// Names of nodes are of one space: those that a chart gives twice are told apart by what they are.
fn volume(id: &str) -> String {
    format!("{id}-volume")
}

fn service(id: &str) -> String {
    format!("{id}-service")
}

fn package(id: &str) -> String {
    format!("{id}-chart")
}

fn own(of: &Vnfd) -> Value {
    let written = |property: &crate::descriptor::Property| Some((property.path.clone(), json!(property.written()?)));
    let said: Nodes = of.properties.iter().filter_map(written).collect();
    let mut noted = Nodes::new();
    for (key, value) in &of.metadata {
        // Several of one sort are numbered.
        let mut name = key.clone();
        let mut next = 2;
        while noted.contains_key(&name) {
            name = format!("{key}.{next}");
            next += 1;
        }
        noted.insert(name, json!(value));
    }
    let secrets: Vec<&str> = of.properties.iter().filter(|p| p.default.is_none()).map(|p| p.path.as_str()).collect();
    if !secrets.is_empty() {
        noted.insert("secret-properties".into(), json!(secrets.join(" ")));
    }
    let mut own = Nodes::new();
    own.insert("configurable_properties".into(), json!({"additional_configurable_properties": said}));
    own.insert("modifiable_attributes".into(), json!({"metadata": noted}));
    Value::Object(own)
}

fn vdu(of: &Vdu, vnfd: &Vnfd) -> Value {
    let profile = vnfd.profiles.get(&of.id);
    let (min, max) = profile.map_or((1, 1), |profile| (profile.min, profile.max));
    let constraints: Nodes =
        of.constraints.iter().enumerate().map(|(at, text)| (format!("{at:02}"), json!(text))).collect();
    let mut node = json!({
        "type": "tosca.nodes.nfv.Vdu.OsContainerDeployableUnit",
        "properties": {
            "name": of.name,
            "description": of.kind.name(),
            "vdu_profile": {"min_number_of_instances": min, "max_number_of_instances": max},
            "mcio_identification_data": {"name": of.name, "type": of.kind.name()},
            "is_num_of_instances_cluster_based": profile.is_none(),
        },
    });
    let asked = asked(&of.compute);
    if !asked.is_empty() {
        node["properties"]["requested_additional_capabilities"] = Value::Object(asked);
    }
    if !constraints.is_empty() {
        node["properties"]["nfvi_constraints"] = Value::Object(constraints);
    }
    if !of.storages.is_empty() {
        node["requirements"] = of.storages.iter().map(|id| json!({"virtual_storage": volume(id)})).collect();
    }
    node
}

/// In Kubernetes' units, with who says nothing.
fn asked(of: &Compute) -> Nodes {
    let mut found = Nodes::new();
    let mut tell = |name: &str, amount: &Amount| {
        found.extend(amount.value.map(|value| (name.to_owned(), json!(value.to_string()))));
        if !amount.unspecified.is_empty() {
            found.insert(format!("{name}.unspecified"), json!(amount.unspecified.join(", ")));
        }
    };
    tell("requests.cpu-milli", &of.cpu_request_milli);
    tell("limits.cpu-milli", &of.cpu_limit_milli);
    tell("requests.memory-bytes", &of.memory_request_bytes);
    tell("limits.memory-bytes", &of.memory_limit_bytes);
    found.extend(of.assumed.iter().map(|(name, value)| (format!("{name}.assumed"), json!(value.to_string()))));
    found
}

fn internal(of: &InternalCp, vdu: &str) -> Value {
    let port = of.port.map(|port| port.to_string()).unwrap_or_default();
    json!({
        "type": "tosca.nodes.nfv.VduCp",
        "properties": {"layer_protocols": ["ipv4"], "description": format!("{} {port}", of.name).trim()},
        "requirements": [{"virtual_binding": vdu}],
    })
}

fn storage(of: &Storage) -> Value {
    let mut wants = Nodes::new();
    wants.insert("kind".into(), json!(of.kind.name()));
    wants.extend(of.access_modes.iter().map(|mode| (format!("access-mode/{mode}"), json!("true"))));
    wants.extend(of.class.iter().map(|class| ("storage-class".to_owned(), json!(class))));
    wants.extend(of.place.iter().map(|place| ("place".to_owned(), json!(place))));
    // The type wants a size: none is what nobody said.
    if of.size_bytes.is_none() {
        wants.insert("size".into(), json!("unspecified"));
    }
    json!({
        "type": "tosca.nodes.nfv.Vdu.VirtualBlockStorage",
        "properties": {"virtual_block_storage_data": {
            "size_of_storage": format!("{} B", of.size_bytes.unwrap_or(0)),
            "vdu_storage_requirements": wants,
        }},
    })
}

fn virtual_cp(of: &VirtualCp, vnfd: &Vnfd) -> Value {
    let ports: Vec<String> = of.ports.iter().map(ToString::to_string).collect();
    let behind = vnfd.vdus.iter().filter(|vdu| vdu.cps.iter().any(|cp| of.internal.contains(&cp.id)));
    json!({
        "type": "tosca.nodes.nfv.VirtualCp",
        "properties": {
            "layer_protocols": ["ipv4"],
            "description": format!("Service {} {}", of.service, ports.join(" ")).trim(),
        },
        "requirements": behind.map(|vdu| json!({"target": vdu.id})).collect::<Vec<_>>(),
    })
}

fn external(of: &ExternalCp) -> Value {
    let ports: Vec<String> = of.ports.iter().map(ToString::to_string).collect();
    let to = match &of.link {
        Link::Pods => String::new(),
        Link::Virtual(id) => format!(" of {}", service(id)),
        Link::Internal(_, cp) => format!(" of {cp}"),
    };
    let words = format!("{} {}{to}", of.description, ports.join(" "));
    let mut node = json!({
        "type": "tosca.nodes.nfv.VnfExtCp",
        "properties": {"layer_protocols": ["ipv4"], "description": words.trim()},
    });
    // The standard's requirements lead to links alone; who reads this back knows what is behind.
    match &of.link {
        Link::Pods => {}
        Link::Virtual(id) => node["metadata"] = json!({"virtual-cp": service(id)}),
        Link::Internal(vdu, cp) => node["metadata"] = json!({"vdu": vdu, "vdu-cp": cp}),
    }
    node
}

fn mciop(of: &Mciop, file: Option<String>) -> Value {
    let mut node = json!({
        "type": "tosca.nodes.nfv.Mciop",
        "metadata": {"chart": of.chart, "version": of.version, "digest": format!("sha256:{}", of.digest)},
    });
    if let Some(file) = file {
        node["artifacts"] = json!({"chart": {"type": "tosca.artifacts.nfv.HelmChart", "file": file}});
    }
    if !of.vdus.is_empty() {
        node["requirements"] = of.vdus.iter().map(|vdu| json!({"associatedVdu": vdu})).collect();
    }
    node
}

fn policy(name: &str, kind: &str, (properties, targets): (Value, &[&str])) -> Value {
    let mut body = json!({"type": format!("tosca.policies.nfv.{kind}"), "properties": properties});
    if !targets.is_empty() {
        body["targets"] = json!(targets);
    }
    json!({name: body})
}

fn policies(of: &Vnfd) -> Value {
    let mut all = Vec::new();
    if !of.vdus.is_empty() {
        levels(of, &mut all);
    }
    if !of.aspects.is_empty() {
        aspects(of, &mut all);
    }
    for vdu in &of.vdus {
        for (at, rule) in vdu.affinities.iter().enumerate() {
            let kind = if rule.together { "AffinityRule" } else { "AntiAffinityRule" };
            let scope = rule.scope.replace('-', "_");
            all.push(policy(&format!("{}-placement-{at}", vdu.id), kind, (json!({"scope": scope}), &[&vdu.id])));
        }
    }
    for rule in &of.security_rules {
        let mut properties = json!({
            "description": rule.description,
            "direction": if rule.ingress { "ingress" } else { "egress" },
        });
        if let Some(protocol) = rule.protocol {
            properties["protocol"] = match protocol {
                Protocol::Tcp => "tcp".into(),
                Protocol::Udp => "udp".into(),
            };
        }
        if let (Some(first), Some(last)) = (rule.first, rule.last) {
            properties["port_range_min"] = first.into();
            properties["port_range_max"] = last.into();
        }
        let points: Vec<&str> = of.external_cps.iter().map(|cp| cp.id.as_str()).collect();
        all.push(policy(&rule.id, "SecurityGroupRule", (properties, &points)));
    }
    Value::Array(all)
}

fn levels(of: &Vnfd, all: &mut Vec<Value>) {
    let info = |aspects: &[(String, u32)]| -> Nodes {
        aspects.iter().map(|(id, level)| (id.clone(), json!({"scale_level": level}))).collect()
    };
    let levels: Nodes = of
        .levels
        .iter()
        .map(|level| (level.id.clone(), json!({"description": level.id, "scale_info": info(&level.aspects)})))
        .collect();
    all.push(policy("levels", "InstantiationLevels", (json!({"levels": levels, "default_level": LEVEL}), &[])));
    for vdu in &of.vdus {
        let count = |level: &crate::descriptor::Level| {
            let count = level.vdus.iter().find(|(id, _)| *id == vdu.id).map_or(1, |(_, count)| *count);
            (level.id.clone(), json!({"number_of_instances": count}))
        };
        let levels: Nodes = of.levels.iter().map(count).collect();
        let name = format!("{}-levels", vdu.id);
        all.push(policy(&name, "VduInstantiationLevels", (json!({"levels": levels}), &[&vdu.id])));
    }
}

fn aspects(of: &Vnfd, all: &mut Vec<Value>) {
    let one = |aspect: &crate::descriptor::Aspect| {
        let body = json!({
            "name": aspect.id,
            "description": aspect.description,
            "max_scale_level": aspect.max_level,
            "step_deltas": ["one"],
        });
        (aspect.id.clone(), body)
    };
    let aspects: Nodes = of.aspects.iter().map(one).collect();
    all.push(policy("scaling", "ScalingAspects", (json!({"aspects": aspects}), &[])));
    for aspect in &of.aspects {
        let targets: Vec<&str> = aspect.vdus.iter().map(String::as_str).collect();
        let deltas = json!({"aspect": aspect.id, "deltas": {"one": {"number_of_instances": 1}}});
        all.push(policy(&format!("{}-steps", aspect.id), "VduScalingAspectDeltas", (deltas, &targets)));
        let initial = json!({"initial_delta": {"number_of_instances": aspect.base}});
        all.push(policy(&format!("{}-initial", aspect.id), "VduInitialDelta", (initial, &targets)));
    }
}
