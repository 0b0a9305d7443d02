//! NS lifecycle management (SOL005 6.5): what an instance is, and what became of each operation on it.

use super::common::{KeyValuePairs, Link, ProblemDetails};
use crate::LcmOperationState;
use models::operation::LcmOperation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a list of instances leaves out unless it is asked for.
pub const LEFT_OUT: &[&str] = &[
    "vnfInstance",
    "pnfInfo",
    "virtualLinkInfo",
    "vnffgInfo",
    "sapInfo",
    "nsScaleStatus",
    "additionalAffinityOrAntiAffinityRule",
];

/// And one of occurrences.
pub const OCCURRENCE_LEFT_OUT: &[&str] = &["operationParams", "error", "resourceChanges"];

/// NsInstance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsInstance {
    pub id: String,
    pub ns_instance_name: String,
    pub ns_instance_description: String,
    /// Empty of a slice that was made of no descriptor.
    pub nsd_id: String,
    pub nsd_info_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavour_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnf_instance: Vec<VnfInstance>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_link_info: Vec<NsVirtualLinkInfo>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sap_info: Vec<SapInfo>,
    pub ns_state: NsState,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ns_scale_status: Vec<NsScaleInfo>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_affinity_or_anti_affinity_rule: Vec<AffinityOrAntiAffinityRule>,
    #[serde(rename = "_links")]
    pub links: NsInstanceLinks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NsState {
    NotInstantiated,
    Instantiated,
}

/// The tasks that are open to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NsInstanceLinks {
    #[serde(rename = "self")]
    pub this: Link,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instantiate: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<Link>,
}

/// VnfInstance, of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfInstance {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_instance_name: Option<String>,
    /// Empty, as the next, of a function that was made of no descriptor.
    pub vnfd_id: String,
    pub vnf_provider: String,
    pub vnf_product_name: String,
    pub vnf_software_version: String,
    pub vnfd_version: String,
    pub vnf_pkg_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_configurable_properties: Option<KeyValuePairs>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vim_id: Option<String>,
    pub instantiation_state: NsState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instantiated_vnf_info: Option<InstantiatedVnfInfo>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstantiatedVnfInfo {
    pub flavour_id: String,
    /// STARTED: what stands is meant to run.
    pub vnf_state: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scale_status: Vec<ScaleInfo>,
}

/// ScaleInfo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleInfo {
    pub aspect_id: String,
    pub scale_level: u32,
}

/// NsVirtualLinkInfo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsVirtualLinkInfo {
    pub id: String,
    pub ns_virtual_link_desc_id: String,
    pub ns_virtual_link_profile_id: String,
    pub resource_handle: Vec<ResourceHandle>,
}

/// ResourceHandle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceHandle {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vim_id: Option<String>,
    pub resource_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vim_level_resource_type: Option<String>,
}

/// SapInfo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SapInfo {
    pub id: String,
    pub sapd_id: String,
    pub sap_name: String,
}

/// NsScaleInfo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsScaleInfo {
    pub ns_scaling_aspect_id: String,
    pub ns_scale_level_id: String,
}

/// AffinityOrAntiAffinityRule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AffinityOrAntiAffinityRule {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnf_profile_id: Vec<String>,
    pub affinity_or_anti_affiinty: Affinity,
    pub scope: AffinityScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Affinity {
    Affinity,
    AntiAffinity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AffinityScope {
    NfviPop,
    Zone,
    ZoneGroup,
    NfviNode,
    #[serde(rename = "NETWORK_LINK_AND_NODE")]
    NetworkLinkAndNode,
}

/// CreateNsRequest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateNsRequest {
    pub nsd_id: String,
    pub ns_name: String,
    pub ns_description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
}

/// NsLcmOpOcc.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsLcmOpOcc {
    pub id: String,
    pub operation_state: LcmOperationState,
    /// Of the second major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_entered_time: Option<String>,
    /// Of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_entered_time: Option<String>,
    pub ns_instance_id: String,
    pub lcm_operation_type: LcmOperationType,
    pub start_time: String,
    pub is_automatic_invocation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_params: Option<KeyValuePairs>,
    pub is_cancel_pending: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ProblemDetails>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_changes: Option<ResourceChanges>,
    #[serde(rename = "_links")]
    pub links: NsLcmOpOccLinks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LcmOperationType {
    Instantiate,
    Scale,
    Update,
    Terminate,
    Heal,
}

impl From<LcmOperation> for LcmOperationType {
    fn from(operation: LcmOperation) -> Self {
        match operation {
            LcmOperation::Instantiate => Self::Instantiate,
            LcmOperation::Scale => Self::Scale,
            LcmOperation::Update => Self::Update,
            LcmOperation::Terminate => Self::Terminate,
            LcmOperation::Heal => Self::Heal,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceChanges {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_vnfs: Vec<AffectedVnf>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_vls: Vec<AffectedVirtualLink>,
}

/// AffectedVnf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AffectedVnf {
    pub vnf_instance_id: String,
    pub vnfd_id: String,
    pub vnf_profile_id: String,
    pub vnf_name: String,
    pub change_type: String,
    pub change_result: String,
}

/// AffectedVirtualLink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AffectedVirtualLink {
    pub ns_virtual_link_instance_id: String,
    pub ns_virtual_link_desc_id: String,
    pub vl_profile_id: String,
    pub change_type: String,
    pub change_result: String,
}

/// The tasks that are open to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsLcmOpOccLinks {
    #[serde(rename = "self")]
    pub this: Link,
    pub ns_instance: Link,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Link>,
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continue_: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<Link>,
}

/// CancelMode: nothing here waits for the end of what runs; both stop at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelMode {
    pub cancel_mode: CancelModeType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelModeType {
    Graceful,
    Forceful,
}
