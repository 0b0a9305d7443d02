//! One change: intent on disk, effect on the target, result on disk. A cause that can pass is waited for here.

use super::claims;
use super::codec;
use super::engine::Inner;
use super::error::OpsError;
use super::fill;
use super::hook::Way;
use super::model::ChangeDoc;
use super::waiting::{Patience, Pauses};
use crate::plan::{Recorded, claim};
use crate::store::Txn;
use adapters::{Call, PortError};
use futures::future::BoxFuture;
use models::Operation;
use models::change::{ChangeState, Failure, Seq, Verb};
use models::resource::{Input, Ready, Resource, ResourceId, Seen};
use models::slice::Adopted;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a step tells while it is under way.
pub(super) enum Note {
    /// What it waits for now.
    Waits(Seq, String),
    /// Its effect is there, and its result is on its way to the disk before everything that is written from now on.
    Made(Seq),
}

/// Why a step did not finish.
pub(super) enum Stop {
    /// For good; what is on disk of it.
    Failed(Box<ChangeDoc>, Failure),
    /// Its target could not be reached: what was to go is an orphan, and what is on disk says so.
    Left(Box<ChangeDoc>),
    /// The operation stops for another reason; the change stays as it is on disk.
    Drained,
    Store(OpsError),
}

impl From<OpsError> for Stop {
    fn from(error: OpsError) -> Self {
        Self::Store(error)
    }
}

/// What one look or call came to.
pub(super) enum Try<T> {
    Done(T),
    /// Not yet, and why; a look at something that moves by itself.
    NotYet(String),
    /// The same where it is known what would help.
    Held {
        text: String,
        next: String,
    },
    Error(PortError),
    Failed(Failure),
}

impl<T> From<Result<T, PortError>> for Try<T> {
    fn from(result: Result<T, PortError>) -> Self {
        match result {
            Ok(value) => Try::Done(value),
            Err(error) => Try::Error(error),
        }
    }
}

pub(super) struct Step {
    pub(super) inner: Arc<Inner>,
    pub(super) operation: Operation,
    /// The Helm releases that the slice took over.
    pub(super) adopted: Option<Arc<Adopted>>,
    pub(super) doc: ChangeDoc,
    pub(super) tell: mpsc::Sender<Note>,
    pub(super) drain: CancellationToken,
    pub(super) patience: Patience,
    /// A hook of the way back that has nothing to answer.
    pub(super) idle: bool,
}

impl Step {
    /// Towards the goal.
    pub(super) async fn carry_out(mut self) -> Result<ChangeDoc, Stop> {
        let change = self.doc.record.change.clone();
        let was = self.doc.record.state;
        match change.verb {
            Verb::Answer => return self.result(ChangeState::Done, None, None).await,
            Verb::Bury => return self.bury(ChangeState::Done).await,
            Verb::Abandon => return self.abandon().await,
            Verb::Create
            | Verb::Update
            | Verb::Delete
            | Verb::Replace
            | Verb::Check
            | Verb::Run
            | Verb::Clear
            | Verb::Forget
            | Verb::Adopt => {}
        }
        // What is on disk says that an effect may have happened: the truth is read before the next one.
        let mut known = match self.doc.record.state {
            ChangeState::Pending if change.seen.is_some() || change.verb == Verb::Create => {
                Known::Planned(change.seen.clone())
            }
            _ => Known::Ask,
        };
        self.intent(ChangeState::Doing, change.after.as_ref().or(change.before.as_ref())).await?;
        let seen = match (change.verb, &change.after, &change.before) {
            (Verb::Check, Some(Resource::Readiness(check)), _) => {
                self.wait_ready(&check.objects).await?;
                None
            }
            (Verb::Adopt, Some(after), _) => self.adopt(after).await?,
            (Verb::Run, Some(Resource::Hook(hook)), _) => Some(self.run(hook, (Way::There, was)).await?),
            (Verb::Forget, _, Some(before)) => {
                if !self.is_needed_elsewhere(before).await? {
                    self.forget(before).await?;
                }
                None
            }
            (Verb::Delete | Verb::Clear, _, Some(before)) => {
                if !self.is_needed_elsewhere(before).await? {
                    self.take_away(before, &mut known).await?;
                }
                None
            }
            (Verb::Replace, Some(after), Some(before)) => Some(self.exchange((before, after), &mut known).await?),
            (_, Some(after), _) => Some(self.bring(after, &mut known).await?),
            (_, None, _) => None,
        };
        self.result(ChangeState::Done, change.after.as_ref().filter(|_| change.verb != Verb::Check), seen).await
    }

