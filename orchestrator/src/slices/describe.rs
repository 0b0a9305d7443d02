//! The truth about a slice at this moment: what is stored beside what the clusters say now.

use super::{AskError, Meant, Slices};
use crate::ops::codec;
use crate::plan::{Observed, Recorded, drift, names, renewal};
use adapters::local::NOT_AFTER;
use jiff::Timestamp;
use models::cluster::{Cluster, Expose};
use models::resource::{ResourceId, Target};
use models::slice::Workload;
use models::{Drift, Name, Slice};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Slices {
    pub async fn describe(&self, tenant: &Name, name: &Name) -> Result<Value, AskError> {
        let (slice, _) = self.get(tenant, name).await?;
        let recorded = self.recorded(tenant, &slice.uid).await?;
        let observed = self.observed(&slice, &recorded).await;
        let bundles = self.bundles(tenant, &slice.uid).await?;
        let function = |workload: &Workload<'_>| {
            let bundle = bundles.get(workload.name.as_str());
            let chart = bundle.map(|b| format!("{} {}", b.chart.name, b.chart.version));
            let (ready, reason) = state(&slice, workload.name, (&recorded, &observed));
            json!({
                "name": workload.name, "role": workload.role, "cluster": slice.placed.get(workload.name.as_str()),
                "chart": chart, "source": bundle.map(|b| &b.chart), "ready": ready, "reason": reason,
                "volumes": bundle.map(|b| b.volumes.clone()).unwrap_or_default(),
            })
        };
        let functions: Vec<Value> = slice.spec.workloads().iter().map(function).collect();
        let devices = self.devices(&slice, &recorded).await?;
        Ok(json!({
            "slice": &slice,
            "state": whole(&slice, (&recorded, &observed)),
            "drift": drifted((&recorded, &observed)),
            "certificates": certificates(&recorded, self.engine.now()),
            "namespace": slice.namespace(),
            "functions": functions,
            "devices": devices,
            "quality": slice.spec.quality.as_ref().map(|quality| json!({"asked": quality, "enforced": false})),
            "access": slice.spec.access,
            "resources": observed.iter().map(|(id, seen)| json!({"id": id.to_string(), "state": word(seen)})).collect::<Vec<_>>(),
        }))
    }

    /// The state of a slice in one word, with its first reason: what its clusters say now.
    pub async fn state(&self, tenant: &Name, slice: &Slice) -> Result<Value, AskError> {
        let recorded = self.recorded(tenant, &slice.uid).await?;
        let observed = self.observed(slice, &recorded).await;
        Ok(whole(slice, (&recorded, &observed)))
    }

    pub(super) async fn recorded(&self, tenant: &Name, uid: &str) -> Result<BTreeMap<ResourceId, Recorded>, AskError> {
        let all = codec::recorded(&self.store, tenant, uid).await?;
        Ok(all.into_iter().map(|(recorded, _)| (recorded.resource.id().clone(), recorded)).collect())
    }

    async fn devices(&self, slice: &Slice, recorded: &BTreeMap<ResourceId, Recorded>) -> Result<Vec<Value>, AskError> {
        let clusters = self.clusters.snapshot(Timestamp::MIN, &Meant::standing(slice)).await?;
        let device = |device: &models::slice::Device| {
            let endpoint = endpoint(slice, &device.gateway, (recorded, &clusters));
            json!({
                "name": device.name, "gateway": device.gateway, "protocol": device.protocol,
                "endpoint": endpoint.map(|(host, port)| format!("{host}:{port}")),
                "resources": device.resources,
            })
        };
        Ok(slice.spec.devices.iter().map(device).collect())
    }
}

/// Where devices dial a gateway: the address that its cluster has for others, and the port that the cluster chose.
pub(super) fn endpoint(
    slice: &Slice,
    gateway: &Name,
    (recorded, clusters): (&BTreeMap<ResourceId, Recorded>, &[Cluster]),
) -> Option<(String, u16)> {
    let placed = slice.placed.get(gateway.as_str())?;
    let cluster = clusters.iter().find(|cluster| cluster.name.as_str() == placed)?;
    let port = slice.spec.workload(gateway)?.port?;
    // Ours is called otherwise where the chart has a Service of the gateway's name.
    let of = |name: String| names::object(&cluster.name, "v1/Service", &slice.namespace(), name);
    let ours = [of(format!("sliceway-{gateway}")), of(gateway.to_string())];
    let outputs = &ours.iter().find_map(|id| recorded.get(id))?.seen.as_ref()?.outputs;
    let view = crate::plan::ClusterView { cluster: cluster.clone() };
    match cluster.spec.expose {
        Expose::NodePort => {
            let node_port = outputs.get(&format!("nodePort.p{}", port.to_string().replace('/', "-")))?;
            Some((view.address()?, node_port.parse().ok()?))
        }
        Expose::LoadBalancer => {
            let given = outputs.get("address").or_else(|| outputs.get("hostname")).cloned();
            Some((cluster.spec.address.clone().or(given)?, port.number))
        }
    }
}

