//! The operator's moves (ENGINE.md 2): each is one compare-and-swap on the operation, then the same executor.

use super::codec;
use super::ending;
use super::engine::Engine;
use super::error::OpsError;
use super::graph::{self, Board};
use super::model::{ChangeDoc, OperationDoc};
use super::orphan;
use super::outlook;
use super::waiting::deadline;
use crate::store::{Revision, StoreError, Txn};
use models::change::{ChangeState, Failure};
use models::operation::OperationEvent;
use models::slice::Phase;
use models::{Name, Operation};

impl Engine {
    /// Stops at once, even while a target hangs.
    pub async fn cancel(&self, tenant: &Name, id: &str) -> Result<Operation, OpsError> {
        let (doc, _) = self.read(tenant, id).await?;
        doc.operation.state.on(OperationEvent::Cancel)?;
        if !self.0.interrupt(id).await? {
            self.stop_what_nothing_carries_out(tenant, id).await?;
        }
        Ok(self.read(tenant, id).await?.0.operation)
    }

    /// No task works on it in this process: what is on disk is all there is, and an operator must be able to end it.
    async fn stop_what_nothing_carries_out(&self, tenant: &Name, id: &str) -> Result<(), OpsError> {
        let (doc, _) = self.read(tenant, id).await?;
        if !doc.operation.state.is_running() {
            return Ok(());
        }
        let failure = Failure {
            code: "cancelled".into(),
            message: "cancelled by an operator; nothing was carrying it out".into(),
            next: format!("sliceway operation retry {id}, or: sliceway operation rollback {id}"),
        };
        ending::stopped(&self.0, doc, (OperationEvent::Cancel, failure)).await
    }

    pub async fn retry(&self, tenant: &Name, id: &str) -> Result<Operation, OpsError> {
        let (doc, rev) = self.read(tenant, id).await?;
        self.resume((doc, rev), OperationEvent::Retry, Txn::new()).await
    }

    /// Leaves out what failed and what needs it, and does the rest.
    pub async fn carry_on(&self, tenant: &Name, id: &str) -> Result<Operation, OpsError> {
        let (mut doc, rev) = self.read(tenant, id).await?;
        doc.operation.state.on(OperationEvent::Continue)?;
        if doc.wish.is_some() {
            return Err(OpsError::NoPlan);
        }
        let mut board = self.board(&doc).await?;
        let mut txn = Txn::new();
        let left = graph::left_out(&board);
        let changes: Vec<&ChangeDoc> = left.iter().filter_map(|seq| board.get(seq)).collect();
        txn = orphan::left_out(txn, (&doc, &changes), self.now())?;
        doc.partly |= changes.iter().any(|change| !orphan::takes_away(change.record.change.verb));
        for seq in left {
            if let Some(change) = board.get_mut(&seq) {
                change.record.state = ChangeState::Skipped;
                txn = txn.put(codec::change_key(tenant, id, seq), codec::json(change)?);
            }
        }
        self.resume((doc, rev), OperationEvent::Continue, txn).await
    }

    pub async fn rollback(&self, tenant: &Name, id: &str) -> Result<Operation, OpsError> {
        let (doc, rev) = self.read(tenant, id).await?;
        doc.operation.state.on(OperationEvent::Rollback)?;
        let board = self.board(&doc).await?;
        outlook::may_go_back(&board)?;
        self.resume((doc, rev), OperationEvent::Rollback, Txn::new()).await
    }

    /// Gives it up: what is done stays, and stands in the slice's records.
    pub async fn fail(&self, tenant: &Name, id: &str) -> Result<Operation, OpsError> {
        let (doc, rev) = self.read(tenant, id).await?;
        doc.operation.state.on(OperationEvent::Fail)?;
        let key = doc.key();
        let txn = ending::close(&self.0, doc, OperationEvent::Fail)?.at(key, rev);
        self.swap(txn).await?;
        Ok(self.read(tenant, id).await?.0.operation)
    }

    async fn resume(
        &self,
        (mut doc, rev): (OperationDoc, Revision),
        event: OperationEvent,
        txn: Txn,
    ) -> Result<Operation, OpsError> {
        let operation = &mut doc.operation;
        operation.enter(event, self.0.now())?;
        operation.error = None;
        operation.epoch = self.0.fence.epoch;
        operation.deadline = deadline(self.0.now(), operation.timeout_s);
        let phase = match event {
            OperationEvent::Rollback => Phase::Changing,
            _ => ending::phase(operation.kind),
        };
        let txn = txn.at(doc.key(), rev).put(doc.key(), codec::json(&doc)?);
        self.swap(ending::slice(txn, &doc, phase)?).await?;
        let operation = doc.operation.clone();
        // The task that stopped it may still be on its way out.
        self.wait(&operation.id).await;
        self.0.spawn(doc);
        Ok(operation)
    }

    /// Somebody else moved it in between: their move counts.
    async fn swap(&self, txn: Txn) -> Result<(), OpsError> {
        match self.0.commit(txn).await {
            Ok(_) => Ok(()),
            Err(OpsError::Store(StoreError::Conflict { .. })) => Err(OpsError::Changed),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read(&self, tenant: &Name, id: &str) -> Result<(OperationDoc, Revision), OpsError> {
        codec::operation(&self.0.store, tenant, id).await?.ok_or_else(|| OpsError::NotFound(id.to_owned()))
    }

    pub(super) async fn board(&self, doc: &OperationDoc) -> Result<Board, OpsError> {
        let changes = codec::changes(&self.0.store, &doc.operation.tenant, &doc.operation.id).await?;
        let changes = changes.map_err(OpsError::Unreadable)?;
        Ok(changes.into_iter().map(|change| (change.record.change.seq, change)).collect())
    }
}
