//! `LcmOperationStateType` (SOL005 6.5.4.5) as the standard spells it.

use models::OperationState;
use serde::{Deserialize, Serialize};

/// The state of an NS lifecycle management operation occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LcmOperationState {
    Processing,
    Completed,
    PartiallyCompleted,
    FailedTemp,
    Failed,
    RollingBack,
    RolledBack,
}

impl From<OperationState> for LcmOperationState {
    fn from(state: OperationState) -> Self {
        match state {
            OperationState::Processing => Self::Processing,
            OperationState::Completed => Self::Completed,
            OperationState::PartiallyCompleted => Self::PartiallyCompleted,
            OperationState::FailedTemp => Self::FailedTemp,
            OperationState::Failed => Self::Failed,
            OperationState::RollingBack => Self::RollingBack,
            OperationState::RolledBack => Self::RolledBack,
        }
    }
}

impl From<LcmOperationState> for OperationState {
    fn from(state: LcmOperationState) -> Self {
        match state {
            LcmOperationState::Processing => Self::Processing,
            LcmOperationState::Completed => Self::Completed,
            LcmOperationState::PartiallyCompleted => Self::PartiallyCompleted,
            LcmOperationState::FailedTemp => Self::FailedTemp,
            LcmOperationState::Failed => Self::Failed,
            LcmOperationState::RollingBack => Self::RollingBack,
            LcmOperationState::RolledBack => Self::RolledBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_the_way_out_and_back() {
        for state in OperationState::ALL {
            assert_eq!(OperationState::from(LcmOperationState::from(state)), state);
        }
    }
}
