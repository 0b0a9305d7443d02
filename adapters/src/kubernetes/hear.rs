//! Listens to everything that carries our label, by its metadata alone: what is told is who stands or changed and in which
//! version, never what it holds.

use super::catalog::Kind;
use super::wire::{METADATA, METADATA_OF_ONE};
use super::{Kubernetes, seen};
use crate::port::{Heard, PortError};
use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use models::resource::label;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The API server ends a watch after this; it is begun anew where it ended.
const SECONDS: u32 = 300;
/// One that ends sooner than this is not begun anew at once: something in the way may end every one.
const PAUSE: Duration = Duration::from_secs(1);
/// Lists that are asked for at once.
const AT_ONCE: usize = 8;

impl Kubernetes {
    pub(super) async fn hear_all(&self, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        let catalog = self.discover().await?;
        let kinds: Vec<Kind> = catalog.listable().filter(|kind| kind.is_watched()).cloned().collect();
        let lists = kinds.into_iter().map(|kind| self.tell_standing(kind, tell));
        let begun: Vec<Result<Option<(Kind, String)>, PortError>> =
            stream::iter(lists).buffer_unordered(AT_ONCE).collect().await;
        let begun: Vec<Option<(Kind, String)>> = begun.into_iter().collect::<Result<_, _>>()?;
        // Nobody listens any more where it cannot be told: this ends with its task.
        let _ = tell.send(Heard::All).await;
        let watches = begun.into_iter().flatten().map(|(kind, version)| self.hear_kind(kind, version, tell));
        let mut all: FuturesUnordered<_> = watches.collect();
        // The first that cannot go on ends all: whoever listens looks at everything then.
        match all.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// What stands of a kind, and the version of its list; `None`: we may not see it, and it is never told.
    async fn tell_standing(&self, kind: Kind, tell: &mpsc::Sender<Heard>) -> Result<Option<(Kind, String)>, PortError> {
        let (items, version) = match self.wire.list_at(&kind.path, (&selector(), METADATA)).await {
            Ok(list) => list,
            Err(PortError::Forbidden { .. } | PortError::Invalid { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        for item in &items {
            self.tell(&kind, item, tell).await;
        }
        Ok(Some((kind, version)))
    }

    async fn hear_kind(&self, kind: Kind, from: String, tell: &mpsc::Sender<Heard>) -> Result<(), PortError> {
        let (selector, mut version) = (selector(), from);
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

    async fn tell(&self, kind: &Kind, object: &Value, tell: &mpsc::Sender<Heard>) {
        let version = seen::text(object, "/metadata/resourceVersion");
        for one in seen::labelled(self.wire.target_name(), kind, std::slice::from_ref(object)) {
            let _ = tell.send(Heard::One(one, version.to_owned())).await;
        }
    }
}

fn selector() -> String {
    format!("labelSelector={}", label::SLICE.replace('/', "%2F"))
}
