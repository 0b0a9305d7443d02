//! Taking over what stands there, and leaving it where it is: an object gets our marks, or loses them, and what else it
//! is stays.

use super::step::{Known, Step, Stop, Try};
use super::waiting::Pauses;
use crate::plan::release;
use adapters::PortError;
use adapters::release::{BY_HELM, is_by_helm};
use models::change::Verb;
use models::resource::{Resource, Seen};

impl Step {
    /// What is gone, or somebody else's, is ours no longer anyway.
    pub(super) async fn forget(&mut self, what: &Resource) -> Result<(), Stop> {
        self.mark(what, Mark::Gone).await.map(drop)
    }

    /// It gets our marks and is brought to what is wanted; one that is gone is made. What a hook left is only marked: it
    /// ran, and is no longer compared with anything.
    pub(super) async fn adopt(&mut self, what: &Resource) -> Result<Option<Seen>, Stop> {
        let seen = self.mark(what, Mark::Set).await?;
        match what {
            Resource::Hook(_) => Ok(seen),
            Resource::Object(_) | Resource::Readiness(_) | Resource::Secret(_) => {
                self.bring(what, &mut Known::Ask).await.map(Some)
            }
        }
    }

    /// The way back from [`Self::adopt`]: ours no longer, and a record of Helm's as it was. What somebody did meanwhile
    /// stays: nothing else was written than what stood there.
    pub(super) async fn hand_back(&mut self, before: &Resource) -> Result<(), Stop> {
        if release::of(before).is_some() {
            let is_ours = self.mark(before, Mark::Back).await?;
            if is_ours.is_some() {
                self.bring(before, &mut Known::Ask).await?;
            }
        }
        self.forget(before).await
    }

    /// A new revision of ours whose number somebody's helm took meanwhile: theirs is what is deployed.
    pub(super) fn by_helm(&self, seen: &Seen) -> Option<String> {
        let change = &self.doc.record.change;
        let new = change.verb == Verb::Create && change.after.as_ref().and_then(release::of).is_some();
        (new && is_by_helm(seen)).then(|| BY_HELM.to_owned())
    }

    async fn mark(&mut self, what: &Resource, mark: Mark) -> Result<Option<Seen>, Stop> {
        let mut errors = Pauses::of_errors();
        loop {
            let tried = self.mark_once(what, mark).await;
            if let Some(seen) = self.settle(tried, &mut errors).await? {
                return Ok(seen);
            }
        }
    }

    async fn mark_once(&self, what: &Resource, mark: Mark) -> Try<Option<Seen>> {
        let (Some(id), Some(object)) = (what.world_id(), what.object()) else { return Try::Done(None) };
        let seen = match self.observe(id).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Try::Done(None),
            Err(error) => return Try::Error(error),
        };
        let (port, call) = match self.port(id).await {
            Ok(pair) => pair,
            Err(error) => return Try::Error(error),
        };
        let done = match (mark, seen.stranger.is_some()) {
            (Mark::Gone, true) => return Try::Done(Some(seen)),
            // Helm wrote it anew since.
            (Mark::Back, _) if is_by_helm(&seen) => return Try::Done(None),
            (Mark::Gone, false) => port.disown(&call, object).await,
            (Mark::Set | Mark::Back, _) => port.own(&call, object).await,
        };
        match done {
            Err(PortError::Foreign { .. }) if matches!(mark, Mark::Back) => Try::Done(None),
            Ok(()) => self.observe(id).await.into(),
            Err(error) => Try::Error(error),
        }
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Gone,
    Set,
    Back,
}
