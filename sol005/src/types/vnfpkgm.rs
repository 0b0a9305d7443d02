//! VNF package management (SOL005 9.5).

use super::common::{Checksum, KeyValuePairs, Link, OnboardingState, OperationalState, ProblemDetails, UsageState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a list leaves out unless it is asked for.
pub const LEFT_OUT: &[&str] =
    &["softwareImages", "additionalArtifacts", "userDefinedData", "checksum", "onboardingFailureDetails"];

/// VnfPkgInfo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfPkgInfo {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnfd_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_product_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnf_software_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnfd_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub software_images: Vec<VnfPackageSoftwareImageInfo>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_artifacts: Vec<VnfPackageArtifactInfo>,
    pub onboarding_state: OnboardingState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboarding_failure_details: Option<ProblemDetails>,
    pub operational_state: OperationalState,
    pub usage_state: UsageState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
    #[serde(rename = "_links")]
    pub links: VnfPkgInfoLinks,
}

/// VnfPackageSoftwareImageInfo: of an image that its registry has, the name is all that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfPackageSoftwareImageInfo {
    pub id: String,
    pub name: String,
    pub provider: String,
    pub version: String,
    pub container_format: String,
    /// Where it is pulled from.
    pub image_path: String,
}

/// VnfPackageArtifactInfo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfPackageArtifactInfo {
    pub artifact_path: String,
    pub checksum: Checksum,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfPkgInfoLinks {
    #[serde(rename = "self")]
    pub this: Link,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnfd: Option<Link>,
    pub package_content: Link,
}

/// CreateVnfPkgInfoRequest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateVnfPkgInfoRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
}

/// VnfPkgInfoModifications.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VnfPkgInfoModifications {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operational_state: Option<OperationalState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_defined_data: Option<KeyValuePairs>,
}

/// UploadVnfPkgFromUriRequest: up to the second major version the address stands in the first attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadVnfPkgFromUriRequest {
    pub address_information: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}
