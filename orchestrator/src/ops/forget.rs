//! An object that is left where it is: it loses our marks, and nothing else of it changes.

use super::step::{Step, Stop, Try};
use super::waiting::Pauses;
use models::resource::{Resource, Seen};

impl Step {
    /// What is gone, or somebody else's, is ours no longer anyway.
    pub(super) async fn forget(&mut self, what: &Resource) -> Result<(), Stop> {
        self.mark(what, Mark::Gone).await.map(drop)
    }

    /// The way back: what carries no mark of anybody is ours again.
    pub(super) async fn claim_again(&mut self, what: &Resource) -> Result<Option<Seen>, Stop> {
        self.mark(what, Mark::Back).await
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
            (Mark::Gone, true) | (Mark::Back, false) => return Try::Done(Some(seen)),
            (Mark::Gone, false) => port.disown(&call, object).await,
            (Mark::Back, true) => port.own(&call, object).await,
        };
        match done {
            Ok(()) => self.observe(id).await.into(),
            Err(error) => Try::Error(error),
        }
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Gone,
    Back,
}
