//! Update types (SOL005 6.5): those that have a meaning for containers, and why the others have none.

use super::lifecycle::{member, parameter, raw};
use crate::api::App;
use crate::api::problem::Problem;
use crate::api::reply::Input;
use crate::catalogue::Opened;
use models::package::DescriptorKind;
use models::problem::nearest;
use models::slice::ServiceUse;
use models::{Name, Problem as Finding, Slice};
use serde_json::Value;
use sol005::types::requests::UpdateNsRequest;

const CHANGE_PACKAGE: &str = "CHANGE_VNFPKG";
const NEW_NSD: &str = "ASSOC_NEW_NSD_VERSION";
const MODIFY: &str = "MODIFY_VNF_INFORMATION";

/// Each type that the standard has, and why it is not carried out here; empty: it is.
pub(super) const TYPES: &[(&str, &str)] = &[
    (CHANGE_PACKAGE, ""),
    (NEW_NSD, ""),
    (MODIFY, ""),
    ("ADD_VNF", "an NS has the functions that its NSD names: associate a version that has more"),
    ("REMOVE_VNF", "an NS has the functions that its NSD names: associate a version that has fewer"),
    ("INSTANTIATE_VNF", "a function is made with its NS"),
    ("CHANGE_VNF_DF", "a function has one deployment flavour"),
    ("CHANGE_NS_DF", "a service has one deployment flavour"),
    ("OPERATE_VNF", "a cluster keeps containers running: scale the function instead"),
    ("CHANGE_EXTERNAL_VNF_CONNECTIVITY", "who reaches whom follows from the NSD"),
    ("CHANGE_EXT_VNF_CONNECTIVITY", "who reaches whom follows from the NSD"),
    ("ADD_SAP", "access points follow from the NSD"),
    ("REMOVE_SAP", "access points follow from the NSD"),
    ("ADD_NESTED_NS", "nested services are not carried out here"),
    ("REMOVE_NESTED_NS", "nested services are not carried out here"),
    ("MOVE_VNF", "a function that is shared by services is not carried out here"),
    ("ADD_VNFFG", "forwarding graphs have no meaning for access rules"),
    ("REMOVE_VNFFG", "forwarding graphs have no meaning for access rules"),
    ("UPDATE_VNFFG", "forwarding graphs have no meaning for access rules"),
    ("ADD_PNF", "physical functions are not carried out here"),
    ("MODIFY_PNF", "physical functions are not carried out here"),
    ("REMOVE_PNF", "physical functions are not carried out here"),
    ("CREATE_VNF_SNAPSHOT", "containers have no snapshots"),
    ("REVERT_VNF_TO_SNAPSHOT", "containers have no snapshots"),
    ("DELETE_VNF_SNAPSHOT_INFO", "containers have no snapshots"),
    ("MODIFY_WAN_CONNECTION_INFO", "the clusters' networks are their operator's"),
    ("CREATE_NS_VIRTUAL_LINK", "links follow from the NSD"),
    ("DELETE_NS_VIRTUAL_LINK", "links follow from the NSD"),
    ("CREATE_DATA_FLOW_MIRRORING", "traffic between containers is not mirrored here"),
    ("DELETE_DATA_FLOW_MIRRORING", "traffic between containers is not mirrored here"),
    ("UPDATE_DATA_FLOW_MIRRORING", "traffic between containers is not mirrored here"),
    ("SELECT_VNF_DEPL_MODULES", "a function is its whole chart: say its values instead"),
];

/// A type that is not carried out is told before anything else of the body.
pub(super) fn meaning(input: &Input) -> Result<(), Problem> {
    let body = raw(input);
    let Some(kind) = body.get("updateType").and_then(Value::as_str) else { return Ok(()) };
    match TYPES.iter().find(|(known, _)| *known == kind) {
        Some((_, "")) => Ok(()),
        Some((_, why)) => {
            Err(Problem::findings(&[Finding::at("updateType", format!("{kind} is not carried out: {why}"))]))
        }
        None => {
            let known = || TYPES.iter().map(|(known, _)| *known);
            let mend = match nearest(kind, known()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("write {CHANGE_PACKAGE}, {NEW_NSD} or {MODIFY}"),
            };
            let problem = Problem::findings(&[Finding::at("updateType", format!("there is no {kind:?}")).mend(mend)]);
            Err(Problem { status: 400, ..problem })
        }
    }
}

/// What is said of the service afterwards.
pub(super) async fn updated(
    app: &App,
    (tenant, slice): (&Name, &Slice),
    (opened, mut said, body): (&Opened, ServiceUse, &UpdateNsRequest),
) -> Result<ServiceUse, Problem> {
    let mut problems = Vec::new();
    let within = |list: &str, at: usize, problem: Finding| Finding {
        field: format!("{list}[{at}].{}", problem.field),
        ..problem
    };
    let missing = |field: &str| Problem::findings(&[Finding::at(field, "is missing").mend(format!("say {field}"))]);
    match body.update_type.as_str() {
        CHANGE_PACKAGE => {
            let list = body.change_vnf_package_data.as_ref().ok_or_else(|| missing("changeVnfPackageData"))?;
            for (at, one) in list.iter().enumerate() {
                let function = member(opened, slice, &one.vnf_instance_id);
                let package = app.packages.named(tenant, (DescriptorKind::Vnfd, &one.vnfd_id)).await?;
                match (function, package) {
                    (Ok(function), Some(package)) => {
                        let of = said.functions.entry(function).or_default();
                        of.package = Some(package);
                        for (path, value) in
                            one.additional_params.iter().chain(&one.vnf_configurable_properties).flatten()
                        {
                            parameter(of, (path, value), &mut problems);
                        }
                    }
                    (Err(problem), _) => problems.push(within("changeVnfPackageData", at, problem)),
                    (Ok(_), None) => {
                        let message = format!("no VNFD that is enabled has the id {:?}", one.vnfd_id);
                        let problem = Finding::at("vnfdId", message).mend("on-board it first");
                        problems.push(within("changeVnfPackageData", at, problem));
                    }
                }
            }
        }
        NEW_NSD => {
            let data = body.assoc_new_nsd_version_data.as_ref().ok_or_else(|| missing("assocNewNsdVersionData"))?;
            match app.packages.named(tenant, (DescriptorKind::Nsd, &data.new_nsd_id)).await? {
                Some(package) => said.package = package,
                None => {
                    let message = format!("no NSD that is enabled has the id {:?}", data.new_nsd_id);
                    problems.push(Finding::at("assocNewNsdVersionData.newNsdId", message).mend("on-board it first"));
                }
            }
        }
        _ => {
            let list = body.modify_vnf_info_data.as_ref().ok_or_else(|| missing("modifyVnfInfoData"))?;
            for (at, one) in list.iter().enumerate() {
                match member(opened, slice, &one.vnf_instance_id) {
                    Ok(function) => {
                        let of = said.functions.entry(function).or_default();
                        for (path, value) in one.vnf_configurable_properties.iter().flatten() {
                            parameter(of, (path, value), &mut problems);
                        }
                        of.parameters.retain(|_, value| !value.is_null());
                    }
                    Err(problem) => problems.push(within("modifyVnfInfoData", at, problem)),
                }
            }
        }
    }
    if problems.is_empty() { Ok(said) } else { Err(Problem::findings(&problems)) }
}
