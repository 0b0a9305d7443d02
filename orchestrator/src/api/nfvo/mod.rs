//! The face of SOL005: the same packages, slices and operations as everywhere, in the standard's resources. Its table stands
//! beside ours; what all of its resources have in common (SOL013) is done here once.

mod content;
mod descriptors;
mod instances;
mod lifecycle;
mod negotiation;
mod occurrences;
mod pages;
mod subscriptions;
mod table;
mod updates;
mod versions;
mod vnf_packages;

pub use table::SURFACE;

pub(super) use negotiation::{Spoken, VERSION, negotiated, refused};
pub(super) use table::LIST;

use super::problem::Problem;
use super::reply::Input;
use models::Problem as Finding;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use sol005::sol013::body;
use sol005::types::common::ProblemDetails;

/// A body of one of the standard's types: what is wrong with it is syntax (400), its meaning is not judged here.
fn read<T: DeserializeOwned + JsonSchema>(input: &Input) -> Result<T, Problem> {
    body::read(input.body_text()?).map_err(|problems| Problem { status: 400, ..Problem::findings(&problems) })
}

/// Why a content was refused, as its resource tells it.
fn failure(problems: &[Finding]) -> Option<ProblemDetails> {
    (!problems.is_empty()).then(|| ProblemDetails {
        kind: None,
        title: Some("the content was refused".into()),
        status: 422,
        detail: problems.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n"),
        instance: None,
    })
}

/// The root of a resource's URI: `/nsd/v2`.
fn root(input: &Input) -> String {
    input.spoken.map(|spoken| format!("/{}/v{}", spoken.interface.name(), spoken.version.0)).unwrap_or_default()
}
