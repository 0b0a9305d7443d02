//! The kinds that slices use on a cluster, and who uses them. It must never touch a target.

use super::codec;
use crate::plan::{Bundle, Recorded};
use crate::store::{Kind, Object, Query, Store, StoreError};
use models::checkup::Used;
use models::resource::Resource;
use models::{Name, Slice};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// By what is recorded there, and by the bundles that belong there.
pub(crate) async fn used(store: &Arc<dyn Store>, cluster: &Name) -> Result<Vec<Used>, StoreError> {
    let mut all = BTreeSet::new();
    for object in codec::all(store, codec::on_cluster(Kind::Resource, cluster)).await? {
        let Some(recorded) = read::<Recorded>(&object) else { continue };
        if let Resource::Object(object) = &recorded.resource {
            let owner = &object.owner;
            let by = format!("{} of slice {} (tenant {})", object.id.short(), owner.slice, owner.tenant);
            all.insert(Used { kind: object.id.kind.clone(), by });
        }
    }
    let mut slices: BTreeMap<String, Slice> = BTreeMap::new();
    for object in codec::all(store, Query::all(Kind::Slice)).await? {
        slices.extend(read::<Slice>(&object).map(|slice| (slice.uid.clone(), slice)));
    }
    for object in codec::all(store, Query::all(Kind::Bundle)).await? {
        let Some((uid, function)) = object.key.id.split_once('/') else { continue };
        let Some(slice) = slices.get(uid) else { continue };
        let here = slice.placed.get(function).is_some_and(|at| at == cluster.as_str());
        let Some(bundle) = Some(&object).filter(|_| here).and_then(read::<Bundle>) else { continue };
        all.extend(bundle.objects.iter().map(|piece| Used {
            kind: format!("{}/{}", piece.api_version, piece.kind),
            by: format!("{} {} of slice {} (tenant {})", piece.kind, piece.name, slice.name, slice.tenant),
        }));
    }
    Ok(all.into_iter().collect())
}

/// What cannot be read is told and left out.
fn read<T: DeserializeOwned>(object: &Object) -> Option<T> {
    object.read().inspect_err(|error| tracing::warn!(%error, "left out of what is in use")).ok()
}
