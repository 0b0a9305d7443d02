//! Operations on slices as SOL005 lists them: in their order, part by part.

use super::codec;
use super::engine::Engine;
use super::error::OpsError;
use super::model::OperationDoc;
use crate::store::{Key, Kind, Query, Revision};
use models::Name;

impl Engine {
    /// One that is about a slice: a test changes nothing, and what takes orphans away is about none.
    pub async fn occurrence(&self, tenant: &Name, id: &str) -> Result<(OperationDoc, Revision), OpsError> {
        let found = codec::operation(&self.store(), tenant, id).await?;
        found.filter(|(doc, _)| doc.lcm().is_some()).ok_or_else(|| OpsError::NotFound(id.to_owned()))
    }

    /// In the order of their ids, which is that of time, of at most `looked` after `after`; and the last id where there may be
    /// more.
    pub async fn occurrences(
        &self,
        tenant: &Name,
        (after, looked): (Option<&str>, usize),
    ) -> Result<(Vec<OperationDoc>, Option<String>), OpsError> {
        let query = Query::of(Kind::Operation, tenant.as_str()).limit(looked + 1);
        let query = after.map_or(query.clone(), |id| query.after(&Key::new(Kind::Operation, tenant.as_str(), id)));
        let mut objects = self.store().list(&query).await?;
        let more = objects.len() > looked;
        objects.truncate(looked);
        let last = objects.last().filter(|_| more).map(|object| object.key.id.clone());
        let left_out = |error: &crate::store::StoreError| tracing::warn!(%error, "left out of a list");
        let docs = objects.iter().filter_map(|object| object.read::<OperationDoc>().inspect_err(left_out).ok());
        Ok((docs.filter(|doc| doc.lcm().is_some()).collect(), last))
    }
}
