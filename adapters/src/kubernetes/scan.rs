//! Everything on a cluster that carries our label, told by its metadata alone.

use super::catalog::Kind;
use super::wire::METADATA;
use super::{Kubernetes, seen};
use crate::port::{Labelled, PortError};
use futures::StreamExt;
use models::resource::label;

/// Requests of a scan that are under way at once.
const AT_ONCE: usize = 8;

impl Kubernetes {
    /// Of one slice, or of any.
    pub(super) async fn labelled(&self, uid: Option<&str>) -> Result<Vec<Labelled>, PortError> {
        let catalog = self.discover().await?;
        let of = uid.map(|uid| format!("%3D{uid}")).unwrap_or_default();
        let selector = format!("labelSelector={}{of}", label::SLICE.replace('/', "%2F"));
        let kinds: Vec<Kind> = catalog.listable().cloned().collect();
        let lists = kinds.into_iter().map(|kind| self.holds(kind, &selector));
        let found: Vec<Result<Vec<Labelled>, PortError>> =
            futures::stream::iter(lists).buffer_unordered(AT_ONCE).collect().await;
        let found: Vec<Vec<Labelled>> = found.into_iter().collect::<Result<_, _>>()?;
        let mut found: Vec<Labelled> = found.into_iter().flatten().collect();
        found.sort();
        Ok(found)
    }

    async fn holds(&self, kind: Kind, selector: &str) -> Result<Vec<Labelled>, PortError> {
        match self.wire.list(&kind.path, (selector, METADATA)).await {
            Ok(items) => Ok(seen::labelled(self.wire.target_name(), &kind, &items)),
            // A kind that we may not list, or that went away, holds nothing of ours.
            Err(PortError::Forbidden { .. } | PortError::Invalid { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
