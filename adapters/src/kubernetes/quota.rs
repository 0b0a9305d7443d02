//! A quota that counts what is not there: an API server that ends after it charged a quota and before it stored the
//! object leaves the charge behind, and the controller counts by itself only minutes later.
//!
//! What is charged is held against the real objects, and our own quota is made to be counted again. It must never touch
//! a quota of somebody else, nor change a limit.

use super::quantity::milli;
use super::seen::{self, text};
use super::wire::{Answer, METADATA, WHOLE, Wire};
use super::{catalog, facts};
use crate::port::{Call, PortError};
use serde_json::{Value, json};

const SIGN: &str = "exceeded quota: ";
/// Limits what no cluster has. The controller counts again when `spec.hard` changes, and at nothing else of ours.
const MARK: &str = "count/recount.sliceway.io";

/// Whether these words say that a quota is used up.
pub(super) fn is_short(words: &str) -> bool {
    words.contains(SIGN)
}

pub(super) fn refuses(answer: &Answer) -> bool {
    answer.status == 403 && is_short(&answer.message())
}

/// After a refusal: where our quota holds more than there is, has it counted again and says so. `None`: the quota is
/// really used up, or is not ours, or nothing can be said.
pub(super) async fn count_again(
    wire: &Wire,
    call: &Call,
    (namespace, words): (&str, &str),
) -> Result<Option<String>, PortError> {
    let Some((name, exceeded)) = taken_apart(words) else { return Ok(None) };
    let home = format!("/api/v1/namespaces/{namespace}");
    let path = format!("{home}/resourcequotas/{}", catalog::encoded(name));
    let answer = wire.get(&path).await?;
    let live = answer.json();
    if answer.status != 200 || seen::stranger(call, &live).is_some() {
        return Ok(None);
    }
    let mut phantoms = Vec::new();
    for key in exceeded {
        let charged = live.pointer("/status/used").and_then(|used| used.get(key)).and_then(Value::as_str);
        let (Some(charged), Some(real)) = (charged, real(wire, &home, key).await?) else { continue };
        if milli(charged).is_some_and(|charged| charged > real) {
            let real = if real % 1000 == 0 { (real / 1000).to_string() } else { format!("{real}m") };
            phantoms.push(format!("{key}={charged} where there is {real}"));
        }
    }
    if phantoms.is_empty() {
        return Ok(None);
    }
    touch(wire, &path, &live).await?;
    Ok(Some(format!(
        "quota {name} counts what is not there ({}) and is being counted again: {words}",
        phantoms.join(", ")
    )))
}

/// The quota's name, and the resources of which there was not enough.
pub(super) fn taken_apart(words: &str) -> Option<(&str, Vec<&str>)> {
    let (_, rest) = words.split_once(SIGN)?;
    let (name, rest) = rest.split_once(", requested: ")?;
    let (asked, _) = rest.split_once(", used: ")?;
    Some((name, asked.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key).collect()))
}

/// How much there is in thousandths, counted as the quota does; `None` for what is not counted here.
async fn real(wire: &Wire, home: &str, key: &str) -> Result<Option<u64>, PortError> {
    let (plural, form) = match key {
        "persistentvolumeclaims" => ("persistentvolumeclaims", METADATA),
        "requests.storage" => ("persistentvolumeclaims", WHOLE),
        "pods" | "requests.cpu" | "requests.memory" => ("pods", WHOLE),
        "services.nodeports" => ("services", WHOLE),
        _ => return Ok(None),
    };
    let items = wire.list(&format!("{home}/{plural}"), ("", form)).await?;
    let each = |item: &Value| match key {
        "requests.storage" => milli(text(item, "/spec/resources/requests/storage")).unwrap_or(0),
        "services.nodeports" => {
            let ports = item.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
            1000 * ports.filter(|port| port.get("nodePort").is_some()).count() as u64
        }
        "pods" | "requests.cpu" | "requests.memory" if is_over(item) => 0,
        "requests.cpu" => facts::requests(item).0,
        "requests.memory" => facts::requests(item).1.saturating_mul(1000),
        _ => 1000,
    };
    Ok(Some(items.iter().map(each).fold(0, u64::saturating_add)))
}

fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Changes `spec.hard` by a limit of nothing, and takes it back. What an interrupted touch left is only taken back.
async fn touch(wire: &Wire, path: &str, live: &Value) -> Result<(), PortError> {
    let left = live.pointer("/spec/hard").is_some_and(|hard| hard.get(MARK).is_some());
    let steps = if left { &[Value::Null][..] } else { &[Value::from("0"), Value::Null][..] };
    for step in steps {
        let answer = wire.merge(path, &json!({"spec": {"hard": {(MARK): step}}})).await?;
        wire.ok(answer, &wire.itself(path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_quota_and_what_was_short() {
        let words = "persistentvolumeclaims \"d\" is forbidden: exceeded quota: sliceway, requested: \
                     persistentvolumeclaims=1,requests.storage=1Gi, used: persistentvolumeclaims=1,requests.storage=1Gi, \
                     limited: persistentvolumeclaims=1,requests.storage=1Gi";
        assert_eq!(taken_apart(words), Some(("sliceway", vec!["persistentvolumeclaims", "requests.storage"])));
        assert_eq!(taken_apart("exceeded quota"), None);
    }
}
