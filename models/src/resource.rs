//! What Sliceway makes in the world: one thing held by one target.
//!
//! A resource says what is wanted. It never holds a secret's value and never a value that a target has yet to choose:
//! both enter as [`Fill`]s at the last line before use.

use crate::Name;
use crate::secret::{SecretRef, SecretSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Who holds a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// The server's own sealed store: certificates, keys, passwords.
    Local,
    Cluster(Name),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Local => f.write_str("@local"),
            Target::Cluster(name) => f.write_str(name.as_str()),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = crate::name::BadName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "@local" { Ok(Target::Local) } else { text.parse().map(Target::Cluster) }
    }
}

/// Names one resource for ever. `kind` is `v1/Secret` or `apps/v1/Deployment` for an object, `secret` on the target
/// `local`, `readiness` for a check; `namespace` is empty where there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ResourceId {
    pub target: Target,
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
}

impl ResourceId {
    /// `apiVersion` and kind of an object: (`apps/v1`, `Deployment`).
    pub fn api(&self) -> (&str, &str) {
        self.kind.rsplit_once('/').unwrap_or(("", &self.kind))
    }

    /// `Deployment store`: what a person calls it.
    pub fn short(&self) -> String {
        format!("{} {}", self.api().1, self.name)
    }
}

impl fmt::Display for ResourceId {
    /// `edge:apps/v1/Deployment/sw-factory-7-1a2b3c4d/gw`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target, self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "/{}", self.namespace)?;
        }
        write!(f, "/{}", self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "resource")]
pub enum Resource {
    Object(Object),
    Readiness(Readiness),
    Secret(SecretSpec),
    Hook(Hook),
}

impl Resource {
    pub fn id(&self) -> &ResourceId {
        match self {
            Resource::Object(object) => &object.id,
            Resource::Readiness(readiness) => &readiness.id,
            Resource::Secret(secret) => &secret.id,
            Resource::Hook(hook) => &hook.id,
        }
    }

    /// What its target knows it by; nothing, where it is a check.
    pub fn world_id(&self) -> Option<&ResourceId> {
        match self {
            Resource::Object(object) | Resource::Hook(Hook { object, .. }) => Some(&object.id),
            Resource::Secret(secret) => Some(&secret.id),
            Resource::Readiness(_) => None,
        }
    }

    /// The object that it is in the world, where it is one.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Resource::Object(object) => Some(object),
            Resource::Hook(hook) => Some(&hook.object),
            Resource::Readiness(_) | Resource::Secret(_) => None,
        }
    }

    /// A check looks at the world and changes nothing in it.
    pub fn is_check(&self) -> bool {
        matches!(self, Resource::Readiness(_))
    }
}

/// One Kubernetes object, applied by server-side apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Object {
    pub id: ResourceId,
    pub owner: Owner,
    pub body: Body,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fills: Vec<Fill>,
    /// Its chart wants it left where it is when its release no longer has it (`helm.sh/resource-policy: keep`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// Who an object belongs to; written on it as labels under `sliceway.io/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Owner {
    pub tenant: Name,
    pub slice: Name,
    pub uid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Name>,
}

/// The labels by which ownership is known. All carry the prefix `sliceway.io/`, which charts may not use.
pub mod label {
    pub const PREFIX: &str = "sliceway.io/";
    /// The slice's short uid; every object that we made carries it.
    pub const SLICE: &str = "sliceway.io/slice";
    pub const NAME: &str = "sliceway.io/slice-name";
    pub const TENANT: &str = "sliceway.io/tenant";
    pub const FUNCTION: &str = "sliceway.io/function";
    /// An annotation: the run of a hook that made the object, `<operation>/<seq>`.
    pub const RUN: &str = "sliceway.io/run";
    /// The field manager, and the value of the conventional `app.kubernetes.io/managed-by` where a chart sets none.
    pub const MANAGER: &str = "sliceway";
}

