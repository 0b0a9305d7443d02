//! Watching: what changed since a revision, as server-sent events (WHATWG HTML 9.2).

use crate::auth::{Caller, Tokens};
use crate::catalogue::Tenants;
use crate::store::{Event, Kind, Op, Revision, Store, StoreError};
use axum::body::Bytes;
use futures::Stream;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Events per read.
const BATCH: usize = 200;
/// A line when nothing happens, so that dead connections are noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What one watcher sees: one kind, one tenant.
pub(crate) struct Feed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) kind: Kind,
    pub(crate) tenant: String,
    pub(crate) after: Revision,
    pub(crate) watcher: Watcher,
}

/// Who watches; a watch does not outlive its right.
pub(crate) struct Watcher {
    pub(crate) tokens: Tokens,
    pub(crate) tenants: Tenants,
    pub(crate) caller: Caller,
}

impl Watcher {
    /// Why the watch ends, if it does.
    async fn over(&self) -> Option<String> {
        let token = self.tokens.holds(&self.caller).await;
        let tenant = self.tenants.exists(self.caller.tenant()).await;
        match (token, tenant) {
            (Ok(true), Ok(true)) => None,
            (Ok(false), _) => Some("the token was revoked, or its end has come".into()),
            (_, Ok(false)) => Some("the tenant was deleted".into()),
            (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
        }
    }
}

impl Feed {
    /// Fails at once where the revision is older than what is kept: 410, and the watcher lists again.
    pub(crate) async fn open(self) -> Result<Self, StoreError> {
        self.store.events(self.after, 1).await?;
        Ok(self)
    }

    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures::stream::unfold(Some(self), |feed| async move {
            let (text, feed) = feed?.next().await;
            Some((Ok(Bytes::from(text)), feed))
        })
    }

    /// The next piece of text; without a feed the stream ends.
    async fn next(mut self) -> (String, Option<Self>) {
        let mut changed = self.store.changed();
        loop {
            if let Some(why) = self.watcher.over().await {
                return (format!("event: error\ndata: {}\n\n", json!({"detail": why})), None);
            }
            let newest = *changed.borrow_and_update();
            if newest > self.after {
                match self.store.events(self.after, BATCH).await {
                    Err(error) => {
                        return (format!("event: error\ndata: {}\n\n", json!({"detail": error.to_string()})), None);
                    }
                    Ok(events) => {
                        self.after = events.last().map_or(newest, |event| event.rev);
                        let text: String = events.iter().filter_map(|event| self.line(event)).collect();
                        if !text.is_empty() {
                            return (text, Some(self));
                        }
                        continue;
                    }
                }
            }
            match tokio::time::timeout(HEARTBEAT, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return (": the server ends\n\n".into(), None),
                Err(_) => return (": still here\n\n".into(), Some(self)),
            }
        }
    }

    fn line(&self, event: &Event) -> Option<String> {
        if event.key.kind != self.kind || event.key.tenant != self.tenant {
            return None;
        }
        let (word, data) = match (event.op, &event.doc) {
            (Op::Put, Some(doc)) => ("put", doc.clone()),
            _ => ("deleted", json!({"id": event.key.id})),
        };
        Some(format!("id: {}\nevent: {word}\ndata: {data}\n\n", event.rev))
    }
}
