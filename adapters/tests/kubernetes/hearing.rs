//! Changes of what carries our label are told, whoever makes them, by their identity.

use crate::world::World;
use adapters::{Discovery, Labelled};
use http::Method;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

async fn next(heard: &mut mpsc::Receiver<Labelled>) -> Labelled {
    tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.expect("within 20 s").expect("it goes on")
}

#[tokio::test]
async fn a_change_and_a_removal_by_somebody_else_are_told_with_the_slice_and_nothing_of_strangers_is() {
    let Some(world) = World::new("heard").await else { return };
    let (ours, theirs) = (world.config("a", json!({"x": "1"})), "b");
    world.apply(&ours, None).await.unwrap();
    world.plant(theirs, json!({})).await;
    let (tell, mut heard) = mpsc::channel(64);
    let hearing = world.port.hear(&world.call, &tell);
    let story = async {
        // Until the watch has begun, what changes is not told: it is changed until it is.
        let mut n = 0;
        let first = loop {
            n += 1;
            let patch = json!({"data": {"x": n.to_string()}});
            world.api.must(Method::PATCH, &world.path("configmaps", "a"), Some(&patch)).await;
            world.api.must(Method::PATCH, &world.path("configmaps", theirs), Some(&patch)).await;
            let own = async {
                loop {
                    let one = next(&mut heard).await;
                    if one.uid == world.call.owner {
                        return one;
                    }
                }
            };
            if let Ok(one) = tokio::time::timeout(Duration::from_millis(500), own).await {
                break one;
            }
            assert!(n < 40, "nothing is told");
        };
        assert_eq!((&first.id, first.uid.as_str()), (ours.id(), world.call.owner.as_str()));
        world.api.must(Method::DELETE, &world.path("configmaps", "a"), None).await;
        let told = world.observe(&ours).await;
        assert!(told.is_none());
        let last = loop {
            let one = next(&mut heard).await;
            assert_ne!(one.id.name, theirs, "a stranger's");
            if one.uid == world.call.owner {
                break one;
            }
        };
        assert_eq!(&last.id, ours.id());
    };
    tokio::select! {
        ended = hearing => panic!("it ended: {ended:?}"),
        () = story => {}
    }
}