    /// Converges the target to a resource.
    pub(super) async fn bring(&mut self, want: &Resource, known: &mut Known) -> Result<Seen, Stop> {
        let mut errors = Pauses::of_errors();
        loop {
            let tried = self.apply_once(want, known).await?;
            match self.settle(tried, &mut errors).await? {
                Some(seen) => return Ok(seen),
                None => *known = Known::Ask,
            }
        }
    }

    /// Takes one away and brings the other of the same name. After a crash the one that is there may be either: what is
    /// there goes, which costs a second start and loses nothing that was not to go.
    pub(super) async fn exchange(
        &mut self,
        (old, new): (&Resource, &Resource),
        known: &mut Known,
    ) -> Result<Seen, Stop> {
        self.take_away(old, known).await?;
        *known = Known::Ask;
        self.bring(new, known).await
    }

    async fn apply_once(&mut self, want: &Resource, known: &Known) -> Result<Try<Seen>, Stop> {
        let resolved = match self.resolve(want).await? {
            Ok(resolved) => resolved,
            Err(missing) => return Ok(missing),
        };
        let id = want.id().clone();
        let seen = match known {
            Known::Planned(seen) => seen.clone(),
            Known::Ask | Known::Ran => match self.observe(&id).await {
                Ok(seen) => seen,
                Err(error) => return Ok(Try::Error(error)),
            },
        };
        let owner = |seen: &Seen| seen.stranger.clone().or_else(|| self.by_helm(seen));
        if let Some(owner) = seen.as_ref().and_then(owner) {
            return Ok(Try::Error(PortError::Foreign { id: id.to_string(), owner }));
        }
        if let Some(held) = seen.as_ref().and_then(|seen| seen.deleting.clone()) {
            return Ok(Try::NotYet(format!("{} is still going away: {held}", id.short())));
        }
        let (port, call) = match self.port(&id).await {
            Ok(pair) => pair,
            Err(error) => return Ok(Try::Error(error)),
        };
        let lane = self.inner.lane(&id.target);
        let _turn = lane.acquire().await;
        Ok(port.apply(&call, &resolved, seen.as_ref()).await.into())
    }

    /// Removes a resource and waits until it is gone.
    pub(super) async fn take_away(&mut self, what: &Resource, known: &mut Known) -> Result<(), Stop> {
        let mut errors = Pauses::of_errors();
        let mut looks = Pauses::of_looks();
        loop {
            let tried = self.remove_once(what, known).await;
            let pauses = if matches!(tried, Try::NotYet(_)) { &mut looks } else { &mut errors };
            match self.settle(tried, pauses).await? {
                Some(()) => return Ok(()),
                None => *known = Known::Ask,
            }
        }
    }

    async fn remove_once(&mut self, what: &Resource, known: &Known) -> Try<()> {
        let Some(id) = what.world_id() else { return Try::Done(()) };
        let seen = match known {
            Known::Planned(Some(seen)) => Some(seen.clone()),
            Known::Planned(None) | Known::Ask | Known::Ran => match self.observe(id).await {
                Ok(seen) => seen,
                Err(error) => return Try::Error(error),
            },
        };
        let Some(seen) = seen else { return Try::Done(()) };
        if let Some(owner) = seen.stranger.clone().or_else(|| self.by_helm(&seen)) {
            return self.stranger(id, owner);
        }
        if let Some(held) = &seen.deleting {
            return Try::NotYet(format!("{} is going away: {held}", id.short()));
        }
        let (port, call) = match self.port(id).await {
            Ok(pair) => pair,
            Err(error) => return Try::Error(error),
        };
        let lane = self.inner.lane(&id.target);
        let turn = lane.acquire().await;
        let removed = port.remove(&call, what, Some(&seen)).await;
        drop(turn);
        match removed {
            Err(PortError::Foreign { owner, .. }) => self.stranger(id, owner),
            Err(error) => Try::Error(error),
            Ok(()) => match self.observe(id).await {
                Ok(None) => Try::Done(()),
                Ok(Some(left)) => {
                    let held = left.deleting.unwrap_or_else(|| "it is still there".into());
                    Try::NotYet(format!("{} is going away: {held}", id.short()))
                }
                Err(error) => Try::Error(error),
            },
        }
    }

    /// A definition that other slices use stays where it is.
    async fn is_needed_elsewhere(&mut self, what: &Resource) -> Result<bool, Stop> {
        let Some(id) = what.world_id().filter(|id| claim::is_shared(id)).cloned() else { return Ok(false) };
        let Some(claim) = claims::last_of(&self.inner, &id, &self.operation.uid).await? else { return Ok(false) };
        let others = claim.others(&self.operation.uid).count();
        let now = self.inner.now();
        self.doc.record.say(now, format!("{} stays: {others} other slices use it", id.short()));
        Ok(true)
    }

