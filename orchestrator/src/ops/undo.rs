//! Undo: the same convergence towards `before`. Nothing here knows what the change did.

use super::hook::Way;
use super::model::ChangeDoc;
use super::step::{Known, Step, Stop};
use models::change::{Change, ChangeState, Verb};
use models::resource::{DeletePolicy, Hook, Resource};

impl Step {
    pub(super) async fn undo(mut self) -> Result<ChangeDoc, Stop> {
        let change = self.doc.record.change.clone();
        let was = self.doc.record.state;
        if !undoes(&change) || self.idle {
            return self.leave().await;
        }
        if change.verb == Verb::Bury {
            return self.dig_up().await;
        }
        self.intent(ChangeState::Undoing, change.before.as_ref().or(change.after.as_ref())).await?;
        // Whether the effect happened is not known by the record alone: the truth is read first.
        let mut known = Known::Ask;
        let seen = match (&change.before, &change.after) {
            (Some(Resource::Hook(hook)), None) if change.verb == Verb::Answer => {
                let seen = self.run(hook, (Way::Back, was)).await?;
                if stays(hook) {
                    Some(seen)
                } else {
                    self.take_away(&Resource::Hook(hook.clone()), &mut Known::Planned(Some(seen))).await?;
                    return self.result(ChangeState::Undone, None, None).await;
                }
            }
            (Some(before), Some(after)) if change.verb == Verb::Replace => {
                Some(self.exchange((after, before), &mut known).await?)
            }
            (Some(before), None) if change.verb == Verb::Forget => self.adopt(before).await?,
            (Some(before), _) if change.verb == Verb::Adopt => {
                self.hand_back(before).await?;
                return self.result(ChangeState::Undone, None, None).await;
            }
            (Some(before), _) => Some(self.bring(before, &mut known).await?),
            (None, Some(after)) => {
                self.take_away(after, &mut known).await?;
                None
            }
            (None, None) => None,
        };
        self.result(ChangeState::Undone, change.before.as_ref(), seen).await
    }
}

/// Nothing is left of a release that ends; of another, what the chart leaves.
fn stays(hook: &Hook) -> bool {
    let ends = hook.id.kind.ends_with("-delete");
    !ends && !hook.goes(DeletePolicy::HookSucceeded)
}

/// A check changed nothing, and what a hook made and is gone by its policy is not made again.
pub(super) fn undoes(change: &Change) -> bool {
    match change.verb {
        Verb::Check | Verb::Clear | Verb::Abandon => false,
        Verb::Create
        | Verb::Update
        | Verb::Delete
        | Verb::Replace
        | Verb::Run
        | Verb::Answer
        | Verb::Forget
        | Verb::Bury
        | Verb::Adopt => true,
    }
}
