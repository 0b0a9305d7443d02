//! NFV packages as they were on-boarded.

use crate::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A package of a tenant: its bytes are kept, and never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Package {
    pub name: Name,
    /// What its sender calls the file.
    pub file: String,
    /// `sha256:…` of its bytes.
    pub digest: String,
    pub bytes: u64,
    pub descriptor: Descriptor,
    pub charts: Vec<PackagedChart>,
    /// What is no fault, and somebody should know.
    pub warnings: Vec<String>,
    /// Absent: nobody signed it, or it came before signatures were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub onboarded: Timestamp,
    #[serde(default)]
    pub operational: OperationalState,
    /// `userDefinedData` of SOL005: its writer's own.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub user_defined: serde_json::Map<String, serde_json::Value>,
}

/// `operationalState` of SOL005 (9.5.3): what is disabled makes nothing new, and what is made of it stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OperationalState {
    #[default]
    Enabled,
    Disabled,
}

/// `onboardingState` of SOL005 (9.5.3): a package is there when all of it was judged and kept; what is refused is told and
/// never there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OnboardingState {
    #[default]
    Onboarded,
}

/// Who signed a package (SOL004 5), and whether they were believed when it came. A signature that does not hold is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Signature {
    /// The file that holds it: the manifest, or the signature beside the package.
    pub entry: String,
    /// The subject of the signer's certificate.
    pub signer: String,
    /// `sha256:…` of that certificate.
    pub certificate: String,
    pub trusted: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a package describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Descriptor {
    pub kind: DescriptorKind,
    /// `sol001`, `sol006`, `osm` (since release nine) or `osm-r8`.
    pub form: String,
    /// Its file in the package.
    pub entry: String,
    /// `vnfdId`, `nsdId` of SOL005.
    pub id: String,
    pub name: String,
    pub version: String,
    /// Of the software in a function; empty where nobody says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software_version: String,
    pub provider: String,
    /// What a service is made of; the services of a slice's template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Member>,
}

/// A function of a service (`vnf-profile`), or a service of a slice (`netslice-subnet`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Member {
    /// What the service calls it.
    pub name: String,
    /// The id of its descriptor (`vnfd-id`, `nsd-ref`).
    pub descriptor: String,
    /// The package that the slices of a template have it from; a function's is chosen when the service is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum DescriptorKind {
    Vnfd,
    Nsd,
    /// A slice of services, as OSM has it.
    Nst,
}

impl DescriptorKind {
    /// What its parts are described by.
    pub const fn parts(self) -> Self {
        match self {
            Self::Vnfd | Self::Nsd => Self::Vnfd,
            Self::Nst => Self::Nsd,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vnfd => "VNFD",
            Self::Nsd => "NSD",
            Self::Nst => "NST",
        }
    }
}

/// The chart that makes a function, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PackagedChart {
    /// The part of the function that it makes (`kdu`, Mciop).
    pub function: String,
    pub from: ChartPlace,
    /// A path in the package, `REPOSITORY/NAME`, or an address.
    pub place: String,
    /// Empty where the package does not bring it.
    pub name: String,
    /// Empty where nobody says one.
    pub version: String,
    /// `sha256:…` of the packed chart; empty where the package does not bring it and nobody has looked for it.
    pub digest: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChartPlace {
    Package,
    Repository,
    Address,
}

impl ChartPlace {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Repository => "repository",
            Self::Address => "address",
        }
    }
}

/// `usageState` of SOL005 (9.5.3): whether something rests on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UsageState {
    InUse,
    NotInUse,
}
