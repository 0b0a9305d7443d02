//! A change: converge one resource from `before` to `after`. Undo is the same towards `before`: nobody writes undo code.

use crate::resource::{Resource, ResourceId, Seen, Target};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Numbers a change within its operation.
pub type Seq = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Create,
    Update,
    Delete,
    /// Deleted and made anew, because a field that differs can never be changed in place.
    Replace,
    /// Waits until objects are ready; changes nothing.
    Check,
    /// Runs a hook to its end.
    Run,
    /// Runs a hook to its end on the way back; does nothing on the way there.
    Answer,
    /// What a hook made goes by its delete policy; the way back makes nothing of it again.
    Clear,
    /// Left where it is, and ours no longer; the way back makes it ours again.
    Forget,
    /// What stands there becomes ours; the way back leaves it where it is, as it was.
    Adopt,
    /// Its target cannot be reached: it is an orphan until that returns, and goes then. The way back only unsays that.
    Bury,
    /// Its target cannot be reached, and nobody waits for that: its record goes, and it stays where it is for good.
    Abandon,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Change {
    pub seq: Seq,
    pub verb: Verb,
    pub id: ResourceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Resource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Resource>,
    /// What the target reported when the plan was made; a write is based on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Changes of this operation that must be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Seq>,
    /// Why it is in the plan, for a person.
    pub reason: String,
    /// Why it cannot be undone, where it cannot: a point of no return (ENGINE.md 12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
}

impl Change {
    pub fn target(&self) -> &Target {
        &self.id.target
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeState {
    Pending,
    /// The intent is on disk; the effect may have happened.
    Doing,
    Done,
    Failed,
    /// Left out by `continue`.
    Skipped,
    /// Its target could not be reached until patience ended: what was to go is an orphan. The effect may have happened.
    Left,
    Undoing,
    Undone,
}

impl ChangeState {
    /// The world may differ from `before` because of this change.
    pub fn touched(self) -> bool {
        match self {
            ChangeState::Pending | ChangeState::Skipped | ChangeState::Undone => false,
            ChangeState::Doing | ChangeState::Done | ChangeState::Failed | ChangeState::Left | ChangeState::Undoing => {
                true
            }
        }
    }
}

/// A change with what became of it; one stored object per change (ENGINE.md 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangeRecord {
    /// The stored format's version.
    pub format: u32,
    pub operation: String,
    pub change: Change,
    pub state: ChangeState,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What the target reported after the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
}

impl ChangeRecord {
    pub const FORMAT: u32 = 1;
    /// Lines kept per change; the oldest go first.
    pub const LOG_LINES: usize = 50;

    pub fn new(operation: &str, change: Change) -> Self {
        Self {
            format: Self::FORMAT,
            operation: operation.to_owned(),
            change,
            state: ChangeState::Pending,
            attempts: 0,
            started: None,
            ended: None,
            seen: None,
            error: None,
            log: Vec::new(),
        }
    }

    pub fn say(&mut self, at: Timestamp, text: impl Into<String>) {
        if self.log.len() >= Self::LOG_LINES {
            self.log.remove(0);
        }
        self.log.push(LogLine { at, text: text.into() });
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogLine {
    pub at: Timestamp,
    pub text: String,
}

/// Why a change or an operation stopped, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// A stable word: `forbidden`, `conflict`, `unreachable`, `not-ready`, `timeout`, …
    pub code: String,
    pub message: String,
    /// What would help, in words or as a command.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
}
