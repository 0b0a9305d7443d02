//! Claims on what belongs to a whole cluster, over an operation that does not reach its end.

use crate::goal::{NAMESPACE, goal, id, name, owner};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use models::OperationState;
use models::change::Verb;
use models::resource::{Body, Object, Owner, Resource, ResourceId};
use orchestrator::plan::diff::Step;
use orchestrator::plan::want::{Want, tier};
use orchestrator::store::{Key, Kind};
use serde_json::{Value, json};

fn definition() -> ResourceId {
    let kind = "apiextensions.k8s.io/v1/CustomResourceDefinition";
    ResourceId { namespace: String::new(), ..id("cloud", kind, "pumps.test.invalid") }
}

fn bring(steps: &mut Vec<Step>) {
    let names = json!({"kind": "Pump", "plural": "pumps"});
    let body = json!({"spec": {"group": "test.invalid", "scope": "Namespaced", "names": names, "versions": []}});
    let owner = Owner { uid: "shared".into(), ..owner() };
    let object = Object { id: definition(), owner, body: Body::Plain(body), fills: vec![], keep: false };
    let step = Step::new((Verb::Create, definition()), tier::LOCAL, "brought");
    steps.push(Step { after: Some(Resource::Object(object)), ..step });
}

fn claim(ground: &Ground, life: &Life) -> Option<Value> {
    let id = "cluster/cloud/apiextensions.k8s.io/CustomResourceDefinition/pumps.test.invalid";
    life.run(ground.store.get(&Key::installation(Kind::Claim, id))).unwrap().map(|object| object.doc)
}

/// Its last holder began to take it away, and went back: others may use it again.
#[test]
fn a_definition_that_stays_after_all_is_free_to_be_shared() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let (plan, options) = (life.plan_with(&goal(), bring), life.options());
    let operation = life.run(life.engine.start(plan, options)).unwrap();
    assert_eq!(life.wait(&operation.id).operation.state, OperationState::Completed);
    let trouble = Trouble::Error(PortError::Forbidden { target: "cloud".into(), cause: "planned".into() });
    ground.cloud.plan(Fault::once(Word::Remove, &definition().to_string(), (When::Before, trouble)));
    let view = life.reach(&Want::new());
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    assert_eq!(claim(&ground, &life).unwrap()["leaving"], true, "nobody begins to use what goes");
    life.run(life.engine.rollback(&name("default"), &view.operation.id)).unwrap();
    let back = life.wait(&view.operation.id).operation;
    assert_eq!(back.state, OperationState::RolledBack, "{:?}", back.error);
    let claim = claim(&ground, &life).unwrap();
    assert!(claim["leaving"].is_null(), "{claim}");
    assert_eq!(claim["holders"].as_array().unwrap().len(), 1, "{NAMESPACE} stands: {claim}");
}
