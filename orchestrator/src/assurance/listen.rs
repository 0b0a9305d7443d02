//! One cluster: what stands there when listening begins is held against what is recorded, and from then on what changes
//! is.

use super::Assurance;
use super::drift::Looked;
use crate::ops::codec;
use crate::plan::Recorded;
use crate::slices::AskError;
use crate::store::{Kind, Object, StoreError};
use adapters::{Heard, Labelled};
use models::resource::ResourceId;
use models::{Alarm, Name};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So many changes may wait to be looked at; who tells more waits.
const HEARD: usize = 256;
/// Changes of one moment are looked at together.
const GATHER: Duration = Duration::from_millis(300);
/// Before listening begins again, and before what an operation works on is looked at again.
const AGAIN: Duration = Duration::from_secs(2);

/// So many things of a cluster that cannot be read are tried before the others wait.
const UNREAD: usize = 4;
/// Before they are tried again.
const UNREAD_AGAIN: Duration = Duration::from_secs(10);

/// What is to be looked at, with the version in which it stands by the last that was heard; empty: not known.
#[derive(Default)]
struct Open {
    heard: BTreeMap<Labelled, String>,
    /// Tried, and not to be read then.
    unread: Vec<(Labelled, String)>,
}

impl Open {
    fn hear(&mut self, one: Labelled, version: String) {
        self.unread.retain(|(known, _)| *known != one);
        self.heard.insert(one, version);
    }

    /// How long nothing of it need be looked at.
    fn rest(&self, scan: Duration) -> Duration {
        match (self.heard.is_empty(), self.unread.is_empty()) {
            (false, _) => AGAIN,
            (true, false) => UNREAD_AGAIN,
            (true, true) => scan,
        }
    }
}

/// Versions by the ids that records have.
type Standing = HashMap<String, String>;

impl Assurance {
    pub(super) async fn listen(&self, cluster: &Name, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.listen_once(cluster) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    /// Until the cluster cannot be heard any more, or everything is to be looked at again.
    async fn listen_once(&self, cluster: &Name) {
        if self.ears.lost(cluster).await.is_some() {
            return;
        }
        let (tell, mut heard) = mpsc::channel(HEARD);
        let looks = async {
            let there = standing(&mut heard).await;
            match self.differing(cluster, there).await {
                Ok(open) => self.look_from_now_on(open, heard).await,
                Err(error) => tracing::warn!(%cluster, %error, "what is recorded could not be read; tried again later"),
            }
        };
        tokio::select! {
            ended = self.ears.hear(cluster, &tell) => {
                if let Err(error) = ended {
                    tracing::debug!(%cluster, %error, "not heard of any more; listened to again");
                }
            }
            () = looks => {}
        }
    }

    async fn look_from_now_on(&self, mut open: Open, mut heard: mpsc::Receiver<Heard>) {
        let whole = Instant::now() + self.scan;
        loop {
            open = self.look_at(open).await;
            if Instant::now() >= whole {
                return;
            }
            let wait = open.rest(self.scan);
            tokio::select! {
                told = heard.recv() => match told {
                    Some(told) => {
                        hear(told, &mut open);
                        tokio::time::sleep(GATHER).await;
                        while let Ok(told) = heard.try_recv() {
                            hear(told, &mut open);
                        }
                    }
                    None => return,
                },
                () = tokio::time::sleep(wait.min(whole.saturating_duration_since(Instant::now()))) => {}
            }
        }
    }

    /// What is recorded and stands in another version or not at all, or was told to be otherwise before.
    async fn differing(&self, cluster: &Name, mut there: Standing) -> Result<Open, StoreError> {
        let mut differs = Open::default();
        let compare = |record: Object| {
            let version = there.remove(&record.key.id).unwrap_or_default();
            let left = record.doc.pointer("/seen/version").and_then(Value::as_str).unwrap_or_default();
            if version.is_empty() || version != left {
                differs.heard.extend(labelled(&record).map(|one| (one, version)));
            }
        };
        codec::each(&self.store, codec::on_cluster(Kind::Resource, cluster), compare).await?;
        let raised = |object: Object| {
            let alarm = object.read::<Alarm>().ok();
            differs.heard.extend(alarm.map(|alarm| (Labelled { id: alarm.id, uid: alarm.uid }, String::new())));
        };
        codec::each(&self.store, codec::on_cluster(Kind::Alarm, cluster), raised).await?;
        Ok(differs)
    }

    /// What an operation works on is left for later, and what could not be read, which comes after everything else then: one
    /// thing that cannot be read keeps nobody from the others, and a cluster that cannot be asked is not asked for all.
    async fn look_at(&self, open: Open) -> Open {
        let mut later = Open::default();
        let mut unread = 0;
        for (one, version) in open.heard.into_iter().chain(open.unread) {
            if unread >= UNREAD {
                later.hear(one, version);
                continue;
            }
            match self.look(&one, &version).await {
                Ok(Looked::Done) => {}
                Ok(Looked::Busy) => later.hear(one, version),
                Ok(Looked::Unread) => {
                    unread += 1;
                    later.unread.push((one, version));
                }
                Err(AskError::Store(StoreError::Unreadable { .. })) => {}
                Err(error) => {
                    tracing::warn!(resource = %one.id, %error, "could not be compared with its record; tried again later");
                    later.unread.push((one, version));
                }
            }
        }
        later
    }
}

/// What stands when listening begins.
async fn standing(heard: &mut mpsc::Receiver<Heard>) -> Standing {
    let mut there = Standing::new();
    while let Some(Heard::One(one, version)) = heard.recv().await {
        there.insert(format!("{}/{}", one.uid, one.id), version);
    }
    there
}

fn hear(told: Heard, open: &mut Open) {
    if let Heard::One(one, version) = told {
        open.hear(one, version);
    }
}

/// Whom a record is of; nobody, where it is of nothing in the world.
fn labelled(record: &Object) -> Option<Labelled> {
    let uid = record.key.id.split('/').next()?.to_owned();
    let recorded = record.read::<Recorded>().ok()?;
    let id: ResourceId = recorded.resource.world_id()?.clone();
    Some(Labelled { id, uid })
}
