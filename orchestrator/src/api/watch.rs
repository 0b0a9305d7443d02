//! Watching: what changed since a revision, as server-sent events (WHATWG HTML 9.2). A watch must never go on for
//! somebody who could not open it now.

use super::App;
use super::listing::Filter;
use super::problem::Problem;
use super::reply::{Input, Reply};
use crate::auth::{Caller, Standing, Tokens};
use crate::catalogue::Tenants;
use crate::store::{Event, Kind, Op, Revision, Store, StoreError};
use axum::body::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events per read.
const BATCH: usize = 200;
/// A line when nothing happens, so that dead connections are noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What one watcher sees: one kind, one tenant.
pub(crate) struct Feed {
    store: Arc<dyn Store>,
    watcher: Watcher,
    closing: CancellationToken,
    kind: Kind,
    tenant: String,
    after: Revision,
    filters: Vec<Filter>,
}

/// The reply to a list that is asked for with `watch=true`; `None`: it is asked for as a list.
pub(super) async fn watched(
    (app, caller): (&App, &Caller),
    input: &Input,
    (kind, tenant): (Kind, String),
) -> Result<Option<Reply>, Problem> {
    if !input.flag("watch")? {
        return Ok(None);
    }
    let begin = input.last_event.or(input.number("revision")?).map_or(input.newest, Revision);
    // What was before the tenant is the affair of one that had its name.
    let made = match tenant.parse() {
        Ok(name) => app.tenants.made(&name).await?,
        Err(_) => None,
    };
    let begin = begin.max(made.unwrap_or_default());
    let watcher = Watcher { tokens: app.tokens.clone(), tenants: app.tenants.clone(), caller: caller.clone() };
    let feed = Feed {
        store: Arc::clone(&app.store),
        watcher,
        closing: app.closing.clone(),
        kind,
        tenant,
        after: begin,
        filters: Filter::all(input)?,
    };
    // What is not kept is said at once.
    feed.store.events(begin, 1).await.map_err(|error| feed.problem(error))?;
    Ok(Some(Reply::Events(Box::new(feed))))
}

impl Feed {
    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures::stream::unfold(Some(self), |feed| async move {
            let (text, feed) = feed?.next().await;
            Some((Ok(Bytes::from(text)), feed))
        })
    }

    /// The next piece of text; without a feed the stream ends.
    async fn next(mut self) -> (String, Option<Self>) {
        match self.piece().await {
            Ok(Piece::Some(text)) => (text, Some(self)),
            Ok(Piece::Last(text)) => (text, None),
            Err(problem) => (format!("event: error\ndata: {}\n\n", problem.body()), None),
        }
    }

    async fn piece(&mut self) -> Result<Piece, Problem> {
        let mut changed = self.store.changed();
        loop {
            let newest = *changed.borrow_and_update();
            if newest > self.after {
                let events = self.store.events(self.after, BATCH).await.map_err(|error| self.problem(error))?;
                self.after = events.last().map_or(newest, |event| event.rev);
                let text: String = events.iter().filter_map(|event| self.line(event)).collect();
                if !text.is_empty() || events.iter().any(|e| matches!(e.key.kind, Kind::Token | Kind::Tenant)) {
                    self.watcher.still().await?;
                }
                if !text.is_empty() {
                    return Ok(Piece::Some(text));
                }
                continue;
            }
            let patience = self.watcher.left().map_or(HEARTBEAT, |left| left.min(HEARTBEAT));
            tokio::select! {
                () = self.closing.cancelled() => return Ok(Piece::Last(": the server ends\n\n".into())),
                changed = tokio::time::timeout(patience, changed.changed()) => match changed {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Ok(Piece::Last(": the server ends\n\n".into())),
                    Err(_) => {
                        self.watcher.still().await?;
                        return Ok(Piece::Some(": still here\n\n".into()));
                    }
                }
            }
        }
    }

    fn line(&self, event: &Event) -> Option<String> {
        if event.key.kind != self.kind || event.key.tenant != self.tenant {
            return None;
        }
        let gone = || json!({"id": event.key.id});
        let (word, data) = match (event.op, &event.doc) {
            (Op::Put, Some(doc)) => {
                let doc = shown(self.kind, doc.clone(), &self.watcher.caller);
                if self.filters.iter().all(|filter| filter.fits(&doc)) { ("put", doc) } else { ("left", gone()) }
            }
            (Op::Put | Op::Delete, _) => ("deleted", gone()),
        };
        Some(format!("id: {}\nevent: {word}\ndata: {data}\n\n", event.rev))
    }

    /// A revision that cannot be watched from is told apart from other failures.
    fn problem(&self, error: StoreError) -> Problem {
        let StoreError::Gone { oldest } = error else { return error.into() };
        let (after, newest) = (self.after, *self.store.changed().borrow());
        let detail = if after > newest {
            format!("revision {after} was not reached: the newest is {newest}; it is of another or of a newer store")
        } else {
            format!(
                "changes since revision {after} are not all kept any more (those up to {oldest} are forgotten): \
                 what was missed cannot be told"
            )
        };
        Problem::new(410, "gone", detail).next("list again, and watch from the \"revision\" of that list")
    }
}

enum Piece {
    Some(String),
    Last(String),
}

/// An operation is watched as it is listed: without the slice before and after it; a cluster without what is another's.
fn shown(kind: Kind, mut doc: Value, caller: &Caller) -> Value {
    if kind == Kind::Cluster {
        return super::clusters::stored(doc, caller);
    }
    if let (Kind::Operation, Some(doc)) = (kind, doc.as_object_mut()) {
        for key in ["before", "after", "wish"] {
            doc.shift_remove(key);
        }
    }
    doc
}

/// Who watches, and whether they still may.
struct Watcher {
    tokens: Tokens,
    tenants: Tenants,
    caller: Caller,
}

impl Watcher {
    fn left(&self) -> Option<Duration> {
        self.tokens.left(&self.caller)
    }

    async fn still(&self) -> Result<(), Problem> {
        for tenant in [self.caller.home(), self.caller.tenant()] {
            if !self.tenants.exists(tenant).await? {
                return Err(ended(format!("this watch ends: tenant {tenant} was deleted")));
            }
        }
        match self.tokens.standing(&self.caller).await? {
            Standing::Valid => Ok(()),
            Standing::Revoked => Err(ended("this watch ends: its token was revoked".into())),
            Standing::Ended => Err(ended("this watch ends: the end of its token has come".into())),
        }
    }
}

fn ended(detail: String) -> Problem {
    Problem::new(401, "unauthorized", detail)
        .next("take a valid token, then watch again: sliceway login --server URL --token T")
}
