//! TOSCA service templates of SOL001: functions that a package of containers' objects makes, and services of functions.
//!
//! Types that a document imports are not followed: nodes are known by the standard's names of types, and by what a document's
//! own types derive from.

use super::checked;
use super::contents::{Descriptor, Form};
use super::reader::{Notes, Part};
use crate::descriptor::{
    Aspect, Compute, ExternalCp, FLAVOUR, InternalCp, LEVEL, Level, Link, Mciop, Member, Nsd, PlacementGroup, Property,
    Storage, StorageKind, Vdu, VduProfile, VirtualCp, VirtualLink, Vnfd, WorkloadKind,
};
use models::Problem;
use serde_json::Value;

const VNF: &str = "tosca.nodes.nfv.VNF";
const NS: &str = "tosca.nodes.nfv.NS";

pub(super) fn read(value: &Value) -> Result<(Form, Descriptor, Vec<String>), Vec<Problem>> {
    let mut notes = Notes::default();
    let top = Part::top(value);
    let Some(topology) = top.get("topology_template") else {
        notes.wrong("", "topology_template is missing", "write the function or service as a topology_template");
        return Err(notes.problems);
    };
    let nodes: Vec<Node<'_>> = topology
        .get("node_templates")
        .map(|all| all.entries().map(|(name, part)| Node::of(name, part, (value, &mut notes))).collect())
        .unwrap_or_default();
    let is = |kind: &str| nodes.iter().any(|node| node.base == kind);
    let descriptor = if is(NS) {
        Descriptor::Service(Box::new(nsd(&nodes, (&topology, value), &mut notes)))
    } else if is(VNF) {
        Descriptor::Function(Box::new(vnfd(&nodes, (&topology, value), &mut notes)))
    } else {
        notes.wrong(
            "topology_template",
            "there is neither a function nor a service in it",
            format!("a node of a type that derives from {VNF} or {NS}"),
        );
        return Err(notes.problems);
    };
    if notes.problems.is_empty() { Ok((Form::Sol001, descriptor, notes.warnings)) } else { Err(notes.problems) }
}

struct Node<'v> {
    name: String,
    /// As it is written.
    kind: String,
    /// The standard's type that it is, or derives from.
    base: String,
    part: Part<'v>,
}

impl<'v> Node<'v> {
    fn of(name: &str, part: Part<'v>, (document, notes): (&Value, &mut Notes)) -> Self {
        let kind = part.must("type", notes);
        Self { name: name.to_owned(), base: base(document, &kind), kind, part }
    }

    fn property(&self, name: &str) -> Option<Part<'v>> {
        self.part.get("properties")?.get(name)
    }

    fn text(&self, name: &str, notes: &mut Notes) -> Option<String> {
        self.part.get("properties")?.text(name, notes)
    }

    /// Names of nodes that a requirement of that name leads to.
    fn required(&self, name: &str, notes: &mut Notes) -> Vec<String> {
        let mut found = Vec::new();
        for item in self.part.list("requirements", notes) {
            for (key, part) in item.entries().filter(|(key, _)| *key == name) {
                let node = part.value.as_str().or_else(|| part.value.get("node").and_then(Value::as_str));
                match node {
                    Some(node) => found.push(node.to_owned()),
                    None => notes.wrong(&part.path, format!("{key} leads nowhere"), "name a node"),
                }
            }
        }
        found
    }
}

/// Over at most so many types of the document's own.
const MOST: usize = 16;

fn base(document: &Value, kind: &str) -> String {
    let mut kind = kind.to_owned();
    for _ in 0..MOST {
        if kind.starts_with("tosca.") {
            break;
        }
        match document.pointer("/node_types").and_then(|types| types.get(&kind)?.get("derived_from")?.as_str()) {
            Some(parent) => kind = parent.to_owned(),
            None => break,
        }
    }
    kind
}

/// A property's value at its node, or the default or the only value that its type says.
fn said(node: &Node<'_>, name: &str, (document, notes): (&Value, &mut Notes)) -> String {
    if let Some(text) = node.text(name, notes) {
        return text;
    }
    let own = document.pointer("/node_types").and_then(|types| types.get(&node.kind)?.get("properties")?.get(name));
    let default = own.and_then(|own| own.get("default").or_else(|| own.pointer("/constraints/0/valid_values/0")));
    default.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
}

