//! `Idempotency-Key`: a write that is sent again gets the first answer again, for a day.

use super::App;
use super::problem::Problem;
use crate::store::{Key, Kind, Txn};
use jiff::{SignedDuration, Timestamp};
use models::Name;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const KEPT: SignedDuration = SignedDuration::from_hours(24);
const LONGEST: usize = 200;

/// One keyed write.
pub(crate) struct Keyed {
    key: Key,
    digest: String,
}

/// An answer that was given before.
pub(crate) struct Before {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) location: Option<String>,
}

fn now(app: &App) -> Timestamp {
    Timestamp::try_from(app.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Keyed {
    /// `request` is method, path with query, and body.
    pub(crate) fn new(tenant: &Name, key: &str, request: (&str, &str, &[u8])) -> Result<Self, Problem> {
        if key.is_empty() || key.len() > LONGEST || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Problem::bad(format!("Idempotency-Key: 1 to {LONGEST} printable characters")));
        }
        let mut hash = Sha256::new();
        for part in [request.0.as_bytes(), request.1.as_bytes(), request.2] {
            hash.update(part);
            hash.update([0]);
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { key: Key::new(Kind::Idempotency, tenant.as_str(), key), digest })
    }

    pub(crate) async fn before(&self, app: &App) -> Result<Option<Before>, Problem> {
        let Some(object) = app.store.get(&self.key).await? else { return Ok(None) };
        let doc = &object.doc;
        let at: Timestamp = doc["at"].as_str().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        if now(app).duration_since(at) > KEPT {
            return Ok(None);
        }
        if doc["digest"] != json!(self.digest) {
            return Err(Problem::new(422, "idempotency", "this Idempotency-Key was used for another request")
                .next("take a new key for a new request"));
        }
        let status = doc["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        let location = doc["location"].as_str().map(str::to_owned);
        Ok(Some(Before { status, body: doc["body"].clone(), location }))
    }

    /// Only answers that a repetition would not better are kept.
    pub(crate) async fn keep(&self, app: &App, before: Before) -> Result<(), Problem> {
        if before.status >= 500 {
            return Ok(());
        }
        let doc = json!({
            "digest": self.digest, "status": before.status, "body": before.body, "location": before.location,
            "at": now(app),
        });
        app.store.commit(Txn::new().put(self.key.clone(), doc)).await?;
        Ok(())
    }
}
