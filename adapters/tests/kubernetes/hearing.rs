//! What carries our label is told when listening begins, and then what changes, whoever does it, by identity and version.

use crate::world::World;
use adapters::{Discovery, Heard, Labelled};
use http::Method;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

/// The next that is told of the slice of this test; others run on the same API server.
async fn next(heard: &mut mpsc::Receiver<Heard>, owner: &str) -> Option<(Labelled, String)> {
    let told = async {
        loop {
            match heard.recv().await.expect("it goes on") {
                Heard::One(one, version) if one.uid == owner => return Some((one, version)),
                Heard::One(..) => {}
                Heard::All => return None,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("within 20 s")
}

#[tokio::test]
async fn what_stands_is_told_and_then_changes_and_removals_by_anybody_and_nothing_of_strangers() {
    let Some(world) = World::new("heard").await else { return };
    let (ours, theirs) = (world.config("a", json!({"x": "1"})), "b");
    let seen = world.apply(&ours, None).await.unwrap();
    world.plant(theirs, json!({})).await;
    let (tell, mut heard) = mpsc::channel(64);
    let hearing = world.port.hear(&world.call, &tell);
    let owner = world.call.owner.as_str();
    let story = async {
        let (first, version) = next(&mut heard, owner).await.expect("what stands");
        assert_eq!((&first.id, &version), (ours.id(), &seen.version));
        assert_eq!(next(&mut heard, owner).await, None, "nothing else stands");
        let patch = json!({"data": {"x": "2"}});
        world.api.must(Method::PATCH, &world.path("configmaps", theirs), Some(&patch)).await;
        world.api.must(Method::PATCH, &world.path("configmaps", "a"), Some(&patch)).await;
        let (changed, version) = next(&mut heard, owner).await.expect("a change");
        let now = world.observe(&ours).await.unwrap();
        assert_eq!((&changed.id, &version), (ours.id(), &now.version));
        assert_ne!(now.version, seen.version);
        world.api.must(Method::DELETE, &world.path("configmaps", "a"), None).await;
        let (last, version) = next(&mut heard, owner).await.expect("a removal");
        assert_eq!(&last.id, ours.id());
        assert_ne!(version, now.version);
    };
    tokio::select! {
        ended = hearing => panic!("it ended: {ended:?}"),
        () = story => {}
    }
}
