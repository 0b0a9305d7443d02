//! SOL006, with or without names of modules, and OSM's augments of it.

use super::checked;
use super::contents::{Descriptor, Form};
use super::reader::{Notes, Part, bare};
use crate::descriptor::{
    Aspect, ExternalCp, InternalCp, Level, Link, Mciop, Member, Nsd, PlacementGroup, Property, Storage, StorageKind,
    Vdu, VduProfile, VirtualCp, VirtualLink, Vnfd, WorkloadKind,
};
use models::Problem;
use serde_json::Value;

const VNFD: &[&str] = &[
    "id",
    "provider",
    "product-name",
    "software-version",
    "version",
    "product-info-name",
    "product-info-description",
    "vnfm-info",
    "localization-language",
    "default-localization-language",
    "vdu",
    "virtual-compute-desc",
    "virtual-storage-desc",
    "sw-image-desc",
    "int-virtual-link-desc",
    "security-group-rule",
    "ext-cpd",
    "vip-cpd",
    "df",
    "configurable-properties",
    "modifiable-attributes",
    "lifecycle-management-script",
    "element-group",
    "indicator",
    "auto-scale",
    "vnf-package-change-info",
    "lcm-operations-coordination",
    "kdu",
    "k8s-cluster",
    "mgmt-cp",
    "description",
];
const NSD: &[&str] = &[
    "id",
    "designer",
    "version",
    "name",
    "invariant-id",
    "nested-nsd-id",
    "vnfd-id",
    "pnfd-id",
    "sapd",
    "security-group-rule",
    "virtual-link-desc",
    "vnffgd",
    "autoscale-rule",
    "lifecycle-management-script",
    "df",
    "signature",
    "algorithm",
    "certificate",
    "description",
    "ns-configuration",
];
const KDU: &[&str] = &["name", "description", "helm-chart", "helm-version", "juju-bundle", "service"];

/// Problems have the paths of their fields.
pub(super) fn read(value: &Value) -> Result<(Form, Descriptor, Vec<String>), Vec<Problem>> {
    let mut notes = Notes::default();
    let top = Part::top(value);
    let form = if top.entries().any(|(key, _)| key.contains(':')) { Form::Sol006 } else { Form::Osm };
    let descriptor = match (top.get("vnfd"), top.get("nsd")) {
        (Some(part), _) => Descriptor::Function(Box::new(vnfd(&part, &mut notes))),
        (None, Some(part)) => Descriptor::Service(Box::new(service(&part, &mut notes))),
        (None, None) => Descriptor::Service(Box::default()),
    };
    if notes.problems.is_empty() { Ok((form, descriptor, notes.warnings)) } else { Err(notes.problems) }
}

fn vnfd(part: &Part<'_>, notes: &mut Notes) -> Vnfd {
    if !part.is_map(notes) {
        return Vnfd::default();
    }
    part.only(VNFD, notes);
    let mut of = Vnfd {
        id: part.must("id", notes),
        provider: part.text("provider", notes).unwrap_or_default(),
        product_name: part.text("product-name", notes).unwrap_or_default(),
        software_version: part.text("software-version", notes).unwrap_or_default(),
        version: part.text("version", notes).unwrap_or_default(),
        description: part
            .text("product-info-description", notes)
            .or(part.text("description", notes))
            .unwrap_or_default(),
        ..Vnfd::default()
    };
    // OSM lets them out: then it is known by its id.
    if of.product_name.is_empty() {
        of.product_name.clone_from(&of.id);
    }
    of.vdus = part.list("vdu", notes).iter().map(|vdu| read_vdu(vdu, notes)).collect();
    of.storages = part.list("virtual-storage-desc", notes).iter().map(|one| storage(one, notes)).collect();
    of.virtual_cps = part.list("vip-cpd", notes).iter().map(|one| virtual_cp(one, notes)).collect();
    of.external_cps = part.list("ext-cpd", notes).iter().map(|one| external(one, notes)).collect();
    for one in part.list("kdu", notes) {
        of.mciops.extend(kdu(&one, notes));
        kdu_services(&one, &mut of, notes);
    }
    if let Some(properties) = part.get("configurable-properties") {
        let each = properties.list("additional-configurable-property", notes);
        of.properties = each.iter().map(|one| property(one, notes)).collect();
    }
    if let Some(attributes) = part.get("modifiable-attributes") {
        let told = attributes.list("metadata", notes);
        let pair = |one: &Part<'_>| {
            let (key, value) = one.value.as_str()?.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        of.metadata = told.iter().filter_map(pair).collect();
    }
    let flavours = part.list("df", notes);
    match flavours.first() {
        Some(first) => flavour(first, &mut of, notes),
        None => notes.wrong(&part.path, "df is missing", "say one deployment flavour: df: [{id: default-df}]"),
    }
    if flavours.len() > 1 {
        notes.warnings.push(format!("of {} deployment flavours the first is used", flavours.len()));
    }
    if part.list("sw-image-desc", notes).iter().any(|image| image.get("image").is_some()) {
        notes.warnings.push("images that it names are the charts' to pull".into());
    }
    let unmade = of.vdus.iter().filter(|vdu| vdu.images.is_empty() && of.mciops.is_empty());
    notes.warnings.extend(unmade.map(|vdu| format!("VDU {} is no container: it cannot be made here", vdu.id)));
    checked::vnfd(&of, &part.path, notes);
    of
}

