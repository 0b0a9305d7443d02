//! `plan` and `apply`: the same planner, shown or carried out.

use super::snapshot::Snapshot;
use super::{Ask, AskError, Goal, NoPlace, Slices, Started, Supersede, incarnation_key, shown_key, uid_key};
use crate::ops::{Before, StartOptions, Stopped, codec, footing};
use crate::plan::bundle::ChartPin;
use crate::plan::{Plan, Wish, World, make};
use crate::store::{Expect, Txn};
use models::{Name, OperationKind, OperationState, Resource, Slice};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

impl Slices {
    /// Shows what would happen, and keeps it for `--plan ID`.
    pub async fn plan(&self, tenant: &Name, ask: &Ask) -> Result<Plan, AskError> {
        let mut snapshot = self.snapshot((tenant, &ask.name), ask.meant()).await?;
        let mut wish = wish(tenant, ask);
        let unsaid = match (&ask.goal, &snapshot.world.slice) {
            // What would go is shown whether it may go or not.
            (Goal::Delete, Some(slice)) => unsaid(slice, &mut wish),
            _ => BTreeSet::new(),
        };
        self.fetch(&mut snapshot, &wish).await?;
        let mut plan = match make(&snapshot.world, &wish, self.renderer.as_ref()).await {
            Err(error) => return Err(self.held((tenant, &ask.name), error.into()).await),
            Ok(plan) => plan,
        };
        plan.warnings.extend(withheld(&plan, &unsaid));
        let mut doc = codec::json(&plan)?;
        // Housekeeping forgets it when it is old.
        doc["shown_at"] = json!(self.engine.now());
        let txn = Txn::new().exists(footing::tenant_key(tenant)).put(shown_key(tenant, &ask.name), doc);
        self.engine.commit(txn).await?;
        Ok(plan)
    }

    pub(super) async fn begin(&self, tenant: &Name, ask: &Ask) -> Result<Started, AskError> {
        let holder = self.holder(tenant, &ask.name).await?;
        self.as_expected(tenant, ask).await?;
        let mut charts = BTreeMap::new();
        if ask.options.supersede == Supersede::Any {
            // What runs is cancelled only for a request that could be carried out.
            let mut snapshot = self.snapshot((tenant, &ask.name), ask.meant()).await?;
            match self.planned(tenant, ask, &mut snapshot).await {
                Ok(_) | Err(AskError::NoPlace { passing: true, .. }) => charts = snapshot.world.charts,
                Err(error) => return Err(error),
            }
        }
        let holder =
            if ask.options.expect == Expect::Anything { self.holder(tenant, &ask.name).await? } else { holder };
        let supersede = self.take_over(tenant, ask, holder).await?;
        let mut snapshot = self.snapshot((tenant, &ask.name), ask.meant()).await?;
        // Nothing is resolved again: a repository that went away meanwhile fails no request that has ended another.
        snapshot.world.charts = charts;
        if supersede.is_none() || ask.options.supersede != Supersede::Any {
            // What was cancelled for this request moved the slice; nobody else could.
            ask.options.expect.check(&codec::slice_key(tenant, &ask.name), snapshot.slice)?;
        }
        let (planned, turn) = self.in_turn((tenant, ask), &mut snapshot).await;
        let planned = match planned {
            Err(error) => Err(self.held((tenant, &ask.name), error).await),
            planned => planned,
        };
        let plan = match planned {
            Err(AskError::NoPlace { message, passing: true, .. })
                if ask.options.plan.is_none() && ask.options.no_place == NoPlace::Wait =>
            {
                return self.start_to_wait((tenant, ask), (snapshot, supersede), &message).await;
            }
            planned => planned?,
        };
        let unasked = supersede.is_none() && ask.options.asked.is_none();
        if let (true, true, Some(slice)) = (nothing_to_do(&plan), unasked, &plan.before) {
            return Ok(Started::Unchanged {
                slice: Box::new(slice.clone()),
                warnings: plan.warnings,
                unread: plan.unread,
            });
        }
        let options = StartOptions {
            timeout_s: ask.options.timeout_s,
            supersede,
            slice: snapshot.slice,
            wish: None,
            extra: extra(&plan, &snapshot)?,
            before: before(&plan, &snapshot)?,
            asked: ask.options.asked.clone(),
        };
        let operation = self.engine.start(plan.clone(), options).await?;
        drop(turn);
        Ok(Started::Operation { operation: Box::new(operation), plan: Box::new(plan) })
    }

