//! NSD management (SOL005 5.5).

use super::common::{KeyValuePairs, Link, OnboardingState, OperationalState, ProblemDetails, UsageState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a list leaves out unless it is asked for.
pub const LEFT_OUT: &[&str] = &["userDefinedData", "onboardingFailureDetails"];

/// NsdInfo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsdInfo {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_designer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_invariant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vnf_pkg_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pnfd_info_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nested_nsd_info_ids: Vec<String>,
    pub nsd_onboarding_state: OnboardingState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboarding_failure_details: Option<ProblemDetails>,
    pub nsd_operational_state: OperationalState,
    pub nsd_usage_state: UsageState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
    #[serde(rename = "_links")]
    pub links: NsdInfoLinks,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NsdInfoLinks {
    #[serde(rename = "self")]
    pub this: Link,
    pub nsd_content: Link,
}

/// CreateNsdInfoRequest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateNsdInfoRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
}

/// NsdInfoModifications: what was changed, as merge patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NsdInfoModifications {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsd_operational_state: Option<OperationalState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
}
