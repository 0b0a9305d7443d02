//! Charts become objects: the client of the Helm worker (`helm-worker/`), and packing of chart folders.
//!
//! Rendering is the real Helm engine's, in a process of its own. This side must never parse a chart's YAML or a user's
//! values by itself (Helm reads them as YAML 1.1), and never trust a chart: it comes from a stranger.

mod client;
mod error;
mod files;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod ignore;
mod locate;
mod pack;
mod recorded;
mod supply;
mod wire;
mod worker;

pub use client::{Helm, Limits};
pub use error::HelmError;
pub use files::ChartFiles;
pub use locate::{WORKER, locate};
pub use pack::{PackError, pack_folder};
pub use recorded::{chart_of, source};
pub use supply::{DependRequest, Lock, Needs, PackedChart, PickRequest, Picked, Shown, ShownDependency, Wanted};
pub use wire::{
    ApiVersions, Capabilities, ChartInfo, ChartSource, Found, Hook, Lookup, Object, ObjectsRequest, Problem,
    ProblemKind, Release, RenderRequest, Rendered, UnknownHook,
};
