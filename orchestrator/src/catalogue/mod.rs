//! What slices stand on: tenants, clusters with their ports and facts, repositories with their charts.
//!
//! It must never return a kubeconfig or a password, and never let go of what a slice still uses.

mod browse;
mod charts;
mod clusters;
mod folder;
mod registry;
mod remembered;
mod repositories;
mod tenants;

pub use browse::{Found, Search, Versions};
pub(crate) use clusters::EVERY as LOOK_EVERY;
pub use clusters::{Clusters, NewCluster};
pub use folder::Upload;
pub(crate) use folder::chart_folders as packed;
pub use registry::Registry;
pub use repositories::{Credentials, NewRepository, Repositories, Shelf};
pub use tenants::Tenants;

use crate::ops::codec;
use crate::store::{Kind, Query, Store, StoreError};
use models::{Problem, Slice};
use std::sync::Arc;

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
    #[error("{0}")]
    Unavailable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Slices of every tenant that something is true of, as a person calls them.
async fn users(store: &Arc<dyn Store>, uses: impl Fn(&Slice) -> bool) -> Result<Vec<String>, StoreError> {
    let mut users = Vec::new();
    for object in codec::all(store, Query::all(Kind::Slice)).await? {
        let slice: Slice = object.read()?;
        if uses(&slice) {
            users.push(format!("slice {} of tenant {}", slice.name, slice.tenant));
        }
    }
    Ok(users)
}