fn read_vdu(part: &Part<'_>, notes: &mut Notes) -> Vdu {
    let id = part.must("id", notes);
    let mut settings = Vec::new();
    let mut images = Vec::new();
    for pair in part.list("configurable-properties", notes) {
        let (key, value) = (pair.must("key", notes), pair.text("value", notes));
        let container = key.strip_prefix("image/").map(|name| (name, false));
        match container.or(key.strip_prefix("init-image/").map(|name| (name, true))) {
            Some((container, init)) => images.push(crate::descriptor::ContainerImage {
                container: container.to_owned(),
                reference: value.unwrap_or_default(),
                init,
            }),
            None => settings.push((key, value)),
        }
    }
    let texts = |name: &str, notes: &mut Notes| {
        part.list(name, notes).iter().filter_map(|one| one.value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let kind = part.text("description", notes).and_then(|text| WorkloadKind::of(&text));
    Vdu {
        kind: kind.unwrap_or(WorkloadKind::Deployment),
        name: part.text("name", notes).unwrap_or_else(|| id.clone()),
        images,
        compute: crate::descriptor::Compute::default(),
        storages: texts("virtual-storage-desc", notes),
        cps: part.list("int-cpd", notes).iter().map(|cp| internal(cp, notes)).collect(),
        constraints: texts("nfvi-constraint", notes),
        measures: vec![],
        settings,
        affinities: vec![],
        id,
    }
}

fn internal(part: &Part<'_>, notes: &mut Notes) -> InternalCp {
    let told = part.text("description", notes).unwrap_or_default();
    let port = told.split_whitespace().find_map(|word| word.parse().ok());
    InternalCp { id: part.must("id", notes), port, name: told }
}

fn storage(part: &Part<'_>, notes: &mut Notes) -> Storage {
    let data = part.get("block-storage-data");
    let wants: Vec<(String, String)> = data
        .iter()
        .flat_map(|data| data.list("vdu-storage-requirements", notes))
        .filter_map(|pair| {
            Some((pair.value.get("key")?.as_str()?.to_owned(), pair.value.get("value")?.as_str()?.to_owned()))
        })
        .collect();
    let of = |key: &str| wants.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    let kinds = [StorageKind::Claim, StorageKind::Ephemeral, StorageKind::Host, StorageKind::Nfs];
    let kind = of("kind").and_then(|name| kinds.into_iter().find(|kind| kind.name() == name));
    let gigabytes =
        data.as_ref().and_then(|data| data.number("size-of-storage", notes)).map(|gb| u64::from(gb) * 1_000_000_000);
    let mode = |(key, _): &(String, String)| key.strip_prefix("access-mode/").map(str::to_owned);
    Storage {
        id: part.must("id", notes),
        kind: kind.unwrap_or(StorageKind::Claim),
        size_bytes: of("size-bytes").and_then(|text| text.parse().ok()).or(gigabytes.filter(|_| of("size").is_none())),
        access_modes: wants.iter().filter_map(mode).collect(),
        class: of("storage-class"),
        place: of("place"),
    }
}

fn virtual_cp(part: &Part<'_>, notes: &mut Notes) -> VirtualCp {
    let internal = part.list("int-cpd", notes);
    let told = part.text("description", notes).unwrap_or_default();
    let id = part.must("id", notes);
    let service = told.strip_prefix("Service ").and_then(|rest| rest.split_whitespace().next());
    VirtualCp {
        service: service.unwrap_or(&id).to_owned(),
        internal: internal.iter().filter_map(|one| one.value.as_str().map(str::to_owned)).collect(),
        ports: told.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        has_address: part.get("dedicated-ip-address").is_none_or(|part| part.value != &Value::Bool(false)),
        id,
    }
}

fn external(part: &Part<'_>, notes: &mut Notes) -> ExternalCp {
    let link = match (part.text("vip-cpd", notes), part.get("int-cpd")) {
        (Some(id), _) => Link::Virtual(id),
        (None, Some(internal)) => Link::Internal(internal.must("vdu-id", notes), internal.must("cpd", notes)),
        (None, None) => Link::Pods,
    };
    let told = part.text("description", notes).unwrap_or_default();
    ExternalCp {
        id: part.must("id", notes),
        link,
        ports: told.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        description: told,
        rule: part.text("security-group-rule-id", notes),
    }
}

/// Services of the chart that are seen outside, by their names; what is behind them the chart knows.
pub(super) fn kdu_services(part: &Part<'_>, of: &mut Vnfd, notes: &mut Notes) {
    for one in part.list("service", notes) {
        let (service, point) = (one.must("name", notes), one.text("external-connection-point-ref", notes));
        if of.virtual_cps.iter().all(|known| known.service != service) {
            let id = service.clone();
            of.virtual_cps.push(VirtualCp {
                id,
                service: service.clone(),
                internal: vec![],
                ports: vec![],
                has_address: true,
            });
        }
        let Some(point) = point else { continue };
        match of.external_cps.iter_mut().find(|known| known.id == point) {
            Some(known) if known.link == Link::Pods => {
                let cp = of.virtual_cps.iter().find(|known| known.service == service);
                known.link = cp.map_or(Link::Pods, |cp| Link::Virtual(cp.id.clone()));
            }
            Some(_) => {}
            None => notes.wrong(
                &one.path,
                format!("external connection point {point} of service {service} is not described"),
                "describe it in ext-cpd (connection-point up to release eight), or leave the reference out",
            ),
        }
    }
}

fn kdu(part: &Part<'_>, notes: &mut Notes) -> Option<Mciop> {
    part.only(KDU, notes);
    let id = part.must("name", notes);
    if part.get("juju-bundle").is_some() {
        notes.wrong(
            &part.path,
            format!("{id} is a Juju bundle, which cannot be made here"),
            "name a Helm chart: helm-chart",
        );
        return None;
    }
    if part.text("helm-version", notes).is_some_and(|version| version != "v3") {
        notes.wrong(&format!("{}.helm-version", part.path), "only charts of Helm 3 are taken", "helm-version: v3");
    }
    let chart = part.must("helm-chart", notes);
    let (chart, told) = match chart.rsplit_once(':') {
        // OSM up to eight writes the version behind the name.
        Some((name, version)) if !version.contains('/') && !name.is_empty() => (name.to_owned(), version.to_owned()),
        _ => (chart, String::new()),
    };
    Some(Mciop { id, chart, version: told, digest: String::new(), vdus: vec![] })
}

fn property(part: &Part<'_>, notes: &mut Notes) -> Property {
    Property { path: part.must("key", notes), default: part.text("value", notes).map(|text| Property::read(&text)) }
}

fn flavour(part: &Part<'_>, of: &mut Vnfd, notes: &mut Notes) {
    for profile in part.list("vdu-profile", notes) {
        let id = profile.must("id", notes);
        let (min, max) =
            (profile.number("min-number-of-instances", notes), profile.number("max-number-of-instances", notes));
        if let (Some(min), Some(max)) = (min, max) {
            if min > max {
                notes.wrong(&profile.path, format!("at least {min} are more than at most {max}"), "exchange the two");
            }
            of.profiles.insert(id, VduProfile { min, max, now: min });
        }
    }
    for level in part.list("instantiation-level", notes) {
        let pairs = |list: &str, key: &str, value: &str, notes: &mut Notes| -> Vec<(String, u32)> {
            let all = level.list(list, notes);
            all.iter().map(|one| (one.must(key, notes), one.number(value, notes).unwrap_or(1))).collect()
        };
        let vdus = pairs("vdu-level", "vdu-id", "number-of-instances", notes);
        let aspects = pairs("scaling-info", "scaling-aspect-id", "scale-level", notes);
        of.levels.push(Level { id: level.must("id", notes), aspects, vdus });
    }
    let default = part.text("default-instantiation-level", notes).or(of.levels.first().map(|level| level.id.clone()));
    let made: Vec<(String, u32)> = of
        .levels
        .iter()
        .find(|level| Some(&level.id) == default.as_ref())
        .map(|level| level.vdus.clone())
        .unwrap_or_default();
    for (vdu, count) in made {
        if let Some(profile) = of.profiles.get_mut(&vdu) {
            profile.now = count;
        }
    }
    for aspect in part.list("scaling-aspect", notes) {
        let id = aspect.must("id", notes);
        let deltas =
            aspect.get("aspect-delta-details").map(|details| details.list("deltas", notes)).unwrap_or_default();
        let vdus = deltas.first().map(|first| first.list("vdu-delta", notes)).unwrap_or_default();
        let vdus: Vec<String> = vdus.iter().map(|vdu| vdu.must("id", notes)).collect();
        let base = vdus.first().and_then(|vdu| of.profiles.get(vdu)).map_or(0, |profile| profile.min);
        let said = |(key, _): &&(String, String)| *key == format!("scaling.{id}");
        of.aspects.push(Aspect {
            property: of.metadata.iter().find(said).map(|(_, path)| path.clone()),
            description: aspect.text("description", notes).unwrap_or_default(),
            max_level: aspect.number("max-scale-level", notes).unwrap_or(0),
            base,
            vdus,
            id,
        });
    }
    for pair in part.list("dependencies", notes) {
        if let (Some(needed), Some(needs)) = (pair.text("primary-id", notes), pair.text("secondary-id", notes)) {
            of.dependencies.push((needs, needed));
        }
    }
}

/// `nsd: {nsd: […]}`, of which there must be one.
fn service(part: &Part<'_>, notes: &mut Notes) -> Nsd {
    if !part.is_map(notes) {
        return Nsd::default();
    }
    let all = part.list("nsd", notes);
    let Some(one) = all.first() else {
        notes.wrong(&part.path, "there is no service in it", "write nsd: {nsd: [{id: …}]}");
        return Nsd::default();
    };
    if all.len() > 1 {
        notes.wrong(&part.path, "there are several services in one file", "keep one of them");
    }
    nsd(one, notes)
}

fn nsd(part: &Part<'_>, notes: &mut Notes) -> Nsd {
    if !part.is_map(notes) {
        return Nsd::default();
    }
    part.only(NSD, notes);
    let id = part.must("id", notes);
    let mut of = Nsd {
        name: part.text("name", notes).unwrap_or_else(|| id.clone()),
        designer: part.text("designer", notes).unwrap_or_default(),
        version: part.text("version", notes).unwrap_or_default(),
        invariant_id: part.text("invariant-id", notes).unwrap_or_default(),
        links: part.list("virtual-link-desc", notes).iter().map(|link| virtual_link(link, notes)).collect(),
        id,
        ..Nsd::default()
    };
    for sap in part.list("sapd", notes) {
        let link = sap.text("virtual-link-desc", notes).unwrap_or_default();
        if link.is_empty() {
            let id = sap.must("id", notes);
            notes.warnings.push(format!("access point {id} is on no virtual link"));
            continue;
        }
        of.saps.push((sap.must("id", notes), link));
    }
    for what in ["nested-nsd-id", "pnfd-id", "vnffgd"] {
        if !part.list(what, notes).is_empty() {
            notes.wrong(&format!("{}.{what}", part.path), format!("{what} cannot be made here"), "leave it out");
        }
    }
    let flavours = part.list("df", notes);
    match flavours.first() {
        Some(first) => members(first, &mut of, notes),
        None => notes.wrong(
            &part.path,
            "df is missing",
            "say one deployment flavour: df: [{id: default-df, vnf-profile: […]}]",
        ),
    }
    let known: Vec<String> =
        part.list("vnfd-id", notes).iter().filter_map(|one| one.value.as_str().map(str::to_owned)).collect();
    for member in of.members.iter().filter(|member| !known.contains(&member.vnfd)) {
        let message = format!("function {} is {}, which vnfd-id does not name", member.id, member.vnfd);
        notes.wrong(&part.path, message, format!("vnfd-id: [{}]", member.vnfd));
    }
    checked::nsd(&of, &part.path, notes);
    of
}

fn virtual_link(part: &Part<'_>, notes: &mut Notes) -> VirtualLink {
    VirtualLink {
        id: part.must("id", notes),
        description: part.text("description", notes).unwrap_or_default(),
        management: part.text("mgmt-network", notes).is_some_and(|word| word == "true"),
        quality: None,
    }
}

fn members(part: &Part<'_>, of: &mut Nsd, notes: &mut Notes) {
    // A profile has an id of its own; functions are on profiles of links.
    let mut profiles = Vec::new();
    for profile in part.list("virtual-link-profile", notes) {
        profiles.push((profile.must("id", notes), profile.must("virtual-link-desc-id", notes)));
    }
    for profile in part.list("vnf-profile", notes) {
        let mut connections = Vec::new();
        for connection in profile.list("virtual-link-connectivity", notes) {
            let on = connection.must("virtual-link-profile-id", notes);
            let link = profiles.iter().find(|(id, _)| *id == on).map_or(on, |(_, link)| link.clone());
            if !link.is_empty() && of.links.iter().all(|known| known.id != link) {
                let message = format!("virtual link {link} is not described");
                notes.wrong(&connection.path, message, "describe it in virtual-link-desc, or leave the connection out");
                continue;
            }
            for cp in connection.list("constituent-cpd-id", notes) {
                connections.push((link.clone(), cp.must("constituent-cpd-id", notes)));
            }
        }
        let groups = profile.list("affinity-or-anti-affinity-group-id", notes);
        of.members.push(Member {
            id: profile.must("id", notes),
            vnfd: profile.must("vnfd-id", notes),
            flavour: profile.text("flavour-id", notes).unwrap_or_default(),
            level: profile.text("instantiation-level", notes).unwrap_or_default(),
            groups: groups.iter().filter_map(|one| one.value.as_str().map(str::to_owned)).collect(),
            connections,
        });
    }
    for group in part.list("affinity-or-anti-affinity-group", notes) {
        let scope = group.text("scope", notes).unwrap_or_default();
        let scope = ["nfvi-node", "zone", "zone-group", "nfvi-pop"].into_iter().find(|known| *known == bare(&scope));
        let Some(scope) = scope else {
            notes.wrong(&group.path, "its scope is not known here", "nfvi-node, zone, zone-group or nfvi-pop");
            continue;
        };
        let together = group.text("affinityorAntiaffinity", notes).is_some_and(|word| word == "affinity");
        of.groups.push(PlacementGroup { id: group.must("id", notes), together, scope });
    }
    for pair in part.list("dependencies", notes) {
        let by_id = |id: &str| of.members.iter().find(|member| member.id == id || member.vnfd == id);
        let (needed, needs) = (pair.must("primary-vnf-profile", notes), pair.must("secondary-vnf-profile", notes));
        let unknown = [&needed, &needs].into_iter().find(|id| !id.is_empty() && by_id(id).is_none());
        if let Some(id) = unknown {
            notes.wrong(&pair.path, format!("no function is called {id}"), "name a vnf-profile");
        } else if let (Some(needed), Some(needs)) = (by_id(&needed), by_id(&needs)) {
            of.dependencies.push((needs.id.clone(), needed.id.clone()));
        }
    }
}
