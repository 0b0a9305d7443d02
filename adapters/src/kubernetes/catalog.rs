//! What an API server serves: the path of every kind, by aggregated discovery.

use super::wire::Wire;
use crate::port::PortError;
use models::resource::ResourceId;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) struct Catalog {
    /// By `group/version/Kind`.
    kinds: BTreeMap<String, Kind>,
    versions: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Kind {
    /// `apps/v1/Deployment`
    pub(super) id: String,
    /// The path of all of them: `/apis/apps/v1/deployments`.
    pub(super) path: String,
    base: String,
    plural: String,
    namespaced: bool,
    listable: bool,
}

impl Catalog {
    pub(super) async fn read(wire: &Wire) -> Result<Self, PortError> {
        let mut catalog = Self { kinds: BTreeMap::new(), versions: Vec::new() };
        for path in ["/api", "/apis"] {
            let answer = wire.discovery(path).await?;
            let status = answer.status;
            let list = wire.ok(answer, &wire.itself(path))?;
            let groups = list.get("items").and_then(Value::as_array);
            let cause = || format!("discovery at {path} answered {status} without a list of groups");
            for group in groups.ok_or_else(|| wire.busy(cause(), None))? {
                catalog.group(path, group);
            }
        }
        Ok(catalog)
    }

    fn group(&mut self, root: &str, group: &Value) {
        let name = group.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
        for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let word = version.get("version").and_then(Value::as_str).unwrap_or("");
            let full = if name.is_empty() { word.to_owned() } else { format!("{name}/{word}") };
            for resource in version.get("resources").and_then(Value::as_array).into_iter().flatten() {
                self.kind(&format!("{root}/{full}"), &full, resource);
            }
            self.versions.push(full);
        }
    }

    fn kind(&mut self, base: &str, version: &str, resource: &Value) {
        let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let (kind, plural) = (text("/responseKind/kind"), text("/resource"));
        if kind.is_empty() || plural.is_empty() {
            return;
        }
        let verbs = resource.get("verbs").and_then(Value::as_array);
        let listable = verbs.is_some_and(|verbs| verbs.iter().any(|verb| verb == "list"));
        let id = format!("{version}/{kind}");
        let path = format!("{base}/{plural}");
        let namespaced = text("/scope") == "Namespaced";
        self.kinds.insert(id.clone(), Kind { id, path, base: base.to_owned(), plural, namespaced, listable });
    }

    pub(super) fn path(&self, id: &ResourceId) -> Option<String> {
        let Kind { base, plural, namespaced, .. } = self.kinds.get(&id.kind)?;
        Some(match namespaced {
            true => format!("{base}/namespaces/{}/{plural}/{}", id.namespace, id.name),
            false => format!("{base}/{plural}/{}", id.name),
        })
    }

    /// Kinds that may carry our label. Events and endpoints that controllers make from ours are theirs.
    pub(super) fn listable(&self) -> impl Iterator<Item = &Kind> {
        let made_by_others = |kind: &&Kind| !kind.id.ends_with("/Event") && kind.id != "v1/Endpoints";
        self.kinds.values().filter(|kind| kind.listable).filter(made_by_others)
    }

    /// `group/version` and `group/version/Kind`, sorted.
    pub(super) fn apis(&self) -> Vec<String> {
        let mut all: Vec<String> = self.versions.iter().chain(self.kinds.keys()).cloned().collect();
        all.sort();
        all.dedup();
        all
    }
}
