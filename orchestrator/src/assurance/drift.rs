//! One resource beside its record: an alarm where it stands otherwise, and an operation that puts it back where its slice
//! says so.

use super::Assurance;
use crate::ops::{OpsError, StartOptions, codec};
use crate::plan::{Observed, Recorded, drift, heal};
use crate::slices::AskError;
use crate::store::{Key, Revision, StoreError, Txn};
use adapters::Labelled;
use adapters::helm::Lookup;
use jiff::{SignedDuration, Timestamp};
use models::resource::{Body, Resource, Target};
use models::slice::Phase;
use models::{Alarm, Drift, Name, Slice};
use std::time::Duration;

/// How long a cluster has to tell about one thing.
const LOOK: Duration = Duration::from_secs(5);
/// So often a resource is put back within [`BUDGET`]; then somebody has to look who changes it.
const HEALS: usize = 3;
const BUDGET: SignedDuration = SignedDuration::from_hours(1);

pub(super) enum Looked {
    Done,
    /// An operation works on its slice.
    Busy,
    /// Its cluster could not be asked: nothing is known of it.
    Unread,
}

/// A resource with everything that is stored of it.
struct Known {
    tenant: Name,
    slice: Slice,
    rev: Revision,
    recorded: Recorded,
    record: Revision,
}

impl Assurance {
    /// `version` is that in which it stands, where that was heard: what stands as it was left is not asked for.
    pub(super) async fn look(&self, one: &Labelled, version: &str) -> Result<Looked, AskError> {
        let Some((tenant, name)) = self.slices.owner(&one.uid).await? else { return Ok(Looked::Done) };
        let claim = codec::claim_key(&tenant, &name);
        if self.store.get(&claim).await?.is_some() {
            return Ok(Looked::Busy);
        }
        let Some(known) = self.known((tenant.clone(), &name), one).await? else {
            self.forget(&alarm_key(&tenant, one)).await?;
            return Ok(Looked::Done);
        };
        let left = known.recorded.seen.as_ref().map_or("", |seen| seen.version.as_str());
        if !version.is_empty() && left == version {
            return self.quiet(&known, one).await.map(|()| Looked::Done);
        }
        let observed = self.engine.look(&known.slice, vec![one.id.clone()], LOOK).await;
        if matches!(observed.get(&one.id), None | Some(Observed::Unknown)) {
            return Ok(Looked::Unread);
        }
        let found = observed.get(&one.id).and_then(|there| Some((drift::of(&known.recorded, there)?, there)));
        match found {
            None => self.quiet(&known, one).await.map(|()| Looked::Done),
            Some((drift, there)) => self.differs(known, (one, drift, there)).await,
        }
    }

    /// Nothing, where it is nobody's business: no record, no certainty, an orphan, another slice of that name.
    async fn known(&self, (tenant, name): (Name, &Name), one: &Labelled) -> Result<Option<Known>, AskError> {
        let record = codec::resource_key(&tenant, &one.uid, &one.id);
        let Some(object) = self.store.get(&record).await? else { return Ok(None) };
        let recorded: Recorded = object.read()?;
        let orphan = self.store.get(&codec::orphan_key(&tenant, &one.uid, &one.id)).await?.is_some();
        if !recorded.certain || orphan {
            return Ok(None);
        }
        let Some(stored) = self.store.get(&codec::slice_key(&tenant, name)).await? else { return Ok(None) };
        let slice: Slice = stored.read()?;
        let known = Known { tenant, rev: stored.rev, recorded, record: object.rev, slice };
        Ok(Some(known).filter(|known| known.slice.uid == one.uid))
    }

    /// It is as it was left.
    async fn quiet(&self, known: &Known, one: &Labelled) -> Result<(), AskError> {
        let key = alarm_key(&known.tenant, one);
        let Some(object) = self.store.get(&key).await? else { return Ok(()) };
        let alarm: Alarm = object.read()?;
        let healed = self.recent(&alarm);
        if alarm.raised {
            tracing::info!(resource = %one.id, slice = %known.slice.name, "stands as it was left again");
        }
        match healed.is_empty() {
            true => self.forget(&key).await,
            false if !alarm.raised => Ok(()),
            false => self.keep(&key, Alarm { raised: false, healed, ..alarm }).await,
        }
    }

