//! Templates: slices with typed parameters that an operator offers to tenants.

use crate::Name;
use crate::quantity::{Bandwidth, Cpu, Latency, Memory};
use crate::slice::Quality;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One version of an offer, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Template {
    pub name: Name,
    pub spec: TemplateSpec,
    pub created: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    /// Compared by its numbers: 1.10 is newer than 1.9.
    pub version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Qualities to choose from, by S-NSSAI: `3`, or `3-0000A1` (3GPP TS 23.003 28.4).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Quality>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<TemplateQuota>,
    /// The spec of the slice; `${name}` in a text is the parameter's value.
    pub slice: Map<String, Value>,
}

/// How many slices of it a tenant may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateQuota {
    /// Each tenant that is not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<Name, u32>,
}

impl TemplateQuota {
    pub fn of(&self, tenant: &Name) -> Option<u32> {
        self.tenants.get(tenant).copied().or(self.slices)
    }
}

/// What a tenant may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: Name,
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// Absent: it must be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Of numbers and quantities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Value>,
    /// Nothing else is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// For people, where the type has none: `devices`, `days`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
    #[serde(default, skip_serializing_if = "Change::is_always")]
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    Text,
    Name,
    Integer,
    Number,
    Truth,
    Bandwidth,
    Latency,
    Memory,
    Cpu,
}

/// When a tenant may say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    #[default]
    Always,
    /// When the slice is made, and not afterwards.
    Once,
    /// It has its default: the operator's own knob, for the next version.
    Never,
}

impl Change {
    pub fn is_always(&self) -> bool {
        *self == Self::Always
    }
}

impl ParameterKind {
    /// What may be written.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Name => "a name: 1 to 40 of a-z, 0-9 and '-'",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Bandwidth => Bandwidth::ALLOWED,
            Self::Latency => Latency::ALLOWED,
            Self::Memory => Memory::ALLOWED,
            Self::Cpu => Cpu::ALLOWED,
        }
    }

    /// The value as it is kept, from a file or from the words of a command line; `None`: it is of another type.
    pub fn read(self, value: &Value) -> Option<Value> {
        let words = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let kept = || Some(Value::from(words.clone()));
        match self {
            Self::Text => kept(),
            Self::Name => words.parse::<Name>().ok().and_then(|_| kept()),
            Self::Integer => words.parse::<i64>().ok().map(Value::from),
            Self::Number => {
                words.parse::<f64>().ok().filter(|n| n.is_finite()).and_then(|_| serde_json::from_str(&words).ok())
            }
            Self::Truth => words.parse::<bool>().ok().map(Value::from),
            Self::Bandwidth | Self::Latency | Self::Memory | Self::Cpu => self.measure(value).and_then(|_| kept()),
        }
    }

    /// What two values of a kind are compared by.
    pub fn measure(self, value: &Value) -> Option<f64> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        #[allow(clippy::cast_precision_loss, reason = "bounds are far below where a whole number is not held exactly")]
        let whole = |number: u64| number as f64;
        match self {
            Self::Integer | Self::Number => text.parse().ok(),
            Self::Bandwidth => text.parse().ok().map(|of: Bandwidth| whole(of.bandwidth_bps)),
            Self::Latency => text.parse().ok().map(|of: Latency| whole(of.latency_us)),
            Self::Memory => text.parse().ok().map(|of: Memory| whole(of.memory_bytes)),
            Self::Cpu => text.parse().ok().map(|of: Cpu| whole(of.cpu_milli)),
            Self::Text | Self::Name | Self::Truth => None,
        }
    }
}

/// A slice of a template as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    pub name: Name,
    /// Absent: the one that the slice has, the newest where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// One of the template's profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
}
