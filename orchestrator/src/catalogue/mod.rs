//! What slices stand on: tenants, clusters with their ports and facts, repositories with their charts, packages.
//!
//! It must never return a kubeconfig or a password, and never let go of what a slice still uses.

mod awaited;
mod belongings;
mod browse;
mod charts;
mod clusters;
mod deletion;
mod drain;
mod examination;
mod expansion;
mod folder;
pub(crate) mod identity;
mod instances;
mod live;
mod packages;
mod pinning;
mod registration;
mod registry;
mod remembered;
mod repositories;
mod services;
mod sources;
mod templates;
mod tenants;
mod usage;
mod users;

pub use crate::packages::composed::Composed;
pub use crate::packages::scaled::{Scaling, Step};
pub use awaited::{Awaited, Described, Modified, Unfit};
pub use browse::{Found, Search, Versions};
pub use clusters::Clusters;
pub use expansion::{Opened, Taken, foreign};
pub use folder::Upload;
pub(crate) use folder::chart_folders as packed;
pub use instances::{Instance, NewInstance};
pub use packages::{NewPackage, PackageShown, Packages};
pub use registration::NewCluster;
pub use registry::Registry;
pub use repositories::{Credentials, NewRepository, Repositories, Shelf};
pub use services::{NewService, Services};
pub use sources::ChartSources;
pub use templates::{TemplateSlice, Templates};
pub use tenants::Tenants;

use crate::store::{Object, StoreError};
use models::Problem;
use serde::de::DeserializeOwned;

#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0} exists already")]
    Exists(String),
    #[error("it is used by {}", users.join(", "))]
    InUse { users: Vec<String> },
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    /// Its state does not allow it.
    #[error("{}", .0.message)]
    Unfit(Unfit),
    #[error("{0}")]
    Unavailable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For a list: what cannot be read is told and left out, and stops nobody else.
fn readable<T: DeserializeOwned>(object: &Object) -> Option<T> {
    object.read().inspect_err(|error| tracing::warn!(%error, "left out of a list")).ok()
}
