//! A safe in memory, for tests: first write wins, as the contract says. It must never serve anything else.

use adapters::{Call, PortError, Safe, Sealed};
use async_trait::async_trait;
use models::secret::SecretRef;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

type Fields = Vec<(String, Sealed)>;

/// Says that a test found no ground to stand on; where CI is, it must. Written past the harness, which keeps what a
/// passing test prints to itself.
#[allow(dead_code, reason = "the simulator needs no ground")]
#[allow(clippy::explicit_write, reason = "the harness catches what the macro prints")]
pub fn skipped(why: &str) {
    use std::io::Write as _;
    assert!(std::env::var_os("CI").is_none(), "CI has what is missing here: {why}");
    writeln!(std::io::stderr(), "SKIPPED: {why}").unwrap();
}

#[derive(Default)]
pub struct Memory {
    pub secrets: Mutex<BTreeMap<SecretRef, Fields>>,
    pub blobs: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    pub fn keep(&self, id: &str, field: &str, value: &str) {
        let fields = vec![(field.to_owned(), Zeroizing::new(value.as_bytes().to_vec()))];
        self.secrets.lock().unwrap().insert(SecretRef { id: id.to_owned(), version: 1 }, fields);
    }

    pub fn call(self: &Arc<Self>, owner: &str) -> Call {
        Call {
            operation: "op-1".into(),
            seq: 1,
            owner: owner.to_owned(),
            adopted: None,
            epoch: 1,
            deadline: Duration::from_secs(20),
            safe: Arc::clone(self) as Arc<dyn Safe>,
        }
    }
}

#[async_trait]
impl Safe for Memory {
    async fn read(&self, secret: &SecretRef) -> Result<Option<Fields>, PortError> {
        Ok(self.secrets.lock().unwrap().get(secret).cloned())
    }

    async fn write(&self, secret: &SecretRef, fields: Fields) -> Result<(), PortError> {
        self.secrets.lock().unwrap().entry(secret.clone()).or_insert(fields);
        Ok(())
    }

    async fn versions(&self, id: &str) -> Result<Vec<u32>, PortError> {
        let secrets = self.secrets.lock().unwrap();
        Ok(secrets.keys().filter(|secret| secret.id == id).map(|secret| secret.version).collect())
    }

    async fn erase(&self, secret: &SecretRef) -> Result<(), PortError> {
        self.secrets.lock().unwrap().remove(secret);
        Ok(())
    }

    async fn blob(&self, digest: &str) -> Result<Sealed, PortError> {
        let found = self.blobs.lock().unwrap().get(digest).cloned();
        found.map(Zeroizing::new).ok_or_else(|| PortError::Sealed { cause: format!("no blob {digest}") })
    }
}
