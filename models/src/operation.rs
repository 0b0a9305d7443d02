//! The durable record of everything that changes the world, and its one state machine.
//!
//! States are those of SOL005's NsLcmOpOcc (clause 6.5.4.5). No state is set but by [`OperationState::on`].

use crate::Name;
use crate::change::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationState {
    Processing,
    Completed,
    PartiallyCompleted,
    /// Waits for an operator: retry, rollback, continue or fail.
    FailedTemp,
    Failed,
    RollingBack,
    RolledBack,
}

/// What can happen to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationEvent {
    /// Every change is done.
    Done,
    /// Every change that was not left out is done.
    DonePartly,
    /// A change failed for good, or an undo did.
    Stuck,
    /// Every change is undone.
    Undone,
    Cancel,
    Retry,
    Rollback,
    Continue,
    Fail,
    /// A newer operation takes the subject over.
    Supersede,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation in state {} does not take {event:?}", state.as_str())]
pub struct IllegalMove {
    pub state: OperationState,
    pub event: OperationEvent,
}

impl OperationState {
    pub const ALL: [OperationState; 7] = [
        OperationState::Processing,
        OperationState::Completed,
        OperationState::PartiallyCompleted,
        OperationState::FailedTemp,
        OperationState::Failed,
        OperationState::RollingBack,
        OperationState::RolledBack,
    ];

    /// The one transition function: every legal move, and nothing else.
    pub fn on(self, event: OperationEvent) -> Result<OperationState, IllegalMove> {
        use OperationEvent as E;
        use OperationState as S;
        Ok(match (self, event) {
            (S::Processing, E::Done) => S::Completed,
            (S::Processing, E::DonePartly) => S::PartiallyCompleted,
            (S::Processing | S::RollingBack, E::Stuck | E::Cancel) => S::FailedTemp,
            (S::RollingBack, E::Undone) => S::RolledBack,
            (S::FailedTemp, E::Retry | E::Continue) => S::Processing,
            (S::FailedTemp, E::Rollback) => S::RollingBack,
            (S::FailedTemp, E::Fail) => S::Failed,
            (S::Processing | S::FailedTemp | S::RollingBack, E::Supersede) => S::Failed,
            (state, event) => return Err(IllegalMove { state, event }),
        })
    }

    /// Nothing will happen to it any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::PartiallyCompleted | Self::Failed | Self::RolledBack => true,
            Self::Processing | Self::FailedTemp | Self::RollingBack => false,
        }
    }

    /// The executor works on it.
    pub fn is_running(self) -> bool {
        match self {
            Self::Processing | Self::RollingBack => true,
            Self::Completed | Self::PartiallyCompleted | Self::FailedTemp | Self::Failed | Self::RolledBack => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::PartiallyCompleted => "PARTIALLY_COMPLETED",
            Self::FailedTemp => "FAILED_TEMP",
            Self::Failed => "FAILED",
            Self::RollingBack => "ROLLING_BACK",
            Self::RolledBack => "ROLLED_BACK",
        }
    }

    /// The moves that an operator has now, as the CLI spells them.
    pub fn moves(self) -> &'static [&'static str] {
        match self {
            Self::Processing | Self::RollingBack => &["cancel"],
            Self::FailedTemp => &["retry", "rollback", "continue", "fail"],
            Self::Completed | Self::PartiallyCompleted | Self::Failed | Self::RolledBack => &[],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    CreateSlice,
    ChangeSlice,
    DeleteSlice,
    /// Runs the test hooks of its charts; changes nothing else, and leaves the slice as it is whatever comes out.
    TestSlice,
    /// Puts back what was changed by hand (SOL005 6.5.2.7, HEAL). Whoever wants the slice meanwhile is given it.
    HealSlice,
    /// Takes away what a slice that is gone left behind.
    RemoveOrphans,
}

impl OperationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateSlice => "create-slice",
            Self::ChangeSlice => "change-slice",
            Self::DeleteSlice => "delete-slice",
            Self::TestSlice => "test-slice",
            Self::HealSlice => "heal-slice",
            Self::RemoveOrphans => "remove-orphans",
        }
    }

    /// The slice is its subject; otherwise there is none of that uid any more, and its name may be another's.
    pub fn has_slice(self) -> bool {
        match self {
            Self::CreateSlice | Self::ChangeSlice | Self::DeleteSlice | Self::TestSlice | Self::HealSlice => true,
            Self::RemoveOrphans => false,
        }
    }
}

/// What somebody who speaks SOL005 asked for (`lcmOperationType`), and with which words (`operationParams`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub operation: LcmOperation,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub params: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LcmOperation {
    Instantiate,
    Scale,
    Update,
    Terminate,
    Heal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Operation {
    /// The stored format's version.
    pub format: u32,
    pub id: String,
    pub tenant: Name,
    pub kind: OperationKind,
    /// The slice's name and uid.
    pub subject: Name,
    pub uid: String,
    pub state: OperationState,
    /// The epoch of the process that owns it; a write with an older one is refused by the store.
    pub epoch: u64,
    pub created: Timestamp,
    /// Since when it is in its state, where that is not since it was created (`stateEnteredTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Until when a cause that can pass is waited for; renewed by `retry` and `rollback`.
    pub deadline: Timestamp,
    /// Seconds of patience, from `--timeout`.
    pub timeout_s: u64,
    pub changes: u32,
    pub done: u32,
    /// Why it does not go on at this moment, although PROCESSING (ENGINE.md 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Since when it has waited for exactly that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Operation {
    pub const FORMAT: u32 = 1;

    /// Moves to its next state.
    pub fn enter(&mut self, event: OperationEvent, now: Timestamp) -> Result<(), IllegalMove> {
        self.state = self.state.on(event)?;
        self.entered = Some(now);
        Ok(())
    }

    /// What it waits for from now on.
    pub fn wait_for(&mut self, text: String, now: Timestamp) {
        self.waiting_for = Some(text);
        self.waiting_since = Some(now);
        self.waiting_until = Some(self.deadline);
    }

    /// It waits for nothing any more.
    pub fn go_on(&mut self) {
        self.waiting_for = None;
        self.waiting_since = None;
        self.waiting_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_take_no_event() {
        use OperationEvent as E;
        let events = [
            E::Done,
            E::DonePartly,
            E::Stuck,
            E::Undone,
            E::Cancel,
            E::Retry,
            E::Rollback,
            E::Continue,
            E::Fail,
            E::Supersede,
        ];
        for state in OperationState::ALL {
            for event in events {
                assert!(!(state.is_final() && state.on(event).is_ok()), "{state:?} took {event:?}");
            }
        }
    }

    #[test]
    fn every_state_that_is_not_final_can_be_left_by_an_operator() {
        for state in OperationState::ALL {
            assert_eq!(state.is_final(), state.moves().is_empty(), "{state:?}");
        }
    }
}
