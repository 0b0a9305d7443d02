//! Whether this server can do its work: it is not about to end, and a write of its own becomes durable. It must never
//! write more often than its pauses allow, however often it is asked: who asks needs no token.

use super::App;
use super::problem::Problem;
use crate::store::{Key, Kind, Txn};
use serde_json::json;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// So long an answer holds ...
const GOOD: Duration = Duration::from_secs(10);
/// ... and so long a refusal.
const BAD: Duration = Duration::from_secs(1);
/// A write that takes longer is as good as none.
const WRITE: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

impl Readiness {
    pub(super) async fn ask(&self, app: &App) -> Result<(), Problem> {
        if app.closing.is_cancelled() {
            return Err(not_ready("the server is shutting down"));
        }
        let mut last = self.0.lock().await;
        let known = last.as_ref().filter(|(at, told)| at.elapsed() < if told.is_ok() { GOOD } else { BAD });
        let told = match known {
            Some((_, told)) => told.clone(),
            None => {
                let told = written(app).await;
                *last = Some((Instant::now(), told.clone()));
                told
            }
        };
        told.map_err(|reason| not_ready(&reason))
    }
}

async fn written(app: &App) -> Result<(), String> {
    let txn = Txn::new().put(Key::installation(Kind::Meta, "ready"), json!({}));
    match timeout(WRITE, app.engine.commit(txn)).await {
        Ok(done) => done.map(|_| ()).map_err(|error| error.to_string()),
        Err(_) => Err(format!("a write took longer than {} s", WRITE.as_secs())),
    }
}

fn not_ready(reason: &str) -> Problem {
    Problem::new(503, "not-ready", reason).next("see the server's log, and docs/operations.md")
}
