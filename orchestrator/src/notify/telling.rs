//! What is told of each thing that happens, and what is noted of it. Pure.

use super::notice::Notice;
use crate::ops::OperationDoc;
use crate::store::Kind;
use jiff::Timestamp;
use models::package::{DescriptorKind, Package};
use models::{OperationKind, OperationState};
use serde_json::{Map, Value, json};

/// What is noted of a thing, to know the next time what is new.
pub(super) fn note_of(kind: Kind, doc: &Value) -> Option<Value> {
    match kind {
        Kind::Package => {
            let of = &doc["descriptor"];
            let operational = doc.get("operational").cloned().unwrap_or_else(|| json!("ENABLED"));
            Some(json!({"kind": of["kind"], "id": of["id"], "operational": operational}))
        }
        Kind::Awaited => Some(json!({"kind": doc["kind"], "failure": doc["failure"]})),
        Kind::Service => Some(json!({"title": doc["title"], "package": doc["package"]})),
        Kind::Slice => Some(json!({"package": doc["spec"]["service"]["package"]})),
        _ => None,
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn notice(
    (interface, kind): (&str, &str),
    at: Timestamp,
    (body, facets): (Value, Value),
    links: &[(&str, String)],
) -> Notice {
    let mut facets = map(facets);
    facets.insert("notificationTypes".into(), json!(kind));
    Notice {
        interface: interface.into(),
        kind: kind.into(),
        at,
        body: map(body),
        facets,
        links: links.iter().map(|(name, path)| ((*name).to_owned(), path.clone())).collect(),
    }
}

/// NsLcmOperationOccurrenceNotification: START when it is begun (again), RESULT when it ends or waits for an operator.
pub(super) fn occurrence(doc: &OperationDoc, ns: Value) -> Notice {
    let of = &doc.operation;
    let kind = doc.lcm();
    let running = matches!(of.state, OperationState::Processing | OperationState::RollingBack);
    let mut body = json!({
        "nsInstanceId": of.subject,
        "nsLcmOpOccId": of.id,
        "operation": kind,
        "notificationStatus": if running { "START" } else { "RESULT" },
        "operationState": of.state,
        "isAutomaticInvocation": of.kind == OperationKind::HealSlice,
    });
    if let Some(error) = of.error.as_ref().filter(|_| !running && of.state != OperationState::Completed) {
        body["error"] =
            json!({"title": error.code, "status": 500, "detail": format!("{}; next: {}", error.message, error.next)});
    }
    let facets = json!({
        "operationTypes": kind,
        "operationStates": of.state,
        "nsInstanceSubscriptionFilter": ns,
    });
    let links =
        [("nsInstance", format!("ns_instances/{}", of.subject)), ("nsLcmOpOcc", format!("ns_lcm_op_occs/{}", of.id))];
    notice(("nslcm", "NsLcmOperationOccurrenceNotification"), of.entered.unwrap_or(of.created), (body, facets), &links)
}

pub(super) fn identifier(kind: &str, name: &str, (note, nsd): (&Value, String), at: Timestamp) -> Notice {
    let title = note["title"].as_str().filter(|title| !title.is_empty()).unwrap_or(name);
    let facets =
        json!({"nsInstanceSubscriptionFilter": {"nsInstanceIds": name, "nsInstanceNames": title, "nsdIds": nsd}});
    let links = [("nsInstance", format!("ns_instances/{name}"))];
    notice(("nslcm", kind), at, (json!({"nsInstanceId": name}), facets), &links)
}

pub(super) fn onboarded(package: &Package, at: Timestamp) -> Option<Notice> {
    let (name, of) = (&package.name, &package.descriptor);
    match of.kind {
        DescriptorKind::Nsd => Some(notice(
            ("nsd", "NsdOnBoardingNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": of.id}), nsd_facets(package)),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        DescriptorKind::Vnfd => Some(notice(
            ("vnfpkgm", "VnfPackageOnboardingNotification"),
            at,
            (json!({"vnfPkgId": name, "vnfdId": of.id}), vnf_facets(package)),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        DescriptorKind::Nst => None,
    }
}

fn nsd_facets(package: &Package) -> Value {
    let of = &package.descriptor;
    json!({
        "nsdInfoId": package.name, "nsdId": of.id, "nsdName": of.name, "nsdVersion": of.version, "nsdDesigner": of.provider,
        "nsdOperationalState": package.operational,
    })
}

fn vnf_facets(package: &Package) -> Value {
    json!({"vnfPkgId": package.name, "vnfdId": package.descriptor.id, "operationalState": package.operational})
}

pub(super) fn state_changed(package: &Package, at: Timestamp) -> Option<Notice> {
    let (name, of, state) = (&package.name, &package.descriptor, package.operational);
    match of.kind {
        DescriptorKind::Nsd => Some(notice(
            ("nsd", "NsdChangeNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": of.id, "nsdOperationalState": state}), nsd_facets(package)),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        DescriptorKind::Vnfd => Some(notice(
            ("vnfpkgm", "VnfPackageChangeNotification"),
            at,
            (
                json!({"vnfPkgId": name, "vnfdId": of.id, "changeType": "OP_STATE_CHANGE", "operationalState": state}),
                vnf_facets(package),
            ),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        DescriptorKind::Nst => None,
    }
}

pub(super) fn gone(name: &str, told: &Value, at: Timestamp) -> Option<Notice> {
    let id = &told["id"];
    match told["kind"].as_str() {
        Some("NSD") => Some(notice(
            ("nsd", "NsdDeletionNotification"),
            at,
            (json!({"nsdInfoId": name, "nsdId": id}), json!({"nsdInfoId": name, "nsdId": id})),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )),
        Some("VNFD") => Some(notice(
            ("vnfpkgm", "VnfPackageChangeNotification"),
            at,
            (
                json!({"vnfPkgId": name, "vnfdId": id, "changeType": "PKG_DELETE"}),
                json!({"vnfPkgId": name, "vnfdId": id}),
            ),
            &[("vnfPackage", format!("vnf_packages/{name}"))],
        )),
        _ => None,
    }
}

pub(super) fn failed_onboarding(name: &str, doc: &Value, at: Timestamp) -> Option<Notice> {
    let words = doc["failure"].as_array()?.iter().filter_map(|problem| problem["message"].as_str());
    let details = json!({"status": 422, "detail": words.collect::<Vec<_>>().join("\n")});
    // The standard has no such notification of VNF packages.
    (doc["kind"] == "NSD").then(|| {
        notice(
            ("nsd", "NsdOnBoardingFailureNotification"),
            at,
            (json!({"nsdInfoId": name, "onboardingFailureDetails": details}), json!({"nsdInfoId": name})),
            &[("nsdInfo", format!("ns_descriptors/{name}"))],
        )
    })
}