    /// The alarm, and an operation that puts it back where its slice says so and it was not done too often.
    async fn differs(
        &self,
        known: Known,
        (one, drift, there): (&Labelled, Drift, &Observed),
    ) -> Result<Looked, AskError> {
        let key = alarm_key(&known.tenant, one);
        let before: Option<Alarm> = self.store.get(&key).await?.map(|object| object.read()).transpose()?;
        let was_raised = before.as_ref().filter(|alarm| alarm.raised);
        let healed = before.as_ref().map(|alarm| self.recent(alarm)).unwrap_or_default();
        let heals = known.slice.spec.heal && known.slice.phase == Phase::Ready && healed.len() < HEALS;
        let alarm = Alarm {
            format: Alarm::FORMAT,
            slice: known.slice.name.clone(),
            uid: one.uid.clone(),
            id: one.id.clone(),
            drift,
            places: self.places(&known.recorded, drift).await,
            since: was_raised.map_or_else(|| self.engine.now(), |alarm| alarm.since),
            next: next(&known.slice, healed.len()),
            healed,
            raised: true,
        };
        if was_raised.is_none() {
            tracing::warn!(resource = %one.id, slice = %known.slice.name, drift = drift.as_str(), places = ?alarm.places,
                "does not stand as it was left");
        }
        // What was compared must still be what is recorded.
        let recorded = codec::resource_key(&known.tenant, &one.uid, &one.id);
        let as_compared = |alarm: &Alarm| -> Result<Txn, AskError> {
            Ok(Txn::new().at(recorded.clone(), known.record).put(key.clone(), codec::json(alarm)?))
        };
        if heals {
            match self.heal(&known, there, as_compared(&self.healing(alarm.clone()))?).await {
                Err(OpsError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::warn!(resource = %one.id, %error, "cannot be put back"),
                Ok(()) => return Ok(Looked::Busy),
            }
        }
        if before.as_ref() == Some(&alarm) {
            return Ok(Looked::Done);
        }
        let free = codec::claim_key(&known.tenant, &known.slice.name);
        match self.engine.commit(as_compared(&alarm)?.absent(free)).await {
            Ok(_) => Ok(Looked::Done),
            Err(OpsError::Store(StoreError::Conflict { .. })) => Ok(Looked::Busy),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins to put it back, and the alarm says so in the same transaction. A user's operation that came first is the
    /// better one, and takes nothing from the budget.
    async fn heal(&self, known: &Known, there: &Observed, extra: Txn) -> Result<(), OpsError> {
        let plan = heal::plan(&known.slice, (&known.recorded, there));
        let options = StartOptions { slice: Some(known.rev), extra, ..StartOptions::default() };
        match self.engine.start(plan, options).await {
            Ok(operation) => {
                tracing::info!(slice = %known.slice.name, operation.id = %operation.id, "heals");
                Ok(())
            }
            Err(OpsError::Busy { .. } | OpsError::Changed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn healing(&self, mut alarm: Alarm) -> Alarm {
        alarm.healed.push(self.engine.now());
        alarm.next = "it is put back now".into();
        alarm
    }

    /// Where it differs from what was written; nothing where that is not to be told.
    async fn places(&self, recorded: &Recorded, drift: Drift) -> Vec<String> {
        let (Drift::Changed, Resource::Object(object)) = (drift, &recorded.resource) else { return vec![] };
        let (Target::Cluster(cluster), Body::Plain(wanted)) = (&object.id.target, &object.body) else { return vec![] };
        match self.ears.find(cluster, &Lookup::from(&object.id)).await {
            Ok(Some(live)) => drift::places(wanted, &live),
            Ok(None) | Err(_) => vec![],
        }
    }

    fn recent(&self, alarm: &Alarm) -> Vec<Timestamp> {
        recent(&alarm.healed, self.engine.now())
    }

    async fn keep(&self, key: &Key, alarm: Alarm) -> Result<(), AskError> {
        Ok(self.engine.commit(Txn::new().put(key.clone(), codec::json(&alarm)?)).await.map(drop)?)
    }

    async fn forget(&self, key: &Key) -> Result<(), AskError> {
        match self.store.get(key).await? {
            Some(_) => Ok(self.engine.commit(Txn::new().delete(key.clone())).await.map(drop)?),
            None => Ok(()),
        }
    }
}

/// Within an hour by the calendar, on either side: what a calendar of next year stamped is no reason to wait until then.
fn recent(healed: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    healed.iter().copied().filter(|at| now.duration_since(*at).abs() < BUDGET).collect()
}

fn next(slice: &Slice, healed: usize) -> String {
    let name = &slice.name;
    match slice.spec.heal && healed >= HEALS {
        true => format!(
            "it was put back {HEALS} times within an hour and changed again: find out who changes it, then: sliceway apply -f FILE"
        ),
        false => format!(
            "sliceway plan -f FILE shows it, apply puts it back; `heal: true` in slice {name} does so by itself"
        ),
    }
}

fn alarm_key(tenant: &Name, one: &Labelled) -> Key {
    codec::alarm_key(tenant, &one.uid, &one.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heals_of_the_last_hour_count_and_those_of_another_year_do_not() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let healed = ["2026-06-01T11:30:00Z", "2026-06-01T10:59:00Z", "2027-06-01T11:59:00Z", "2025-06-01T11:59:00Z"];
        let healed = healed.map(|text| text.parse().unwrap());
        assert_eq!(recent(&healed, now), [healed[0]]);
    }
}
