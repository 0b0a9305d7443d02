//! Charts that a plan needs and that no record has yet: resolved and fetched before planning, which does no IO of this kind.

use super::snapshot::Snapshot;
use super::{AskError, Retry, Slices};
use crate::plan::{Goal, Wish, resolve};
use models::slice::Workload;

impl Slices {
    /// Leaves alone what is recorded or was resolved when the operation was accepted: a repository that is away or that
    /// has something newer changes nothing about an unchanged file.
    pub(super) async fn fetch(&self, snapshot: &mut Snapshot, wish: &Wish) -> Result<(), AskError> {
        let Goal::Apply { spec, .. } = &wish.goal else { return Ok(()) };
        let world = &mut snapshot.world;
        for (function, pin) in &wish.charts {
            world.charts.insert(function.clone(), Ok(pin.clone()));
        }
        let known = |w: &Workload<'_>| world.charts.contains_key(w.name) || resolve::recorded(world, wish, w).is_some();
        let missing: Vec<Workload<'_>> = spec.workloads().into_iter().filter(|workload| !known(workload)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let charts: Vec<_> = missing.iter().map(|workload| workload.chart).collect();
        let answers = self.charts.resolve(&wish.tenant, &charts).await?;
        for (workload, answer) in missing.iter().zip(answers) {
            let answer = match answer {
                Err(fault) if fault.retry == Retry::Later => {
                    return Err(AskError::Unavailable { cause: format!("{}: {}", workload.name, fault.problem) });
                }
                other => other.map_err(|fault| fault.problem),
            };
            world.charts.insert(workload.name.clone(), answer);
        }
        Ok(())
    }
}
