//! The life of the demo's slice on real clusters: made, unchanged, changed, repaired, removed.

use crate::ground::{Ground, ask, factory, name};
use adapters::Discovery;
use models::OperationState;
use orchestrator::slices::{Ask, AskError, Goal, Started};

async fn left(ground: &Ground, uid: &str) -> Vec<String> {
    let mut left = Vec::new();
    for port in ground.clusters.values() {
        left.extend(port.scan(&ground.call(uid), Some(uid)).await.unwrap().iter().map(|one| one.id.to_string()));
    }
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_is_made_kept_changed_and_removed_without_a_trace() {
    let Some(ground) = Ground::new().await else { return };
    let tenant = name("default");
    let wish = ask("life", factory());
    let view = ground.reach(&wish).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    let (slice, _) = ground.slices.get(&tenant, &name("life")).await.unwrap();
    assert!(left(&ground, &slice.uid).await.len() > 20);

    let again = ground.slices.start(&tenant, &wish).await.unwrap();
    assert!(matches!(again, Started::Unchanged { .. }), "{again:?}");

    let (labels, mut spec) = factory();
    let mut device = spec.devices[0].clone();
    device.name = name("thermo-2");
    spec.devices.push(device);
    let more = ask("life", (labels, spec));
    let plan = ground.slices.plan(&tenant, &more).await.unwrap();
    let changed: Vec<String> = plan.changes.iter().map(|c| c.change.id.short()).collect();
    assert_eq!(
        changed,
        [
            "secret ".to_owned() + &slice.uid + "/device/thermo-2",
            "Secret sliceway-store.clients".into(),
            "Secret sliceway-gw.clients".into()
        ]
    );
    assert_eq!(ground.reach(&more).await.operation.state, OperationState::Completed);

    let mut delete = Ask { goal: Goal::Delete, ..more.clone() };
    let refused = ground.slices.start(&tenant, &delete).await;
    assert!(matches!(&refused, Err(AskError::Refused { mend, .. }) if mend.contains("--allow-data-loss store")));
    delete.options.allow_data_loss = vec![name("store")];
    let view = ground.reach(&delete).await;
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(left(&ground, &slice.uid).await, Vec::<String>::new());
    assert!(matches!(ground.slices.get(&tenant, &name("life")).await, Err(AskError::NotFound(_))));
}