    /// What stands there now is somebody else's: ours is gone, and theirs is not touched.
    fn stranger(&mut self, id: &ResourceId, owner: String) -> Try<()> {
        let now = self.inner.now();
        self.doc.record.say(now, format!("{} belongs to {owner} now and is left alone", id.short()));
        Try::Done(())
    }

    async fn wait_ready(&mut self, objects: &[ResourceId]) -> Result<(), Stop> {
        for id in objects {
            let mut looks = Pauses::of_looks();
            loop {
                let observed = self.observe(id).await;
                let version = observed.as_ref().ok().and_then(|seen| Some(seen.as_ref()?.version.clone()));
                let tried = match observed {
                    Err(error) => Try::Error(error),
                    Ok(None) => Try::NotYet(format!("{} does not exist any more", id.short())),
                    Ok(Some(seen)) => match seen.ready {
                        Ready::Yes => Try::Done(()),
                        Ready::Waiting { reason } => {
                            Try::Held { text: format!("{} on {}: {reason}", id.short(), id.target), next: seen.next }
                        }
                        Ready::Failed { reason } => Try::Failed(self.not_ready(id, (reason, seen.next))),
                    },
                };
                let moved = self.moved(id.clone(), version).await;
                if self.settle_until(tried, &mut looks, moved).await?.is_some() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn not_ready(&self, id: &ResourceId, (reason, next): (String, String)) -> Failure {
        let known =
            if next.is_empty() { "change the slice file or the chart, then: sliceway apply -f FILE" } else { &next };
        Failure {
            code: "not-ready".into(),
            message: format!("{} on {} will not become ready: {reason}", id.short(), id.target),
            next: self.typed(known),
        }
    }

    /// Completes when the resource moved on from a version that was seen.
    pub(super) async fn moved(&self, id: ResourceId, version: Option<String>) -> BoxFuture<'static, ()> {
        let (Some(version), Ok((port, call))) = (version, self.port(&id).await) else {
            return Box::pin(std::future::pending());
        };
        Box::pin(async move { port.moved(&call, &id, &version).await })
    }

    pub(super) async fn settle<T>(&mut self, tried: Try<T>, pauses: &mut Pauses) -> Result<Option<T>, Stop> {
        self.settle_until(tried, pauses, Box::pin(std::future::pending())).await
    }

    /// `Some`: done. `None`: try again, after a pause or when `moved` completes. Errors that cannot pass, and the end of patience, stop the step.
    pub(super) async fn settle_until<T>(
        &mut self,
        tried: Try<T>,
        pauses: &mut Pauses,
        moved: BoxFuture<'static, ()>,
    ) -> Result<Option<T>, Stop> {
        let away = matches!(&tried, Try::Error(error) if error.is_away());
        let (failure, text, least) = match tried {
            Try::Done(value) => return Ok(Some(value)),
            Try::Failed(failure) => return Err(self.failed(failure).await),
            Try::NotYet(text) => (self.late(&text, ""), text, None),
            Try::Held { text, next } => (self.late(&text, &next), text, None),
            Try::Error(error) => {
                let failure = self.failure(&error);
                if !error.retryable() {
                    return Err(self.failed(failure).await);
                }
                let least = match &error {
                    PortError::Busy { retry_after_s, .. } => *retry_after_s,
                    _ => None,
                };
                (failure, error.to_string(), least)
            }
        };
        let pause = pauses.next(self.inner.dice()).max(Duration::from_secs(least.unwrap_or(0)));
        if self.patience.is_over(pause) {
            return Err(if away && self.goes() { self.leave_behind().await } else { self.failed(failure).await });
        }
        if self.doc.record.log.last().is_none_or(|line| line.text != text) {
            self.doc.record.say(self.inner.now(), text.clone());
        }
        // A note that finds no room is only late: the next one tells the same.
        let text = helped(text, &failure.next);
        let _ = self.tell.try_send(Note::Waits(self.doc.record.change.seq, text));
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(None),
            () = moved => Ok(None),
            () = self.drain.cancelled() => Err(Stop::Drained),
        }
    }

    fn failure(&self, error: &PortError) -> Failure {
        let next = self.typed(&error.next());
        let change = &self.doc.record.change;
        let message = format!("change {} ({}): {error}", change.seq, change.id.short());
        Failure { code: error.code().into(), message, next }
    }

    fn late(&self, text: &str, next: &str) -> Failure {
        let change = &self.doc.record.change;
        let known = if next.is_empty() { "mend the cause, then: sliceway operation retry (or rollback)" } else { next };
        Failure {
            code: "timeout".into(),
            message: format!("change {}: waited {} s; {text}", change.seq, self.operation.timeout_s),
            next: self.typed(known),
        }
    }

    /// What to type, with this operation and function in it.
    fn typed(&self, next: &str) -> String {
        let id = &self.operation.id;
        let change = &self.doc.record.change;
        let object = change.after.as_ref().or(change.before.as_ref()).and_then(Resource::object);
        let function = object.and_then(|object| object.owner.function.as_ref());
        let mut next = next.to_owned();
        for verb in ["retry", "rollback"] {
            next = next.replace(&format!("operation {verb}"), &format!("operation {verb} {id}"));
        }
        function
            .map_or_else(|| next.clone(), |function| next.replace("--replace NAME", &format!("--replace {function}")))
    }

    pub(super) async fn failed(&mut self, failure: Failure) -> Stop {
        let now = self.inner.now();
        let record = &mut self.doc.record;
        record.state = ChangeState::Failed;
        record.ended = Some(now);
        record.error = Some(failure.clone());
        record.say(now, failure.message.clone());
        match self.write(Txn::new()).await {
            Ok(()) => Stop::Failed(Box::new(self.doc.clone()), failure),
            Err(error) => Stop::Store(error),
        }
    }

    /// Replaces what is born at run time by its value, asking the producer again where it is not known yet.
    async fn resolve(&mut self, want: &Resource) -> Result<Result<Resource, Try<Seen>>, Stop> {
        let mut values: Vec<(Input, String)> = Vec::new();
        for input in fill::inputs(want) {
            match self.input(&input).await? {
                Try::Done(value) => values.push((input, value)),
                Try::NotYet(text) | Try::Held { text, .. } => return Ok(Err(Try::NotYet(text))),
                Try::Error(error) => return Ok(Err(Try::Error(error))),
                Try::Failed(failure) => return Ok(Err(Try::Failed(failure))),
            }
        }
        let value = |input: &Input| values.iter().find(|(known, _)| known == input).map(|(_, value)| value.clone());
        Ok(fill::resolve(want, value).map_err(|input| Try::NotYet(format!("{} is not known yet", input.field))))
    }

    async fn input(&mut self, input: &Input) -> Result<Try<String>, Stop> {
        let key = codec::resource_key(&self.operation.tenant, &self.operation.uid, &input.resource);
        let Some(object) = self.inner.store.get(&key).await.map_err(OpsError::from)? else {
            return Ok(Try::NotYet(format!("{} does not exist yet", input.resource.short())));
        };
        let mut recorded: Recorded = object.read().map_err(OpsError::from)?;
        if let Some(value) = fill::output(&recorded, &input.field) {
            return Ok(Try::Done(value));
        }
        let seen = match self.observe(&input.resource).await {
            Ok(seen) => seen,
            Err(error) => return Ok(Try::Error(error)),
        };
        let stranger = seen.as_ref().and_then(|seen| seen.stranger.clone());
        match (&mut recorded.seen, seen) {
            _ if stranger.is_some() => {}
            // Only what was born: what it was left as stays what it is compared with.
            (Some(known), Some(seen)) => known.outputs = seen.outputs,
            (known, seen) => *known = seen,
        }
        let Some(value) = fill::output(&recorded, &input.field).filter(|_| stranger.is_none()) else {
            return Ok(Try::NotYet(format!("{} has no {} yet", input.resource.short(), input.field)));
        };
        // Recorded before it is used.
        let json = codec::json(&recorded).map_err(OpsError::from)?;
        self.inner.commit(Txn::new().put(key, json)).await?;
        Ok(Try::Done(value))
    }

    pub(super) async fn observe(&self, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        let (port, call) = self.port(id).await?;
        let lane = self.inner.lane(&id.target);
        let _turn = lane.acquire().await;
        port.observe(&call, id).await
    }

    pub(super) async fn port(&self, id: &ResourceId) -> Result<(Arc<dyn adapters::Port>, Call), PortError> {
        let port = self.inner.ports.port(&id.target).await?;
        let call = Call {
            operation: self.operation.id.clone(),
            seq: self.doc.record.change.seq,
            owner: if claim::is_shared(id) { claim::SHARED.into() } else { self.operation.uid.clone() },
            adopted: self.adopted.clone(),
            epoch: self.inner.fence.epoch,
            deadline: self.inner.limits.call_deadline,
            safe: Arc::clone(&self.inner.safe),
        };
        Ok((port, call))
    }
}

/// What is waited for with what would help; what to type is for when waiting has ended, since it goes on by itself before.
fn helped(text: String, next: &str) -> String {
    match next.split_once(", then: ") {
        Some((help, _)) if help != "mend the cause" => format!("{text}; what helps: {help}"),
        Some(_) | None => text,
    }
}

/// What is known of a resource before a call.
pub(super) enum Known {
    Planned(Option<Seen>),
    /// Nothing that can be trusted: read it first.
    Ask,
    /// A hook's object, made by this very change.
    Ran,
}
