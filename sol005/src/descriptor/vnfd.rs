//! A function's descriptor: VNFD, IFA 011 7.1.2, of a function made of containers.

use models::quantity::{Port, Protocol};
use serde_json::Value;
use std::collections::BTreeMap;

/// The one deployment flavour of a function made of a chart: a chart has no other.
pub const FLAVOUR: &str = "default";
/// The level at which a chart's own values make it.
pub const LEVEL: &str = "default";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vnfd {
    /// The same for the same provider, product and version.
    pub id: String,
    pub provider: String,
    pub product_name: String,
    /// Of the software inside: a chart's `appVersion`, or its version where it tells none.
    pub software_version: String,
    /// Of the descriptor: a chart's version.
    pub version: String,
    pub description: String,
    pub mciops: Vec<Mciop>,
    pub vdus: Vec<Vdu>,
    pub storages: Vec<Storage>,
    pub virtual_cps: Vec<VirtualCp>,
    pub external_cps: Vec<ExternalCp>,
    pub security_rules: Vec<SecurityRule>,
    pub aspects: Vec<Aspect>,
    pub levels: Vec<Level>,
    /// The lowest and highest number of each VDU, by its id.
    pub profiles: BTreeMap<String, VduProfile>,
    /// Which VDU of this function needs which other: `(needs, needed)`.
    pub dependencies: Vec<(String, String)>,
    /// What may be said when it is made: additionalConfigurableProperty, IFA 011 7.1.12.
    pub properties: Vec<Property>,
    /// What it needs beyond its own namespace, and other facts for who reads them: `(name, value)`.
    pub metadata: Vec<(String, String)>,
    pub scripts: Vec<Script>,
}

/// A package of containers' objects: a chart (MCIOP, IFA 011 7.1.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mciop {
    pub id: String,
    /// Where a manager finds it: `iml/edgex`, `oci://registry/charts/edgex`, a path in the package.
    pub chart: String,
    pub version: String,
    /// SHA-256 of the packed chart, in hexadecimal.
    pub digest: String,
    /// The VDUs that it makes.
    pub vdus: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Pod,
    Job,
    CronJob,
}

impl WorkloadKind {
    pub const ALL: [Self; 8] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Pod,
        Self::Job,
        Self::CronJob,
    ];

    /// As Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Pod => "Pod",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == kind)
    }
}

/// One workload: a group of containers that are placed together (OsContainerDeployableUnit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vdu {
    pub id: String,
    pub kind: WorkloadKind,
    /// The object's name as rendered.
    pub name: String,
    pub images: Vec<ContainerImage>,
    pub compute: Compute,
    /// Ids of [`Vnfd::storages`].
    pub storages: Vec<String>,
    pub cps: Vec<InternalCp>,
    /// What the node, the cluster or its policy must allow or have: nfviConstraints, one each.
    pub constraints: Vec<String>,
    pub measures: Vec<Measure>,
    /// Environment and configuration by name: the value where it is said and no secret.
    pub settings: Vec<(String, Option<String>)>,
    /// How its replicas keep apart or together.
    pub affinities: Vec<Affinity>,
}

/// How a VDU's instances stand to each other (LocalAffinityOrAntiAffinityRule, IFA 011 7.1.8.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affinity {
    pub together: bool,
    /// `nfvi-node` or `zone`.
    pub scope: &'static str,
}

/// A container and the image that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerImage {
    pub container: String,
    /// Whole, as rendered: `registry/path:tag@sha256:…`.
    pub reference: String,
    /// It runs before the others and ends.
    pub init: bool,
}

impl ContainerImage {
    /// Without tag and digest.
    pub fn repository(&self) -> &str {
        let bare = self.reference.split_once('@').map_or(self.reference.as_str(), |(bare, _)| bare);
        match bare.rsplit_once(':') {
            // A colon before the last slash is a port's.
            Some((name, tag)) if !tag.contains('/') => name,
            Some(_) | None => bare,
        }
    }

    pub fn tag(&self) -> Option<&str> {
        let bare = self.reference.split_once('@').map_or(self.reference.as_str(), |(bare, _)| bare);
        bare.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'))
    }

    /// `sha256:…`
    pub fn digest(&self) -> Option<&str> {
        self.reference.split_once('@').map(|(_, digest)| digest)
    }
}

/// What one pod asks for. Units: thousandths of a core, bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compute {
    pub cpu_request_milli: Amount,
    pub cpu_limit_milli: Amount,
    pub memory_request_bytes: Amount,
    pub memory_limit_bytes: Amount,
    /// What an operator takes for it where the chart says nothing; never the chart's own word.
    pub assumed: Vec<(&'static str, u64)>,
}

/// A sum over containers of which some may say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amount {
    /// `None`: no container says anything.
    pub value: Option<u64>,
    /// Containers that say nothing.
    pub unspecified: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// A volume claim, or a template of them.
    Claim,
    /// Lives as long as its pod.
    Ephemeral,
    /// A folder of the node.
    Host,
    /// A file server that the chart names.
    Nfs,
}

