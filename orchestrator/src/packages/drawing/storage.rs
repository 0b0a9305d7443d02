//! Volumes that hold data become storage; what pods only read from the cluster is configuration.

use super::sheet::Sheet;
use super::workload::template;
use super::{list, plain, text};
use crate::plan::demand;
use adapters::kubernetes::quantity;
use serde_json::Value;
use sol005::descriptor::{Storage, StorageKind, Vnfd, WorkloadKind};

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd) {
    for at in sheet.of_kind("PersistentVolumeClaim") {
        let thing = &mut sheet.things[at];
        let storage = claim(thing.name(), thing.object);
        thing.is(format!("virtual-storage-desc {}", storage.id));
        keep(vnfd, storage);
    }
    let mut warnings = Vec::new();
    let workloads =
        sheet.things.iter_mut().filter(|thing| !thing.is_hook() && WorkloadKind::of(thing.kind()).is_some());
    for (at, thing) in workloads.enumerate() {
        let id = vnfd.vdus[at].id.clone();
        let templates = list(thing.object, "/spec/volumeClaimTemplates");
        let made = templates.map(|each| claim(format!("{id}.{}", text(each, "/metadata/name")), each));
        let mut storages: Vec<Storage> = made.collect();
        let pod = template(thing.object).unwrap_or(&Value::Null);
        for volume in list(pod, "/spec/volumes") {
            match volume_of(&id, volume) {
                Volume::Holds(storage) => storages.push(storage),
                Volume::Claims(claim) if vnfd.storages.iter().any(|known| known.id == claim) => {
                    vnfd.vdus[at].storages.push(claim);
                }
                Volume::Claims(claim) => {
                    let why = "the chart does not make this claim: it has to be there before";
                    thing.lacks(format!("volume claim {claim}"), why);
                    warnings.push(format!(
                        "{} {}: volume claim {claim} is not made by this chart",
                        thing.kind(),
                        thing.name()
                    ));
                }
                Volume::Configures => {}
                Volume::Unknown(kind) => {
                    thing.lacks(format!("volume {} ({kind})", text(volume, "/name")), "SOL006 has no such storage");
                }
            }
        }
        for storage in storages {
            thing.is(format!("virtual-storage-desc {}", storage.id));
            vnfd.vdus[at].storages.push(storage.id.clone());
            keep(vnfd, storage);
        }
    }
    warnings.into_iter().for_each(|words| sheet.warn(words));
}

fn keep(vnfd: &mut Vnfd, storage: Storage) {
    if vnfd.storages.iter().all(|known| known.id != storage.id) {
        vnfd.storages.push(storage);
    }
}

fn claim(id: String, claim: &Value) -> Storage {
    let modes = list(claim, "/spec/accessModes").map(plain).collect();
    let class = claim.pointer("/spec/storageClassName").and_then(Value::as_str).map(str::to_owned);
    let size = Some(demand::storage(claim)).filter(|bytes| *bytes > 0);
    Storage { id, kind: StorageKind::Claim, size_bytes: size, access_modes: modes, class, place: None }
}

enum Volume {
    Holds(Storage),
    Claims(String),
    Configures,
    Unknown(String),
}

fn volume_of(vdu: &str, volume: &Value) -> Volume {
    let id = format!("{vdu}.{}", text(volume, "/name"));
    let storage = |kind, place: Option<String>| {
        let size_bytes = volume.pointer("/emptyDir/sizeLimit").map(plain).and_then(|text| quantity::whole(&text));
        Volume::Holds(Storage { id: id.clone(), kind, size_bytes, access_modes: vec![], class: None, place })
    };
    let is = |kind: &str| volume.get(kind).is_some();
    if is("persistentVolumeClaim") {
        return Volume::Claims(text(volume, "/persistentVolumeClaim/claimName").to_owned());
    }
    if is("ephemeral") {
        let template = volume.pointer("/ephemeral/volumeClaimTemplate").unwrap_or(&Value::Null);
        return Volume::Holds(Storage { kind: StorageKind::Ephemeral, ..claim(id, template) });
    }
    if is("hostPath") {
        return storage(StorageKind::Host, Some(text(volume, "/hostPath/path").to_owned()));
    }
    if is("nfs") {
        let place = format!("{}:{}", text(volume, "/nfs/server"), text(volume, "/nfs/path"));
        return storage(StorageKind::Nfs, Some(place));
    }
    if ["configMap", "secret", "projected", "downwardAPI"].into_iter().any(is) {
        return Volume::Configures;
    }
    let other = volume.as_object().and_then(|map| map.keys().find(|key| *key != "name"));
    match other.map(String::as_str) {
        // A volume of which nothing is said lives as long as its pod.
        None | Some("emptyDir") => storage(StorageKind::Ephemeral, None),
        Some(kind) => Volume::Unknown(kind.to_owned()),
    }
}
