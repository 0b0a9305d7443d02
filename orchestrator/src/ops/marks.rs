//! Taking over what stands there, and leaving it where it is: an object gets our marks, or loses them, and what else it
//! is stays.

use super::step::{Known, Step, Stop, Try};
use super::waiting::Pauses;
use adapters::PortError;
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

    /// The way back from [`Self::adopt`]: as it was, and ours no longer. What is gone meanwhile is not made
    /// again, and what another slice carries is left alone.
    pub(super) async fn hand_back(&mut self, before: &Resource) -> Result<(), Stop> {
        let there = self.mark(before, Mark::Back).await?;
        if there.is_some() && !matches!(before, Resource::Hook(_)) {
            self.bring(before, &mut Known::Ask).await?;
        }
        self.forget(before).await
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
