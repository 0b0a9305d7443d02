//! What the worker knows of charts beside rendering them: which version is meant, what one needs, what one shows.

use super::client::Helm;
use super::error::HelmError;
use super::wire::{Ask, ChartInfo, ChartSource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Serialize)]
pub struct PickRequest {
    pub versions: Vec<String>,
    /// A version or a range as Helm reads it; empty: the newest that is no prerelease.
    pub constraint: String,
    /// Whether the versions are tags of a registry.
    pub tags: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Picked {
    /// As it was given; empty: none fits.
    pub version: String,
    /// All that are versions, newest first.
    pub sorted: Vec<String>,
    /// Those around what was asked for.
    pub near: Vec<String>,
}

#[derive(Clone, Serialize)]
pub struct DependRequest {
    pub chart: ChartSource,
    /// Addresses by the names that `@name` may say.
    pub repositories: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Needs {
    pub chart: ChartInfo,
    pub wanted: Vec<Wanted>,
    pub lock: Lock,
    pub packed: Vec<PackedChart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    None,
    Good,
    /// It was made for another Chart.yaml.
    Stale,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Wanted {
    pub name: String,
    /// The range in Chart.yaml.
    pub version: String,
    pub repository: String,
    /// The repository as Chart.yaml spells it.
    pub said: String,
    /// Empty: there is no lock.
    pub locked: String,
    /// A chart of this name is vendored, and whether it is one that is meant.
    pub present: bool,
    pub fits: bool,
}

/// A packed chart in `charts/`.
#[derive(Clone, Debug, Deserialize)]
pub struct PackedChart {
    pub file: String,
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Shown {
    pub chart: ChartInfo,
    pub readme: String,
    /// The file of defaults with its comments.
    pub values: String,
    pub schema: String,
    pub dependencies: Vec<ShownDependency>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownDependency {
    pub name: String,
    pub version: String,
    pub repository: String,
    pub alias: String,
    pub condition: String,
    pub tags: Vec<String>,
}

fn empty() -> HelmError {
    HelmError::Protocol("an answer without what was asked for".into())
}

impl Helm {
    pub async fn pick(&self, request: &PickRequest) -> Result<Picked, HelmError> {
        self.ask(Ask::Pick(request)).await?.picked.ok_or_else(empty)
    }

    pub async fn needs(&self, request: &DependRequest) -> Result<Needs, HelmError> {
        self.ask(Ask::Depend(request)).await?.needs.ok_or_else(empty)
    }

    pub async fn show(&self, chart: &ChartSource) -> Result<Shown, HelmError> {
        self.ask(Ask::Show(chart)).await?.shown.ok_or_else(empty)
    }
}
