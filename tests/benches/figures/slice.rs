//! P4: a slice of a gateway and a server, accepted and its objects made on two real API servers.

use crate::bare;
use crate::control_plane::{Api, ControlPlane, Nodes, User};
use crate::objects::templates;
use crate::ours::Ours;
use crate::peer::Peer;
use crate::row::{Row, Table, median, millis, quantile};
use http::Method;
use serde_json::json;
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;
/// Nothing is written for so long: controllers have done what one made, and the next does not pay for it.
const QUIET: Duration = Duration::from_millis(400);
/// Leases are always written; so long is waited at most.
const RESTLESS: Duration = Duration::from_secs(10);
/// Between two looks at an operation.
const LOOK: Duration = Duration::from_millis(20);

pub async fn measure(table: &mut Table) {
    let Some((edge, cloud)) = planes().await else { return };
    let kubeconfigs = [edge.kubeconfig(&User::ADMIN), cloud.kubeconfig(&User::ADMIN)];
    let (edge_api, cloud_api) = (edge.api(&User::ADMIN), cloud.api(&User::ADMIN));
    let apis = [&edge_api, &cloud_api];
    let Some(peer) = Peer::new([&kubeconfigs[0], &kubeconfigs[1]]) else {
        eprintln!("left out: no helm and kubectl here; sliceway-lab build and make test-helm make them");
        return;
    };
    let ours = Ours::start();
    ours.cluster("edge", &kubeconfigs[0]).await;
    ours.cluster("cloud", &kubeconfigs[1]).await;
    ours.charts();
    // The first round warms all three, and shows the bare client what there is to send.
    let first = ours.apply("warm", LOOK).await;
    let templates = templates(&first.steps, [("edge", apis[0]), ("cloud", apis[1])]).await;
    ours.leave(&first).await;
    bare::create(&templates, apis, "bare-warm").await;
    peer.install("helm-warm");
    let mut times: [Vec<Duration>; 4] = [vec![], vec![], vec![], vec![]];
    let (mut calls, mut computed) = (Vec::new(), Duration::ZERO);
    for round in 0..ROUNDS {
        // Each comes first as often as last, and nothing is removed meanwhile: a namespace goes for seconds.
        for turn in 0..3 {
            quiet(apis).await;
            match (round + turn) % 3 {
                0 => {
                    let (before, worked) = (ours.calls().await, ours.computed());
                    let applied = ours.apply(&format!("round-{round}"), LOOK).await;
                    calls.push(ours.calls().await - before);
                    computed += ours.computed() - worked;
                    ours.leave(&applied).await;
                    times[0].push(applied.took);
                    times[3].push(applied.seen);
                }
                1 => times[1].push(bare::create(&templates, apis, &format!("bare-{round}")).await),
                _ => times[2].push(peer.install(&format!("helm-{round}"))),
            }
        }
    }
    calls.sort_unstable();
    let computed = millis(computed) / ROUNDS as f64;
    tell(table, (times, calls[calls.len() / 2]), templates.len());
    let (what, against) = ("what server and chart worker compute for it", "looks included; mean".into());
    table.add(Row { id: "P4.cpu", what, value: computed, unit: "ms", against, ratio: None });
}

/// Until nothing is written on either cluster.
async fn quiet(apis: [&Api; 2]) {
    let end = Instant::now() + RESTLESS;
    let mut before = [String::new(), String::new()];
    loop {
        let mut now = [String::new(), String::new()];
        for (api, now) in apis.iter().zip(&mut now) {
            let list = api.must(Method::GET, "/api/v1/pods?limit=1", None).await;
            *now = list["metadata"]["resourceVersion"].to_string();
        }
        if now == before || Instant::now() > end {
            return;
        }
        before = now;
        tokio::time::sleep(QUIET).await;
    }
}

fn tell(table: &mut Table, (mut times, calls): ([Vec<Duration>; 4], u64), objects: usize) {
    let [ours, bare, peer, seen] = [0, 1, 2, 3].map(|n| millis(median(&mut times[n])));
    let p95 = millis(quantile(&mut times[0], 95));
    let row = |id, what, value, unit, against, ratio| Row { id, what, value, unit, against, ratio };
    let typed = format!("<= 150 ms; kubectl and helm {peer:.0} ms: times faster, >= 10");
    table.add(row("P4", "slice accepted and its objects made, p50", ours, "ms", typed, Some(peer / ours)));
    table.add(row("P4.p95", "the same, p95", p95, "ms", "-".into(), None));
    let looks = format!("a look every {} ms", LOOK.as_millis());
    table.add(row("P4.seen", "the same as its user sees it, p50", seen, "ms", looks, None));
    let client = format!("bare client {bare:.0} ms: times its time, <= 1.5");
    table.add(row("P4.bare", "the same beside one call per object", ours, "ms", client, Some(ours / bare)));
    let per_object = calls as f64 / objects as f64;
    let most = format!("<= 2 for each of {objects} objects");
    table.add(row("P4.calls", "calls to API servers per object", per_object, "calls", most, Some(per_object / 2.0)));
}

/// Two control planes, each with a node that is only written down; `None` where none was built, which is said.
pub async fn planes() -> Option<(ControlPlane, ControlPlane)> {
    let planes = (ControlPlane::another(Nodes::Written)?, ControlPlane::another(Nodes::Written)?);
    for (plane, address) in [(&planes.0, "192.0.2.1"), (&planes.1, "192.0.2.2")] {
        let api = plane.api(&User::ADMIN);
        let size = json!({"cpu": "1000", "memory": "1000Gi", "pods": "100000"});
        let status = json!({"status": {
            "capacity": size, "allocatable": size, "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": address}],
        }});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "written"}, "spec": {"podCIDR": "10.244.0.0/16"}});
        api.must(Method::POST, "/api/v1/nodes", Some(&node)).await;
        api.must(Method::PATCH, "/api/v1/nodes/written/status", Some(&status)).await;
        // Every new node is tainted until somebody finds it ready, and here nobody looks.
        api.must(Method::PATCH, "/api/v1/nodes/written", Some(&json!({"spec": {"taints": null}}))).await;
    }
    Some(planes)
}
