//! Subscriptions of every interface: where notifications go, and which.

use super::common::Link;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// SubscriptionAuthentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionAuthentication {
    pub auth_type: Vec<AuthType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params_basic: Option<ParamsBasic>,
    #[serde(default, rename = "paramsOauth2ClientCredentials", skip_serializing_if = "Option::is_none")]
    pub params_oauth2: Option<ParamsOauth2>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthType {
    Basic,
    #[serde(rename = "OAUTH2_CLIENT_CREDENTIALS")]
    Oauth2ClientCredentials,
    TlsCert,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParamsBasic {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParamsOauth2 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionLinks {
    #[serde(rename = "self")]
    pub this: Link,
}

/// NsdmSubscriptionRequest, PkgmSubscriptionRequest, LccnSubscriptionRequest: with the filter of the interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", bound(deserialize = "F: Deserialize<'de>"))]
#[schemars(rename = "SubscriptionRequestOf{F}")]
pub struct SubscriptionRequest<F> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<F>,
    pub callback_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<SubscriptionAuthentication>,
    /// Of nslcm: FULL, or SHORT, without what was affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<Verbosity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verbosity {
    Full,
    Short,
}

/// NsdmSubscription, PkgmSubscription, LccnSubscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", bound(deserialize = "F: Deserialize<'de>"))]
#[schemars(rename = "SubscriptionOf{F}")]
pub struct Subscription<F> {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<F>,
    pub callback_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<Verbosity>,
    #[serde(rename = "_links")]
    pub links: SubscriptionLinks,
}

/// Which notifications of NSD management: of each attribute that is said one value must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NsdmNotificationsFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notification_types: Vec<NsdNotificationType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_info_id: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_id: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_name: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_version: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_designer: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_operational_state: Vec<super::common::OperationalState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NsdNotificationType {
    NsdOnBoardingNotification,
    NsdOnBoardingFailureNotification,
    NsdChangeNotification,
    NsdDeletionNotification,
}

/// Which notifications of VNF package management.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PkgmNotificationsFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notification_types: Vec<PackageNotificationType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnfd_id: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vnf_pkg_id: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operational_state: Vec<super::common::OperationalState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PackageNotificationType {
    VnfPackageOnboardingNotification,
    VnfPackageChangeNotification,
}

/// Which notifications of NS lifecycle management.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LifecycleChangeNotificationsFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_instance_subscription_filter: Option<NsInstanceSubscriptionFilter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notification_types: Vec<LcmNotificationType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operation_types: Vec<super::nslcm::LcmOperationType>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operation_states: Vec<crate::LcmOperationState>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NsInstanceSubscriptionFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsd_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ns_instance_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ns_instance_names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LcmNotificationType {
    NsLcmOperationOccurrenceNotification,
    NsIdentifierCreationNotification,
    NsIdentifierDeletionNotification,
}
