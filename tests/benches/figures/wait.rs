//! P4w: from the last Ready that an independent watch sees to COMPLETED, as a watcher of the operation sees it.

use crate::control_plane::Api;
use crate::ours::Ours;
use crate::row::{Row, Table, median, millis, quantile, root};
use futures::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const ROUNDS: usize = 7;

pub async fn measure(table: &mut Table) {
    let Some([edge, cloud]) = lab() else {
        eprintln!("left out: no lab is up; make bench makes one");
        return;
    };
    let ours = Ours::start();
    ours.cluster("edge", &edge).await;
    ours.cluster("cloud", &cloud).await;
    ours.charts();
    let apis = [Api::of(edge), Api::of(cloud)];
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let name = format!("wait-{round}");
        times.push(once(&ours, &apis, &name).await);
        ours.delete(&name).await;
    }
    let row =
        |id, what, value, against: &str, ratio| Row { id, what, value, unit: "ms", against: against.into(), ratio };
    let p50 = millis(median(&mut times));
    table.add(row(
        "P4w",
        "last Ready seen elsewhere to COMPLETED, p50",
        p50,
        "<= 100 ms: part of it",
        Some(p50 / 100.0),
    ));
    table.add(row("P4w.most", "the same, the longest", millis(quantile(&mut times, 100)), "-", None));
}

/// What two watchers see: the workloads on both clusters, and the operation.
async fn once(ours: &Ours, apis: &[Api; 2], name: &str) -> Duration {
    let (tell, mut ready) = mpsc::unbounded_channel();
    let watches: Vec<_> = apis.iter().flat_map(|api| ["deployments", "statefulsets"].map(|kind| (api, kind))).collect();
    let watches = watches.into_iter().map(|(api, kind)| watch(api, kind, tell.clone()));
    let watches = futures::future::join_all(watches);
    let work = async {
        let mut events = ours.watch().await;
        let operation = ours.begin(name).await;
        events.until_completed(&operation).await
    };
    tokio::select! {
        _ = watches => panic!("a watch ended"),
        completed = work => {
            let mut last = None;
            while let Ok(at) = ready.try_recv() {
                last = Some(at);
            }
            completed.saturating_duration_since(last.unwrap())
        }
    }
}

/// Tells each time at which a workload of a slice is seen to be ready.
async fn watch(api: &Api, kind: &str, tell: mpsc::UnboundedSender<Instant>) {
    let path = format!("/apis/apps/v1/{kind}?watch=true&labelSelector=sliceway.io/slice&resourceVersion=");
    let request = Request::get(&path).body(Body::empty()).unwrap();
    let mut body = api.client().await.send(request).await.unwrap().into_body();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        rest.extend_from_slice(frame.unwrap().data_ref().unwrap());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let event: Value = serde_json::from_slice(&line).unwrap();
            if event["type"] == "MODIFIED" && is_ready(&event["object"]) {
                let _ = tell.send(Instant::now());
            }
        }
    }
}

fn is_ready(object: &Value) -> bool {
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let status = &object["status"];
    let current = status["observedGeneration"].as_u64() >= object["metadata"]["generation"].as_u64();
    let available = status["availableReplicas"].as_u64().unwrap_or(0);
    current && object["metadata"]["deletionTimestamp"].is_null() && available >= wanted
}

/// The administrators' kubeconfigs of edge and cloud, where the lab is up.
fn lab() -> Option<[String; 2]> {
    let home = std::env::var_os("HOME")?;
    let state = std::env::var_os("SLICEWAY_LAB_DIR").map(PathBuf::from);
    let state = state.unwrap_or_else(|| Path::new(&home).join(".local/state/sliceway/lab"));
    let name = std::env::var("SLICEWAY_LAB_NAME").unwrap_or_else(|_| "bench".into());
    let read = |cluster: &str| std::fs::read_to_string(state.join(&name).join(cluster).join("admin.kubeconfig")).ok();
    Some([read("edge")?, read("cloud")?])
}

/// Server-sent events of operations.
pub struct Events {
    stream: futures::stream::BoxStream<'static, Vec<u8>>,
}

impl Events {
    pub async fn of(response: reqwest::Response) -> Self {
        let pieces = response.bytes_stream().map(|piece| piece.unwrap().to_vec());
        Self { stream: pieces.boxed() }
    }

    async fn until_completed(&mut self, operation: &str) -> Instant {
        let mut text = String::new();
        while let Some(piece) = self.stream.next().await {
            let now = Instant::now();
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or("null");
                let seen: Value = serde_json::from_str(data).unwrap();
                if seen["id"] == operation && seen["state"] == "COMPLETED" {
                    return now;
                }
                assert_ne!((&seen["id"], &seen["state"]), (&operation.into(), &"FAILED_TEMP".into()), "{seen}");
            }
        }
        panic!("the watch of {} ended", root().display())
    }
}