fn vnfd(nodes: &[Node<'_>], (topology, document): (&Part<'_>, &Value), notes: &mut Notes) -> Vnfd {
    let of_kind = |kind: &str| of_kind(nodes, kind);
    let mut of = Vnfd::default();
    if let Some(vnf) = of_kind("VNF").next() {
        let mut must = |name: &str| {
            let text = said(vnf, name, (document, notes));
            if text.is_empty() {
                let mend = format!("say {name}, at the node or as the only value of its type");
                notes.wrong(&vnf.part.path, format!("{name} is missing"), mend);
            }
            text
        };
        of.id = must("descriptor_id");
        of.version = must("descriptor_version");
        of.provider = must("provider");
        of.product_name = must("product_name");
        of.software_version = must("software_version");
        own(vnf, &mut of);
    }
    of.description = Part::top(document).text("description", notes).unwrap_or_default();
    for node in of_kind("Vdu.OsContainerDeployableUnit") {
        let vdu = vdu(node, &mut of, notes);
        of.vdus.push(vdu);
    }
    for node in of_kind("VduCp") {
        let vdu = node.required("virtual_binding", notes).into_iter().next().unwrap_or_default();
        let told = node.text("description", notes).unwrap_or_default();
        let port = told.split_whitespace().find_map(|word| word.parse().ok());
        match of.vdus.iter_mut().find(|known| known.id == vdu) {
            Some(known) => known.cps.push(InternalCp { id: node.name.clone(), port, name: told }),
            None => notes.wrong(
                &node.part.path,
                format!("it is bound to {vdu:?}, which is no VDU of containers"),
                "virtual_binding: NODE",
            ),
        }
    }
    of.storages = of_kind("Vdu.VirtualBlockStorage").map(|node| storage(node, notes)).collect();
    of.virtual_cps = of_kind("VirtualCp").map(|node| virtual_cp(node, &of, notes)).collect();
    of.external_cps = of_kind("VnfExtCp").map(|node| external(node, notes)).collect();
    of.mciops = of_kind("Mciop").filter_map(|node| mciop(node, notes)).collect();
    for kind in ["Vdu.Compute", "Vdu.VirtualObjectStorage", "Vdu.VirtualFileStorage"] {
        let names: Vec<&str> = of_kind(kind).map(|node| node.name.as_str()).collect();
        if !names.is_empty() {
            notes.warnings.push(format!("{kind} {} cannot be made here", names.join(", ")));
        }
    }
    policies(topology, &mut of, notes);
    checked::vnfd(&of, &topology.path, notes);
    of
}

fn of_kind<'n, 'v>(nodes: &'n [Node<'v>], kind: &str) -> impl Iterator<Item = &'n Node<'v>> + use<'n, 'v> {
    let base = format!("tosca.nodes.nfv.{kind}");
    nodes.iter().filter(move |node| node.base == base)
}

/// Properties and notes of the function.
fn own(vnf: &Node<'_>, of: &mut Vnfd) {
    let map = |part: Option<Part<'_>>, name: &str| -> Vec<(String, Value)> {
        let found = part.and_then(|part| part.value.get(name).cloned());
        found.and_then(|value| value.as_object().cloned()).into_iter().flatten().collect()
    };
    let configurable = map(vnf.property("configurable_properties"), "additional_configurable_properties");
    let read = |value: &Value| value.as_str().map_or_else(|| value.clone(), Property::read);
    of.properties =
        configurable.iter().map(|(path, value)| Property { path: path.clone(), default: Some(read(value)) }).collect();
    for (key, value) in map(vnf.property("modifiable_attributes"), "metadata") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if key == "secret-properties" {
            let secret = |path: &str| Property { path: path.to_owned(), default: None };
            of.properties.extend(value.split_whitespace().map(secret));
        } else {
            of.metadata.push((key, value));
        }
    }
}

