//! Definitions of custom kinds: served or not yet, and what would go with them.

use super::{Kubernetes, seen};
use crate::port::PortError;
use serde_json::Value;

impl Kubernetes {
    /// Of a definition, what would go with it: objects that are nobody's of ours.
    pub(super) async fn objects_of(&self, definition: &Value) -> Result<Option<String>, PortError> {
        let word = |at: &str| seen::text(definition, at).to_owned();
        let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
        let served = versions.into_iter().flatten().find(|version| version.get("served") == Some(&Value::Bool(true)));
        let Some(version) = served.and_then(|version| version.get("name")?.as_str()) else { return Ok(None) };
        let path = format!("/apis/{}/{version}/{}", word("/spec/group"), word("/spec/names/plural"));
        let answer = self.wire.get(&format!("{path}?limit=1")).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let list = self.wire.ok(answer, &self.wire.itself(&path))?;
        let Some(first) = list.pointer("/items/0/metadata") else { return Ok(None) };
        let left = list.pointer("/metadata/remainingItemCount").and_then(Value::as_u64).unwrap_or(0);
        let name = [seen::text(first, "/namespace"), seen::text(first, "/name")].join("/");
        Ok(Some(format!("its {} objects, which would go with it (first {name})", left.saturating_add(1))))
    }

    /// Every version that a definition serves is found by discovery; objects of it can be made from then on.
    pub(super) async fn serves(&self, definition: &Value) -> Result<bool, PortError> {
        let catalog = self.discover().await?;
        let (group, kind) = (seen::text(definition, "/spec/group"), seen::text(definition, "/spec/names/kind"));
        let versions = definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
        let served = versions.filter(|version| version.get("served") == Some(&Value::Bool(true)));
        let mut names = served.map(|version| format!("{group}/{}/{kind}", seen::text(version, "/name")));
        Ok(names.all(|name| catalog.serves(&name)))
    }
}
