//! Refusals quote what they refuse. No value of a secret leaves in an error.

use crate::fill;
use crate::port::{Call, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::resource::{Body, Object};
use serde_json::Value;
use zeroize::Zeroizing;

/// Shorter text is no secret, and hiding it would make the words unreadable.
const SHORTEST: usize = 4;
const HIDDEN: &str = "(hidden)";

/// The error without the secrets of the object that it is about.
pub(super) async fn secrets_of(call: &Call, object: &Object, error: PortError) -> PortError {
    let mut values = fill::secrets(call, object).await;
    if let Body::Sealed { .. } | Body::Release(_) = object.body
        && let Ok(manifest) = fill::manifest(call, object, None).await
    {
        leaves(&manifest, &mut values);
        let id = &object.id;
        let named = [id.name.as_str(), &id.namespace, id.api().0, id.api().1];
        values.retain(|value| !named.contains(&value.as_str()));
    }
    without(error, &values)
}

fn leaves(value: &Value, all: &mut Vec<Zeroizing<String>>) {
    match value {
        Value::String(text) => all.push(Zeroizing::new(text.clone())),
        Value::Array(list) => list.iter().for_each(|item| leaves(item, all)),
        Value::Object(map) => map.values().for_each(|item| leaves(item, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without(mut error: PortError, values: &[Zeroizing<String>]) -> PortError {
    let cause = match &mut error {
        PortError::Unreachable { cause, .. }
        | PortError::Busy { cause, .. }
        | PortError::Unauthorized { cause, .. }
        | PortError::Forbidden { cause, .. }
        | PortError::Invalid { cause, .. }
        | PortError::Sealed { cause } => cause,
        PortError::TimedOut { .. } | PortError::Stale { .. } | PortError::Foreign { .. } | PortError::Owned { .. } => {
            return error;
        }
    };
    // Quoted line by line, or as base64. The longest first: a part of another would leave the rest of it standing.
    let coded: Vec<String> = values.iter().map(|value| STANDARD.encode(value.as_bytes())).collect();
    let lines = values.iter().flat_map(|value| value.lines()).chain(coded.iter().map(String::as_str));
    let mut pieces: Vec<&str> = lines.filter(|piece| piece.len() >= SHORTEST).collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    for piece in pieces {
        *cause = cause.replace(piece, HIDDEN);
    }
    error
}