fn vdu(node: &Node<'_>, of: &mut Vnfd, notes: &mut Notes) -> Vdu {
    let identified = node.property("mcio_identification_data");
    let kind = identified.as_ref().and_then(|part| part.text("type", notes)).and_then(|text| WorkloadKind::of(&text));
    let name = identified.as_ref().and_then(|part| part.text("name", notes)).or(node.text("name", notes));
    if let Some(profile) = node.property("vdu_profile") {
        let (min, max) =
            (profile.number("min_number_of_instances", notes), profile.number("max_number_of_instances", notes));
        let (min, max) = (min.unwrap_or(1), max.unwrap_or(1));
        if min > max {
            notes.wrong(&profile.path, format!("at least {min} are more than at most {max}"), "exchange the two");
        }
        of.profiles.insert(node.name.clone(), VduProfile { min, max, now: min });
    }
    let constraints = node.property("nfvi_constraints");
    let constraints =
        constraints.iter().flat_map(|part| part.entries().map(|(_, value)| value.value.clone()).collect::<Vec<_>>());
    let constraints = constraints.filter_map(|value| value.as_str().map(str::to_owned)).collect();
    Vdu {
        id: node.name.clone(),
        kind: kind.unwrap_or(WorkloadKind::Deployment),
        name: name.unwrap_or_else(|| node.name.clone()),
        images: vec![],
        compute: Compute::default(),
        storages: node.required("virtual_storage", notes),
        cps: vec![],
        constraints,
        measures: vec![],
        settings: vec![],
        affinities: vec![],
    }
}

fn storage(node: &Node<'_>, notes: &mut Notes) -> Storage {
    let data = node.property("virtual_block_storage_data");
    let size = data.as_ref().and_then(|data| data.text("size_of_storage", notes));
    let wants = data.as_ref().and_then(|data| data.get("vdu_storage_requirements"));
    let of = |key: &str| wants.as_ref().and_then(|part| part.value.get(key)?.as_str().map(str::to_owned));
    let kinds = [StorageKind::Claim, StorageKind::Ephemeral, StorageKind::Host, StorageKind::Nfs];
    let mode = |(key, _): (&str, Part<'_>)| key.strip_prefix("access-mode/").map(str::to_owned);
    Storage {
        id: node.name.clone(),
        kind: of("kind")
            .and_then(|name| kinds.into_iter().find(|kind| kind.name() == name))
            .unwrap_or(StorageKind::Claim),
        size_bytes: size.filter(|_| of("size").is_none()).and_then(|text| bytes(&text)),
        access_modes: wants.iter().flat_map(|part| part.entries().filter_map(mode).collect::<Vec<_>>()).collect(),
        class: of("storage-class"),
        place: of("place"),
    }
}

/// A scalar-unit.size of TOSCA 1.3 (3.3.6.4).
fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..split].trim().parse().ok()?;
    let times: f64 = match text[split..].trim().to_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "kib" => 1024.0,
        "mb" => 1e6,
        "mib" => 1_048_576.0,
        "gb" => 1e9,
        "gib" => 1_073_741_824.0,
        "tb" => 1e12,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let product = number * times;
    // Far below where a whole number of bytes could not be held exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 2^53")]
    (0.0..9e15).contains(&product).then_some(product as u64)
}

fn virtual_cp(node: &Node<'_>, of: &Vnfd, notes: &mut Notes) -> VirtualCp {
    let told = node.text("description", notes).unwrap_or_default();
    let behind = node.required("target", notes);
    let service = told.strip_prefix("Service ").and_then(|rest| rest.split_whitespace().next());
    let cps =
        of.vdus.iter().filter(|vdu| behind.contains(&vdu.id)).flat_map(|vdu| vdu.cps.iter().map(|cp| cp.id.clone()));
    VirtualCp {
        id: node.name.clone(),
        service: service.unwrap_or(&node.name).to_owned(),
        internal: cps.collect(),
        ports: told.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        has_address: true,
    }
}

fn external(node: &Node<'_>, notes: &mut Notes) -> ExternalCp {
    let told = node.text("description", notes).unwrap_or_default();
    let beside = node.part.get("metadata");
    let mut of = |key: &str| beside.as_ref().and_then(|part| part.text(key, notes));
    let link = match (of("virtual-cp"), of("vdu"), of("vdu-cp")) {
        (Some(id), ..) => Link::Virtual(id),
        (None, Some(vdu), Some(cp)) => Link::Internal(vdu, cp),
        (None, ..) => Link::Pods,
    };
    ExternalCp {
        id: node.name.clone(),
        link,
        ports: told.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        description: told,
        rule: None,
    }
}

