//! Network services: what was created of an on-boarded descriptor, whether or not it runs. What runs is a slice of the
//! same name.

use crate::Name;
use crate::slice::Phase;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Created, and kept until it is deleted (SOL005 6.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Service {
    pub name: Name,
    /// The on-boarded package of its descriptor (NSD) when it is instantiated; a running one says its own.
    pub package: Name,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What people call it, where that is no name (`nsName`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub created: Timestamp,
}

/// `nsState` of SOL005 (6.5.2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceState {
    NotInstantiated,
    Instantiated,
}

/// A service and the slice that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ServiceShown {
    pub name: Name,
    pub package: Name,
    pub description: String,
    pub state: ServiceState,
    /// Of its slice, where it is instantiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The operation that changed it last, or is changing it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Absent: its slice was made by a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}
