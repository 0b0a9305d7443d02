//! The intent: one tenant's isolated piece of edge, cloud and network.
//!
//! These are the fields of the slice file (`kind: Slice`). What they mean together (dangling references, impossible
//! values) is checked by the file's parser, which knows lines and columns.

use crate::Name;
use crate::format::Format;
use crate::labels::{Labels, Selector};
use crate::quantity::{Bandwidth, Cpu, Latency, Memory, Port, Share};
use crate::template::TemplateUse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A slice as it is stored: who owns it, which incarnation of its name it is, and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slice {
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub format: Format<1>,
    pub tenant: Name,
    pub name: Name,
    /// Short hash of tenant, name and incarnation; part of every name in the world.
    pub uid: String,
    pub incarnation: u64,
    #[serde(default)]
    pub labels: Labels,
    pub spec: SliceSpec,
    pub phase: Phase,
    /// The operation that changed it last, or is changing it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Where each function stands: function to cluster. Sticky.
    #[serde(default)]
    pub placed: BTreeMap<String, String>,
    /// The Helm releases that it was made from, where they stood before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

impl Slice {
    /// The namespace on every cluster that carries a part of the slice.
    pub fn namespace(&self) -> String {
        let own = || format!("sw-{}-{}", self.name, self.uid);
        self.adopted.as_ref().map_or_else(own, |adopted| adopted.namespace.clone())
    }

    /// The name of a function's Helm release.
    pub fn release(&self, function: &Name) -> String {
        let adopted = self.adopted.as_ref().and_then(|adopted| adopted.releases.get(function));
        adopted.cloned().unwrap_or_else(|| format!("{function}-{}", self.uid))
    }
}

/// Releases that a slice took over. They keep their names and their namespace, which is not the slice's own: others may
/// live in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Adopted {
    pub cluster: Name,
    pub namespace: String,
    /// Function to release.
    pub releases: BTreeMap<Name, String>,
}

impl Adopted {
    pub fn is_release(&self, (namespace, release): (&str, &str)) -> bool {
        self.namespace == namespace && self.releases.values().any(|known| known == release)
    }
}

/// What a slice is at this moment; SOL005 sees `Ready`, `Changing` and `Broken` as INSTANTIATED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Phase {
    /// Its first operation runs.
    Creating,
    Ready,
    /// An operation changes it.
    Changing,
    /// An operation waits for an operator, or ended FAILED.
    Broken,
    Deleting,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SliceSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    #[serde(default)]
    pub sites: BTreeMap<Name, Site>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Server>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<Gateway>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Function>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessRule>,
    /// The service that it is, where it is made from an on-boarded descriptor: its sites, functions and access rules follow
    /// from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceUse>,
    /// The template that it is a slice of: everything else follows from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateUse>,
    /// What is changed by hand on its clusters is put back, by an operation; otherwise it is an alarm only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heal: bool,
}

/// GSMA NG.116 attributes in short form; `sst` and `sd` make the S-NSSAI (3GPP TS 23.003 28.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sst: Option<u8>,
    /// Six hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Bandwidth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downlink: Option<Bandwidth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Share>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    Shared,
    Dedicated,
}

/// Where functions may stand: a fixed cluster, or a choice by labels. Exactly one of `cluster` and `select`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Selector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Sites of the slice that are on other clusters than this one (IFA 014 6.3.5, anti-affinity of NFVI-PoPs).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<Name>,
    /// Overrides the quota that is computed from what the charts ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// What is said when a network service is instantiated (InstantiateNsRequest, SOL005 6.5.2.11), by our own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceUse {
    /// The on-boarded package of its descriptor (NSD).
    pub package: Name,
    /// By their ids in the descriptor (`vnf-profile`); those that are not named take what the descriptors say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, FunctionUse>,
    /// Groups of functions on one cluster each, beside what the descriptor says (additionalAffinityOrAntiAffinityRule).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<BTreeSet<String>>,
    /// Groups of functions of which no two are on one cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<BTreeSet<String>>,
}

/// What is said of one function of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionUse {
    /// The one cluster where it stands (locationConstraints). Without `cluster` and `select` it is any that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Selector>,
    /// The package of its descriptor, of the versions that are there; absent: the newest when the service was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Name>,
    /// `additionalParams`: properties that its descriptor declares, by their paths; `CHART.PATH` where it has several charts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// The instantiation level that it is made at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The level of each scaling aspect, over that of `level`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, u32>,
}

/// How one of several fitting clusters is chosen, over free capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The one with the most room left: spreads.
    #[default]
    WorstFit,
    /// The one with the least room that still fits: packs.
    BestFit,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Memory>,
}

