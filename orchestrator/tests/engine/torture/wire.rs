//! What the process and the world of the clusters say to each other: frames of JSON over a socket.

use adapters::{Call, PortError};
use models::resource::{Resource, ResourceId, Seen};
use models::secret::SecretRef;
use models::slice::Adopted;
use models::{ChangeState, Name};
use orchestrator::store::{Key, Kind, Txn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};

/// From the process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// It has recovered, and begins new work.
    Ready,
    Acknowledged(Acknowledged),
    Asked(Box<Asked>),
    /// Everything is at rest.
    Settled,
    /// What it found wrong itself.
    Fault(String),
}

/// A transaction of which the engine was told that it is durable.
#[derive(Debug, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Of the process; 0: it is taking one.
    pub epoch: u64,
    pub rev: u64,
    pub puts: Vec<Put>,
    pub deletes: Vec<Key>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Put {
    pub key: Key,
    pub digest: u64,
    /// Of a change.
    pub state: Option<ChangeState>,
}

impl Acknowledged {
    pub fn of(txn: &Txn) -> Self {
        let put = |(key, doc): &(Key, Value)| Put { key: key.clone(), digest: digest(doc), state: state(key, doc) };
        Self { epoch: 0, rev: 0, puts: txn.puts.iter().map(put).collect(), deletes: txn.deletes.clone() }
    }
}

pub fn digest(doc: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    doc.to_string().hash(&mut hasher);
    hasher.finish()
}

pub fn state(key: &Key, doc: &Value) -> Option<ChangeState> {
    (key.kind == Kind::Change).then(|| serde_json::from_value(doc["state"].clone()).ok()).flatten()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    Apply,
    Remove,
    Observe,
    Own,
    Disown,
}

/// A secret with its fields.
pub type Opened = (SecretRef, Vec<(String, Vec<u8>)>);

/// One call of a port.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    pub id: u64,
    pub target: Name,
    pub verb: Verb,
    pub head: Head,
    pub resource: Option<Resource>,
    pub at: ResourceId,
    pub seen: Option<Seen>,
    /// What the call's safe gives: the clusters have no way to it.
    pub secrets: Vec<Opened>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Head {
    pub operation: String,
    pub seq: u32,
    pub owner: String,
    pub adopted: Option<Adopted>,
    pub epoch: u64,
    pub deadline_ms: u64,
}

impl From<&Call> for Head {
    fn from(call: &Call) -> Self {
        Self {
            operation: call.operation.clone(),
            seq: call.seq,
            owner: call.owner.clone(),
            adopted: call.adopted.as_deref().cloned(),
            epoch: call.epoch,
            deadline_ms: u64::try_from(call.deadline.as_millis()).unwrap(),
        }
    }
}

/// To the process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    pub id: u64,
    pub said: Result<Option<Seen>, Wrong>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Wrong(#[serde(with = "PortWrong")] pub PortError);

#[derive(Serialize, Deserialize)]
#[serde(remote = "PortError")]
enum PortWrong {
    Unreachable { target: String, cause: String },
    TimedOut { target: String, seconds: u64 },
    Busy { target: String, cause: String, retry_after_s: Option<u64> },
    Stale { id: String },
    Foreign { id: String, owner: String },
    Unauthorized { target: String, cause: String },
    Forbidden { target: String, cause: String },
    Invalid { id: String, cause: String },
    Sealed { cause: String },
    Owned { target: String, owner: String },
}

/// One write: a process that dies in it leaves a frame that nobody takes for a whole one.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let mut frame = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(text);
    to.write_all(&frame)
}

/// `None`: the other side is gone.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Option<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut text = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
    from.read_exact(&mut text).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}