type Known<'a> = (&'a BTreeMap<ResourceId, Recorded>, &'a BTreeMap<ResourceId, Observed>);

/// Ready when every object of the function is there and ready; otherwise the first reason why not.
fn state(slice: &Slice, function: &Name, (recorded, observed): Known<'_>) -> (Value, Option<String>) {
    // What of it stands elsewhere is there for others.
    let here = slice.placed.get(function.as_str()).and_then(|cluster| cluster.parse().ok()).map(Target::Cluster);
    let own = recorded.iter().filter(|(id, r)| match &r.resource {
        models::Resource::Object(object) => {
            object.owner.function.as_ref() == Some(function) && Some(&id.target) == here.as_ref()
        }
        models::Resource::Readiness(_) | models::Resource::Secret(_) | models::Resource::Hook(_) => false,
    });
    let mut any = false;
    for (id, _) in own {
        any = true;
        match observed.get(id) {
            Some(Observed::Present(seen)) => {
                if let Some(why) = seen.why() {
                    return (json!(false), Some(format!("{} on {}: {why}", id.short(), id.target)));
                }
            }
            Some(Observed::Absent) => return (json!(false), Some(format!("{} is gone", id.short()))),
            Some(Observed::Unknown) | None => return (Value::Null, Some(format!("{} cannot be read now", id.target))),
        }
    }
    match any {
        true => (json!(true), None),
        false => (json!(false), Some(format!("nothing of it exists; the slice is {:?}", slice.phase))),
    }
}

/// What differs from what was written there, and not by us; the next apply puts it back.
fn drifted((recorded, observed): Known<'_>) -> Vec<String> {
    let differs = |(id, recorded): (&ResourceId, &Recorded)| {
        let what = match drift::of(recorded, observed.get(id)?)? {
            Drift::Gone => "is gone",
            Drift::MadeAgain => "was made again",
            Drift::Changed => "was changed by hand",
        };
        Some(format!("{} on {} {what}", id.short(), id.target))
    };
    recorded.iter().filter_map(differs).collect()
}

/// When each certificate ends, and whether its renewal is overdue.
fn certificates(recorded: &BTreeMap<ResourceId, Recorded>, now: Timestamp) -> Vec<Value> {
    let own = recorded.iter().filter(|(_, recorded)| renewal::is_renewed(&recorded.resource));
    let each = own.filter_map(|(id, recorded)| {
        let seen = recorded.seen.as_ref()?;
        let name = id.name.rsplit('/').next().unwrap_or(&id.name);
        Some(json!({"name": name, "ends": seen.outputs.get(NOT_AFTER), "due": renewal::is_late(seen, now)}))
    });
    each.collect()
}

/// One word for the whole, and its first reason.
fn whole(slice: &Slice, known: Known<'_>) -> Value {
    let workloads = slice.spec.workloads();
    let states: Vec<_> = workloads.iter().map(|workload| (workload.name, state(slice, workload.name, known))).collect();
    let reason = |wanted: Value| {
        let (name, (_, reason)) = states.iter().find(|(_, (ready, _))| *ready == wanted)?;
        Some(format!("{name}: {}", reason.as_deref().unwrap_or("")))
    };
    match (reason(json!(false)), reason(Value::Null), drifted(known).first()) {
        (Some(reason), _, _) => json!({"word": "not ready", "reason": reason}),
        (None, Some(reason), _) => json!({"word": "unknown", "reason": reason}),
        (None, None, Some(first)) => json!({"word": "drifted", "reason": first}),
        (None, None, None) => json!({"word": "ready"}),
    }
}

fn word(observed: &Observed) -> String {
    match observed {
        Observed::Absent => "absent".into(),
        Observed::Unknown => "unknown".into(),
        Observed::Present(seen) => match &seen.deleting {
            Some(held) => format!("going away: {held}"),
            None => seen.why().unwrap_or_else(|| "ready".into()),
        },
    }
}
