//! What came out of a package.

use crate::descriptor::{Nsd, Nst, Vnfd};
use models::package::Signature;

/// What it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Sol001,
    Sol006,
    /// OSM since release nine: SOL006 with augments and without names of modules.
    Osm,
    OsmR8,
}

impl Form {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sol001 => "sol001",
            Self::Sol006 => "sol006",
            Self::Osm => "osm",
            Self::OsmR8 => "osm-r8",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    Function(Box<Vnfd>),
    Service(Box<Nsd>),
    Slice(Box<Nst>),
}

/// Where a function's chart is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartSource {
    /// A packed chart in the package.
    Archive(String),
    /// A chart's folder in the package.
    Folder(String),
    /// In a repository that is registered here: its name, and the chart's.
    Repository(String, String),
    /// At an address: `oci://…`, `https://…`.
    Address(String),
}

/// The chart that makes a function, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The Mciop's id.
    pub function: String,
    pub source: ChartSource,
    /// Empty where the package does not bring it: then it is known once it is fetched.
    pub name: String,
    /// Empty where nobody said one.
    pub version: String,
    /// SHA-256 in hexadecimal of the packed chart; empty where the package does not bring it and nobody said one.
    pub digest: String,
    /// The packed chart, where the package brings it.
    pub archive: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onboarded {
    pub form: Form,
    pub descriptor: Descriptor,
    /// The descriptor's path in the package.
    pub entry: String,
    /// One for each Mciop of a function, in their order.
    pub charts: Vec<Chart>,
    pub warnings: Vec<String>,
    /// `None`: nobody signed it.
    pub signature: Option<Signature>,
}
