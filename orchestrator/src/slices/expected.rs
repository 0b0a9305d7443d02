//! A change that names what it expects the slice to be happens on exactly that, or not at all (RFC 9110 13.1.1).
//!
//! The check is part of the transaction that starts the operation: whoever holds the name is read first, then the slice
//! is compared, and the operation takes over from that holder and that revision only. Of two writers who saw the same
//! revision one starts, and the other is told that the slice moved.

use super::{Ask, AskError, Slices, Started};
use crate::ops::codec;
use models::Name;

impl Slices {
    pub async fn start(&self, tenant: &Name, ask: &Ask) -> Result<Started, AskError> {
        match self.begin(tenant, ask).await {
            // Somebody was faster; for who named a revision that is the reason.
            Err(error @ (AskError::Busy { .. } | AskError::PlanChanged { .. } | AskError::Ops(_))) => {
                self.as_expected(tenant, ask).await?;
                Err(error)
            }
            begun => begun,
        }
    }

    pub(super) async fn as_expected(&self, tenant: &Name, ask: &Ask) -> Result<(), AskError> {
        let key = codec::slice_key(tenant, &ask.name);
        let found = self.store.get(&key).await?.map(|object| object.rev);
        Ok(ask.options.expect.check(&key, found)?)
    }

    /// The operation that holds the slice's name.
    pub(super) async fn holder(&self, tenant: &Name, name: &Name) -> Result<Option<String>, AskError> {
        let claim = self.store.get(&codec::claim_key(tenant, name)).await?;
        Ok(claim.map(|claim| claim.doc["holder"].as_str().unwrap_or_default().to_owned()))
    }
}
