//! Types that several interfaces share (SOL013 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// KeyValuePairs: whoever writes them says what they mean.
pub type KeyValuePairs = Map<String, Value>;

/// Link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    pub href: String,
}

impl Link {
    pub fn to(href: impl Into<String>) -> Self {
        Self { href: href.into() }
    }
}

/// ProblemDetails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemDetails {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub status: u16,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// Checksum: of which algorithm, and in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checksum {
    pub algorithm: String,
    pub hash: String,
}

/// ApiVersionInformation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersionInformation {
    pub uri_prefix: String,
    pub api_versions: Vec<ApiVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersion {
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_deprecated: Option<bool>,
}

/// `PackageOperationalStateType`, `NsdOperationalStateType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationalState {
    Enabled,
    Disabled,
}

/// `PackageUsageStateType`, `NsdUsageStateType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UsageState {
    InUse,
    NotInUse,
}

/// `PackageOnboardingStateType`, `NsdOnboardingStateType`. `ERROR` is of the second major version: in the first, what failed is
/// `CREATED` again, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnboardingState {
    Created,
    Uploading,
    Processing,
    Onboarded,
    Error,
}