impl StorageKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Ephemeral => "ephemeral",
            Self::Host => "host-path",
            Self::Nfs => "nfs",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub id: String,
    pub kind: StorageKind,
    /// `None`: the chart does not say.
    pub size_bytes: Option<u64>,
    pub access_modes: Vec<String>,
    /// `None`: the cluster's default class.
    pub class: Option<String>,
    /// A node's path, a server's.
    pub place: Option<String>,
}

/// A port of a VDU (VduCpd, IFA 011 7.1.6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalCp {
    /// Unique in its VNFD.
    pub id: String,
    /// `None`: the pod's network, where no container says a port.
    pub port: Option<Port>,
    pub name: String,
}

/// A Service inside the cluster (VirtualCpd, IFA 011 7.1.6.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualCp {
    pub id: String,
    /// The Service's name as rendered.
    pub service: String,
    /// Ids of [`InternalCp`]: what it leads to.
    pub internal: Vec<String>,
    pub ports: Vec<Port>,
    /// It has an address of its own; not so where it is headless.
    pub has_address: bool,
}

/// What is seen from outside (VnfExtCpd, IFA 011 7.1.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCp {
    pub id: String,
    pub link: Link,
    pub ports: Vec<Port>,
    pub description: String,
    pub rule: Option<String>,
}

/// What an external connection point leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The pods' own network, by which it is managed.
    Pods,
    /// [`VirtualCp::id`]
    Virtual(String),
    /// The VDU's id and [`InternalCp::id`].
    Internal(String, String),
}

/// One allowed direction of traffic (SecurityGroupRule, IFA 011 7.1.6.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityRule {
    pub id: String,
    pub ingress: bool,
    pub protocol: Option<Protocol>,
    /// Both `None`: every port.
    pub first: Option<u16>,
    pub last: Option<u16>,
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VduProfile {
    pub min: u32,
    pub max: u32,
    /// The number that the chart's values make.
    pub now: u32,
}

/// A way to grow (ScalingAspect, IFA 011 7.1.10.2): each step adds as many of its VDUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aspect {
    pub id: String,
    pub description: String,
    pub max_level: u32,
    /// Of level 0.
    pub base: u32,
    /// Ids of VDUs.
    pub vdus: Vec<String>,
    /// The value of the chart that says the number: a path such as `web.replicas`; `None`: the cluster scales it by itself.
    pub property: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub id: String,
    /// Of each aspect.
    pub aspects: Vec<(String, u32)>,
    /// Of each VDU.
    pub vdus: Vec<(String, u32)>,
}

/// Something that is looked at: a probe, a place of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub id: String,
    pub name: String,
    pub what: String,
}

/// A value of the chart that may be said when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The path in the chart's values: `image.tag`. A dot inside a name is written `\.`, as Helm does.
    pub path: String,
    /// `None`: a secret, of which the name alone is told.
    pub default: Option<Value>,
}

impl Property {
    /// The default in words that [`Property::read`] reads back: a text as it is where it could be nothing else.
    pub fn written(&self) -> Option<String> {
        self.default.as_ref().map(|value| match value {
            Value::String(text) if !text.is_empty() && serde_json::from_str::<Value>(text).is_err() => text.clone(),
            other => other.to_string(),
        })
    }

    /// A value from words: JSON where it is some, else the text itself.
    pub fn read(words: &str) -> Value {
        serde_json::from_str(words).unwrap_or_else(|_| Value::from(words))
    }
}

/// What runs at a moment of its life: a hook of the chart (LifeCycleManagementScript, IFA 011 7.1.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub id: String,
    /// As SOL006 spells them: `start-instantiation`.
    pub events: Vec<&'static str>,
    /// Its file in the chart.
    pub source: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_default_reads_back_as_it_was() {
        for value in [
            json!("1Gi"),
            json!("5"),
            json!(5),
            json!("true"),
            json!(true),
            json!(null),
            json!("null"),
            json!(""),
            json!({"a": [1]}),
            json!("a \"b\""),
        ] {
            let property = Property { path: "it".into(), default: Some(value.clone()) };
            assert_eq!(Property::read(&property.written().expect("a default")), value);
        }
    }

    #[test]
    fn an_image_is_taken_apart() {
        let of = |reference: &str| ContainerImage { container: "c".into(), reference: reference.into(), init: false };
        let check = |reference: &str, repository: &str, tag: Option<&str>, digest: Option<&str>| {
            let image = of(reference);
            assert_eq!((image.repository(), image.tag(), image.digest()), (repository, tag, digest), "{reference}");
        };
        check("nginx", "nginx", None, None);
        check("nginx:1.27", "nginx", Some("1.27"), None);
        check("localhost:5000/a/b", "localhost:5000/a/b", None, None);
        check("localhost:5000/a/b:2@sha256:aa", "localhost:5000/a/b", Some("2"), Some("sha256:aa"));
    }
}
