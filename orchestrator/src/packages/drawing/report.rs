//! What became of each rendered object: represented, and as what; not represented, and why.

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub chart: String,
    pub version: String,
    /// SHA-256 of the packed chart, in hexadecimal.
    pub digest: String,
    /// In the order in which they were rendered.
    pub objects: Vec<Mapped>,
    /// Values of the chart whose defaults are no part of the descriptor.
    pub values: Vec<Gap>,
    pub needs: Vec<Edge>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Mapped {
    pub kind: String,
    pub name: String,
    /// The chart's file.
    pub source: String,
    /// Elements of the descriptor: `vdu web`.
    #[serde(rename = "as")]
    pub represented: Vec<String>,
    pub not_represented: Vec<Gap>,
}

/// Something that the descriptor does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    pub what: String,
    pub why: String,
}

/// A name that something in the chart reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// Who reaches it: `Deployment web`.
    pub from: String,
    /// Where the name stands: `env REDIS_HOST of container web`.
    pub place: String,
    /// The name as it is written.
    pub to: String,
    /// The Service of this chart that answers to it; `None`: nothing here does.
    pub found: Option<String>,
}

impl Report {
    /// Objects of which nothing is in the descriptor.
    pub fn left_out(&self) -> impl Iterator<Item = &Mapped> {
        self.objects.iter().filter(|object| object.represented.is_empty())
    }

    pub fn unresolved(&self) -> impl Iterator<Item = &Edge> {
        self.needs.iter().filter(|edge| edge.found.is_none())
    }
}
