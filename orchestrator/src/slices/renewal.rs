//! Renewal: a slice with a certificate past two thirds of its life is applied again as it is, which makes new ones.

use super::{Ask, AskError, AskOptions, Goal, Slices, Started, Supersede};
use crate::ops::codec;
use crate::plan::{Recorded, renewal};
use crate::store::{Kind, Query};
use models::slice::Phase;
use models::{Name, Slice};

impl Slices {
    /// Starts what is due, for every tenant. A slice whose operation is open, or that waits for an operator, is left
    /// alone until it is at rest; one that cannot be renewed now does not hold up the others.
    pub async fn renew(&self) -> Result<usize, AskError> {
        let mut started = 0;
        for object in codec::all(&self.store, Query::all(Kind::Slice)).await? {
            let slice: Slice = object.read()?;
            if slice.phase != Phase::Ready || !self.is_due(&slice).await? {
                continue;
            }
            match self.start(&slice.tenant, &as_it_is(&slice)).await {
                Ok(Started::Operation { operation, .. }) => {
                    tracing::info!(slice = %slice.name, operation.id = %operation.id, "renews certificates");
                    started += 1;
                }
                Ok(Started::Unchanged { .. }) => {}
                Err(error) => tracing::warn!(slice = %slice.name, %error, "its certificates cannot be renewed now"),
            }
        }
        Ok(started)
    }

    async fn is_due(&self, slice: &Slice) -> Result<bool, AskError> {
        let recorded = self.recorded(&slice.tenant, &slice.uid).await?;
        let late =
            |recorded: &Recorded| recorded.seen.as_ref().is_some_and(|seen| renewal::is_late(seen, self.engine.now()));
        Ok(recorded.values().any(|recorded| renewal::is_renewed(&recorded.resource) && late(recorded)))
    }
}

fn as_it_is(slice: &Slice) -> Ask {
    let name: Name = slice.name.clone();
    let goal = Goal::Apply { labels: slice.labels.clone(), spec: Box::new(slice.spec.clone()) };
    Ask { name, goal, options: AskOptions { supersede: Supersede::Never, ..AskOptions::default() } }
}
