//! A slice for which no cluster has room now: its operation is accepted and waits, and is planned when there is a place.

use super::snapshot::Snapshot;
use super::start::{before, extra, used, wish};
use super::{Ask, AskError, Meant, Slices, Started};
use crate::ops::{OperationDoc, OpsError, Planned, Planner, StartOptions, Unplanned, codec};
use crate::plan::{Choice, Goal, Plan, PlanError, Wish, make, unplaced, unplaced_choices};
use crate::store::Txn;
use async_trait::async_trait;
use models::{Name, Slice};
use std::sync::Arc;

impl Slices {
    pub(super) async fn start_to_wait(
        &self,
        (tenant, ask): (&Name, &Ask),
        (snapshot, supersede): (Snapshot, Option<String>),
        why: &str,
    ) -> Result<Started, AskError> {
        let mut wish = wish(tenant, ask);
        let resolved = snapshot.world.charts.iter();
        wish.charts = resolved.filter_map(|(function, chart)| Some((function.clone(), chart.clone().ok()?))).collect();
        let Some(plan) = unplaced(&snapshot.world, &wish, why) else {
            return Err(AskError::Unavailable { cause: why.to_owned() });
        };
        let extra = match snapshot.slice {
            None => used(Txn::new(), (&plan, &snapshot)),
            Some(_) => Txn::new(),
        };
        let options = StartOptions {
            timeout_s: ask.options.timeout_s,
            supersede,
            slice: snapshot.slice,
            wish: Some(wish),
            extra,
            before: None,
            asked: ask.options.asked.clone(),
        };
        let operation = self.engine.start(plan.clone(), options).await?;
        Ok(Started::Operation { operation: Box::new(operation), plan: Box::new(plan) })
    }

    /// What every candidate lacks, for a slice whose operation waits for a place.
    pub(super) async fn waits_for(&self, tenant: &Name, slice: &Slice) -> Result<Option<Vec<Choice>>, AskError> {
        let Some(id) = &slice.operation else { return Ok(None) };
        let Some((doc, _)) = codec::operation(&self.store, tenant, id).await? else { return Ok(None) };
        let Some(wish) = &doc.wish else { return Ok(None) };
        match self.wished(wish, &doc).await {
            Ok((_, Err(PlanError::NoPlace(none)))) => Ok(Some(unplaced_choices(&none))),
            // A repository that is away hides nothing else of the slice.
            Ok(_) | Err(AskError::Unavailable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn wished(&self, wish: &Wish, doc: &OperationDoc) -> Result<(Snapshot, Result<Plan, PlanError>), AskError> {
        let mut snapshot = self.snapshot((&wish.tenant, &wish.name), meant(wish)).await?;
        // What is stored is already what this operation wants; a plan rests on what was before it.
        snapshot.world.slice = doc.before.clone();
        if let (None, Some(after)) = (&doc.before, &doc.after) {
            snapshot.world.incarnations = after.incarnation.saturating_sub(1);
            // Whatever this server is called by now.
            snapshot.world.uid = Some(after.uid.clone());
        }
        self.fetch(&mut snapshot, wish).await?;
        let mut plan = make(&snapshot.world, wish, &snapshot.renderer(self.renderer.as_ref())).await;
        let none = matches!(plan, Err(PlanError::NoPlace(_)));
        if none && self.recounted((&wish.tenant, &wish.name), &mut snapshot).await? {
            plan = make(&snapshot.world, wish, &snapshot.renderer(self.renderer.as_ref())).await;
        }
        Ok((snapshot, plan))
    }
}

#[async_trait]
impl Planner for Slices {
    async fn plan(&self, wish: &Wish, doc: &OperationDoc) -> Result<Planned, Unplanned> {
        let (mut snapshot, planned) = self.wished(wish, doc).await.map_err(told)?;
        let mut plan = match planned {
            Err(error) => return Err(told(self.held((&wish.tenant, &wish.name), error.into()).await)),
            Ok(plan) => plan,
        };
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.refreshed((&wish.tenant, &wish.name), &mut snapshot).await.map_err(told)? {
            let again = make(&snapshot.world, wish, &snapshot.renderer(self.renderer.as_ref())).await;
            plan = match again {
                Err(error) => return Err(told(self.held((&wish.tenant, &wish.name), error.into()).await)),
                Ok(plan) => plan,
            };
        }
        let extra = extra(&plan, &snapshot).map_err(told)?;
        let before = before(&plan, &snapshot).map_err(told)?;
        Ok(Planned { plan, extra, before, turn: Box::new(turn) })
    }
}

fn meant(wish: &Wish) -> Meant {
    match &wish.goal {
        Goal::Apply { spec, .. } => Meant::sites(spec),
        Goal::Delete => Meant::default(),
    }
}

fn told(error: AskError) -> Unplanned {
    let reason = error.to_string();
    match error {
        AskError::NoPlace { passing: true, .. } | AskError::Unavailable { .. } => Unplanned::NotYet(reason),
        AskError::Store(error) => Unplanned::Store(OpsError::Store(error)),
        AskError::Ops(error) => Unplanned::Store(error),
        AskError::Refused { reason, mend } => Unplanned::Never { reason, mend },
        AskError::Problems(_)
        | AskError::Busy { .. }
        | AskError::PlanChanged { .. }
        | AskError::NotFound(_)
        | AskError::NoPlace { .. } => Unplanned::Never { reason, mend: "change the slice file and apply it".into() },
    }
}
