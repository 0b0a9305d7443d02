//! Undo: the same convergence towards `before`. Nothing here knows what the change did.

use super::model::ChangeDoc;
use super::step::{Known, Step, Stop};
use models::change::{ChangeState, Verb};

impl Step {
    pub(super) async fn undo(mut self) -> Result<ChangeDoc, Stop> {
        let change = self.doc.record.change.clone();
        if change.verb == Verb::Check {
            return self.result(ChangeState::Undone, None, None).await;
        }
        self.intent(ChangeState::Undoing, change.before.as_ref().or(change.after.as_ref())).await?;
        // Whether the effect happened is not known by the record alone: the truth is read first.
        let mut known = Known::Ask;
        let seen = match (&change.before, &change.after) {
            (Some(before), Some(after)) if change.verb == Verb::Replace => {
                Some(self.exchange((after, before), &mut known).await?)
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
