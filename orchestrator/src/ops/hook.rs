//! A chart's hook: its object is made, and waited for to its end. One that ran for this change is known by its annotation
//! and is not run again by recovery (ENGINE.md 11); a retry after its failure runs it anew.

use super::step::{Known, Step, Stop, Try};
use super::waiting::Pauses;
use adapters::PortError;
use models::change::{ChangeState, Failure};
use models::resource::{DeletePolicy, Fill, Form, Hook, Part, Ready, Resource, Seen, label};

/// The key of an annotation as a part of a pointer (RFC 6901 4).
const RUN: &str = "/metadata/annotations/sliceway.io~1run";

/// Which way the operation goes: a hook that ran on the way there may run again on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    There,
    Back,
}

impl Step {
    /// Runs a hook to its end. `Seen` is what is left of it.
    pub(super) async fn run(&mut self, hook: &Hook, (way, was): (Way, ChangeState)) -> Result<Seen, Stop> {
        let marker = self.marker(way);
        let marked = Resource::Object(marked(hook, &marker));
        let mut known = self.met(hook, (&marker, was)).await?;
        if !matches!(known, Known::Ran) {
            self.bring(&marked, &mut known).await?;
        }
        let ended = self.ended(hook).await;
        if ended.is_ok() && hook.words {
            self.hear(hook).await;
        }
        if let Err(Stop::Failed(..)) = &ended {
            self.after_failure(hook).await;
        }
        ended
    }

    fn marker(&self, way: Way) -> String {
        let (operation, seq) = (&self.operation.id, self.doc.record.change.seq);
        match way {
            Way::There => format!("{operation}/{seq}"),
            Way::Back => format!("{operation}/{seq}/back"),
        }
    }

    /// What stands there before the run: this run's own object, or one of an earlier run, which goes first where the
    /// chart says so.
    async fn met(&mut self, hook: &Hook, (marker, was): (&str, ChangeState)) -> Result<Known, Stop> {
        let plain = Resource::Object(hook.object.clone());
        let Some(seen) = self.found(hook).await? else { return Ok(Known::Planned(None)) };
        let own = seen.outputs.get("run").is_some_and(|run| run == marker);
        let again = matches!(was, ChangeState::Failed);
        match (own, again) {
            (true, false) => Ok(Known::Ran),
            // It failed, and an operator wants it tried again.
            (true, true) => {
                self.take_away(&plain, &mut Known::Ask).await?;
                Ok(Known::Planned(None))
            }
            (false, _) if hook.goes(DeletePolicy::BeforeHookCreation) || is_due(hook, &seen) => {
                self.take_away(&plain, &mut Known::Planned(Some(seen))).await?;
                Ok(Known::Planned(None))
            }
            // A definition stays for ever: what the chart says of it now is written over it.
            (false, _) if hook.object.id.api().1 == "CustomResourceDefinition" => Ok(Known::Planned(Some(seen))),
            (false, _) => Err(self.failed(self.in_the_way(hook)).await),
        }
    }

    async fn found(&mut self, hook: &Hook) -> Result<Option<Seen>, Stop> {
        let mut errors = Pauses::of_errors();
        let id = &hook.object.id;
        loop {
            let tried: Try<Option<Seen>> = match self.observe(id).await {
                Ok(Some(Seen { stranger: Some(owner), .. })) => {
                    Try::Error(PortError::Foreign { id: id.to_string(), owner })
                }
                other => other.into(),
            };
            if let Some(found) = self.settle(tried, &mut errors).await? {
                return Ok(found);
            }
        }
    }

    /// A Job ends complete, a Pod succeeded; of anything else it is enough that it is there, as Helm has it.
    async fn ended(&mut self, hook: &Hook) -> Result<Seen, Stop> {
        let id = &hook.object.id;
        let kind = id.api().1.to_owned();
        let mut looks = Pauses::of_looks();
        loop {
            let observed = self.observe(id).await;
            let version = observed.as_ref().ok().and_then(|seen| Some(seen.as_ref()?.version.clone()));
            let tried = match observed {
                Err(error) => Try::Error(error),
                Ok(None) => Try::Failed(self.lost(hook)),
                Ok(Some(seen)) => match (kind.as_str(), end(&kind, &seen)) {
                    ("Job" | "Pod", Ready::Waiting { reason }) => {
                        Try::NotYet(format!("hook {}: {reason}", hook.id.short()))
                    }
                    ("Job" | "Pod", Ready::Failed { reason }) => Try::Failed(self.hook_failed(hook, &reason)),
                    _ => Try::Done(seen),
                },
            };
            let moved = self.moved(id.clone(), version).await;
            if let Some(seen) = self.settle_until(tried, &mut looks, moved).await? {
                return Ok(seen);
            }
        }
    }

