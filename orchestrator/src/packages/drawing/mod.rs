//! A rendered chart becomes a descriptor. Every rendered object is represented in it, or named in the report with the
//! reason why not. Pure: the same input gives the same descriptor.

mod configuration;
mod edges;
mod network;
mod pod;
mod policy;
mod privileges;
mod properties;
mod report;
mod scaling;
mod sheet;
mod storage;
mod workload;

pub(in crate::packages) use properties::joined;
pub use report::{Edge, Gap, Mapped, Report};
pub(in crate::packages) use scaling::AUTOSCALER;

use adapters::helm::Rendered;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sheet::Sheet;
use sol005::descriptor::{ExternalCp, Link, Mciop, Vnfd};

/// What a chart does not say about itself.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who answers for the function.
    pub provider: String,
    /// Where a manager finds the chart: `iml/edgex`, `oci://…`.
    pub chart: String,
    /// The values that it was rendered with: the chart's own, and the user's over them.
    pub values: Value,
    /// Taken where a container asks for nothing, and marked so.
    pub assumed: Assumed,
    /// The chart rendered once more with other numbers of replicas: which value says which number.
    pub probe: Option<Probe>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Assumed {
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
}

/// Values of a chart that may be numbers of replicas, set to numbers that tell them apart.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The path of each value, and the number that it was set to.
    pub set: Vec<(String, u64)>,
    /// The chart's autoscalers.
    pub objects: Vec<Value>,
}

/// A descriptor, and what became of each object.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub vnfd: Vnfd,
    pub report: Report,
}

/// The name of the connection point by which every function is reached and managed.
pub const MANAGEMENT: &str = "mgmt-ext";

pub fn draw(rendered: &Rendered, wish: &Wish) -> Drawn {
    let mut sheet = Sheet::of(rendered);
    let mut vnfd = begun(rendered, wish);
    workload::draw(&mut sheet, &mut vnfd, wish.assumed);
    storage::draw(&mut sheet, &mut vnfd);
    network::draw(&mut sheet, &mut vnfd);
    policy::draw(&mut sheet, &mut vnfd);
    scaling::draw(&mut sheet, &mut vnfd, wish.probe.as_ref());
    configuration::draw(&mut sheet, &mut vnfd);
    privileges::draw(&mut sheet, &mut vnfd);
    edges::draw(&mut sheet, &mut vnfd);
    properties::draw(&mut sheet, &mut vnfd, &wish.values);
    for mciop in &mut vnfd.mciops {
        mciop.vdus = vnfd.vdus.iter().map(|vdu| vdu.id.clone()).collect();
    }
    if vnfd.vdus.is_empty() {
        sheet.warn(
            "the chart makes nothing that runs: SOL006 wants a VDU, so that its document is valid as OSM reads it only",
        );
    }
    let report = sheet.report(rendered);
    Drawn { vnfd, report }
}

fn begun(rendered: &Rendered, wish: &Wish) -> Vnfd {
    let chart = &rendered.chart;
    let software = if chart.app_version.is_empty() { &chart.version } else { &chart.app_version };
    let mciop = Mciop {
        id: chart.name.clone(),
        chart: wish.chart.clone(),
        version: chart.version.clone(),
        digest: chart.digest.clone(),
        vdus: vec![],
    };
    let management = ExternalCp {
        id: MANAGEMENT.into(),
        link: Link::Pods,
        ports: vec![],
        description: "the cluster's network of pods".into(),
        rule: None,
    };
    let versions = Some(("needs.kubernetes".to_owned(), chart.kube_version.clone()));
    let noted = |word: &str| Some((word.to_owned(), chart.annotations.get(&format!("sliceway.io/{word}"))?.clone()));
    let metadata = [versions.filter(|(_, range)| !range.is_empty()), noted(PLATFORM), noted(ROLE)];
    Vnfd {
        id: identity("vnfd", [&wish.provider, &chart.name, &chart.version]),
        provider: wish.provider.clone(),
        product_name: chart.name.clone(),
        software_version: software.clone(),
        version: chart.version.clone(),
        description: chart.description.clone(),
        mciops: vec![mciop],
        external_cps: vec![management],
        metadata: metadata.into_iter().flatten().collect(),
        ..Vnfd::default()
    }
}

/// Whose contract with Sliceway the chart follows, and as what: notes of the chart that go into its descriptor.
pub(in crate::packages) const PLATFORM: &str = "platform";
pub(in crate::packages) const ROLE: &str = "role";

/// The same for the same words, in the form of a UUID, as SOL001 and SOL005 want identifiers.
pub(in crate::packages) fn identity(kind: &str, words: [&str; 3]) -> String {
    let digest = Sha256::digest(format!("{kind}\n{}", words.join("\n")));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // RFC 9562 version 8: by a rule of our own.
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// A word of an object; empty where there is none.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn map<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

/// A scalar as it is written.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
