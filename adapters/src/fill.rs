//! From a resource to the manifest that a cluster gets: opens the body, writes our labels, puts the filled values in.
//!
//! The one place where a secret's value meets a manifest. It must never log or store what it returns, and never let
//! a manifest through that names another object than its id.

use crate::port::{Call, PortError};
use crate::release;
use models::resource::{Body, Fill, Form, Object, Part, ResourceId, Seen};
use models::secret::SecretRef;
use serde_json::{Map, Value};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The manifest of an object, complete with what is known only now; `seen` is what stands there.
pub(crate) async fn manifest(call: &Call, object: &Object, seen: Option<&Seen>) -> Result<Value, PortError> {
    let mut value = match &object.body {
        Body::Plain(value) => value.clone(),
        Body::Sealed { digest } => {
            let bytes = call.safe.blob(digest).await?;
            // The parser's own words could quote what is sealed.
            serde_json::from_slice(&bytes)
                .map_err(|_| PortError::Sealed { cause: format!("blob {digest} holds no JSON manifest") })?
        }
        Body::Release(record) => release::manifest(record, &call.safe.blob(&record.digest).await?, seen)?,
    };
    identify(&object.id, &mut value)?;
    own(object, &mut value)?;
    for fill in &object.fills {
        let text = text(call, &object.id, fill).await?;
        for (pointer, filled) in form(&object.id, fill, &text)? {
            put(&mut value, pointer, filled).map_err(|cause| invalid(&object.id, cause))?;
        }
    }
    Ok(value)
}

/// The texts that fills from secrets put into the manifest, whole and in parts. What cannot be read is not in it either.
pub(crate) async fn secrets(call: &Call, object: &Object) -> Vec<Zeroizing<String>> {
    let mut values = Vec::new();
    for fill in &object.fills {
        let before = values.len();
        for part in &fill.parts {
            if let Part::Secret { secret, field } = part {
                values.extend(field_of(call, secret, field).await.ok());
            }
        }
        if values.len() > before {
            values.extend(text(call, &object.id, fill).await.ok());
        }
    }
    values
}

fn invalid(id: &ResourceId, cause: impl Into<String>) -> PortError {
    PortError::Invalid { id: id.to_string(), cause: cause.into() }
}

/// Writes what is absent of apiVersion, kind, name and namespace; refuses what contradicts the id.
fn identify(id: &ResourceId, value: &mut Value) -> Result<(), PortError> {
    let (version, kind) = id.api();
    let mut expect = vec![("/apiVersion", version), ("/kind", kind), ("/metadata/name", id.name.as_str())];
    if id.namespace.is_empty() {
        if value.pointer("/metadata/namespace").is_some() {
            return Err(invalid(id, "its manifest sets metadata.namespace, its id has none"));
        }
    } else {
        expect.push(("/metadata/namespace", id.namespace.as_str()));
    }
    for (pointer, want) in expect {
        match value.pointer(pointer) {
            Some(have) if have.as_str() == Some(want) => {}
            Some(have) => return Err(invalid(id, format!("its manifest says {have} at {pointer}, its id {want:?}"))),
            None => put(value, pointer, Value::from(want)).map_err(|cause| invalid(id, cause))?,
        }
    }
    Ok(())
}

fn own(object: &Object, value: &mut Value) -> Result<(), PortError> {
    let labels = value.pointer_mut("/metadata/labels").filter(|labels| !labels.is_null());
    let Some(labels) = labels else {
        let labels: Map<_, _> = object.owner.labels().into_iter().map(|(key, text)| (key, text.into())).collect();
        return put(value, "/metadata/labels", labels.into()).map_err(|cause| invalid(&object.id, cause));
    };
    let Some(labels) = labels.as_object_mut() else {
        return Err(invalid(&object.id, "metadata.labels is no map"));
    };
    labels.extend(object.owner.labels().into_iter().map(|(key, text)| (key, text.into())));
    Ok(())
}

async fn text(call: &Call, id: &ResourceId, fill: &Fill) -> Result<Zeroizing<String>, PortError> {
    let mut text = Zeroizing::new(String::new());
    for part in &fill.parts {
        match part {
            Part::Text(piece) => text.push_str(piece),
            Part::Secret { secret, field } => text.push_str(&field_of(call, secret, field).await?),
            Part::Input(input) => {
                return Err(invalid(id, format!("{} of {} is not known yet", input.field, input.resource)));
            }
        }
    }
    Ok(text)
}

