//! What the operators of one slice do all day: begin something, wait, cancel, retry, roll back, give up.

use super::aim::{Known, Who};
use super::chance::Chance;
use crate::goal::name;
use models::operation::OperationState;
use models::resource::ResourceId;
use models::slice::Phase;
use models::{Operation, Slice};
use orchestrator::ops::{Engine, OpsError, StartOptions};
use orchestrator::plan::Recorded;
use orchestrator::store::{Key, Kind, Query, Revision};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Begins ever new operations.
    Work,
    /// Brings what is open to its end, and begins nothing but what makes a broken slice whole.
    Settle,
}

/// Longer than any operation without a fault takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Driver {
    pub engine: Engine,
    pub who: Who,
    pub chance: Chance,
    pub mode: Mode,
}

impl Driver {
    /// Until everything is at rest, or for ever. What is wrong, in words.
    pub async fn run(&mut self) -> Vec<String> {
        let mut last = (Instant::now(), None);
        loop {
            let holder = self.holder().await;
            if last.1 != holder {
                last = (Instant::now(), holder.clone());
            }
            if last.0.elapsed() > PATIENCE {
                return vec![format!("{}: operation {holder:?} is wedged", self.who.name)];
            }
            let done = match holder {
                Some(id) => self.attend(&id).await,
                None if self.mode == Mode::Settle && self.is_whole().await => return vec![],
                None => self.begin(None).await,
            };
            match done {
                Ok(()) => {}
                // Another process took over: this one has nothing to say any more.
                Err(OpsError::Fenced | OpsError::Stopping) => return vec![],
                // Somebody was faster; what is stored counts.
                Err(OpsError::Changed | OpsError::Busy { .. } | OpsError::Illegal(_) | OpsError::NotFound(_)) => {
                    tokio::task::yield_now().await;
                }
                Err(error) => return vec![format!("{}: {error}", self.who.name)],
            }
        }
    }

    async fn holder(&self) -> Option<String> {
        let key = Key::new(Kind::Claim, "default", format!("slice/{}", self.who.name));
        let claim = self.engine.store().get(&key).await.unwrap();
        claim.map(|claim| claim.doc["holder"].as_str().unwrap().to_owned())
    }

    async fn slice(&self) -> Option<(Slice, Revision)> {
        let key = Key::new(Kind::Slice, "default", self.who.name.as_str());
        let found = self.engine.store().get(&key).await.unwrap();
        found.map(|object| (object.read().unwrap(), object.rev))
    }

    /// Gone, or as its operation wanted it.
    async fn is_whole(&self) -> bool {
        self.slice().await.is_none_or(|(slice, _)| slice.phase == Phase::Ready)
    }

    async fn attend(&mut self, id: &str) -> Result<(), OpsError> {
        let tenant = name("default");
        let operation = self.engine.get(&tenant, id).await?.operation;
        match operation.state {
            OperationState::Processing | OperationState::RollingBack => self.watch(id).await,
            OperationState::FailedTemp => self.decide(id).await.map(drop),
            OperationState::Completed
            | OperationState::PartiallyCompleted
            | OperationState::Failed
            | OperationState::RolledBack => Ok(()),
        }
    }

    async fn watch(&mut self, id: &str) -> Result<(), OpsError> {
        let impatient = self.mode == Mode::Work && self.chance.one_in(5);
        if !impatient {
            self.engine.wait(id).await;
            tokio::task::yield_now().await;
            return Ok(());
        }
        let patience = Duration::from_millis(self.chance.below(40));
        let ended = tokio::time::timeout(patience, self.engine.wait(id)).await;
        match ended {
            Ok(()) => Ok(()),
            Err(_) => self.engine.cancel(&name("default"), id).await.map(drop),
        }
    }

    async fn decide(&mut self, id: &str) -> Result<Option<Operation>, OpsError> {
        let tenant = name("default");
        let turn = if self.mode == Mode::Settle { 0 } else { self.chance.below(10) };
        match turn {
            0..5 => self.engine.retry(&tenant, id).await.map(Some),
            5..7 => self.engine.rollback(&tenant, id).await.map(Some),
            7 => self.engine.carry_on(&tenant, id).await.map(Some),
            8 => self.engine.fail(&tenant, id).await.map(Some),
            _ => self.begin(Some(id.to_owned())).await.map(|()| None),
        }
    }

    /// Towards a goal by chance; a slice that is to be whole goes where it was to go.
    async fn begin(&mut self, supersede: Option<String>) -> Result<(), OpsError> {
        let slice = self.slice().await;
        let rev = slice.as_ref().map(|(_, rev)| *rev);
        let slice = slice.map(|(slice, _)| slice);
        let recorded = self.recorded().await;
        let ids = recorded.keys().cloned().collect();
        let of = self.who.slice("");
        let observed = self.engine.look(&of, ids, Duration::from_secs(2)).await;
        let label = slice.as_ref().and_then(|slice| slice.labels.get(super::aim::LABEL).cloned());
        let known = Known { slice, recorded: &recorded, observed: &observed };
        let plan = match self.mode {
            Mode::Work => self.who.plan(known, &mut self.chance),
            Mode::Settle => self.who.plan_to(label.as_deref(), known),
        };
        let options = StartOptions { slice: rev, supersede, ..StartOptions::default() };
        let operation = self.engine.start(plan, options).await?;
        if self.mode == Mode::Settle {
            self.engine.wait(&operation.id).await;
        }
        Ok(())
    }

    async fn recorded(&self) -> BTreeMap<ResourceId, Recorded> {
        let query = Query::of(Kind::Resource, "default").prefix(format!("{}/", self.who.uid)).limit(1000);
        let objects = self.engine.store().list(&query).await.unwrap();
        let read = |object: &orchestrator::store::Object| object.read::<Recorded>().unwrap();
        objects.iter().map(read).map(|recorded| (recorded.resource.id().clone(), recorded)).collect()
    }
}
