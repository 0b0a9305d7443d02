//! Watches over everything that carries our label, by its metadata alone: what is told is who changed, never what it holds.

use super::catalog::Kind;
use super::wire::METADATA_OF_ONE;
use super::{Kubernetes, seen};
use crate::port::{Labelled, PortError};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use models::resource::label;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The API server ends a watch after this; it is begun anew where it ended.
const SECONDS: u32 = 300;
/// One that ends sooner than this is not begun anew at once: something in the way may end every one.
const PAUSE: Duration = Duration::from_secs(1);

impl Kubernetes {
    pub(super) async fn hear_all(&self, tell: &mpsc::Sender<Labelled>) -> Result<(), PortError> {
        let catalog = self.discover().await?;
        let kinds: Vec<Kind> = catalog.listable().filter(|kind| kind.is_watched()).cloned().collect();
        let mut all: FuturesUnordered<_> = kinds.into_iter().map(|kind| self.hear_kind(kind, tell)).collect();
        // The first that cannot go on ends all: whoever listens looks at everything then.
        match all.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    async fn hear_kind(&self, kind: Kind, tell: &mpsc::Sender<Labelled>) -> Result<(), PortError> {
        let selector = format!("labelSelector={}", label::SLICE.replace('/', "%2F"));
        let first = self.wire.get(&format!("{}?limit=1&{selector}", kind.path)).await?;
        let list = match self.wire.ok(first, &self.wire.itself(&kind.path)) {
            Ok(list) => list,
            // What we may not see is never told, and ends nobody else's watch.
            Err(PortError::Forbidden { .. } | PortError::Invalid { .. }) => std::future::pending().await,
            Err(error) => return Err(error),
        };
        let mut version = seen::text(&list, "/metadata/resourceVersion").to_owned();
        loop {
            let path = format!(
                "{}?watch=true&{selector}&allowWatchBookmarks=true&timeoutSeconds={SECONDS}&resourceVersion={version}",
                kind.path
            );
            let soon = Instant::now() + PAUSE;
            let mut lines = self.wire.lines(&path, METADATA_OF_ONE).await?;
            while let Some(event) = lines.next().await? {
                let object = &event["object"];
                if event["type"] == "ERROR" {
                    return Err(self.wire.busy(format!("a watch ended: {}", seen::text(object, "/message")), None));
                }
                version = seen::text(object, "/metadata/resourceVersion").to_owned();
                if event["type"] != "BOOKMARK" {
                    self.tell(&kind, object, tell).await;
                }
            }
            tokio::time::sleep_until(soon).await;
        }
    }

    async fn tell(&self, kind: &Kind, object: &Value, tell: &mpsc::Sender<Labelled>) {
        for one in seen::labelled(self.wire.target_name(), kind, std::slice::from_ref(object)) {
            // Nobody listens any more: the watch ends with its task.
            let _ = tell.send(one).await;
        }
    }
}
