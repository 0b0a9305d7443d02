//! Two servers on one cluster: one writes, the other says who does.

use crate::control_plane::User;
use crate::world::{World, port};
use adapters::kubernetes::{Holder, Kubernetes};
use adapters::{Call, Discovery, Port, PortError};
use jiff::Timestamp;
use models::resource::Resource;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The Lease is the whole cluster's: one test at a time.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const GOOD_FOR: Duration = Duration::from_secs(1);

async fn server(world: &World, instance: &str) -> Kubernetes {
    let holder = Holder {
        instance: instance.into(),
        server: format!("{instance}.example"),
        now: Arc::new(Timestamp::now),
        good_for: GOOD_FOR,
    };
    port(&world.plane.kubeconfig(&User::ADMIN)).await.held_by(holder)
}

fn owned(result: Result<models::Seen, PortError>) -> String {
    match result {
        Err(error @ PortError::Owned { .. }) => {
            assert!(error.next().contains("cluster takeover edge"), "{}", error.next());
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

async fn write(port: &Kubernetes, (call, what): (&Call, &Resource)) -> Result<models::Seen, PortError> {
    let seen = port.observe(call, what.id()).await.unwrap();
    port.apply(call, what, seen.as_ref()).await
}

async fn until_written(port: &Kubernetes, what: (&Call, &Resource)) {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while let Err(error) = write(port, what).await {
        assert!(matches!(error, PortError::Busy { retry_after_s: Some(1..=2), .. }), "{error}");
        assert!(tokio::time::Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn freed(world: &World) {
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/sliceway";
    world.api.call(http::Method::DELETE, lease, None).await;
}

#[tokio::test]
async fn a_second_server_reads_and_refuses_to_write_and_names_the_owner() {
    let Some(world) = World::new("owners-owned").await else { return };
    let _turn = TURN.lock().await;
    freed(&world).await;
    let (first, second) = (server(&world, "one").await, server(&world, "two").await);
    assert_eq!(first.owner(&world.call).await.unwrap(), None, "who has only read owns nothing");
    let what = world.config("a", json!({"x": "1"}));
    first.apply(&world.call, &what, None).await.unwrap();
    let seen = second.observe(&world.call, what.id()).await.unwrap();
    assert!(seen.is_some());
    for refused in [
        second.apply(&world.call, &what, seen.as_ref()).await,
        second.apply(&world.call, &world.config("b", json!({})), None).await,
    ] {
        let words = owned(refused);
        assert!(words.contains("edge is owned by the Sliceway server one at one.example, seen last at"), "{words}");
    }
    assert!(matches!(second.remove(&world.call, &what, seen.as_ref()).await, Err(PortError::Owned { .. })));
    let Resource::Object(object) = &what else { panic!("an object") };
    assert!(matches!(second.disown(&world.call, object).await, Err(PortError::Owned { .. })));
    assert!(matches!(second.own(&world.call, object).await, Err(PortError::Owned { .. })));
    let owner = second.owner(&world.call).await.unwrap().unwrap();
    assert_eq!((owner.instance.as_str(), owner.ours), ("one", false));
    write(&first, (&world.call, &what)).await.unwrap();
}

#[tokio::test]
async fn a_takeover_is_explicit_waits_for_the_former_owner_to_learn_of_it_and_is_kept_by_it() {
    let Some(world) = World::new("owners-taken").await else { return };
    let _turn = TURN.lock().await;
    freed(&world).await;
    let (first, second) = (server(&world, "one").await, server(&world, "two").await);
    let what = world.config("a", json!({"x": "1"}));
    first.apply(&world.call, &what, None).await.unwrap();
    let before = second.take_over(&world.call).await.unwrap().unwrap();
    assert_eq!(before.instance, "one");
    let early = write(&second, (&world.call, &what)).await;
    assert!(matches!(early, Err(PortError::Busy { retry_after_s: Some(_), .. })), "{early:?}");
    until_written(&second, (&world.call, &what)).await;
    let words = owned(write(&first, (&world.call, &what)).await);
    assert!(words.contains("the Sliceway server two"), "{words}");
    assert!(second.owner(&world.call).await.unwrap().unwrap().ours);
    // The former owner has nothing to let go of.
    first.let_go(&world.call).await.unwrap();
    assert!(second.owner(&world.call).await.unwrap().is_some());
    second.let_go(&world.call).await.unwrap();
    assert_eq!(second.owner(&world.call).await.unwrap(), None);
    tokio::time::sleep(GOOD_FOR).await;
    write(&first, (&world.call, &what)).await.unwrap();
}

#[tokio::test]
async fn an_older_process_of_the_same_server_is_refused_once_a_newer_one_wrote() {
    let Some(world) = World::new("owners-epochs").await else { return };
    let _turn = TURN.lock().await;
    freed(&world).await;
    let (old, new) = (server(&world, "one").await, server(&world, "one").await);
    let what = world.config("a", json!({"x": "1"}));
    let call = |epoch| Call { epoch, ..world.call.clone() };
    old.apply(&call(7), &what, None).await.unwrap();
    write(&new, (&call(8), &what)).await.unwrap();
    tokio::time::sleep(GOOD_FOR).await;
    let words = owned(write(&old, (&call(7), &what)).await);
    assert!(words.contains("a newer process of this server (epoch 8, this is 7)"), "{words}");
    write(&new, (&call(8), &what)).await.unwrap();
}

#[tokio::test]
async fn two_servers_that_begin_at_one_moment_are_one_owner_and_one_refusal() {
    let Some(world) = World::new("owners-race").await else { return };
    let _turn = TURN.lock().await;
    for round in 0..5 {
        freed(&world).await;
        let (one, two) = (server(&world, "one").await, server(&world, "two").await);
        let (a, b) = (world.config(&format!("a{round}"), json!({})), world.config(&format!("b{round}"), json!({})));
        let (first, second) = tokio::join!(one.apply(&world.call, &a, None), two.apply(&world.call, &b, None));
        let refused = match (first, second) {
            (Ok(_), refused) | (refused, Ok(_)) => refused,
            both => panic!("{both:?}"),
        };
        owned(refused);
    }
    freed(&world).await;
}
