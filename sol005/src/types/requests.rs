//! What is asked of an NS instance (SOL005 6.5): the attributes that mean something for containers, and those that are known
//! and mean nothing here, which are refused where somebody says them.

use super::common::KeyValuePairs;
use super::nslcm::AffinityOrAntiAffinityRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Said, and more than nothing.
pub fn is_said(value: &Option<Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => true,
    }
}

/// InstantiateNsRequest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstantiateNsRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_flavour_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_instantiation_level_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_constraints: Option<Vec<VnfLocationConstraint>>,
    /// `FUNCTION.PATH` of a property that the function's descriptor declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_params_for_ns: Option<KeyValuePairs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_params_for_vnf: Option<Vec<ParamsForVnf>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_affinity_or_anti_affinity_rule: Option<Vec<AffinityOrAntiAffinityRule>>,
    /// What a SAP is called and how it is reached follows from the descriptor; what is said is kept, and told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sap_data: Option<Vec<SapData>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addpnf_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vnf_instance_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested_ns_instance_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested_ns_location_constraints: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_param_for_nested_ns: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wan_connection_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Value>,
}

/// VnfLocationConstraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfLocationConstraint {
    pub vnf_profile_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_constraints: Option<LocationConstraints>,
}

/// LocationConstraints: a cluster fits that has the labels `country` and `ca-TYPE` (RFC 4776) with these values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationConstraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub civic_address_element: Option<Vec<CivicAddressElement>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CivicAddressElement {
    pub ca_type: u32,
    pub ca_value: String,
}

/// ParamsForVnf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParamsForVnf {
    pub vnf_profile_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_instance_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_instance_description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_configurable_properties: Option<KeyValuePairs>,
    /// Properties that the descriptor declares, by their paths; `sliceway.cluster` is the one cluster where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_params: Option<KeyValuePairs>,
}

/// SapData.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SapData {
    pub sapd_id: String,
    pub sap_name: String,
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sap_protocol_data: Option<Value>,
}

/// ScaleNsRequest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleNsRequest {
    pub scale_type: ScaleType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_ns_data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_vnf_data: Option<Vec<ScaleVnfData>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_time: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScaleType {
    ScaleNs,
    ScaleVnf,
}

/// ScaleVnfData.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleVnfData {
    pub vnf_instance_id: String,
    pub scale_vnf_type: ScaleVnfType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_to_level_data: Option<ScaleToLevelData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_by_step_data: Option<ScaleByStepData>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScaleVnfType {
    ScaleOut,
    ScaleIn,
    ScaleToInstantiationLevel,
    #[serde(rename = "SCALE_TO_SCALE_LEVEL(S)")]
    ScaleToScaleLevels,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleToLevelData {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_instantiation_level_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_scale_info: Option<Vec<VnfScaleInfo>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_params: Option<KeyValuePairs>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfScaleInfo {
    pub aspect_id: String,
    pub scale_level: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleByStepData {
    pub aspect_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_of_steps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_params: Option<KeyValuePairs>,
}

/// UpdateNsRequest: of the update types those that have a meaning for containers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateNsRequest {
    pub update_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_vnf_package_data: Option<Vec<ChangeVnfPackageData>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assoc_new_nsd_version_data: Option<AssocNewNsdVersionData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modify_vnf_info_data: Option<Vec<ModifyVnfInfoData>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<Value>,
}

/// ChangeVnfPackageData: another version of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVnfPackageData {
    pub vnf_instance_id: String,
    pub vnfd_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_params: Option<KeyValuePairs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_configurable_properties: Option<KeyValuePairs>,
}

/// AssocNewNsdVersionData: another version of the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssocNewNsdVersionData {
    pub new_nsd_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<bool>,
}

/// ModifyVnfInfoData.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModifyVnfInfoData {
    pub vnf_instance_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_configurable_properties: Option<KeyValuePairs>,
}

/// HealNsRequest: what was changed by hand is put back, of the whole NS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealNsRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heal_ns_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heal_vnf_data: Option<Value>,
}

/// TerminateNsRequest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TerminateNsRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_time: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminate_ns_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminate_vnf_data: Option<Value>,
}
