//! `Idempotency-Key`: a write that is sent again gets the first answer again, for a day.

use super::App;
use super::problem::Problem;
use super::reply::Reply;
use crate::store::{Key, Kind, Object, Revision, StoreError, Txn};
use jiff::{SignedDuration, Timestamp};
use models::Name;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Housekeeping removes what is older.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const LONGEST: usize = 200;

/// A request that was begun and not answered within this time was cut off: who sends it again may.
const BEGUN: SignedDuration = SignedDuration::from_secs(60);

/// One keyed write.
pub(crate) struct Keyed {
    key: Key,
    digest: String,
}

/// What is kept of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Whole,
    /// It holds a secret that is shown once: only that it was given.
    That,
    Nothing,
}

fn now(app: &App) -> Timestamp {
    Timestamp::try_from(app.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// When it is written down: by the calendar, and by the clock of this process, which nobody sets.
fn stamped(app: &App, mut doc: Value) -> Value {
    doc["at"] = json!(now(app));
    doc["epoch"] = json!(app.engine.epoch());
    doc["up_ms"] = json!(u64::try_from(app.clock.steady().as_millis()).unwrap_or(u64::MAX));
    doc
}

/// How old it is. Of another process only the calendar tells, and what that one had begun it does not carry out any more.
fn age(app: &App, doc: &Value) -> SignedDuration {
    let since = |up: u64| app.clock.steady().saturating_sub(Duration::from_millis(up));
    let own = doc["up_ms"].as_u64().filter(|_| doc["epoch"] == json!(app.engine.epoch()));
    if let Some(up) = own {
        return SignedDuration::try_from(since(up)).unwrap_or(SignedDuration::MAX);
    }
    if doc["begun"] == json!(true) {
        return SignedDuration::MAX;
    }
    let at = doc["at"].as_str().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    now(app).duration_since(at)
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

    fn tenant(&self) -> Key {
        Key::installation(Kind::Tenant, self.key.tenant.as_str())
    }

    /// The first answer, where there is one; otherwise the key is this request's until it is kept or released.
    pub(super) async fn begin(&self, app: &App) -> Result<Option<Reply>, Problem> {
        let found = app.store.get(&self.key).await?;
        let rev = found.as_ref().map(|object| object.rev);
        if let Some(before) = found.map(|object| self.before(app, &object)).transpose()?.flatten() {
            return Ok(Some(before));
        }
        let begun = stamped(app, json!({"digest": self.digest, "begun": true}));
        let txn = Txn::new().exists(self.tenant()).put(self.key.clone(), begun);
        let txn = match rev {
            Some(rev) => txn.at(self.key.clone(), rev),
            None => txn.absent(self.key.clone()),
        };
        match app.store.commit(txn).await {
            Ok(_) => Ok(None),
            Err(StoreError::Conflict { .. }) => Err(begun_already()),
            Err(error) => Err(error.into()),
        }
    }

    /// The request changed nothing that is worth an answer: the key is free again.
    pub(crate) async fn release(&self, app: &App) -> Result<(), Problem> {
        app.store.commit(Txn::new().delete(self.key.clone())).await?;
        Ok(())
    }

    fn before(&self, app: &App, object: &Object) -> Result<Option<Reply>, Problem> {
        let doc = &object.doc;
        let begun = doc["begun"] == json!(true);
        if age(app, doc) > if begun { BEGUN } else { KEPT } {
            return Ok(None);
        }
        if doc["digest"] != json!(self.digest) {
            return Err(Problem::new(422, "idempotency", "this Idempotency-Key was used for another request")
                .next("take a new key for a new request"));
        }
        if begun {
            return Err(begun_already());
        }
        if doc["withheld"] == json!(true) {
            let detail =
                "this request was carried out before; its answer held a secret that is shown once, and is not kept";
            return Err(Problem::new(409, "shown-once", detail)
                .next("sliceway token list shows what was made; revoke it, and make another with a new key"));
        }
        let status = doc["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        let location = doc["location"].as_str().map(str::to_owned);
        let body = match doc.get("body") {
            None | Some(Value::Null) => {
                return Ok(Some(match (status, location) {
                    (303, Some(location)) => Reply::Elsewhere { location },
                    (_, Some(location)) => Reply::Accepted { location },
                    (status, None) => Reply::Empty { status },
                }));
            }
            Some(body) => body.clone(),
        };
        let etag = doc["etag"].as_u64().map(Revision);
        Ok(Some(Reply::Json { status, body, etag, location, link: None }))
    }

    pub(super) async fn keep(&self, app: &App, (reply, keep): (&Reply, Keep)) -> Result<(), Problem> {
        let mut doc = stamped(app, json!({"digest": self.digest}));
        match (keep, reply) {
            (Keep::Nothing, _) | (_, Reply::Text { .. } | Reply::Events(_) | Reply::Bytes { .. }) => {
                return self.release(app).await;
            }
            (Keep::That, _) => doc["withheld"] = json!(true),
            (Keep::Whole, Reply::Elsewhere { location }) => {
                (doc["status"], doc["location"]) = (json!(303), json!(location));
            }
            (Keep::Whole, Reply::Accepted { location }) => {
                (doc["status"], doc["location"]) = (json!(202), json!(location));
            }
            (Keep::Whole, Reply::Empty { status }) => doc["status"] = json!(status),
            (Keep::Whole, Reply::Json { status, body, etag, location, .. }) => {
                doc["status"] = json!(status);
                doc["body"] = body.clone();
                doc["location"] = json!(location);
                doc["etag"] = json!(etag);
            }
        }
        match app.store.commit(Txn::new().exists(self.tenant()).put(self.key.clone(), doc)).await {
            // The request deleted its own tenant: whoever makes that again must not meet the answer.
            Err(StoreError::Conflict { .. }) => Ok(()),
            kept => Ok(kept.map(|_| ())?),
        }
    }
}

fn begun_already() -> Problem {
    Problem::new(409, "begun", "a request with this Idempotency-Key is being carried out")
        .next("send it again in a moment")
}
