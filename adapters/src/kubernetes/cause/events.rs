//! What the cluster said of one object lately.

use super::encoded;
use crate::kubernetes::seen::text;
use crate::kubernetes::wire::Wire;
use crate::port::PortError;
use serde_json::Value;

/// Events about exactly one object, oldest first.
pub(super) struct Events(Vec<Value>);

impl Events {
    pub(super) async fn about(wire: &Wire, (kind, about): (&str, &Value)) -> Result<Self, PortError> {
        let namespace = text(about, "/metadata/namespace");
        let (name, uid) = (text(about, "/metadata/name"), text(about, "/metadata/uid"));
        let query = encoded(&format!("involvedObject.kind={kind},involvedObject.name={name},involvedObject.uid={uid}"));
        let path = format!("/api/v1/namespaces/{namespace}/events?limit=200&fieldSelector={query}");
        let list = wire.get(&path).await?.json();
        let mut all = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        // The two libraries that write events date them in two fields.
        all.sort_by_key(|event| text(event, "/lastTimestamp").max(text(event, "/eventTime")).to_owned());
        Ok(Self(all))
    }

    /// The newest of one of these reasons.
    pub(super) fn newest(&self, reasons: &[&str]) -> Option<&Value> {
        self.0.iter().rev().find(|event| reasons.contains(&text(event, "/reason")))
    }

    /// The newest of this reason about one container.
    pub(super) fn of_container(&self, reason: &str, container: &str) -> Option<&Value> {
        let part = format!("{{{container}}}");
        let about = |event: &&Value| {
            text(event, "/reason") == reason && text(event, "/involvedObject/fieldPath").ends_with(&part)
        };
        self.0.iter().rev().find(about)
    }
}
