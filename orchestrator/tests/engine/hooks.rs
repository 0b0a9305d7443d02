//! Hooks as changes: they run once whatever dies, their objects go by their policies, and the way back runs the hooks that
//! answer what was done.

use crate::goal::{NAMESPACE, goal, id, name, owner};
use crate::kill::{Kill, When};
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Deed, Fault, Trouble, When as Moment, Word};
use models::OperationState;
use models::change::Verb;
use models::resource::{Body, DeletePolicy, Hook, Object, Resource, ResourceId};
use orchestrator::plan::diff::Step;
use orchestrator::plan::want::tier;
use serde_json::{Value, json};

fn hook(event: &str, (kind, object): (&str, &str), policies: &[DeletePolicy]) -> Hook {
    let short = kind.rsplit('/').next().unwrap();
    let moment = id("cloud", &format!("hook/{event}"), &format!("{short}/{object}"));
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]});
    let spec = if short == "Pod" { pod } else { json!({"template": {"spec": pod}}) };
    let body = Body::Plain(json!({"spec": spec}));
    let object = Object { id: id("cloud", kind, object), owner: owner(), body, fills: vec![], keep: false };
    Hook { id: moment, object, policies: policies.to_vec(), words: false }
}

fn step(verb: Verb, (before, after): (Option<&Hook>, Option<&Hook>), behind: &[ResourceId]) -> Step {
    let hook = before.or(after).unwrap();
    let mut id = hook.id.clone();
    if verb == Verb::Clear {
        id.kind = id.kind.replace("hook/", "clear/");
    }
    let resource = |hook: &Hook| Resource::Hook(hook.clone());
    Step {
        verb,
        id,
        before: before.map(resource),
        after: after.map(resource),
        seen: None,
        needs: vec![],
        tier: tier::SERVER,
        reason: "hook".into(),
        irreversible: None,
        behind: behind.to_vec(),
        turn: 0,
    }
}

fn store() -> ResourceId {
    id("cloud", "apps/v1/Deployment", "store")
}

/// A Job before the server that goes when it is done, a Pod after it that stays, and two hooks of the way back.
fn hooked(steps: &mut Vec<Step>) {
    let footing = [id("cloud", "v1/Namespace", NAMESPACE), id("cloud", "v1/ResourceQuota", "sliceway")];
    let migrate = hook("pre-install", ("batch/v1/Job", "migrate"), &[DeletePolicy::HookSucceeded]);
    let check = hook("post-install", ("v1/Pod", "check"), &[]);
    let farewell = hook("pre-delete", ("batch/v1/Job", "farewell"), &[DeletePolicy::HookSucceeded]);
    let last = hook("post-delete", ("batch/v1/Job", "last"), &[DeletePolicy::HookSucceeded]);
    let answer = step(Verb::Answer, (Some(&last), None), &footing);
    let run = step(Verb::Run, (None, Some(&migrate)), &footing);
    let clear = step(Verb::Clear, (Some(&migrate), None), std::slice::from_ref(&run.id));
    let after = step(Verb::Run, (None, Some(&check)), &[id("cloud", "readiness", "store")]);
    let farewell = step(Verb::Answer, (Some(&farewell), None), &[store(), run.id.clone(), after.id.clone()]);
    let server = steps.iter_mut().find(|step| step.id == store()).unwrap();
    server.behind = vec![clear.id.clone(), answer.id.clone()];
    steps.extend([answer, run, clear, after, farewell]);
}

fn made(ground: &Ground, object: &str) -> usize {
    let journal = ground.cloud.journal();
    journal.iter().filter(|effect| effect.deed == Deed::Created && effect.id.name == object).count()
}

/// The goal's world with what the second hook leaves.
fn reference() -> std::collections::BTreeMap<ResourceId, Value> {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let (plan, options) = (life.plan_with(&goal(), hooked), life.options());
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    let view = life.wait(&operation.id);
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    let mut world = ground.world();
    assert!(world.contains_key(&id("cloud", "v1/Pod", "check")), "it stays");
    assert!(!world.contains_key(&id("cloud", "batch/v1/Job", "migrate")), "it went by its policy");
    anonymous(&mut world);
    world
}

/// Without the run that made it.
fn anonymous(world: &mut std::collections::BTreeMap<ResourceId, Value>) {
    for value in world.values_mut() {
        if let Some(annotations) = value.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove("sliceway.io/run");
        }
    }
}

