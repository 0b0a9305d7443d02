//! An operation that meets a record which this version cannot read stops in words: it is never left without a task.

use crate::goal::{NAMESPACE, goal, name};
use crate::kill::Kill;
use crate::life::{Ground, Life};
use adapters::PortError;
use adapters::sim::{Fault, Trouble, When, Word};
use models::OperationState;
use orchestrator::store::{Key, Kind, Txn};
use serde_json::json;

#[test]
fn a_record_of_a_newer_format_ends_in_failed_temp_with_words() {
    let ground = Ground::new();
    let life = Life::new(&ground, &Kill::never());
    let trouble = Trouble::Error(PortError::Forbidden { target: "edge".into(), cause: "planned".into() });
    ground.edge.plan(Fault::once(Word::Apply, "EndpointSlice", (When::Before, trouble)));
    let id = life.reach(&goal()).operation.id;
    // The port that the EndpointSlice is told stands in this record.
    let service = format!("0a1b2c3d/cloud:v1/Service/{NAMESPACE}/store");
    let key = Key::new(Kind::Resource, "default", service);
    let object = life.run(ground.store.get(&key)).unwrap().unwrap();
    let mut newer = object.doc.clone();
    newer["format"] = json!(99);
    life.run(ground.store.commit(Txn::new().put(key.clone(), newer))).unwrap();
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    let view = life.wait(&id);
    assert_eq!(view.operation.state, OperationState::FailedTemp);
    let error = view.operation.error.unwrap();
    assert_eq!(error.code, "unreadable");
    assert!(error.message.contains("newer version") && error.message.contains("Service"), "{error:?}");

    life.run(ground.store.commit(Txn::new().put(key, object.doc))).unwrap();
    life.run(life.engine.retry(&name("default"), &id)).unwrap();
    assert_eq!(life.wait(&id).operation.state, OperationState::Completed);
}
