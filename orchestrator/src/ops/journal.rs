//! What a step writes: the intent with the resource's record before the effect, the result with it after.

use super::codec;
use super::error::OpsError;
use super::model::ChangeDoc;
use super::step::{Note, Step, Stop};
use crate::plan::Recorded;
use crate::store::Txn;
use futures::poll;
use models::change::ChangeState;
use models::resource::{Resource, Seen};
use std::pin::pin;
use std::task::Poll;

impl Step {
    /// The inventory knows of the resource before it can exist.
    pub(super) async fn intent(&mut self, state: ChangeState, what: Option<&Resource>) -> Result<(), Stop> {
        let now = self.inner.now();
        let record = &mut self.doc.record;
        record.state = state;
        record.attempts += 1;
        record.error = None;
        record.ended = None;
        record.started.get_or_insert(now);
        let seen = record.change.seen.clone();
        let txn = match what.filter(|resource| !resource.is_check()) {
            Some(resource) => self.record(Txn::new(), resource, (false, seen))?,
            None => Txn::new(),
        };
        Ok(self.write(txn).await?)
    }

    pub(super) async fn result(
        mut self,
        state: ChangeState,
        now_there: Option<&Resource>,
        seen: Option<Seen>,
    ) -> Result<ChangeDoc, Stop> {
        let now = self.inner.now();
        self.doc.record.state = state;
        self.doc.record.ended = Some(now);
        self.doc.record.seen = seen.clone();
        let change = &self.doc.record.change;
        let txn = match (now_there, change.after.as_ref().or(change.before.as_ref())) {
            (Some(resource), _) => self.record(Txn::new(), resource, (true, seen))?,
            (None, Some(resource)) if !resource.is_check() => {
                Txn::new().delete(self.resource_key(resource)).delete(self.orphan_key(resource))
            }
            (None, _) => Txn::new(),
        };
        self.write_ahead(txn, state).await?;
        Ok(self.doc)
    }

    /// Undone without an effect.
    pub(super) async fn leave(mut self) -> Result<ChangeDoc, Stop> {
        self.doc.record.state = ChangeState::Undone;
        self.doc.record.ended = Some(self.inner.now());
        self.write(Txn::new()).await?;
        Ok(self.doc)
    }

    /// What needs this change may announce itself at once: the store keeps the order, so that no intent is on disk
    /// before the results that it rests on. Both often share one flush.
    async fn write_ahead(&self, txn: Txn, state: ChangeState) -> Result<(), OpsError> {
        let mut write = pin!(self.write(txn));
        if let Poll::Ready(done) = poll!(&mut write) {
            return done;
        }
        if state == ChangeState::Done {
            // Without room for it, those who wait are launched when the result is on disk.
            let _ = self.tell.try_send(Note::Made(self.doc.record.change.seq));
        }
        write.await
    }

    pub(super) fn orphan_key(&self, resource: &Resource) -> crate::store::Key {
        codec::orphan_key(&self.operation.tenant, &self.operation.uid, resource.id())
    }

    pub(super) fn resource_key(&self, resource: &Resource) -> crate::store::Key {
        codec::resource_key(&self.operation.tenant, &self.operation.uid, resource.id())
    }

    fn record(&self, txn: Txn, resource: &Resource, (certain, seen): (bool, Option<Seen>)) -> Result<Txn, OpsError> {
        let recorded = Recorded {
            format: Recorded::FORMAT,
            resource: resource.clone(),
            needs: self.doc.resource_needs.clone(),
            tier: self.doc.tier,
            seen,
            certain,
            operation: self.operation.id.clone(),
        };
        Ok(txn.put(self.resource_key(resource), codec::json(&recorded)?))
    }

    pub(super) async fn write(&self, txn: Txn) -> Result<(), OpsError> {
        let key = codec::change_key(&self.operation.tenant, &self.operation.id, self.doc.record.change.seq);
        self.inner.commit(txn.put(key, codec::json(&self.doc)?)).await.map(|_| ())
    }
}
