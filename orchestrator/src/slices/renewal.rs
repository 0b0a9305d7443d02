//! Renewal: a slice with a certificate past two thirds of its life is applied again as it is, which makes new ones.

use super::{Ask, AskError, AskOptions, Goal, Slices, Started, Supersede};
use crate::ops::codec;
use crate::plan::{Recorded, renewal};
use crate::store::{Expect, Kind, Query, Revision};
use jiff::Timestamp;
use models::slice::Phase;
use models::{Name, OperationState, Slice};

/// So many slices are begun with at one look: those that were made on one day are not renewed in one hour.
const MOST: usize = 10;

impl Slices {
    /// Starts what is due, for every tenant, up to a bound; the next look goes on. A slice whose operation is open, or that waits for an operator, is left
    /// alone until it is at rest; one that cannot be renewed now does not hold up the others.
    pub async fn renew(&self, now: Timestamp) -> Result<usize, AskError> {
        let mut started = 0;
        let mut anew = 0;
        for object in codec::all(&self.store, Query::all(Kind::Slice)).await? {
            // What cannot be read holds up its own slice only.
            let Ok(slice) = object.read::<Slice>() else { continue };
            if !self.is_due(&slice, now).await.unwrap_or(false) {
                continue;
            }
            let Ok(Some(supersede)) = self.may_renew(&slice).await else {
                tracing::warn!(slice = %slice.name, "its certificates are due, and it is not at rest");
                continue;
            };
            // What stopped in an earlier renewal is not counted: it would keep the others from theirs.
            if supersede == Supersede::Never && anew >= MOST {
                continue;
            }
            match self.start(&slice.tenant, &as_it_is((&slice, object.rev), supersede)).await {
                Ok(Started::Operation { operation, .. }) => {
                    anew += usize::from(supersede == Supersede::Never);
                    tracing::info!(slice = %slice.name, operation.id = %operation.id, "renews certificates");
                    started += 1;
                }
                Ok(Started::Unchanged { .. }) => {}
                Err(error) => tracing::warn!(slice = %slice.name, %error, "its certificates cannot be renewed now"),
            }
        }
        Ok(started)
    }

    /// A slice at rest, or one that stopped in an earlier renewal: a cluster that was away must not end it.
    async fn may_renew(&self, slice: &Slice) -> Result<Option<Supersede>, AskError> {
        let Some(holder) = self.holder(&slice.tenant, &slice.name).await? else {
            return Ok((slice.phase == Phase::Ready).then_some(Supersede::Never));
        };
        let found = codec::operation(&self.store, &slice.tenant, &holder).await?;
        let renewal = found.is_some_and(|(doc, _)| {
            let spec = |slice: &Option<Slice>| slice.as_ref().map(|slice| slice.spec.clone());
            doc.operation.state == OperationState::FailedTemp && spec(&doc.before) == spec(&doc.after)
        });
        Ok(renewal.then_some(Supersede::FailedTemp))
    }

    async fn is_due(&self, slice: &Slice, now: Timestamp) -> Result<bool, AskError> {
        let recorded = self.recorded(&slice.tenant, &slice.uid).await?;
        let late = |recorded: &Recorded| recorded.seen.as_ref().is_some_and(|seen| renewal::is_late(seen, now));
        Ok(recorded.values().any(|recorded| renewal::is_renewed(&recorded.resource) && late(recorded)))
    }
}

/// Whoever changes it meanwhile wants something else.
fn as_it_is((slice, rev): (&Slice, Revision), supersede: Supersede) -> Ask {
    let name: Name = slice.name.clone();
    let goal = Goal::Apply { labels: slice.labels.clone(), spec: Box::new(slice.spec.clone()) };
    Ask { name, goal, options: AskOptions { supersede, expect: Expect::At(vec![rev]), ..AskOptions::default() } }
}
