//! A look at one cluster before somebody relies on it. It changes nothing, and never asks a cluster about another one.

use super::clusters::NoSafe;
use super::{CatalogueError, Clusters};
use crate::auth::AdminPermit;
use crate::ops::used;
use adapters::{Call, PortError};
use models::Name;
use models::checkup::{Check, Checkup, Finding, Question};
use models::cluster::Ownership;
use std::sync::Arc;
use std::time::Duration;

/// What one check may take; they run side by side.
const DEADLINE: Duration = Duration::from_secs(15);

impl Clusters {
    /// Every check of a cluster. One that cannot be reached is a finding, not an error.
    pub async fn examine(&self, _: &AdminPermit, name: &Name) -> Result<Checkup, CatalogueError> {
        let (cluster, _) = self.get(name).await?;
        let used = used(&self.store, name).await?;
        let handle = self.registry.handle(name).await;
        // Clocks are compared with it: nothing comes between it and the look.
        let question = Question { now: self.now(), used };
        let mut checks = match handle {
            Ok(handle) => handle.discovery.examine(&call(), &question).await,
            Err(error) => vec![unusable(&error, name)],
        };
        checks.extend(cluster.owner.as_ref().map(|owner| owned(owner, name)));
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
        adopted: None,
        epoch: 0,
        deadline: DEADLINE,
        safe: Arc::new(NoSafe),
    }
}

/// Which server writes there.
fn owned(owner: &Ownership, name: &Name) -> Check {
    match owner.ours {
        true => Check::new("owner", Finding::Ok, "this server writes there"),
        false => Check::new(
            "owner",
            Finding::Failed,
            format!("the Sliceway server {} at {} writes there, and this one will not", owner.instance, owner.server),
        )
        .next(format!("where that one is gone: sliceway cluster takeover {name}")),
    }
}

fn unusable(error: &PortError, name: &Name) -> Check {
    Check::new("kubeconfig", Finding::Failed, error.to_string())
        .next(format!("give one that can be used: sliceway cluster set {name} --kubeconfig F"))
}
