//! One cluster: what stands there when listening begins is held against what is recorded, and from then on what changes
//! is.

use super::Assurance;
use crate::ops::codec;
use crate::plan::Recorded;
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

/// What is to be looked at, with the version in which it stands by the last that was heard; empty: not known.
type Open = BTreeMap<Labelled, String>;
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
        if self.ears.away(cluster).await.is_some() {
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
            let wait = if open.is_empty() { self.scan } else { AGAIN };
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
        let mut differs = Open::new();
        let compare = |record: Object| {
            let version = there.remove(&record.key.id).unwrap_or_default();
            let left = record.doc.pointer("/seen/version").and_then(Value::as_str).unwrap_or_default();
            if version.is_empty() || version != left {
                differs.extend(labelled(&record).map(|one| (one, version)));
            }
        };
        codec::each(&self.store, codec::on_cluster(Kind::Resource, cluster), compare).await?;
        let raised = |object: Object| {
            let alarm = object.read::<Alarm>().ok();
            differs.extend(alarm.map(|alarm| (Labelled { id: alarm.id, uid: alarm.uid }, String::new())));
        };
        codec::each(&self.store, codec::on_cluster(Kind::Alarm, cluster), raised).await?;
        Ok(differs)
    }

    /// What an operation works on is left for later.
    async fn look_at(&self, all: Open) -> Open {
        let mut later = Open::new();
        for (one, version) in all {
            match self.look(&one, &version).await {
                Ok(super::drift::Looked::Busy) => {
                    later.insert(one, version);
                }
                Ok(super::drift::Looked::Done) => {}
                Err(error) => tracing::warn!(resource = %one.id, %error, "could not be compared with its record"),
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
        open.insert(one, version);
    }
}

/// Whom a record is of; nobody, where it is of nothing in the world.
fn labelled(record: &Object) -> Option<Labelled> {
    let uid = record.key.id.split('/').next()?.to_owned();
    let recorded = record.read::<Recorded>().ok()?;
    let id: ResourceId = recorded.resource.world_id()?.clone();
    Some(Labelled { id, uid })
}
