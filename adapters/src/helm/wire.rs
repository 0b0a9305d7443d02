//! The words between the client and the worker; `helm-worker/wire.go` has the same ones.
//!
//! Values, objects and manifests may hold secrets: nothing here prints them.

use super::supply::{DependRequest, Needs, PickRequest, Picked, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::resource::ResourceId;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Changes with every change that one side alone would misread.
pub(super) const PROTOCOL: u32 = 7;

#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) protocol: u32,
    #[serde(flatten)]
    pub(super) ask: Ask<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask<'a> {
    Render(&'a RenderRequest),
    Objects(&'a ObjectsRequest),
    Inspect(&'a ChartSource),
    Show(&'a ChartSource),
    Depend(&'a DependRequest),
    Pick(&'a PickRequest),
}

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    pub(super) rendered: Option<Rendered>,
    pub(super) objects: Option<Vec<Object>>,
    pub(super) chart: Option<ChartInfo>,
    pub(super) shown: Option<Shown>,
    pub(super) needs: Option<Needs>,
    pub(super) picked: Option<Picked>,
    #[serde(default)]
    pub(super) problems: Vec<Problem>,
}

/// A packed chart.
#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartSource {
    /// The bytes of the `.tgz`. The worker cannot open a file.
    #[serde(serialize_with = "base64")]
    Archive(Arc<[u8]>),
}

fn base64<S: Serializer>(bytes: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

#[derive(Clone, Serialize)]
pub struct RenderRequest {
    pub chart: ChartSource,
    pub release: Release,
    /// The user's values, YAML or JSON, as text.
    pub values: String,
    /// Of the target; `None` is what `helm template` takes when nothing is said.
    pub capabilities: Option<Capabilities>,
    /// Whether [`Rendered::stream`] begins with the CRDs. [`Rendered::crds`] has them in any case.
    pub include_crds: bool,
    /// Whether [`Rendered::values`] is told.
    pub include_values: bool,
    /// Renders twice more to learn whether the same comes out; see [`Rendered::reproducible`].
    pub check_reproducible: bool,
    /// Answers to lookups of an earlier render; see [`Rendered::lookups`].
    pub found: Vec<Found>,
}

/// Asks for the objects of these kinds, such as `Deployment`, that a render gives, and for nothing else of it: hooks, CRDs,
/// and what the request wants to know beyond objects, are left out.
#[derive(Clone, Serialize)]
pub struct ObjectsRequest {
    pub render: RenderRequest,
    pub kinds: Vec<String>,
}

/// What a lookup found; `None`: it is not there.
#[derive(Clone, Serialize)]
pub struct Found {
    #[serde(flatten)]
    pub lookup: Lookup,
    pub object: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    pub revision: u32,
    pub is_upgrade: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Capabilities {
    /// Such as `v1.36.3`; `None` is the version that this Helm was built for.
    pub kube_version: Option<String>,
    #[serde(flatten)]
    pub api_versions: ApiVersions,
}

/// What `.Capabilities.APIVersions.Has` answers from: `group/version` and `group/version/Kind`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiVersions {
    /// The cluster's own list, and nothing else.
    Replace(Vec<String>),
    /// Added to Helm's built-in list, as `helm template --api-versions` does. Not the truth about any cluster.
    Append(Vec<String>),
}

#[derive(Clone, Deserialize)]
pub struct Rendered {
    /// In Helm's order of kinds, without hooks and CRDs. A document that is a list is here as its items.
    pub objects: Vec<Object>,
    pub crds: Vec<Object>,
    /// In Helm's order of kinds; they run by weight, then name.
    pub hooks: Vec<Hook>,
    /// Documents that Helm drops without a word, because it does not know the event they wait for.
    pub unknown_hooks: Vec<UnknownHook>,
    pub notes: String,
    /// What templates looked up on the cluster without an answer in the request: it was answered as if it was not there.
    pub lookups: Vec<Lookup>,
    /// Whether another render gives the same. `None`: was not asked for.
    pub reproducible: Option<bool>,
    /// The joined documents without hooks and CRDs, as Helm records them.
    pub manifest: String,
    /// What `helm template` prints, to the byte.
    pub stream: String,
    /// What Helm records of the release, in its own form, without revision, status and times.
    pub release: serde_json::Value,
    /// What templates saw: the charts' own values, those of subcharts below their names, with the user's over them.
    /// Null where it was not asked for.
    pub values: serde_json::Value,
    pub chart: ChartInfo,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("chart", &self.chart.name)
            .field("objects", &self.objects)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Deserialize)]
pub struct Object {
    /// The chart's file, such as `web/templates/service.yaml`.
    pub source: String,
    pub object: serde_json::Value,
    /// The document as it was rendered.
    pub raw: String,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |at: &str| self.object.pointer(at).and_then(|v| v.as_str()).unwrap_or("?").to_owned();
        write!(f, "{}: {} {}", self.source, word("/kind"), word("/metadata/name"))
    }
}

#[derive(Clone, Deserialize)]
pub struct Hook {
    pub name: String,
    pub kind: String,
    pub path: String,
    pub events: Vec<String>,
    pub weight: i64,
    pub delete_policies: Vec<String>,
    /// When the words of its pods are shown.
    pub log_policies: Vec<String>,
    pub manifest: String,
    /// One; or the items, where the document is a list.
    pub objects: Vec<Object>,
}

#[derive(Clone, Deserialize)]
pub struct UnknownHook {
    pub name: String,
    pub kind: String,
    pub path: String,
    pub events: Vec<String>,
    pub manifest: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lookup {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    /// Empty: all of the kind.
    pub name: String,
}

impl From<&ResourceId> for Lookup {
    fn from(id: &ResourceId) -> Self {
        let (api_version, kind) = id.api();
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        }
    }
}

#[derive(Clone, Deserialize)]
pub struct ChartInfo {
    pub name: String,
    pub version: String,
    pub app_version: String,
    /// The range of Kubernetes versions that the chart wants; empty: any.
    pub kube_version: String,
    pub description: String,
    /// `application`, `library`, or empty, which is an application.
    #[serde(rename = "type")]
    pub kind: String,
    pub deprecated: bool,
    /// SHA-256 of the packed chart, in hexadecimal.
    pub digest: String,
    /// The chart's own defaults.
    #[serde(deserialize_with = "or_null")]
    pub values: serde_json::Value,
    pub has_schema: bool,
    /// What its authors noted beside the standard's fields.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

fn or_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<serde_json::Value, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new())))
}

