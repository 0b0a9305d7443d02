//! How an operation is stored: one object for itself, one for each of its changes.

use crate::plan::Wish;
use crate::plan::model::PlannedChange;
use models::change::ChangeRecord;
use models::operation::{Asked, LcmOperation};
use models::resource::ResourceId;
use models::slice::Adopted;
use models::{Operation, OperationKind, Slice};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Stored under `Kind::Operation`, tenant, id = operation id (UUID v7: sorts by time).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationDoc {
    #[serde(flatten)]
    pub operation: Operation,
    /// The slice as it was and as it will be: COMPLETED makes it `after`, ROLLED_BACK `before`; `None` is absence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Slice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Slice>,
    /// What it has no plan for yet: it waits for a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// An operator left out something that the slice needs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partly: bool,
    /// The Helm releases that its slice had taken over, where the slice is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// In the standard's words, where it was asked for in those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

impl OperationDoc {
    /// Which operation of the standard it is (`lcmOperationType`): as it was asked for, or what it comes to. `None`: a test changes
    /// nothing, and what takes orphans away is about no slice.
    pub fn lcm(&self) -> Option<LcmOperation> {
        let meant = match self.operation.kind {
            OperationKind::CreateSlice => LcmOperation::Instantiate,
            OperationKind::ChangeSlice => LcmOperation::Update,
            OperationKind::DeleteSlice => LcmOperation::Terminate,
            OperationKind::HealSlice => LcmOperation::Heal,
            OperationKind::TestSlice | OperationKind::RemoveOrphans => return None,
        };
        Some(self.asked.as_ref().map_or(meant, |asked| asked.operation))
    }

    /// The Helm releases that the slice took over.
    pub fn adopted(&self) -> Option<Arc<Adopted>> {
        let slice = self.after.as_ref().or(self.before.as_ref());
        slice.map_or_else(|| self.adopted.clone(), |slice| slice.adopted.clone()).map(Arc::new)
    }
}

/// Stored under `Kind::Change`, tenant, id `<operation id>/<seq, five digits>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangeDoc {
    #[serde(flatten)]
    pub record: ChangeRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_needs: Vec<ResourceId>,
    pub tier: u8,
}

impl ChangeDoc {
    pub fn new(operation: &str, planned: PlannedChange) -> Self {
        Self {
            record: ChangeRecord::new(operation, planned.change),
            resource_needs: planned.resource_needs,
            tier: planned.tier,
        }
    }
}