/// The chart of a function, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(transform = joined)]
pub struct Chart {
    #[serde(flatten)]
    pub from: ChartFrom,
    /// In a package: the part of the function that it makes (`kdu`, Mciop).
    pub name: String,
    /// An exact version; absent takes the newest that the repository holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Who has a chart: a repository of the installation, or a package that the tenant on-boarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChartFrom {
    Repository(Name),
    Package(Name),
}

/// One object that has either of the two names, where the derived schema has an object for each.
fn joined(schema: &mut schemars::Schema) {
    let Some(Value::Array(forms)) = schema.remove("oneOf") else { return };
    let mut either = Vec::new();
    for form in &forms {
        let own = form.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.extend(own);
        }
        either.push(serde_json::json!({"required": form["required"]}));
    }
    schema.insert("oneOf".into(), either.into());
}

impl Chart {
    pub fn repository(&self) -> Option<&Name> {
        match &self.from {
            ChartFrom::Repository(name) => Some(name),
            ChartFrom::Package(_) => None,
        }
    }

    pub fn package(&self) -> Option<&Name> {
        match &self.from {
            ChartFrom::Package(name) => Some(name),
            ChartFrom::Repository(_) => None,
        }
    }
}

/// A platform whose charts follow the contract of the reserved values key `sliceway`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// mosquitto, or anything that reads mosquitto's password, ACL and bridge files.
    Mqtt,
}

/// Maps a chart's own values path to a field of the contract: `auth.existingSecret: clientsSecret`.
pub type Bind = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub name: Name,
    pub site: Name,
    pub chart: Chart,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The container's port that gateways speak to. 8883/tcp for `platform: mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    #[serde(default, skip_serializing_if = "Bind::is_empty")]
    pub bind: Bind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    pub name: Name,
    pub site: Name,
    pub chart: Chart,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The container's port that devices speak to. 8883/tcp for `platform: mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    #[serde(default, skip_serializing_if = "Bind::is_empty")]
    pub bind: Bind,
    /// The one server that it is attached to, or `servers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Name>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Name>,
}

impl Gateway {
    /// Every server that it is attached to, in the file's order.
    pub fn attached(&self) -> Vec<&Name> {
        self.server.iter().chain(&self.servers).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    pub name: Name,
    pub site: Name,
    pub chart: Chart,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub name: Name,
    pub gateway: Name,
    pub protocol: DeviceProtocol,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<DeviceResource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceProtocol {
    Mqtt,
}

/// One thing that a device measures or takes; `unit` is a SenML unit (RFC 8428 12.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceResource {
    pub name: Name,
    #[serde(rename = "type")]
    pub kind: ValueKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    String,
    Binary,
}

/// Opens the container ports of `to` for `from`. Everything else stays closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    pub from: Name,
    pub to: Name,
    pub ports: Vec<Port>,
}

/// What a workload is to the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Server,
    Gateway,
    Function,
}

/// The three kinds of function seen as one: a name, a site, a chart.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    pub role: Role,
    pub name: &'a Name,
    pub site: &'a Name,
    pub chart: &'a Chart,
    pub values: &'a Map<String, Value>,
    pub platform: Option<Platform>,
    pub port: Option<Port>,
    pub bind: Option<&'a Bind>,
}

/// What all devices are called in access rules.
pub const DEVICES: &str = "devices";

/// The port of `platform: mqtt` where the file names none.
pub const MQTT_TLS: Port = Port { number: 8883, protocol: crate::quantity::Protocol::Tcp };

impl SliceSpec {
    /// Servers, then gateways, then functions, each in the file's order.
    pub fn workloads(&self) -> Vec<Workload<'_>> {
        let servers = self.servers.iter().map(|s| Workload {
            role: Role::Server,
            name: &s.name,
            site: &s.site,
            chart: &s.chart,
            values: &s.values,
            platform: s.platform,
            port: s.port.or(s.platform.map(|Platform::Mqtt| MQTT_TLS)),
            bind: Some(&s.bind),
        });
        let gateways = self.gateways.iter().map(|g| Workload {
            role: Role::Gateway,
            name: &g.name,
            site: &g.site,
            chart: &g.chart,
            values: &g.values,
            platform: g.platform,
            port: g.port.or(g.platform.map(|Platform::Mqtt| MQTT_TLS)),
            bind: Some(&g.bind),
        });
        let functions = self.functions.iter().map(|f| Workload {
            role: Role::Function,
            name: &f.name,
            site: &f.site,
            chart: &f.chart,
            values: &f.values,
            platform: None,
            port: None,
            bind: None,
        });
        servers.chain(gateways).chain(functions).collect()
    }

    /// The packages that it is made of.
    pub fn packages(&self) -> BTreeSet<&Name> {
        let service = self.service.iter().map(|service| &service.package);
        service.chain(self.workloads().into_iter().filter_map(|workload| workload.chart.package())).collect()
    }

    pub fn workload(&self, name: &Name) -> Option<Workload<'_>> {
        self.workloads().into_iter().find(|w| w.name == name)
    }
}
