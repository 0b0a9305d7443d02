//! `slice test`: the test hooks of the charts, as an operation that leaves the slice as it is.

use super::{AskError, Meant, Slices};
use crate::ops::StartOptions;
use crate::plan::trial::trial;
use models::problem::nearest;
use models::{Name, Operation, Problem, Slice};
use std::collections::BTreeSet;

impl Slices {
    /// Starts it. `functions` narrows it; none means all.
    pub async fn test(
        &self,
        tenant: &Name,
        name: &Name,
        (functions, timeout_s): (Vec<Name>, Option<u64>),
    ) -> Result<Operation, AskError> {
        let snapshot = self.snapshot((tenant, name), Meant::default()).await?;
        let slice = snapshot.world.slice.clone().ok_or_else(|| AskError::NotFound(format!("slice {name}")))?;
        let functions: BTreeSet<Name> = functions.into_iter().collect();
        known(&slice, &functions)?;
        let plan = trial(&snapshot.world, &slice, &functions)?;
        let options = StartOptions { timeout_s, slice: snapshot.slice, ..StartOptions::default() };
        Ok(self.engine.start(plan, options).await?)
    }
}

fn known(slice: &Slice, functions: &BTreeSet<Name>) -> Result<(), AskError> {
    let all: Vec<&str> = slice.spec.workloads().iter().map(|workload| workload.name.as_str()).collect();
    let unknown = functions.iter().find(|function| !all.contains(&function.as_str()));
    let Some(unknown) = unknown else { return Ok(()) };
    let mend = match nearest(unknown.as_str(), all.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("it has {}", all.join(", ")),
    };
    let message = format!("the slice has no function called {:?}", unknown.as_str());
    Err(AskError::Problems(vec![Problem::at("function", message).mend(mend)]))
}
