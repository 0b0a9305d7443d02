//! Numbers of replicas and autoscalers become profiles, aspects and levels.

use super::sheet::Sheet;
use super::{Probe, list, text};
use serde_json::Value;
use sol005::descriptor::{Aspect, LEVEL, Level, Vdu, VduProfile, Vnfd, WorkloadKind};

/// What says by itself how many replicas there are: the only kind whose numbers in the probe are looked at.
pub(in crate::packages) const AUTOSCALER: &str = "HorizontalPodAutoscaler";

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd, probe: Option<&Probe>) {
    for vdu in &vnfd.vdus {
        let is = |thing: &&super::sheet::Thing<'_>| thing.kind() == vdu.kind.name() && thing.name() == vdu.name;
        let object = sheet.things.iter().filter(|thing| !thing.is_hook()).find(is).map(|thing| thing.object);
        if let Some(profile) = object.and_then(|object| profile(vdu.kind, object)) {
            vnfd.profiles.insert(vdu.id.clone(), profile);
        }
    }
    for at in sheet.of_kind(AUTOSCALER) {
        let (kind, name) = (
            text(sheet.things[at].object, "/spec/scaleTargetRef/kind"),
            text(sheet.things[at].object, "/spec/scaleTargetRef/name"),
        );
        let target = vnfd.vdus.iter().find(|vdu| vdu.kind.name() == kind && vdu.name == name).cloned();
        let Some(vdu) = target else {
            sheet.things[at].lacks(format!("target {kind} {name}"), "this chart makes no such workload");
            continue;
        };
        autoscaled(sheet, at, (vnfd, &vdu, probe));
    }
    for at in sheet.of_kind("PodDisruptionBudget") {
        disruption(sheet, at, vnfd);
    }
    vnfd.levels = levels(vnfd);
}

/// `None`: one on each node, or by the clock: the number is not the descriptor's to say.
fn profile(kind: WorkloadKind, object: &Value) -> Option<VduProfile> {
    let number = |at: &str| object.pointer(at).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let now = match kind {
        WorkloadKind::DaemonSet | WorkloadKind::CronJob => return None,
        WorkloadKind::Pod => 1,
        WorkloadKind::Job => number("/spec/parallelism").unwrap_or(1),
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController => number("/spec/replicas").unwrap_or(1),
    };
    Some(VduProfile { min: now, max: now, now })
}

fn autoscaled(sheet: &mut Sheet<'_>, at: usize, (vnfd, vdu, probe): (&mut Vnfd, &Vdu, Option<&Probe>)) {
    let (object, name) = (sheet.things[at].object, sheet.things[at].name());
    let number = |key: &str| {
        object.pointer(&format!("/spec/{key}")).and_then(Value::as_u64).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    };
    // Kubernetes' own default of the lowest number is 1.
    let min = number("minReplicas").unwrap_or(1);
    let max = number("maxReplicas").unwrap_or(min).max(min);
    let now = vnfd.profiles.get(&vdu.id).map_or(min, |profile| profile.now.clamp(min, max));
    vnfd.profiles.insert(vdu.id.clone(), VduProfile { min, max, now });
    let property = probe.and_then(|probe| said_by(probe, object));
    let thing = &mut sheet.things[at];
    if max > min {
        thing.is(format!("scaling-aspect {}", vdu.id));
        let description = format!("HorizontalPodAutoscaler {name} by {}", measured(object));
        let (id, vdus) = (vdu.id.clone(), vec![vdu.id.clone()]);
        if let Some(path) = &property {
            vnfd.metadata.push((format!("scaling.{id}"), path.clone()));
        }
        vnfd.aspects.push(Aspect { id, description, max_level: max - min, base: min, vdus, property });
    }
    thing.is(format!("vdu-profile {}", vdu.id));
    thing.lacks("metrics and behaviour", "the cluster scales by itself; SOL006 says only how far");
    if vdu.compute.cpu_request_milli.value.is_none() && vdu.compute.memory_request_bytes.value.is_none() {
        sheet.warn(format!(
            "HorizontalPodAutoscaler {name}: {} {} asks for nothing, so that a share of it cannot be measured",
            vdu.kind.name(),
            vdu.name
        ));
    }
}

fn measured(object: &Value) -> String {
    let metrics = list(object, "/spec/metrics").map(|metric| match text(metric, "/type") {
        "Resource" => text(metric, "/resource/name").to_owned(),
        other => other.to_lowercase(),
    });
    let old = object.pointer("/spec/targetCPUUtilizationPercentage").map(|_| "cpu".to_owned());
    let all: Vec<String> = metrics.chain(old).collect();
    if all.is_empty() { "cpu".into() } else { all.join(", ") }
}

/// The value of the chart that was set to the number that this object has in the probe.
pub(super) fn said_by(probe: &Probe, object: &Value) -> Option<String> {
    let same = |other: &&Value| {
        ["/kind", "/metadata/name", "/metadata/namespace"].iter().all(|at| text(other, at) == text(object, at))
    };
    let probed = probe.objects.iter().find(same)?;
    let pointer = match text(object, "/kind") {
        AUTOSCALER => "/spec/minReplicas",
        _ => "/spec/replicas",
    };
    let (before, after) = (object.pointer(pointer), probed.pointer(pointer).and_then(Value::as_u64)?);
    let changed = before.and_then(Value::as_u64) != Some(after);
    probe.set.iter().find(|(_, number)| changed && *number == after).map(|(path, _)| path.clone())
}

fn disruption(sheet: &mut Sheet<'_>, at: usize, vnfd: &mut Vnfd) {
    let object = sheet.things[at].object;
    let keeps = ["minAvailable", "maxUnavailable"].into_iter().find_map(|key| {
        object.pointer(&format!("/spec/{key}")).map(|value| format!("disruption budget: {key} {}", super::plain(value)))
    });
    let selector = object.pointer("/spec/selector/matchLabels").unwrap_or(&Value::Null);
    let chosen = super::network::vdus(sheet, vnfd)
        .into_iter()
        .filter(|(_, template)| super::network::selects(selector, template));
    let chosen: Vec<String> = chosen.map(|(id, _)| id).collect();
    for vdu in vnfd.vdus.iter_mut().filter(|vdu| chosen.contains(&vdu.id)) {
        if let Some(keeps) = &keeps {
            vdu.constraints.push(keeps.clone());
            sheet.things[at].is(format!("nfvi-constraint of vdu {}", vdu.id));
        }
    }
    if !sheet.things[at].is_told() {
        sheet.things[at].lacks("selector", "it selects no pod of this chart");
    }
}

/// The level of the chart's own values, and the two ends of what may be scaled.
fn levels(vnfd: &Vnfd) -> Vec<Level> {
    let level = |id: &str, count: fn(&VduProfile) -> u32| {
        let of = |id: &str| vnfd.profiles.get(id).map(count);
        let vdus = vnfd.vdus.iter().map(|vdu| (vdu.id.clone(), of(&vdu.id).unwrap_or(1))).collect();
        let aspects = vnfd.aspects.iter().map(|aspect| {
            let count = aspect.vdus.first().and_then(|vdu| of(vdu)).unwrap_or(aspect.base);
            (aspect.id.clone(), count.saturating_sub(aspect.base))
        });
        Level { id: id.to_owned(), aspects: aspects.collect(), vdus }
    };
    let mut all = vec![level(LEVEL, |profile| profile.now)];
    if !vnfd.aspects.is_empty() {
        all.push(level("minimum", |profile| profile.min));
        all.push(level("maximum", |profile| profile.max));
    }
    all
}
