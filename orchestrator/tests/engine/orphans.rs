//! Targets that cannot be reached: what was to go is an orphan until they return, or is forgotten.

use crate::goal::{goal, id, name, slice};
use crate::kill::{Kill, When};
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When as Moment, Word};
use models::change::Verb;
use models::cluster::{Cluster, ClusterSpec, Health, HealthState};
use models::resource::{ResourceId, Target};
use models::{OperationState, Orphan, OrphanCause};
use orchestrator::ops::{OperationView, StartOptions};
use orchestrator::plan::diff::Step;
use orchestrator::plan::leave::Leave;
use orchestrator::plan::want::Want;
use orchestrator::plan::{ClusterView, Plan, World, orphans};
use orchestrator::store::{Key, Kind, Query};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn edge() -> Target {
    Target::Cluster(name("edge"))
}

fn edge_away() -> World {
    let health = Health { state: HealthState::Unreachable, cause: "no route".into(), since: None };
    let cluster = Cluster {
        name: name("edge"),
        labels: BTreeMap::new(),
        spec: ClusterSpec::default(),
        health,
        facts: None,
        owner: None,
        taken: vec![],
        draining: None,
        identity: None,
        certificate_end: None,
    };
    World { clusters: BTreeMap::from([(name("edge"), ClusterView { cluster })]), ..World::default() }
}

fn left(steps: &mut Vec<Step>, forget: bool) {
    let world = edge_away();
    let leave = Leave::of(&world, forget);
    let removal = |step: Step| if step.verb == Verb::Delete { leave.instead(step) } else { Some(step) };
    *steps = std::mem::take(steps).into_iter().filter_map(removal).collect();
}

/// The plan of a deletion while the edge is away.
fn deletion(life: &Life, forget: bool) -> Plan {
    life.plan_with(&Want::new(), |steps| left(steps, forget))
}

fn ground() -> Ground {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    assert_eq!(life.reach(&goal()).operation.state, OperationState::Completed);
    life.kill();
    ground
}

fn at_the_edge(ground: &Ground) -> BTreeMap<ResourceId, Value> {
    ground.world().into_iter().filter(|(id, _)| id.target == edge()).collect()
}

fn ledger(life: &Life, ground: &Ground) -> Vec<Orphan> {
    let objects = life.run(ground.store.list(&Query::of(Kind::Orphan, "default"))).unwrap();
    objects.iter().map(|object| object.read().unwrap()).collect()
}

fn clearing(life: &Life, ground: &Ground) -> Option<Plan> {
    let ledger = ledger(life, ground);
    let all: Vec<&Orphan> = ledger.iter().collect();
    orphans::clear((&name("default"), None), &all, &life.recorded())
}

fn begin(life: &Life, (plan, options): (Plan, StartOptions)) -> OperationView {
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    life.wait(&operation.id)
}

/// Runs a story that dies at its n-th write or call; false when it ended before.
fn dies(ground: &Ground, (n, when): (i64, When), plan: impl Fn(&Life) -> Plan) -> bool {
    let kill = Kill::at(n + 1, when);
    let life = Life::new(ground, &kill);
    let (plan, options) = (plan(&life), life.options());
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
    died
}

fn recovered(life: &Life) -> Option<OperationView> {
    life.run(life.engine.recover()).unwrap();
    let open = life.newest().filter(|view| !view.operation.state.is_final())?;
    Some(life.wait(&open.operation.id))
}

#[test]
fn a_deletion_leaves_a_tombstone_on_a_cluster_that_is_away_and_survives_a_death_at_every_point() {
    for when in [When::Before, When::After] {
        let mut n = 1;
        loop {
            let ground = ground();
            let reference = at_the_edge(&ground);
            let died = dies(&ground, (n, when), |life| deletion(life, false));
            let life = Life::new(&ground, &Kill::never());
            let end = recovered(&life);
            if life.slice().is_some() {
                assert!(end.is_none(), "point {n} {when:?}: only a start that was lost leaves the slice");
                begin(&life, (deletion(&life, false), life.options()));
            }
            let newest = life.newest().unwrap();
            assert_eq!(newest.operation.state, OperationState::PartiallyCompleted, "point {n} {when:?}");
            assert_eq!(life.faults(&ground, &reference), Vec::<String>::new(), "point {n} {when:?}");
            let ledger = ledger(&life, &ground);
            let known: BTreeSet<ResourceId> = ledger.iter().map(|orphan| orphan.id.clone()).collect();
            assert_eq!(known, reference.keys().cloned().collect(), "point {n} {when:?}");
            assert!(ledger.iter().all(|orphan| orphan.cause == OrphanCause::Unreachable));
            if !died {
                break;
            }
            n += 1;
        }
        assert!(n > 6, "the loop ended after {n} points");
    }
}

