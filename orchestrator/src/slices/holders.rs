//! Who stands where there is no room: a slice that waits, or is refused, is told whom it waits for.

use super::{AskError, Slices};
use crate::ops::codec;
use crate::store::{Kind, Object, Query};
use models::{Name, Slice};
use std::collections::{BTreeMap, BTreeSet};

/// So many are named for each cluster.
const NAMED: usize = 5;

impl Slices {
    /// A refusal for lack of room, with the slices that hold it; those of other tenants are counted.
    pub(super) async fn held(&self, (tenant, name): (&Name, &Name), error: AskError) -> AskError {
        match error {
            AskError::NoPlace { message, passing: true, reasons } => {
                let full: BTreeSet<&Name> =
                    reasons.iter().filter(|one| !one.accepted).map(|one| &one.cluster).collect();
                let held = self.holders((tenant, name), &full).await.unwrap_or_default();
                let message = if held.is_empty() { message } else { format!("{message}; {}", held.join("; ")) };
                AskError::NoPlace { message, passing: true, reasons }
            }
            other => other,
        }
    }

    async fn holders(&self, (tenant, name): (&Name, &Name), full: &BTreeSet<&Name>) -> Result<Vec<String>, AskError> {
        let mut own: BTreeMap<&Name, Vec<String>> = BTreeMap::new();
        let mut others: BTreeMap<&Name, usize> = BTreeMap::new();
        for object in codec::all(&self.store, Query::all(Kind::Slice)).await? {
            let Some(slice) = other(&object, (tenant, name)) else { continue };
            for cluster in full.iter().filter(|cluster| slice.placed.values().any(|at| at == cluster.as_str())) {
                match slice.tenant == *tenant {
                    true => own.entry(cluster).or_default().push(slice.name.to_string()),
                    false => *others.entry(cluster).or_default() += 1,
                }
            }
        }
        Ok(full.iter().filter_map(|cluster| words(cluster, (own.get(*cluster), others.get(*cluster)))).collect())
    }
}

fn other(object: &Object, (tenant, name): (&Name, &Name)) -> Option<Slice> {
    let slice: Slice = object.read().ok()?;
    (slice.tenant != *tenant || slice.name != *name).then_some(slice)
}

fn words(cluster: &Name, (own, others): (Option<&Vec<String>>, Option<&usize>)) -> Option<String> {
    let mut held: Vec<String> = own.into_iter().flatten().take(NAMED).map(|name| format!("slice {name}")).collect();
    let more = own.map_or(0, |own| own.len().saturating_sub(NAMED));
    held.extend((more > 0).then(|| format!("{more} more")));
    held.extend(others.map(|count| format!("{count} of other tenants")));
    (!held.is_empty()).then(|| format!("room on {cluster} is held by {}", held.join(", ")))
}
