//! A look at one cluster before somebody relies on it. It changes nothing, and never asks a cluster about another one.

use super::clusters::NoSafe;
use super::{CatalogueError, Clusters, readable};
use crate::auth::AdminPermit;
use crate::ops::codec;
use crate::plan::{Bundle, Recorded};
use crate::store::{Kind, Query, Store, StoreError};
use adapters::{Call, PortError};
use models::checkup::{Check, Checkup, Finding, Question, Used};
use models::resource::{Resource, Target};
use models::{Name, Slice};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What one check may take; they run side by side.
const DEADLINE: Duration = Duration::from_secs(15);

impl Clusters {
    /// Every check of a cluster. One that cannot be reached is a finding, not an error.
    pub async fn examine(&self, _: &AdminPermit, name: &Name) -> Result<Checkup, CatalogueError> {
        let (cluster, _) = self.get(name).await?;
        let question = Question { now: self.now(), used: used(&self.store, name).await? };
        let checks = match self.registry.handle(name).await {
            Ok(handle) => handle.discovery.examine(&call(), &question).await,
            Err(error) => vec![unusable(&error)],
        };
        let state = checks.iter().map(|check| check.state).max().unwrap_or(Finding::Unknown);
        let simulated = cluster.spec.sim.is_some();
        Ok(Checkup { cluster: name.clone(), simulated, at: question.now, state, checks })
    }
}

fn call() -> Call {
    Call {
        operation: String::new(),
        seq: 0,
        owner: String::new(),
        epoch: 0,
        deadline: DEADLINE,
        safe: Arc::new(NoSafe),
    }
}

fn unusable(error: &PortError) -> Check {
    Check::new("kubeconfig", Finding::Failed, error.to_string())
        .next("give one that can be used: sliceway cluster set NAME --kubeconfig F")
}

/// The kinds that slices have on a cluster: by what is recorded there, and by the bundles that belong there.
async fn used(store: &Arc<dyn Store>, cluster: &Name) -> Result<Vec<Used>, StoreError> {
    let mut all = BTreeSet::new();
    for object in codec::all(store, Query::all(Kind::Resource)).await? {
        let Some(recorded) = readable::<Recorded>(&object) else { continue };
        if let Resource::Object(object) = &recorded.resource
            && object.id.target == Target::Cluster(cluster.clone())
        {
            let owner = &object.owner;
            let by = format!("{} of slice {} (tenant {})", object.id.short(), owner.slice, owner.tenant);
            all.insert(Used { kind: object.id.kind.clone(), by });
        }
    }
    let mut slices: BTreeMap<String, Slice> = BTreeMap::new();
    for object in codec::all(store, Query::all(Kind::Slice)).await? {
        slices.extend(readable::<Slice>(&object).map(|slice| (slice.uid.clone(), slice)));
    }
    for object in codec::all(store, Query::all(Kind::Bundle)).await? {
        let Some((uid, function)) = object.key.id.split_once('/') else { continue };
        let Some(slice) = slices.get(uid) else { continue };
        let here = slice.placed.get(function).is_some_and(|at| at == cluster.as_str());
        let Some(bundle) = Some(&object).filter(|_| here).and_then(readable::<Bundle>) else { continue };
        all.extend(bundle.objects.iter().map(|piece| Used {
            kind: format!("{}/{}", piece.api_version, piece.kind),
            by: format!("{} {} of slice {} (tenant {})", piece.kind, piece.name, slice.name, slice.tenant),
        }));
    }
    Ok(all.into_iter().collect())
}
