//! Values born at run time: where a resource names one, and putting it in. Pure.
//!
//! The stored resource keeps the reference; only what a port gets holds the value.

use crate::plan::Recorded;
use models::resource::{Input, Part, Resource};

/// Everything that a resource waits for.
pub(crate) fn inputs(resource: &Resource) -> Vec<Input> {
    let Some(object) = resource.object() else { return vec![] };
    let parts = object.fills.iter().flat_map(|fill| &fill.parts);
    let input = |part: &Part| match part {
        Part::Input(input) => Some(input.clone()),
        Part::Text(_) | Part::Secret { .. } => None,
    };
    parts.filter_map(input).collect()
}

/// The resource with every input replaced by its value; fails with the first that is not known.
pub(crate) fn resolve(resource: &Resource, value: impl Fn(&Input) -> Option<String>) -> Result<Resource, Box<Input>> {
    let Resource::Object(object) = resource else { return Ok(resource.clone()) };
    let mut object = object.clone();
    for part in object.fills.iter_mut().flat_map(|fill| &mut fill.parts) {
        if let Part::Input(input) = part {
            let text = value(input).ok_or_else(|| Box::new(input.clone()))?;
            *part = Part::Text(text);
        }
    }
    Ok(Resource::Object(object))
}

/// What a target reported of the producer. A load balancer reports an address or a host name.
pub(crate) fn output(recorded: &Recorded, field: &str) -> Option<String> {
    let outputs = &recorded.seen.as_ref()?.outputs;
    let either = if field == "address" { outputs.get("hostname") } else { None };
    outputs.get(field).or(either).cloned()
}
