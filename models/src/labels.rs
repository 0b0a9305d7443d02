//! Labels and equality selectors, as Kubernetes has them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

/// Every pair must stand among the labels of what is chosen. An empty selector chooses everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    #[serde(default)]
    pub labels: Labels,
}

impl Selector {
    pub fn chooses(&self, labels: &Labels) -> bool {
        self.missing(labels).is_none()
    }

    /// The first pair that `labels` lack, for a reason that a user can read.
    pub fn missing(&self, labels: &Labels) -> Option<(&String, &String)> {
        self.labels.iter().find(|(key, value)| labels.get(*key) != Some(value))
    }
}