/// A chart in the package, or what stands beside it as its place.
fn mciop(node: &Node<'_>, notes: &mut Notes) -> Option<Mciop> {
    let mut file = None;
    let artifacts: Vec<_> = node.part.get("artifacts").map(|part| part.entries().collect()).unwrap_or_default();
    for (_, artifact) in artifacts {
        let kind = artifact.text("type", notes).unwrap_or_default();
        let path = artifact.value.as_str().map(str::to_owned).or(artifact.text("file", notes));
        if kind.ends_with("HelmChart") || (kind.is_empty() && path.as_ref().is_some_and(|path| path.ends_with(".tgz")))
        {
            file = path;
        }
    }
    let beside = node.part.get("metadata");
    let of = |key: &str, notes: &mut Notes| beside.as_ref().and_then(|part| part.text(key, notes));
    let Some(chart) = file.or(of("chart", notes)) else {
        let mend = "artifacts: {chart: {type: tosca.artifacts.nfv.HelmChart, file: ../Artifacts/NAME.tgz}}";
        notes.wrong(&node.part.path, "it has no chart", mend);
        return None;
    };
    let digest = of("digest", notes).map(|text| text.trim_start_matches("sha256:").to_owned()).unwrap_or_default();
    Some(Mciop {
        id: node.name.trim_end_matches("-chart").to_owned(),
        chart,
        version: of("version", notes).unwrap_or_default(),
        digest,
        vdus: node.required("associatedVdu", notes),
    })
}

fn policies(topology: &Part<'_>, of: &mut Vnfd, notes: &mut Notes) {
    let all = topology.list("policies", notes);
    let each: Vec<(String, Part<'_>)> = all
        .iter()
        .flat_map(|item| item.entries().map(|(name, part)| (name.to_owned(), part)).collect::<Vec<_>>())
        .collect();
    let kind = |part: &Part<'_>| {
        part.value.get("type").and_then(Value::as_str).unwrap_or("").rsplit('.').next().unwrap_or("").to_owned()
    };
    let mut default = String::new();
    for (_, part) in each.iter().filter(|(_, part)| kind(part) == "InstantiationLevels") {
        let Some(properties) = part.get("properties") else { continue };
        default = properties.text("default_level", notes).unwrap_or_default();
        for (id, level) in properties.get("levels").iter().flat_map(|levels| levels.entries().collect::<Vec<_>>()) {
            let info = level.get("scale_info");
            let steps = info.iter().flat_map(|info| info.entries().collect::<Vec<_>>());
            let aspects =
                steps.map(|(aspect, step)| (aspect.to_owned(), step.number("scale_level", notes).unwrap_or(0)));
            of.levels.push(Level { id: id.to_owned(), aspects: aspects.collect(), vdus: vec![] });
        }
    }
    for (_, part) in each.iter().filter(|(_, part)| kind(part) == "VduInstantiationLevels") {
        let targets = targets(part);
        let Some(levels) = part.get("properties").and_then(|properties| properties.get("levels")) else { continue };
        for (id, level) in levels.entries() {
            let count = level.number("number_of_instances", notes).unwrap_or(1);
            let known = of.levels.iter_mut().find(|known| known.id == id);
            known.into_iter().for_each(|known| known.vdus.extend(targets.iter().map(|vdu| (vdu.clone(), count))));
            for vdu in targets.iter().filter(|_| id == default || default.is_empty()) {
                of.profiles.entry(vdu.clone()).and_modify(|profile| profile.now = count);
            }
        }
    }
    for (_, part) in each.iter().filter(|(_, part)| kind(part) == "ScalingAspects") {
        let Some(aspects) = part.get("properties").and_then(|properties| properties.get("aspects")) else { continue };
        for (id, aspect) in aspects.entries() {
            let said = |(key, _): &&(String, String)| *key == format!("scaling.{id}");
            of.aspects.push(Aspect {
                id: id.to_owned(),
                description: aspect.text("description", notes).unwrap_or_default(),
                max_level: aspect.number("max_scale_level", notes).unwrap_or(0),
                base: 0,
                vdus: vec![],
                property: of.metadata.iter().find(said).map(|(_, path)| path.clone()),
            });
        }
    }
    for (_, part) in each.iter().filter(|(_, part)| kind(part) == "VduScalingAspectDeltas") {
        let Some(properties) = part.get("properties") else { continue };
        let aspect = properties.text("aspect", notes).unwrap_or_default();
        for known in of.aspects.iter_mut().filter(|known| known.id == aspect) {
            known.vdus = targets(part);
            known.base = known.vdus.first().and_then(|vdu| of.profiles.get(vdu)).map_or(0, |profile| profile.min);
        }
    }
}