#[test]
fn what_was_left_goes_when_its_cluster_returns_and_survives_a_death_at_every_point() {
    for when in [When::Before, When::After] {
        let mut n = 1;
        loop {
            let ground = ground();
            let life = Life::new(&ground, &Kill::never());
            begin(&life, (deletion(&life, false), life.options()));
            life.kill();
            let died = dies(&ground, (n, when), |life| clearing(life, &ground).unwrap());
            let life = Life::new(&ground, &Kill::never());
            recovered(&life);
            if let Some(plan) = clearing(&life, &ground) {
                begin(&life, (plan, StartOptions::default()));
            }
            assert_eq!(life.newest().unwrap().operation.state, OperationState::Completed, "point {n} {when:?}");
            assert_eq!(life.faults(&ground, &BTreeMap::new()), Vec::<String>::new(), "point {n} {when:?}");
            assert!(life.recorded().is_empty() && ledger(&life, &ground).is_empty());
            let claims = life.run(ground.store.list(&Query::of(Kind::Claim, "default"))).unwrap();
            assert!(claims.is_empty(), "{claims:?}");
            if !died {
                break;
            }
            n += 1;
        }
        assert!(n > 6, "the loop ended after {n} points");
    }
}

#[test]
fn a_slice_of_the_same_name_is_not_met_by_the_removal_of_what_its_predecessor_left() {
    let ground = ground();
    let life = Life::new(&ground, &Kill::never());
    begin(&life, (deletion(&life, false), life.options()));
    let key = Key::new(Kind::Slice, "default", "demo");
    let mut newcomer = slice();
    newcomer.uid = "ffffffff".into();
    let doc = serde_json::to_value(&newcomer).unwrap();
    life.run(ground.store.commit(orchestrator::store::Txn::new().put(key, doc))).unwrap();
    let view = begin(&life, (clearing(&life, &ground).unwrap(), StartOptions::default()));
    assert_eq!(view.operation.state, OperationState::Completed);
    assert_eq!(life.slice(), Some(newcomer));
    assert!(at_the_edge(&ground).is_empty());
}

#[test]
fn a_target_that_is_lost_on_the_way_gets_its_tombstone_when_patience_ends() {
    let ground = ground();
    let reference = at_the_edge(&ground);
    let life = Life::new(&ground, &Kill::never());
    let plan = life.plan(&Want::new());
    ground.edge.cut();
    let view = begin(&life, (plan, StartOptions { timeout_s: Some(1), ..life.options() }));
    assert_eq!(view.operation.state, OperationState::PartiallyCompleted, "{:?}", view.operation.error);
    assert!(life.slice().is_none(), "its name is free");
    assert_eq!(at_the_edge(&ground), reference);
    assert_eq!(ledger(&life, &ground).len(), reference.len());
    ground.edge.heal();
    let view = begin(&life, (clearing(&life, &ground).unwrap(), StartOptions::default()));
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(life.faults(&ground, &BTreeMap::new()), Vec::<String>::new());
}

#[test]
fn what_is_forgotten_is_named_by_its_operation_and_leaves_no_record() {
    let ground = ground();
    let reference = at_the_edge(&ground);
    let life = Life::new(&ground, &Kill::never());
    let view = begin(&life, (deletion(&life, true), life.options()));
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert!(life.recorded().is_empty());
    assert!(ledger(&life, &ground).iter().all(|orphan| orphan.cause == OrphanCause::Forgotten));
    assert_eq!(at_the_edge(&ground), reference, "nothing was touched");
    let residue: BTreeSet<String> = view.residue.iter().map(|id| id.to_string()).collect();
    assert_eq!(residue, reference.keys().map(ToString::to_string).collect());
}

#[test]
fn a_rollback_of_a_deletion_that_left_a_tombstone_wants_it_again() {
    let ground = ground();
    let reference = ground.world();
    let life = Life::new(&ground, &Kill::never());
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    let store = id("cloud", "apps/v1/Deployment", "store").to_string();
    ground.cloud.plan(Fault::once(Word::Remove, &store, (Moment::Before, trouble)));
    let view = begin(&life, (deletion(&life, false), life.options()));
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    let view = life.wait(&view.operation.id);
    assert_eq!(view.operation.state, OperationState::RolledBack, "{:?}", view.operation.error);
    assert_eq!(life.faults(&ground, &reference), Vec::<String>::new());
    assert!(ledger(&life, &ground).is_empty() && life.slice().is_some());
}

#[test]
fn what_continue_leaves_out_of_a_deletion_stands_in_the_ledger_and_the_name_is_free() {
    let ground = ground();
    let life = Life::new(&ground, &Kill::never());
    let gw = id("edge", "apps/v1/Deployment", "gw");
    let trouble = Trouble::Error(PortError::Forbidden { target: "edge".into(), cause: "planned".into() });
    ground.edge.plan(Fault::once(Word::Remove, &gw.to_string(), (Moment::Before, trouble)));
    let view = life.reach(&Want::new());
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    life.run(life.engine.carry_on(&name("default"), &view.operation.id)).unwrap();
    let view = life.wait(&view.operation.id);
    assert_eq!(view.operation.state, OperationState::PartiallyCompleted, "{:?}", view.operation.error);
    assert!(life.slice().is_none());
    let ledger = ledger(&life, &ground);
    assert!(ledger.iter().any(|orphan| orphan.id == gw && orphan.cause == OrphanCause::LeftOut), "{ledger:?}");
    let view = begin(&life, (clearing(&life, &ground).unwrap(), StartOptions::default()));
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(life.faults(&ground, &BTreeMap::new()), Vec::<String>::new());
    assert!(life.recorded().is_empty());
}
