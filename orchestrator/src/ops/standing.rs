//! What stands in the world by the records: every object that was seen, as it was applied.
//!
//! What was only begun is not among it: its operation is open, and reads the world before its next call. It must never
//! touch a target, and never open a secret: those are still references in what it returns.

use super::codec;
use super::fill;
use crate::plan::Recorded;
use crate::store::{Kind, Query, Store, StoreError};
use models::resource::{Hook, Input, Object, Resource, ResourceId, Seen};
use std::collections::HashMap;
use std::sync::Arc;

/// With the values that were born at run time. A record that cannot be read is told and left out.
pub(crate) async fn standing(store: &Arc<dyn Store>) -> Result<Vec<(Object, Seen)>, StoreError> {
    let mut records: HashMap<(String, ResourceId), Recorded> = HashMap::new();
    for object in codec::all(store, Query::all(Kind::Resource)).await? {
        let slice = object.key.id.split('/').next().unwrap_or_default().to_owned();
        match object.read::<Recorded>() {
            Ok(recorded) => {
                records.insert((slice, recorded.resource.id().clone()), recorded);
            }
            Err(error) => tracing::warn!(%error, "a record is left out of what stands"),
        }
    }
    let mut standing = Vec::new();
    for ((slice, id), recorded) in &records {
        let Some(seen) = seen(recorded) else { continue };
        let value = |input: &Input| {
            let producer = records.get(&(slice.clone(), input.resource.clone()))?;
            fill::output(producer, &input.field)
        };
        match fill::resolve(&recorded.resource, value) {
            Ok(Resource::Object(object) | Resource::Hook(Hook { object, .. })) => standing.push((object, seen)),
            Ok(Resource::Readiness(_) | Resource::Secret(_)) => {}
            Err(input) => {
                tracing::warn!(resource = %id, field = %input.field, "left out of what stands: a value is not recorded");
            }
        }
    }
    Ok(standing)
}

/// Not where it was on its way out, or somebody else's.
fn seen(recorded: &Recorded) -> Option<Seen> {
    recorded.seen.clone().filter(|seen| seen.deleting.is_none() && seen.stranger.is_none())
}
