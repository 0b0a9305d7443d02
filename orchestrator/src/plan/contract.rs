//! The contract with charts of a known platform (SLICE.md): the reserved values key `sliceway`, and `bind`.
//!
//! Values hold planned names only. A value that is born at run time, or a secret, must never enter here.

use super::names;
use models::slice::{SliceSpec, Workload};
use models::{Name, Problem};
use serde_json::{Map, Value, json};

/// The reserved key; nobody else writes it.
pub const KEY: &str = "sliceway";

/// Where the charts mount what the contract names; the bridge configuration refers to it.
pub const UPLINKS: &str = "/etc/sliceway/uplinks";

/// The user's values with the contract written into them.
pub fn values(spec: &SliceSpec, slice: &Name, workload: &Workload<'_>) -> Result<Value, Problem> {
    let mut values = workload.values.clone();
    let contract = contract(spec, slice, workload);
    for (path, field) in workload.bind.into_iter().flatten() {
        let value = contract.get(field).cloned().unwrap_or(Value::Null);
        bind(&mut values, path, value).map_err(|at| {
            Problem::at(format!("{}.bind", workload.name), format!("{path} goes through {at}, which is no map"))
                .mend("bind to a path whose parents are maps in `values`")
        })?;
    }
    if workload.platform.is_some() {
        values.insert(KEY.into(), contract);
    }
    Ok(Value::Object(values))
}

fn contract(spec: &SliceSpec, slice: &Name, workload: &Workload<'_>) -> Value {
    let gateway = spec.gateways.iter().find(|g| &g.name == workload.name);
    let attached = gateway.map(|g| g.attached()).unwrap_or_default();
    let uplinks: Vec<Value> = attached
        .iter()
        .filter_map(|server| spec.workload(server))
        .map(|server| {
            json!({
                "name": server.name, "host": server.name, "port": server.port.map(|p| p.number),
                "secret": names::uplink_secret(workload.name, server.name),
            })
        })
        .collect();
    json!({
        "slice": slice,
        "function": workload.name,
        "port": workload.port.map(|p| p.number),
        "tlsSecret": names::tls_secret(workload.name),
        "clientsSecret": names::clients_secret(workload.name),
        "uplinks": uplinks,
    })
}

/// Sets `a.b.c`; fails with the part of the path that is there and is no map.
fn bind(values: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), String> {
    let mut at = values;
    let parts: Vec<&str> = path.split('.').collect();
    let (last, parents) = parts.split_last().ok_or_else(|| path.to_owned())?;
    for part in parents {
        let next = at.entry((*part).to_owned()).or_insert_with(|| Value::Object(Map::new()));
        at = next.as_object_mut().ok_or_else(|| (*part).to_owned())?;
    }
    at.insert((*last).to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_makes_missing_parents_and_refuses_a_parent_that_is_no_map() {
        let mut values = Map::from_iter([("auth".to_owned(), json!({"x": 1})), ("text".to_owned(), json!("t"))]);
        bind(&mut values, "auth.existingSecret", json!("s")).unwrap();
        bind(&mut values, "a.b.c", json!(2)).unwrap();
        assert_eq!(values["auth"], json!({"x": 1, "existingSecret": "s"}));
        assert_eq!(values["a"]["b"]["c"], 2);
        assert_eq!(bind(&mut values, "text.y", json!(0)), Err("text".to_owned()));
    }
}
