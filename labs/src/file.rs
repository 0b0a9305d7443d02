//! The lab file: which clusters there are and what joins them. Parsing and checking only; it never touches the system.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::range::Range;

/// The file that is used when none is given.
pub const DEFAULT: &str = include_str!("../lab.yaml");

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    spec: Plan,
}

/// What the file asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default)]
    pub wan: Wan,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    pub clusters: Vec<Cluster>,
}

/// The wide-area network between the clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wan {
    /// In the words of `tc`, such as `20mbit`; each direction of each cluster's link.
    #[serde(default = "Wan::default_rate")]
    pub rate: String,
    /// How long a packet may wait for its turn before it is dropped.
    #[serde(default = "Wan::default_buffer")]
    pub buffer: String,
    /// A fixed delay on top, in each direction; needs netem in the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
}

impl Wan {
    fn default_rate() -> String {
        "20mbit".to_owned()
    }

    fn default_buffer() -> String {
        "100ms".to_owned()
    }
}

impl Default for Wan {
    fn default() -> Self {
        Self { rate: Self::default_rate(), buffer: Self::default_buffer(), delay: None }
    }
}

/// Where the devices are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The cluster whose node address is reached.
    pub beside: String,
    pub range: Range,
}

/// One cluster of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub name: String,
    /// Put on the node, and shown by `status` for whoever registers the cluster.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub nodes: Range,
    pub pods: Range,
    pub services: Range,
}

impl Cluster {
    pub(crate) fn node_name(&self) -> String {
        format!("{}-1", self.name)
    }

    pub(crate) fn node_address(&self) -> std::net::Ipv4Addr {
        self.nodes.host(2)
    }

    pub(crate) fn dns_address(&self) -> std::net::Ipv4Addr {
        self.services.host(10)
    }
}

impl Plan {
    /// Reads a lab file; `origin` names it in errors.
    ///
    /// # Errors
    /// Says where the text is not a lab file, or what in it cannot be.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let wrong = |reason: String| LabError::File { file: origin.to_owned(), reason };
        let document: Document = serde_saphyr::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if (document.api_version.as_str(), document.kind.as_str()) != ("sliceway/v1", "Lab") {
            return Err(wrong("it must begin with `apiVersion: sliceway/v1` and `kind: Lab`".to_owned()));
        }
        let problems = document.spec.problems();
        if problems.is_empty() { Ok(document.spec) } else { Err(wrong(problems.join("; "))) }
    }

    pub(crate) fn cluster(&self, name: &str) -> Result<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
            LabError::refused(format!("the lab has no cluster `{name}`"), format!("use one of {}", names.join(", ")))
        })
    }

    /// Every range of the file with its place.
    pub(crate) fn ranges(&self) -> Vec<(String, Range)> {
        let mut all = Vec::new();
        for cluster in &self.clusters {
            let parts = [("nodes", cluster.nodes), ("pods", cluster.pods), ("services", cluster.services)];
            all.extend(parts.map(|(part, range)| (format!("{}'s {part}", cluster.name), range)));
        }
        all.extend(self.field.iter().map(|field| ("the field's range".to_owned(), field.range)));
        all
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.clusters.is_empty() {
            problems.push("there is no cluster".to_owned());
        }
        let mut seen = BTreeSet::from(["field", "wan"]);
        for cluster in &self.clusters {
            if !is_name(&cluster.name) {
                problems.push(format!("cluster name `{}` is not 1 to 8 of a-z, 0-9", cluster.name));
            }
            if !seen.insert(&cluster.name) {
                problems.push(format!("cluster name `{}` is taken", cluster.name));
            }
            if cluster.pods.prefix() > 24 || cluster.services.prefix() > 24 {
                problems.push(format!("{}'s pods and services need a prefix of 24 or shorter", cluster.name));
            }
        }
        let ranges = self.ranges();
        for (index, (place, range)) in ranges.iter().enumerate() {
            for (other, taken) in &ranges[..index] {
                if range.overlaps(*taken) {
                    problems.push(format!("{place} {range} overlaps {other} {taken}"));
                }
            }
        }
        if let Some(field) = &self.field
            && !self.clusters.iter().any(|cluster| cluster.name == field.beside)
        {
            problems.push(format!("the field stands beside `{}`, which is no cluster of this file", field.beside));
        }
        for (key, value) in
            [("rate", Some(&self.wan.rate)), ("buffer", Some(&self.wan.buffer)), ("delay", self.wan.delay.as_ref())]
        {
            if value.is_some_and(|value| !is_quantity(value)) {
                problems.push(format!("wan.{key} must be a number with a unit, such as 20mbit or 100ms"));
            }
        }
        problems
    }
}

/// A name short enough to stand in the name of a network interface.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=8).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// A number with a unit, as `tc` takes it.
pub(crate) fn is_quantity(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && digits < text.len() && text.bytes().skip(digits).all(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, words: &str) {
        let failure = Plan::parse("lab.yaml", text).unwrap_err().to_string();
        assert!(failure.contains(words), "`{words}` is not in: {failure}");
    }

    #[test]
    fn the_default_file_describes_edge_and_cloud() {
        let plan = Plan::parse("lab.yaml", DEFAULT).unwrap();
        let names: Vec<_> = plan.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        assert_eq!(names, ["edge", "cloud"]);
        assert_eq!(plan.cluster("cloud").unwrap().labels["region"], "eu");
        assert_eq!(plan.cluster("edge").unwrap().node_address().to_string(), "10.50.1.2");
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        refused(&DEFAULT.replace("rate:", "speed:"), "speed");
    }

    #[test]
    fn ranges_that_overlap_are_refused_with_both_places() {
        refused(&DEFAULT.replace("10.72.0.0/16", "10.61.0.0/16"), "cloud's services 10.61.0.0/16 overlaps edge's pods");
    }

    #[test]
    fn a_field_beside_nothing_is_refused() {
        refused(&DEFAULT.replace("beside: edge", "beside: moon"), "`moon`");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = DEFAULT.replace("20mbit", "fast").replace("name: cloud", "name: edge");
        refused(&text, "`edge` is taken");
        refused(&text, "wan.rate");
    }
}