impl Owner {
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            (label::SLICE.to_owned(), self.uid.clone()),
            (label::NAME.to_owned(), self.slice.to_string()),
            (label::TENANT.to_owned(), self.tenant.to_string()),
        ]);
        if let Some(function) = &self.function {
            labels.insert(label::FUNCTION.to_owned(), function.to_string());
        }
        labels
    }
}

/// The manifest: plain, or sealed in the blob store because a chart put a secret into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    Plain(Value),
    Sealed {
        digest: String,
    },
    /// A Secret in which Helm finds a release.
    Release(ReleaseRecord),
}

/// A value that is put into the manifest at `pointer` (RFC 6901) just before the object is applied. Missing parents
/// are made. With `base64` the text is encoded, as `data` of a Secret wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fill {
    pub pointer: String,
    pub parts: Vec<Part>,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    Text,
    Base64,
    Integer,
    /// An address; on an EndpointSlice it also sets `addressType` (IPv4, IPv6 or FQDN).
    Address,
    /// An address as a block of one; leaves what stands there where the value is a host name, which no block can say.
    Block,
    /// Makes a Service an ExternalName where the value is a host name; does nothing where it is an IP address.
    HostName,
}

/// The pieces of a filled value, joined in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    Text(String),
    Secret { secret: SecretRef, field: String },
    Input(Input),
}

/// A value born at run time: a field of what a target reported about another resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Input {
    pub resource: ResourceId,
    /// A key of [`Seen::outputs`], such as `nodePort.mqtt` or `address`.
    pub field: String,
}

/// One revision of a Helm release, as Helm itself records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReleaseRecord {
    /// Of the sealed JSON of the release, without what stands here.
    pub digest: String,
    pub name: String,
    pub revision: u32,
    pub status: ReleaseStatus,
    /// When its first revision was deployed; `None`: with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// When it was deployed; `None`: when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    Deployed,
    Superseded,
    /// Of a release that was taken over.
    Failed,
}

impl ReleaseStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

/// One object that a chart makes at a moment of its release's life. `id` is the moment's: kind `hook/pre-install`, name
/// `Job/migrate`; one object may be the hook of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hook {
    pub id: ResourceId,
    pub object: Object,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<DeletePolicy>,
    /// What its pods said last is kept when it succeeded; when it failed it always is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
}

impl Hook {
    /// An object of an earlier run goes before it is made again; a definition never does, since its objects would go too.
    pub fn goes(&self, when: DeletePolicy) -> bool {
        let stays = self.object.id.api().1 == "CustomResourceDefinition";
        let default = self.policies.is_empty() && when == DeletePolicy::BeforeHookCreation;
        !stays && (default || self.policies.contains(&when))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    BeforeHookCreation,
    HookSucceeded,
    HookFailed,
}

/// A check that objects are ready. Its `apply` changes nothing; it is done when `observe` says ready for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Readiness {
    pub id: ResourceId,
    pub objects: Vec<ResourceId>,
}

/// What a target said of one resource when it was last read or written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Seen {
    pub uid: String,
    /// What the next write must be based on; empty where the target has no such thing.
    #[serde(default)]
    pub version: String,
    /// Digest of the fields that our manager owns, as the target holds them: differs after a change by hand.
    #[serde(default)]
    pub digest: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    pub ready: Ready,
    /// It is on its way out, and what holds it: finalizers, still running pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting: Option<String>,
    /// It carries another owner's label, or none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stranger: Option<String>,
    /// What would help it to become ready, as [`crate::change::Failure::next`] says it; empty where nothing is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
}

impl Seen {
    /// Why it is not ready, and what would help; `None` where it is.
    pub fn why(&self) -> Option<String> {
        let (Ready::Waiting { reason } | Ready::Failed { reason }) = &self.ready else { return None };
        // What to type belongs to who knows the operation.
        let help = self.next.split_once(", then: ").map(|(help, _)| format!("; what helps: {help}"));
        Some(format!("{reason}{}", help.unwrap_or_default()))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Ready {
    #[default]
    Yes,
    /// Not yet; the cause can pass by itself.
    Waiting { reason: String },
    /// Not, and it will not become so by itself.
    Failed { reason: String },
}