async fn field_of(call: &Call, secret: &SecretRef, field: &str) -> Result<Zeroizing<String>, PortError> {
    let sealed = |cause: String| PortError::Sealed { cause };
    let SecretRef { id, version } = secret;
    let fields = call.safe.read(secret).await?;
    let fields = fields.ok_or_else(|| sealed(format!("version {version} of secret {id} does not exist")))?;
    let found = fields.iter().find(|(name, _)| name == field);
    let (_, bytes) = found.ok_or_else(|| sealed(format!("secret {id} has no field {field}")))?;
    let text = std::str::from_utf8(bytes).map_err(|_| sealed(format!("{field} of secret {id} is no text")))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What is put where. An address also tells an EndpointSlice its type; a host name makes a Service an ExternalName.
fn form<'f>(id: &ResourceId, fill: &'f Fill, text: &str) -> Result<Vec<(&'f str, Value)>, PortError> {
    use base64::Engine;
    let pointer = fill.pointer.as_str();
    let number = || invalid(id, format!("the value for {pointer} is no integer"));
    let address = text.parse::<IpAddr>();
    Ok(match fill.form {
        Form::Text => vec![(pointer, Value::from(text))],
        Form::Base64 => vec![(pointer, Value::from(base64::engine::general_purpose::STANDARD.encode(text)))],
        Form::Integer => vec![(pointer, Value::from(text.parse::<i64>().map_err(|_| number())?))],
        Form::Address if id.api().1 == "EndpointSlice" => {
            let kind = match address {
                Ok(IpAddr::V4(_)) => "IPv4",
                Ok(IpAddr::V6(_)) => "IPv6",
                Err(_) => "FQDN",
            };
            vec![(pointer, Value::from(text)), ("/addressType", Value::from(kind))]
        }
        Form::Address => vec![(pointer, Value::from(text))],
        Form::Block => match address {
            Ok(ip @ IpAddr::V4(_)) => vec![(pointer, Value::from(format!("{ip}/32")))],
            Ok(ip @ IpAddr::V6(_)) => vec![(pointer, Value::from(format!("{ip}/128")))],
            Err(_) => vec![],
        },
        Form::HostName if address.is_ok() => vec![],
        Form::HostName => vec![(pointer, Value::from(text)), ("/spec/type", Value::from("ExternalName"))],
    })
}

/// Sets the value at an RFC 6901 pointer. Missing parents are made as maps; a list that is there grows by one,
/// at `-` or at its length.
pub(crate) fn put(value: &mut Value, pointer: &str, new: Value) -> Result<(), String> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Err(format!("{pointer:?} is no JSON pointer to a field"));
    };
    let mut place = value;
    for token in path.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        place =
            child(place, &token).ok_or_else(|| format!("nothing can stand at {pointer}: {token:?} has no place"))?;
    }
    *place = new;
    Ok(())
}

fn child<'v>(value: &'v mut Value, token: &str) -> Option<&'v mut Value> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => Some(map.entry(token).or_insert(Value::Null)),
        Value::Array(list) => {
            let next = list.len();
            let index = if token == "-" { next } else { token.parse().ok()? };
            if index == next {
                list.push(Value::Null);
            }
            list.get_mut(index)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: Value, pointer: &str, after: Option<Value>) {
        let mut value = before;
        let done = put(&mut value, pointer, json!(1));
        assert_eq!(done.is_ok().then_some(value), after, "{pointer}");
    }

    #[test]
    fn a_value_is_put_at_its_pointer_and_missing_parents_are_made() {
        check(json!({}), "/data/ca.crt", Some(json!({"data": {"ca.crt": 1}})));
        check(json!({"a": null}), "/a/x~1y~0z", Some(json!({"a": {"x/y~z": 1}})));
        check(json!({"a": [{"p": 0}]}), "/a/0/p", Some(json!({"a": [{"p": 1}]})));
        check(json!({"a": []}), "/a/-", Some(json!({"a": [1]})));
        check(json!({"a": []}), "/a/0", Some(json!({"a": [1]})));
    }

    #[test]
    fn a_born_address_becomes_a_block_of_one_and_a_host_name_leaves_what_stands() {
        let target = models::resource::Target::Local;
        let id = ResourceId { target, kind: "v1/X".into(), namespace: String::new(), name: "x".into() };
        let fill = Fill { pointer: "/cidr".into(), parts: vec![], form: Form::Block };
        for (text, block) in
            [("192.0.2.1", Some("192.0.2.1/32")), ("2001:db8::1", Some("2001:db8::1/128")), ("lb.test", None)]
        {
            let filled = form(&id, &fill, text).unwrap();
            assert_eq!(filled, block.map(|block| ("/cidr", json!(block))).into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pointer_through_a_scalar_or_past_a_list_is_refused() {
        check(json!({"a": "text"}), "/a/b", None);
        check(json!({"a": []}), "/a/3", None);
        check(json!({}), "", None);
        check(json!({}), "a", None);
    }
}