#[test]
fn hooks_run_once_whatever_dies() {
    let reference = reference();
    for when in [When::Before, When::After] {
        let mut n = 1;
        loop {
            let ground = Ground::new();
            let kill = Kill::at(n + 1, when);
            let life = Life::new(&ground, &kill);
            let (plan, options) = (life.plan_with(&goal(), hooked), life.options());
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
            if let Some(view) = life.newest() {
                let view = life.wait(&view.operation.id);
                assert_eq!(view.operation.state, OperationState::Completed, "point {n}: {:?}", view.operation.error);
                assert_eq!(ground.doubled(), Vec::<String>::new(), "point {n} {when:?}");
                assert_eq!((made(&ground, "migrate"), made(&ground, "check")), (1, 1), "point {n} {when:?}");
                assert_eq!((made(&ground, "farewell"), made(&ground, "last")), (0, 0), "nothing was rolled back");
                let mut world = ground.world();
                anonymous(&mut world);
                assert_eq!(world, reference, "point {n} {when:?}");
            }
            if !died {
                assert!(n > 30, "it ended after {n} points");
                break;
            }
            n += 1;
        }
    }
}

/// A step that fails for good, once; then the operation is rolled back.
fn rolled_back(at: &ResourceId) -> Ground {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    ground.cloud.plan(Fault::once(Word::Apply, &at.to_string(), (Moment::After, trouble)));
    let (plan, options) = (life.plan_with(&goal(), hooked), life.options());
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    assert_eq!(life.wait(&operation.id).operation.state, OperationState::FailedTemp);
    life.run(life.engine.rollback(&name("default"), &operation.id)).unwrap();
    let view = life.wait(&operation.id);
    assert_eq!(view.operation.state, OperationState::RolledBack, "{:?}", view.operation.error);
    assert!(ground.world().is_empty(), "{:?}", ground.world().keys());
    assert!(
        life.recorded().keys().all(|id| id.target == models::resource::Target::Local) || life.recorded().is_empty()
    );
    drop(life);
    ground
}

#[test]
fn the_way_back_runs_what_answers_and_only_where_something_was_done() {
    let ground = rolled_back(&store());
    let journal = ground.cloud.journal();
    let at = |deed: Deed, object: &str| journal.iter().position(|e| e.deed == deed && e.id.name == object).unwrap();
    assert!(at(Deed::Created, "farewell") < at(Deed::Removed, "store"), "before what it says farewell to goes");
    assert!(at(Deed::Created, "last") > at(Deed::Removed, "store"), "after it");
    assert!(at(Deed::Removed, "last") < at(Deed::Removed, NAMESPACE));
    assert_eq!((made(&ground, "farewell"), made(&ground, "last")), (1, 1));
    // Nothing of the release was begun: nobody says farewell.
    let ground = rolled_back(&id("cloud", "v1/ResourceQuota", "sliceway"));
    assert_eq!((made(&ground, "farewell"), made(&ground, "last")), (0, 0));
}

#[test]
fn a_hook_that_failed_runs_anew_when_it_is_tried_again() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let migrate = id("cloud", "batch/v1/Job", "migrate");
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    // Its creation succeeds, and the look at it fails for good.
    ground.cloud.plan(Fault::once(Word::Apply, &migrate.to_string(), (Moment::After, trouble)));
    let (plan, options) = (life.plan_with(&goal(), hooked), life.options());
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    assert_eq!(life.wait(&operation.id).operation.state, OperationState::FailedTemp);
    life.run(life.engine.retry(&name("default"), &operation.id)).unwrap();
    let view = life.wait(&operation.id);
    assert_eq!(view.operation.state, OperationState::Completed, "{:?}", view.operation.error);
    assert_eq!(made(&ground, "migrate"), 2, "it failed, so it ran again");
    assert_eq!(ground.doubled(), Vec::<String>::new());
}

#[test]
fn an_object_of_an_earlier_run_goes_first_or_is_named() {
    for (policies, ends) in [
        (vec![DeletePolicy::BeforeHookCreation], OperationState::Completed),
        (vec![], OperationState::Completed),
        // It ended well, and would have gone.
        (vec![DeletePolicy::HookSucceeded], OperationState::Completed),
        (vec![DeletePolicy::HookFailed], OperationState::FailedTemp),
    ] {
        let ground = Ground::new();
        let life = Life::new(&ground, &Kill::never());
        let hooks = |steps: &mut Vec<Step>| {
            let again = hook("pre-install", ("batch/v1/Job", "again"), &policies);
            // The planner knows that the chart still brings it.
            steps.retain(|step| step.verb != Verb::Delete);
            steps.push(step(Verb::Run, (None, Some(&again)), &[id("cloud", "v1/Namespace", NAMESPACE)]));
        };
        assert_eq!(start(&life, hooks).0, OperationState::Completed);
        let (state, error) = start(&life, hooks);
        assert_eq!(state, ends, "{policies:?} {error:?}");
        if let Some(error) = error {
            assert_eq!(error.code, "hook-in-the-way");
            assert!(error.message.contains("Job again") && error.next.contains("remove it by hand"), "{error:?}");
        }
    }
}

fn start(life: &Life, hooks: impl FnOnce(&mut Vec<Step>)) -> (OperationState, Option<models::change::Failure>) {
    let (plan, options) = (life.plan_with(&goal(), hooks), life.options());
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    let view = life.wait(&operation.id);
    (view.operation.state, view.operation.error)
}
