//! Every fault at every call of the creation and of the removal of a slice.

use crate::control_plane::ControlPlane;
use crate::proxy::{Fault, Proxy};
use crate::story::Story;
use futures::StreamExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Stories at one time: most of each is waiting.
const AT_ONCE: usize = 8;
const LONGEST: Duration = Duration::from_secs(100);

static NUMBER: AtomicUsize = AtomicUsize::new(1);

fn number() -> usize {
    NUMBER.fetch_add(1, Ordering::SeqCst)
}

/// Made and removed through one proxy that spoils the n-th call; what is wrong, and whether there was such a call.
async fn story(plane: &ControlPlane, (n, fault): (usize, Fault)) -> (Vec<String>, bool) {
    let proxy = Proxy::new(plane, (n, fault)).await;
    let story = Story::new(plane, (number(), &proxy.kubeconfig())).await;
    let made = story.made().await;
    let mut faults = story.faults_when_made(&made).await;
    let removed = story.removed().await;
    faults.extend(story.faults_when_removed(&removed).await);
    let faults = faults.into_iter().map(|words| format!("{fault:?} at call {n}: {words}")).collect();
    (faults, proxy.calls() >= n)
}

/// One that does not end is named.
async fn bounded(plane: &ControlPlane, (n, fault): (usize, Fault)) -> (Vec<String>, bool) {
    match tokio::time::timeout(LONGEST, story(plane, (n, fault))).await {
        Ok(end) => end,
        Err(_) => (vec![format!("{fault:?} at call {n}: it does not end within {LONGEST:?}")], true),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_ends_well_with_any_fault_at_any_of_its_calls() {
    let Some(plane) = ControlPlane::shared() else { return };
    let quiet = Proxy::new(plane, (0, Fault::Cut)).await;
    let first = Story::new(plane, (number(), &quiet.kubeconfig())).await;
    assert_eq!(first.faults_when_made(&first.made().await).await, Vec::<String>::new());
    assert_eq!(first.faults_when_removed(&first.removed().await).await, Vec::<String>::new());
    let calls = quiet.calls();
    assert!(calls > 10, "{calls} calls cannot be an operation");
    let all = (1..=calls).flat_map(|n| Fault::ALL.map(|fault| (n, fault)));
    let ends = futures::stream::iter(all).map(|spoiled| bounded(plane, spoiled)).buffer_unordered(AT_ONCE);
    let ends: Vec<(Vec<String>, bool)> = ends.collect().await;
    let struck = ends.iter().filter(|(_, struck)| *struck).count();
    let faults: Vec<&String> = ends.iter().flat_map(|(faults, _)| faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(struck, ends.len(), "a call that was to be spoiled did not come");
    println!("{struck} stories: {} faults at each of {calls} calls", Fault::ALL.len());
}