fn targets(part: &Part<'_>) -> Vec<String> {
    let all = part.value.get("targets").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|target| target.as_str().map(str::to_owned)).collect()
}

fn nsd(nodes: &[Node<'_>], (topology, document): (&Part<'_>, &Value), notes: &mut Notes) -> Nsd {
    let of_kind = |kind: &str| of_kind(nodes, kind);
    let mut of = Nsd::default();
    if let Some(ns) = of_kind("NS").next() {
        let mut must = |name: &str| {
            let text = said(ns, name, (document, notes));
            if text.is_empty() {
                notes.wrong(
                    &ns.part.path,
                    format!("{name} is missing"),
                    format!("say {name}, at the node or as the only value of its type"),
                );
            }
            text
        };
        of.id = must("descriptor_id");
        of.designer = must("designer");
        of.version = must("version");
        of.name = must("name");
        of.invariant_id = must("invariant_id");
    }
    for node in of_kind("NsVirtualLink") {
        let description = node.text("description", notes).unwrap_or_default();
        of.links.push(VirtualLink {
            id: node.name.clone(),
            description,
            management: node.name == "mgmt",
            quality: None,
        });
    }
    for node in of_kind("Sap") {
        let link = node.required("internal_virtual_link", notes).into_iter().next();
        of.saps.extend(link.map(|link| (node.name.clone(), link)));
    }
    for node in of_kind("VNF") {
        let mut connections = Vec::new();
        for item in node.part.list("requirements", notes) {
            for (key, part) in item.entries() {
                let link = part.value.as_str().or_else(|| part.value.get("node").and_then(Value::as_str));
                if key == "dependency" {
                    of.dependencies.extend(link.map(|needed| (member_id(&node.name), member_id(needed))));
                    continue;
                }
                let cp = key.split_once("_on_").map_or(key, |(cp, _)| cp);
                connections.extend(link.map(|link| (link.to_owned(), cp.to_owned())));
            }
        }
        of.members.push(Member {
            id: member_id(&node.name),
            vnfd: said(node, "descriptor_id", (document, notes)),
            flavour: FLAVOUR.into(),
            level: LEVEL.into(),
            groups: vec![],
            connections,
        });
    }
    // A node may depend on what is no function.
    let known: Vec<String> = of.members.iter().map(|member| member.id.clone()).collect();
    of.dependencies.retain(|(_, needed)| known.contains(needed));
    groups(topology, &mut of, notes);
    checked::nsd(&of, &topology.path, notes);
    of
}

/// As our own nodes are called where a link may have the same name.
fn member_id(node: &str) -> String {
    node.strip_suffix("-function").unwrap_or(node).to_owned()
}

fn groups(topology: &Part<'_>, of: &mut Nsd, notes: &mut Notes) {
    for item in topology.list("policies", notes) {
        for (name, part) in item.entries() {
            let kind = part.text("type", notes).unwrap_or_default();
            let together = match kind.rsplit('.').next() {
                Some("NsAffinityRule" | "AffinityRule") => true,
                Some("NsAntiAffinityRule" | "AntiAffinityRule") => false,
                _ => continue,
            };
            let scope =
                part.get("properties").and_then(|properties| properties.text("scope", notes)).unwrap_or_default();
            let scopes = ["nfvi-node", "zone", "zone-group", "nfvi-pop"];
            let Some(scope) = scopes.into_iter().find(|known| *known == scope.replace('_', "-")) else {
                notes.wrong(&part.path, "its scope is not known here", "nfvi_node, zone, zone_group or nfvi_pop");
                continue;
            };
            let targets = targets(&part);
            let members =
                of.members.iter_mut().filter(|member| targets.iter().any(|target| member_id(target) == member.id));
            members.for_each(|member| member.groups.push(name.to_owned()));
            of.groups.push(PlacementGroup { id: name.to_owned(), together, scope });
        }
    }
}
