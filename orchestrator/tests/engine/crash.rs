//! The crash loop: killed at the n-th durable write or port call, for every n until the operation completes.

use crate::goal::{changed, goal, replaced};
use crate::kill::{Kill, When};
use crate::life::{Ground, Life};
use models::OperationState;
use orchestrator::plan::want::Want;

/// From one goal to another, with a death at every point on the way.
fn check(from: &Want, to: &Want) {
    let reference = world_of(from, to);
    for when in [When::Before, When::After] {
        let mut n = 1;
        while died_at(n, when, (from, to), &reference) {
            n += 1;
        }
        assert!(n > 6, "the loop ended after {n} points: it cannot have killed anything");
    }
}

type World = std::collections::BTreeMap<models::ResourceId, serde_json::Value>;

fn world_of(from: &Want, to: &Want) -> World {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    for want in [from, to].into_iter().filter(|want| !want.is_empty() || life.slice().is_some()) {
        assert_eq!(life.reach(want).operation.state, OperationState::Completed);
    }
    ground.world()
}

/// One story; false when the operation completed before the n-th point.
fn died_at(n: i64, when: When, (from, to): (&Want, &Want), reference: &World) -> bool {
    let ground = Ground::new();
    if !from.is_empty() {
        let life = Life::new(&ground, &Kill::never());
        assert_eq!(life.reach(from).operation.state, OperationState::Completed);
        life.kill();
    }
    // One more: taking the epoch is a write too.
    let kill = Kill::at(n + 1, when);
    let life = Life::new(&ground, &kill);
    let plan = life.plan(to);
    let options = life.options();
    let engine = life.engine.clone();
    let died = life.run(async {
        let story = async {
            let operation = engine.start(plan, options).await.unwrap();
            engine.wait(&operation.id).await;
        };
        tokio::select! {
            () = kill.died() => true,
            () = story => false,
        }
    });
    drop(engine);
    life.kill();
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.unannounced(&ground), Vec::<String>::new(), "point {n} {when:?}");
    life.run(life.engine.recover()).unwrap();
    let begun = life.newest().filter(|view| !view.operation.state.is_final());
    let end = match begun {
        Some(view) => life.wait(&view.operation.id),
        // The start itself was lost, or it had ended: the caller asks again.
        None => match life.newest().filter(|view| view.operation.changes > 0 && is_goal(&life, to)) {
            Some(view) => view,
            None => life.reach(to),
        },
    };
    assert_eq!(end.operation.state, OperationState::Completed, "point {n} {when:?}: {:?}", end.operation.error);
    assert_eq!(life.faults(&ground, reference), Vec::<String>::new(), "point {n} {when:?}");
    died
}

fn is_goal(life: &Life, to: &Want) -> bool {
    life.plan(to).is_empty() && life.slice().is_some() != to.is_empty()
}

#[test]
fn creating_a_slice_survives_a_death_at_every_point() {
    check(&Want::new(), &goal());
}

#[test]
fn changing_a_slice_survives_a_death_at_every_point() {
    check(&goal(), &changed());
}

#[test]
fn replacing_a_resource_survives_a_death_at_every_point() {
    check(&goal(), &replaced());
}

#[test]
fn deleting_a_slice_survives_a_death_at_every_point() {
    check(&goal(), &Want::new());
}

/// The story with the planted bug, killed at the n-th point: what the checker says of it.
fn forgotten_intents(n: i64) -> Vec<String> {
    let ground = Ground::new();
    let kill = Kill::with_forgotten_intents(n, When::After);
    let life = Life::new(&ground, &kill);
    let (plan, options) = (life.plan(&goal()), life.options());
    let engine = life.engine.clone();
    life.run(async {
        engine.start(plan, options).await.unwrap();
        kill.died().await;
    });
    drop(engine);
    life.kill();
    Life::new(&ground, &Kill::never()).unannounced(&ground)
}

#[test]
fn the_checker_catches_an_effect_whose_intent_was_not_written() {
    assert!((3..12).any(|n| !forgotten_intents(n).is_empty()), "the planted bug went unnoticed");
}
