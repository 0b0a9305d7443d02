//! P11: a fleet of 1,000 simulated clusters of which a hundred hang: what slices on the others take beside what they take
//! when all answer, in turns; and how soon the deletion of one that hangs is answered.

use crate::ours::{Ours, document};
use crate::row::{Row, Table, millis, quantile};
use futures::StreamExt;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLUSTERS: usize = 1_000;
/// Every so manieth hangs.
const EACH: usize = 10;
const ROUNDS: usize = 4;
/// Slices of one turn, and of them at one time.
const SLICES: usize = 250;
const AT_ONCE: usize = 4;

pub async fn measure(table: &mut Table) {
    let ours = Ours::start();
    ours.charts();
    put_all(&ours, (0..CLUSTERS).collect(), false).await;
    let hanging: Vec<usize> = (0..CLUSTERS).step_by(EACH).collect();
    let number = AtomicUsize::new(0);
    turn(&ours, &number).await;
    let (mut there, mut away) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        there.extend(turn(&ours, &number).await);
        put_all(&ours, hanging.clone(), true).await;
        away.extend(turn(&ours, &number).await);
        put_all(&ours, hanging.clone(), false).await;
    }
    put_all(&ours, hanging.clone(), true).await;
    let mut deleted = Vec::new();
    for cluster in &hanging[..20] {
        let began = Instant::now();
        let (status, said) = ours.call("DELETE", &format!("/api/v1/clusters/c{cluster}"), String::new()).await;
        deleted.push(began.elapsed());
        assert_eq!(status, 204, "{said}");
    }
    let [there, away] = [&mut there, &mut away].map(|took| [50, 99].map(|percent| millis(quantile(took, percent))));
    table.add(Row {
        id: "P11",
        what: "p99 of a slice while 100 of 1,000 clusters hang: times that without",
        value: away[1] / there[1],
        unit: "times",
        against: format!(
            "<= 1.1; {:.0} ms beside {:.0} ms (p50 {:.0} beside {:.0})",
            away[1], there[1], away[0], there[0]
        ),
        ratio: None,
    });
    let slowest = millis(quantile(&mut deleted, 100));
    table.add(Row {
        id: "P11.delete",
        what: "until the deletion of a cluster that hangs is answered, the slowest of 20",
        value: slowest,
        unit: "ms",
        against: "<= 1000 ms: part of it".into(),
        ratio: Some(slowest / 1_000.0),
    });
}

/// Registers clusters, or changes whether they answer.
async fn put_all(ours: &Ours, clusters: Vec<usize>, away: bool) {
    let put = |n: usize| async move {
        let spec = json!({"sim": {"nodes": 2, "cpu": "4", "memory": "8Gi", "away": away}});
        let body = json!({"labels": {"number": n.to_string()}, "spec": spec}).to_string();
        let (status, said) = ours.call("PUT", &format!("/api/v1/clusters/c{n}"), body).await;
        assert_eq!(status, 200, "{said}");
    };
    futures::stream::iter(clusters).map(put).buffer_unordered(50).count().await;
}

/// Slices that are made and removed again, on clusters that answer; what the making of each took.
async fn turn(ours: &Ours, number: &AtomicUsize) -> Vec<Duration> {
    let one = |_| async {
        let n = number.fetch_add(1, Ordering::Relaxed);
        let name = format!("s{n}");
        let began = Instant::now();
        let operation = ours.begin_as(slice(&name, n)).await;
        ours.completed(&operation).await;
        let took = began.elapsed();
        ours.delete(&name).await;
        took
    };
    futures::stream::iter(0..SLICES).map(one).buffer_unordered(AT_ONCE).collect().await
}

/// Its sites are two clusters of the fleet, by name; never one that hangs.
fn slice(name: &str, n: usize) -> String {
    let first = n * 7 % (CLUSTERS / EACH) * EACH;
    let text = document(name).replace("cluster: edge", &format!("cluster: c{}", first + 1));
    text.replace("{select: {labels: {region: cloud}}, policy: worst-fit}", &format!("{{cluster: c{}}}", first + 2))
}