    /// A plan, and the turn in which it is still true when it is written down: what others were given meanwhile is seen.
    async fn in_turn(
        &self,
        (tenant, ask): (&Name, &Ask),
        snapshot: &mut Snapshot,
    ) -> (Result<Plan, AskError>, Option<OwnedMutexGuard<()>>) {
        let planned = self.planned(tenant, ask, snapshot).await;
        if matches!(ask.goal, Goal::Delete) {
            // What goes is given no room.
            return (planned, None);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let planned = match (planned, self.refreshed((tenant, &ask.name), snapshot).await) {
            (Ok(_), Ok(true)) => self.planned(tenant, ask, snapshot).await,
            (Ok(_), Err(error)) => Err(error),
            (planned, _) => planned,
        };
        let planned = match planned {
            Err(AskError::NoPlace { passing: true, .. }) => match self.recounted((tenant, &ask.name), snapshot).await {
                Ok(true) => self.planned(tenant, ask, snapshot).await,
                Ok(false) => planned,
                Err(error) => Err(error),
            },
            planned => planned,
        };
        (planned, Some(turn))
    }

    /// Whether the room that others were given, or the clusters' figures, changed since the snapshot.
    pub(super) async fn refreshed(
        &self,
        (tenant, name): (&Name, &Name),
        snapshot: &mut Snapshot,
    ) -> Result<bool, AskError> {
        let (booked, settled) =
            (self.booked(tenant, name, (&snapshot.world.clusters, &snapshot.meant)).await?, self.engine.settled());
        if booked == snapshot.world.booked && settled == snapshot.settled {
            return Ok(false);
        }
        self.read_again((tenant, name), snapshot, settled).await?;
        Ok(true)
    }

    /// Where something was counted that may stand in the figures by now, or not stand at all, they are read again. Says
    /// whether they were.
    pub(super) async fn recounted(
        &self,
        (tenant, name): (&Name, &Name),
        snapshot: &mut Snapshot,
    ) -> Result<bool, AskError> {
        let meant = snapshot.world.clusters.values().filter(|view| snapshot.meant.has(&view.cluster));
        let read = meant.filter_map(|view| view.facts()?.read_at).min();
        let late = |stopped: &Stopped| read.is_none_or(|read| read <= stopped.at);
        if !self.engine.stopped().iter().any(late) {
            return Ok(false);
        }
        self.read_again((tenant, name), snapshot, self.engine.now()).await?;
        Ok(true)
    }

    /// The plan for an ask, or exactly the one that was shown.
    async fn planned(&self, tenant: &Name, ask: &Ask, snapshot: &mut Snapshot) -> Result<Plan, AskError> {
        let shown = match &ask.options.plan {
            Some(id) => Some(self.shown_as(tenant, ask, id).await?),
            None => None,
        };
        for (function, bundle) in shown.iter().flat_map(|plan| &plan.bundles) {
            let bundle =
                serde_json::from_value(bundle.clone()).map_err(|e| AskError::Unavailable { cause: e.to_string() })?;
            snapshot.world.bundles.insert(function.clone(), bundle);
        }
        let mut wish = wish(tenant, ask);
        if let Some(shown) = &shown {
            // Exactly what was shown: nothing is resolved again.
            wish.charts = pins(shown, &snapshot.world);
        }
        self.fetch(snapshot, &wish).await?;
        let plan = make(&snapshot.world, &wish, &snapshot.renderer(self.renderer.as_ref())).await?;
        match shown.filter(|shown| shown.digest != plan.digest) {
            Some(shown) => Err(AskError::PlanChanged { difference: difference(&shown, &plan) }),
            None => Ok(plan),
        }
    }

    async fn shown_as(&self, tenant: &Name, ask: &Ask, id: &str) -> Result<Plan, AskError> {
        let shown = self.shown(tenant, &ask.name).await?;
        shown.filter(|plan| plan.id == id).ok_or_else(|| AskError::NotFound(format!("plan {id} of slice {}", ask.name)))
    }

    /// The operation that this one takes the slice over from; an error where it may not.
    async fn take_over(&self, tenant: &Name, ask: &Ask, holder: Option<String>) -> Result<Option<String>, AskError> {
        let Some(holder) = holder else { return Ok(None) };
        let found = codec::operation(&self.store, tenant, &holder).await?;
        let heals = found.as_ref().is_some_and(|(doc, _)| doc.operation.kind == OperationKind::HealSlice);
        // What heals gives way to whoever wants something.
        let supersede = if heals { Supersede::Any } else { ask.options.supersede };
        let state = found.map(|(doc, _)| doc.operation.state);
        match (state, supersede) {
            (Some(OperationState::FailedTemp), Supersede::FailedTemp | Supersede::Any) => Ok(Some(holder)),
            (Some(OperationState::Processing | OperationState::RollingBack), Supersede::Any) => {
                self.engine.cancel(tenant, &holder).await?;
                Ok(Some(holder))
            }
            _ => Err(AskError::Busy { operation: holder }),
        }
    }
}

/// Functions of which nobody said that their data may go; the wish says it of all.
fn unsaid(slice: &Slice, wish: &mut Wish) -> BTreeSet<Name> {
    let all = slice.placed.keys().filter_map(|name| name.parse::<Name>().ok());
    all.filter(|name| wish.allow_data_loss.insert(name.clone())).collect()
}

/// A warning for each of them that holds data.
fn withheld(plan: &Plan, unsaid: &BTreeSet<Name>) -> Vec<String> {
    let lost = plan.changes.iter().filter(|planned| planned.change.irreversible.is_some());
    let of = |planned: &crate::plan::PlannedChange| match &planned.change.before {
        Some(Resource::Object(object)) => object.owner.function.clone(),
        _ => None,
    };
    let functions: BTreeSet<Name> = lost.filter_map(of).filter(|name| unsaid.contains(name)).collect();
    let words =
        |name: Name| format!("{name} holds data: it is deleted only where that is said: --allow-data-loss {name}");
    functions.into_iter().map(words).collect()
}

pub(super) fn wish(tenant: &Name, ask: &Ask) -> Wish {
    let set = |names: &[Name]| names.iter().cloned().collect();
    Wish {
        tenant: tenant.clone(),
        name: ask.name.clone(),
        goal: match &ask.goal {
            Goal::Apply { labels, spec } => crate::plan::Goal::Apply { labels: labels.clone(), spec: spec.clone() },
            Goal::Delete => crate::plan::Goal::Delete,
        },
        replace: set(&ask.options.replace),
        allow_data_loss: set(&ask.options.allow_data_loss),
        upgrade: set(&ask.options.upgrade),
        forget: ask.options.forget,
        charts: BTreeMap::new(),
    }
}

/// The charts of a plan that was shown, of which the bundles are in the world by now.
fn pins(shown: &Plan, world: &World) -> BTreeMap<Name, ChartPin> {
    let pin = |function: &String| Some((function.parse().ok()?, world.bundles.get(function)?.chart.clone()));
    shown.bundles.iter().filter_map(|(function, _)| pin(function)).collect()
}

/// No change, and the file says what is stored: an operation would do nothing.
fn nothing_to_do(plan: &Plan) -> bool {
    let same = match (&plan.before, &plan.after) {
        (Some(before), Some(after)) => {
            before.spec == after.spec && before.labels == after.labels && before.phase == after.phase
        }
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    plan.is_empty() && same
}

/// What is written beside the operation, in its own transaction.
pub(super) fn extra(plan: &Plan, snapshot: &Snapshot) -> Result<Txn, AskError> {
    if matches!(plan.kind, OperationKind::DeleteSlice | OperationKind::TestSlice) {
        return Ok(Txn::new());
    }
    let mut txn = Txn::new().put(codec::choices_key(&plan.tenant, &plan.uid), codec::json(&plan.choices)?);
    for (function, bundle) in &plan.bundles {
        txn = txn.put(codec::bundle_key(&plan.tenant, &plan.uid, function), bundle.clone());
    }
    if snapshot.slice.is_none() {
        txn = used(txn, (plan, snapshot));
    }
    Ok(txn)
}

/// What [`extra`] writes over of a slice that is there already.
pub(super) fn before(plan: &Plan, snapshot: &Snapshot) -> Result<Option<Before>, AskError> {
    if plan.before.is_none() || matches!(plan.kind, OperationKind::DeleteSlice | OperationKind::TestSlice) {
        return Ok(None);
    }
    let mut bundles = BTreeMap::new();
    for (function, bundle) in &plan.bundles {
        let known = snapshot.world.bundles.get(function).map(codec::json).transpose()?.unwrap_or_default();
        if known != *bundle {
            bundles.insert(function.clone(), known);
        }
    }
    Ok(Some(Before { choices: codec::json(&snapshot.world.choices)?, bundles }))
}

pub(super) fn used(txn: Txn, (plan, snapshot): (&Plan, &Snapshot)) -> Txn {
    let used = snapshot.world.incarnations + 1;
    let uid = uid_key(&plan.uid);
    txn.put(incarnation_key(&plan.tenant, &plan.subject), json!({"used": used}))
        .absent(uid.clone())
        .put(uid, json!({"tenant": plan.tenant, "slice": plan.subject}))
}

fn difference(shown: &Plan, now: &Plan) -> Vec<String> {
    let lines = |plan: &Plan| -> Vec<String> {
        let line = |c: &crate::plan::PlannedChange| format!("{:?} {}: {}", c.change.verb, c.change.id, c.change.reason);
        plan.changes.iter().map(line).collect()
    };
    let (before, after) = (lines(shown), lines(now));
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("no longer: {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("now: {line}"));
    let all: Vec<String> = gone.chain(new).collect();
    if all.is_empty() { vec!["what a change writes differs".into()] } else { all }
}
