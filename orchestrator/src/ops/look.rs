//! The snapshot of the world: many resources read at once, each target with its own deadline.

use super::engine::{Engine, Inner};
use crate::plan::Observed;
use adapters::Call;
use futures::StreamExt;
use models::Slice;
use models::resource::{ResourceId, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// What cannot be read in time is [`Observed::Unknown`]; a target that hangs does not delay another's answer.
    pub async fn look(
        &self,
        slice: &Slice,
        ids: Vec<ResourceId>,
        deadline: Duration,
    ) -> BTreeMap<ResourceId, Observed> {
        let mut targets: BTreeMap<Target, Vec<ResourceId>> = BTreeMap::new();
        for id in ids {
            targets.entry(id.target.clone()).or_default().push(id);
        }
        let each = targets.into_iter().map(|(target, ids)| look_at(&self.0, slice, (target, ids), deadline));
        futures::future::join_all(each).await.into_iter().flatten().collect()
    }
}

async fn look_at(
    inner: &Inner,
    slice: &Slice,
    (target, ids): (Target, Vec<ResourceId>),
    deadline: Duration,
) -> Vec<(ResourceId, Observed)> {
    let unknown = |ids: Vec<ResourceId>| ids.into_iter().map(|id| (id, Observed::Unknown)).collect();
    let Ok(port) = inner.ports.port(&target).await else { return unknown(ids) };
    let call = Call {
        operation: String::new(),
        seq: 0,
        owner: slice.uid.clone(),
        adopted: slice.adopted.clone().map(Arc::new),
        epoch: inner.fence.epoch,
        deadline,
        safe: Arc::clone(&inner.safe),
    };
    let (call, port, wanted) = (&call, port.as_ref(), ids.clone());
    let one = |id: ResourceId| async move {
        let seen = match port.observe(call, &id).await {
            Ok(Some(seen)) => Observed::Present(Box::new(seen)),
            Ok(None) => Observed::Absent,
            Err(_) => Observed::Unknown,
        };
        (id, seen)
    };
    let all = futures::stream::iter(ids).map(one).buffer_unordered(inner.limits.per_target).collect();
    tokio::time::timeout(deadline, all).await.unwrap_or_else(|_| unknown(wanted))
}
