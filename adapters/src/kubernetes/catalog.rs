//! What an API server serves: the path of every kind, by aggregated discovery.

use super::wire::{Answer, Wire};
use crate::port::PortError;
use models::resource::ResourceId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Catalog {
    /// By `group/version/Kind`.
    kinds: BTreeMap<String, Kind>,
    versions: Vec<String>,
    /// What names this version of each part of it; `None`: the server does not say.
    etags: [Option<String>; 2],
}

const ROOTS: [&str; 2] = ["/api", "/apis"];

#[derive(Clone)]
pub(super) struct Kind {
    /// `apps/v1/Deployment`
    pub(super) id: String,
    /// The path of all of them: `/apis/apps/v1/deployments`.
    pub(super) path: String,
    base: String,
    plural: String,
    namespaced: bool,
    /// Holds objects that can be made and removed, and lists them, in the first version of its group that does: the server's favourite.
    listed: bool,
    watched: bool,
}

impl Kind {
    fn name(&self) -> &str {
        self.id.rsplit_once('/').map_or(&self.id, |(_, name)| name)
    }

    /// A controller makes them from Services, with the Service's labels and without an owner.
    pub(super) fn is_copied(&self) -> bool {
        self.id == "v1/Endpoints"
    }

    /// Its changes can be watched.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// The same kind in another version: `autoscaling/v1` gives `autoscaling/v1/HorizontalPodAutoscaler`.
    pub(super) fn in_version(&self, version: &str) -> String {
        format!("{version}/{}", self.name())
    }
}

impl Catalog {
    /// `None`: it is still what is known.
    pub(super) async fn read(wire: &Wire, known: Option<&Self>) -> Result<Option<Self>, PortError> {
        if let Some([Some(core), Some(groups)]) = known.map(|known| &known.etags) {
            let asked = tokio::join!(wire.discovery(ROOTS[0], Some(core)), wire.discovery(ROOTS[1], Some(groups)));
            if let (Answer { status: 304, .. }, Answer { status: 304, .. }) = (asked.0?, asked.1?) {
                return Ok(None);
            }
        }
        let (core, groups) = tokio::join!(wire.discovery(ROOTS[0], None), wire.discovery(ROOTS[1], None));
        let mut catalog = Self { kinds: BTreeMap::new(), versions: Vec::new(), etags: [None, None] };
        for (n, answer) in [core?, groups?].into_iter().enumerate() {
            catalog.etags[n] = answer.etag.clone();
            catalog.groups(wire, (ROOTS[n], answer))?;
        }
        Ok(Some(catalog))
    }

    fn groups(&mut self, wire: &Wire, (root, answer): (&str, Answer)) -> Result<(), PortError> {
        let status = answer.status;
        let list = wire.ok(answer, &wire.itself(root))?;
        let groups = list.get("items").and_then(Value::as_array);
        let cause = || format!("discovery at {root} answered {status} without a list of groups");
        for group in groups.ok_or_else(|| wire.busy(cause(), None))? {
            self.group(root, group);
        }
        Ok(())
    }

    fn group(&mut self, root: &str, group: &Value) {
        let name = group.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
        let mut listed = BTreeSet::new();
        for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let word = version.get("version").and_then(Value::as_str).unwrap_or("");
            let full = if name.is_empty() { word.to_owned() } else { format!("{name}/{word}") };
            for resource in version.get("resources").and_then(Value::as_array).into_iter().flatten() {
                self.kind((root, &full), resource, &mut listed);
            }
            self.versions.push(full);
        }
    }

    fn kind(&mut self, (root, version): (&str, &str), resource: &Value, listed: &mut BTreeSet<String>) {
        let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let (kind, plural) = (text("/responseKind/kind"), text("/resource"));
        if kind.is_empty() || plural.is_empty() {
            return;
        }
        let verbs = resource.get("verbs").and_then(Value::as_array);
        let can = |word: &str| verbs.is_some_and(|verbs| verbs.iter().any(|verb| verb == word));
        let listable = can("list") && can("delete");
        let listed = listable && listed.insert(plural.clone());
        let watched = can("watch");
        let (id, base) = (format!("{version}/{kind}"), format!("{root}/{version}"));
        let path = format!("{base}/{plural}");
        let namespaced = text("/scope") == "Namespaced";
        self.kinds.insert(id.clone(), Kind { id, path, base, plural, namespaced, listed, watched });
    }

    /// Where the object stands; the inner error says that its id does not fit the kind's scope.
    pub(super) fn path(&self, id: &ResourceId) -> Option<Result<String, String>> {
        let kind = self.kinds.get(&id.kind)?;
        let Kind { base, plural, namespaced, .. } = kind;
        let (namespace, name) = (encoded(&id.namespace), encoded(&id.name));
        Some(match (namespaced, namespace.is_empty()) {
            (true, false) => Ok(format!("{base}/namespaces/{namespace}/{plural}/{name}")),
            (false, true) => Ok(format!("{base}/{plural}/{name}")),
            (true, true) => Err(format!("a {} needs a namespace", kind.name())),
            (false, false) => Err(format!("a {} has no namespace", kind.name())),
        })
    }

    /// Kinds that may carry our label, each once. Events are about ours, and never ours.
    pub(super) fn listable(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values().filter(|kind| kind.listed && kind.name() != "Event")
    }

    pub(super) fn serves(&self, kind: &str) -> bool {
        self.kinds.contains_key(kind)
    }

    /// Where all objects of `group/version/Kind` are listed.
    pub(super) fn collection(&self, kind: &str) -> Option<&str> {
        self.kinds.get(kind).map(|kind| kind.path.as_str())
    }

    /// The other versions in which a kind is served: `batch/v1/CronJob`.
    pub(super) fn versions_of(&self, group: &str, name: &str) -> Vec<String> {
        let of_group = |kind: &&Kind| {
            let version = kind.id.rsplit_once('/').map_or("", |(version, _)| version);
            kind.name() == name && version.split_once('/').map_or("", |(group, _)| group) == group
        };
        self.kinds.values().filter(of_group).map(|kind| kind.id.clone()).collect()
    }

    /// `group/version` and `group/version/Kind`, sorted.
    pub(super) fn apis(&self) -> Vec<String> {
        let mut all: Vec<String> = self.versions.iter().chain(self.kinds.keys()).cloned().collect();
        all.sort();
        all.dedup();
        all
    }
}

/// A part of a path or of a query: a name cannot lead elsewhere.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let one = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_that_nobody_can_delete_holds_nothing_of_ours() {
        let kind = |plural: &str, kind: &str, verbs: &[&str]| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": verbs});
        // What metrics-server serves: it copies the labels of pods.
        let metrics = kind("pods", "PodMetrics", &["get", "list"]);
        let gears = kind("gears", "Gear", &["delete", "get", "list"]);
        let group =
            json!({"metadata": {"name": "dev.test"}, "versions": [{"version": "v1", "resources": [metrics, gears]}]});
        let mut catalog = Catalog { kinds: BTreeMap::new(), versions: Vec::new(), etags: [None, None] };
        catalog.group("/apis", &group);
        let listable: Vec<&str> = catalog.listable().map(|kind| kind.id.as_str()).collect();
        assert_eq!(listable, ["dev.test/v1/Gear"]);
    }
}
