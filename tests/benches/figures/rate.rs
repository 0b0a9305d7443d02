//! P4s: slices without a pause for a minute, in turns with the bare client: objects per second.

use crate::bare;
use crate::control_plane::User;
use crate::objects::templates;
use crate::ours::Ours;
use crate::row::{Row, Table};
use crate::slice::planes;
use futures::StreamExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Turns of each, and how long one lasts.
const TURNS: usize = 4;
const TURN: Duration = Duration::from_secs(15);
/// Slices that are on their way at one time.
const AT_ONCE: usize = 8;
/// Between two looks at an operation.
const LOOK: Duration = Duration::from_millis(250);

pub async fn measure(table: &mut Table) {
    let Some((edge, cloud)) = planes().await else { return };
    let (edge_api, cloud_api) = (edge.api(&User::ADMIN), cloud.api(&User::ADMIN));
    let apis = [&edge_api, &cloud_api];
    let ours = Ours::start();
    ours.cluster("edge", &edge.kubeconfig(&User::ADMIN)).await;
    ours.cluster("cloud", &cloud.kubeconfig(&User::ADMIN)).await;
    ours.charts();
    let first = ours.apply("warm", LOOK).await;
    let templates = templates(&first.steps, [("edge", apis[0]), ("cloud", apis[1])]).await;
    ours.leave(&first).await;
    let number = AtomicUsize::new(0);
    let next = |word: &str| format!("{word}-{}", number.fetch_add(1, Ordering::Relaxed));
    let (mut made, mut took) = ([0usize; 2], [Duration::ZERO; 2]);
    for _ in 0..TURNS {
        let end = Instant::now() + TURN;
        let began = Instant::now();
        let mine = futures::stream::iter(std::iter::from_fn(|| (Instant::now() < end).then(|| next("s"))));
        made[0] += mine
            .map(|name| async {
                let applied = ours.apply(&{ name }, LOOK).await;
                ours.leave(&applied).await;
                applied.steps.len()
            })
            .buffer_unordered(AT_ONCE)
            .fold(0, |sum, n| async move { sum + n })
            .await;
        took[0] += began.elapsed();
        let (end, began) = (Instant::now() + TURN, Instant::now());
        let theirs = futures::stream::iter(std::iter::from_fn(|| (Instant::now() < end).then(|| next("b"))));
        let create = |namespace: String| {
            let templates = &templates;
            async move { bare::create(templates, apis, &namespace).await }
        };
        made[1] += theirs.map(create).buffer_unordered(AT_ONCE).count().await * templates.len();
        took[1] += began.elapsed();
    }
    let [mine, theirs] = [0, 1].map(|n| made[n] as f64 / took[n].as_secs_f64());
    table.add(Row {
        id: "P4s",
        what: "objects per second over a minute of slices",
        value: mine,
        unit: "objects/s",
        against: format!("bare client {theirs:.0}: part of its rate, >= 0.8"),
        ratio: Some(mine / theirs),
    });
}