    /// What its pods said goes into the change's log; a log that cannot be had is no failure of the hook.
    async fn hear(&mut self, hook: &Hook) {
        let Ok((port, call)) = self.port(&hook.object.id).await else { return };
        for line in port.words(&call, &hook.object.id).await {
            let now = self.inner.now();
            self.doc.record.say(now, line);
        }
    }

    /// What failed goes where the chart says so. Its reason is on disk by now; that it stays is no second failure.
    async fn after_failure(&mut self, hook: &Hook) {
        if hook.goes(DeletePolicy::HookFailed)
            && let Ok((port, call)) = self.port(&hook.object.id).await
            && let Err(error) = port.remove(&call, &Resource::Object(hook.object.clone()), None).await
        {
            tracing::info!(%error, hook = %hook.id, "a failed hook stays");
        }
    }

    fn hook_failed(&self, hook: &Hook, reason: &str) -> Failure {
        let id = &self.operation.id;
        Failure {
            code: "hook-failed".into(),
            message: format!("hook {} on {} failed: {reason}", hook.id.short(), hook.id.target),
            next: format!(
                "mend what it works on, then: sliceway operation retry {id} (it runs anew); or change the chart or its \
                 values, then: sliceway apply -f FILE; or: sliceway operation rollback {id}"
            ),
        }
    }

    fn lost(&self, hook: &Hook) -> Failure {
        let id = &self.operation.id;
        Failure {
            code: "hook-lost".into(),
            message: format!(
                "hook {} on {} was removed before its end was seen: whether it did its work is not known",
                hook.id.short(),
                hook.id.target
            ),
            next: format!("to run it again: sliceway operation retry {id}"),
        }
    }

    fn in_the_way(&self, hook: &Hook) -> Failure {
        let id = &self.operation.id;
        Failure {
            code: "hook-in-the-way".into(),
            message: format!(
                "hook {} on {}: {} of an earlier run is still there, and the chart's helm.sh/hook-delete-policy does \
                 not say before-hook-creation",
                hook.id.short(),
                hook.id.target,
                hook.object.id.short()
            ),
            next: format!("remove it by hand, or add the policy to the chart, then: sliceway operation retry {id}"),
        }
    }
}

/// The hook's object with the run that makes it.
fn marked(hook: &Hook, marker: &str) -> models::Object {
    debug_assert_eq!(label::RUN, "sliceway.io/run");
    let mut object = hook.object.clone();
    let parts = vec![Part::Text(marker.to_owned())];
    object.fills.push(Fill { pointer: RUN.into(), parts, form: Form::Text });
    object
}

/// Gone by its policy, had the operation that ran it come so far: a later hook of its moment failed, mostly.
fn is_due(hook: &Hook, seen: &Seen) -> bool {
    match end(hook.object.id.api().1, seen) {
        Ready::Yes => hook.goes(DeletePolicy::HookSucceeded),
        Ready::Failed { .. } => hook.goes(DeletePolicy::HookFailed),
        Ready::Waiting { .. } => false,
    }
}

/// A pod that is ready has not ended, and nobody starts one again that has failed, whatever its cause.
fn end(kind: &str, seen: &Seen) -> Ready {
    match (kind, seen.outputs.get("phase").map(String::as_str), &seen.ready) {
        ("Pod", Some("Succeeded"), _) => Ready::Yes,
        ("Pod", Some("Failed"), Ready::Waiting { reason } | Ready::Failed { reason }) if !reason.is_empty() => {
            Ready::Failed { reason: reason.clone() }
        }
        ("Pod", Some("Failed"), _) => Ready::Failed { reason: "the pod failed".into() },
        ("Pod", _, Ready::Yes) => Ready::Waiting { reason: "the pod runs".into() },
        (_, _, ready) => ready.clone(),
    }
}