impl fmt::Debug for ChartInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.version, self.digest)
    }
}

/// One thing that is wrong with a chart or its values, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Problem {
    pub kind: ProblemKind,
    pub message: String,
    /// The file in the chart, beginning with the chart's name.
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Counted as Helm counts: the first is 0.
    pub column: Option<u32>,
    /// JSON pointer of the value in the user's values; empty is the whole.
    pub path: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, &self.file, self.line) {
            (Some(path), _, _) if path.is_empty() => write!(f, "values: ")?,
            (Some(path), _, _) => write!(f, "value {path}: ")?,
            (None, Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (None, Some(file), None) => write!(f, "{file}: ")?,
            (None, None, _) => {}
        }
        f.write_str(&self.message)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A template does not parse or does not run.
    Template,
    /// A template gave something that is no Kubernetes object in YAML.
    Manifest,
    /// A value is not what the chart's schema allows.
    Schema,
    /// The schema itself is broken, or refers to something outside of it.
    SchemaFile,
    /// The values are not YAML.
    Values,
    /// The archive is not a chart that can be read.
    Chart,
    /// A declared dependency is not in the chart.
    Dependency,
    /// The release's name is not allowed.
    Release,
    /// The target's Kubernetes is not one that the chart supports.
    KubeVersion,
    /// A library chart has nothing to install.
    Library,
    /// What should be a version or a range of them is none.
    Version,
    /// A dependency's `@name` is not registered.
    Repository,
    /// More files, bytes or memory than allowed.
    Limit,
    /// A fault of the worker.
    Internal,
}
