//! One cluster: everything on it is looked at when listening begins, and what changes from then on.

use super::Assurance;
use crate::ops::codec;
use crate::plan::Recorded;
use crate::store::{Kind, Object, Query};
use adapters::Labelled;
use models::Name;
use models::resource::Target;
use std::collections::BTreeSet;
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
            let mut open = self.everything(cluster).await;
            let whole = Instant::now() + self.scan;
            loop {
                let wait = if open.is_empty() { self.scan } else { AGAIN };
                tokio::select! {
                    one = heard.recv() => match one {
                        Some(one) => {
                            open.insert(one);
                            tokio::time::sleep(GATHER).await;
                            while let Ok(more) = heard.try_recv() {
                                open.insert(more);
                            }
                        }
                        None => return,
                    },
                    () = tokio::time::sleep(wait.min(whole.saturating_duration_since(Instant::now()))) => {}
                }
                if Instant::now() >= whole {
                    return;
                }
                open = self.look_at(open).await;
            }
        };
        tokio::select! {
            ended = self.ears.hear(cluster, &tell) => {
                if let Err(error) = ended {
                    tracing::debug!(cluster = %cluster, %error, "not heard of any more; listened to again");
                }
            }
            () = looks => {}
        }
    }

    /// What is recorded there.
    async fn everything(&self, cluster: &Name) -> BTreeSet<Labelled> {
        let here = Target::Cluster(cluster.clone());
        let objects = match codec::all(&self.store, Query::all(Kind::Resource)).await {
            Ok(objects) => objects,
            Err(error) => {
                tracing::warn!(%error, "what is recorded could not be read; tried again later");
                return BTreeSet::new();
            }
        };
        let one = |object: &Object| {
            let uid = object.key.id.split('/').next()?.to_owned();
            let recorded = object.read::<Recorded>().ok()?;
            let id = recorded.resource.world_id().filter(|id| id.target == here)?.clone();
            Some(Labelled { id, uid })
        };
        objects.iter().filter_map(one).collect()
    }

    /// What an operation works on is left for later.
    async fn look_at(&self, all: BTreeSet<Labelled>) -> BTreeSet<Labelled> {
        let mut later = BTreeSet::new();
        for one in all {
            match self.look(&one).await {
                Ok(super::drift::Looked::Busy) => {
                    later.insert(one);
                }
                Ok(super::drift::Looked::Done) => {}
                Err(error) => tracing::warn!(resource = %one.id, %error, "could not be compared with its record"),
            }
        }
        later
    }
}
