//! What makes pods becomes a VDU.

use super::sheet::{Role, Sheet, Thing};
use super::{Assumed, pod, text};
use crate::plan::demand;
use models::quantity::{Port, Protocol};
use serde_json::Value;
use sol005::descriptor::{InternalCp, Script, Vdu, Vnfd, WorkloadKind};

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd, assumed: Assumed) {
    let mut warnings = Vec::new();
    for thing in &mut sheet.things {
        let Some(kind) = WorkloadKind::of(thing.kind()) else {
            if let Role::Hook(events) = &thing.role {
                hook(thing.object, &events.clone(), (thing, vnfd));
            }
            continue;
        };
        match thing.role.clone() {
            Role::Hook(events) => hook(thing.object, &events, (thing, vnfd)),
            Role::Object | Role::Definition => {
                let vdu = vdu(thing, kind, (vnfd, assumed));
                warnings.extend(warned(thing.object, &vdu));
                vnfd.vdus.push(vdu);
            }
        }
    }
    warnings.into_iter().for_each(|words| sheet.warn(words));
}

/// The template of what makes pods; a pod is its own.
pub(super) fn template(object: &Value) -> Option<&Value> {
    match text(object, "/kind") {
        "Pod" => Some(object),
        _ => demand::template(object).map(|(_, template)| template),
    }
}

fn vdu(thing: &mut Thing<'_>, kind: WorkloadKind, (vnfd, assumed): (&Vnfd, Assumed)) -> Vdu {
    let (object, name) = (thing.object, thing.name());
    let taken = |id: &str| vnfd.vdus.iter().any(|vdu| vdu.id == id);
    let id = match taken(&name) {
        false => name.clone(),
        true => format!("{}-{name}", kind.name().to_lowercase()),
    };
    thing.is(format!("vdu {id}"));
    let template = template(object).unwrap_or(&Value::Null);
    let spec = template.get("spec").unwrap_or(&Value::Null);
    for field in pod::unread(spec) {
        thing.lacks(field, "no element of a VDU says it; the chart does");
    }
    let (affinities, apart) = pod::affinities(template);
    let mut constraints = pod::constraints(spec);
    constraints.extend(apart);
    if kind == WorkloadKind::DaemonSet {
        constraints.push("one on each node".into());
    }
    if let Some(schedule) = object.pointer("/spec/schedule").and_then(Value::as_str) {
        constraints.push(format!("runs by the clock: {schedule}"));
    }
    let images = pod::images(spec);
    if !images.is_empty() {
        let why =
            "SOL006 wants the image's size and checksum, which no chart says; its reference is a property of the VDU";
        thing.lacks("sw-image-desc", why);
    }
    Vdu {
        cps: cps(&id, spec),
        measures: pod::measures(&id, template),
        compute: pod::compute(spec, assumed),
        id,
        kind,
        name,
        images,
        storages: vec![],
        constraints,
        settings: vec![],
        affinities,
    }
}

/// One per port that a container tells; otherwise the pod's network itself.
fn cps(vdu: &str, spec: &Value) -> Vec<InternalCp> {
    let mut found: Vec<InternalCp> = Vec::new();
    for (container, _) in pod::containers(spec) {
        for port in super::list(container, "/ports") {
            let Some(number) = port.get("containerPort").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok())
            else {
                continue;
            };
            let number = Port { number, protocol: protocol(port) };
            let id = format!("{vdu}.{}", number.to_string().replace('/', "-"));
            if found.iter().all(|known| known.id != id) {
                found.push(InternalCp { id, port: Some(number), name: text(port, "/name").to_owned() });
            }
        }
    }
    if found.is_empty() {
        found.push(InternalCp { id: format!("{vdu}.pod"), port: None, name: "the pod's network".into() });
    }
    found
}

pub(super) fn protocol(port: &Value) -> Protocol {
    match text(port, "/protocol") {
        "UDP" => Protocol::Udp,
        _ => Protocol::Tcp,
    }
}

/// A hook runs at a moment of the function's life.
fn hook(object: &Value, events: &[String], (thing, vnfd): (&mut Thing<'_>, &mut Vnfd)) {
    let known: Vec<&'static str> = events.iter().filter_map(|event| moment(event)).collect();
    let (kind, name) = (text(object, "/kind"), thing.name());
    if known.is_empty() {
        let why = match events.iter().any(|event| event.starts_with("test")) {
            true => "a test is no moment of a function's life; sliceway slice test NAME runs it",
            false => "SOL006 has no such moment",
        };
        thing.lacks(format!("hook {}", events.join(", ")), why);
        return;
    }
    let id = format!("{}-{name}", kind.to_lowercase());
    thing.is(format!("lifecycle-management-script {id}"));
    for event in events.iter().filter(|event| moment(event).is_none()) {
        thing.lacks(format!("hook {event}"), "SOL006 has no such moment");
    }
    if vnfd.scripts.iter().all(|script| script.id != id) {
        vnfd.scripts.push(Script { id, events: known, source: thing.source.to_owned() });
    }
}

/// Helm's events as SOL006 calls them; an upgrade is a change to another package.
fn moment(event: &str) -> Option<&'static str> {
    match event {
        "pre-install" => Some("start-instantiation"),
        "post-install" => Some("end-instantiation"),
        "pre-upgrade" => Some("start-change-current-vnf-package"),
        "post-upgrade" => Some("end-change-current-vnf-package"),
        "pre-delete" => Some("start-termination"),
        "post-delete" => Some("end-termination"),
        _ => None,
    }
}

fn warned(object: &Value, vdu: &Vdu) -> Vec<String> {
    let who = format!("{} {}", vdu.kind.name(), vdu.name);
    let mut found = Vec::new();
    for image in &vdu.images {
        let what = match (image.digest(), image.tag()) {
            (Some(_), _) => continue,
            (None, None) => "has neither tag nor digest",
            (None, Some("latest" | "e2e" | "dev" | "master" | "main" | "edge" | "nightly")) => "has a tag that moves",
            (None, Some(_)) => continue,
        };
        found.push(format!(
            "{who}: image {:?} of container {} {what}: what runs may change",
            image.reference, image.container
        ));
    }
    let long = !matches!(vdu.kind, WorkloadKind::Job | WorkloadKind::CronJob);
    if long && !vdu.measures.iter().any(|measure| measure.id.ends_with("Probe")) {
        found.push(format!("{who} has no probe: it is taken for well as soon as its process runs"));
    }
    if vdu.kind == WorkloadKind::ReplicationController {
        found.push(format!("{who} needs conversion: a Deployment takes its place"));
    }
    if let Some(broken) = demand::broken_quantity(object) {
        found.push(format!("{who}: {broken:?} is no quantity that an API server takes"));
    }
    found
}
