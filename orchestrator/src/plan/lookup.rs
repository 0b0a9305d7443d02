//! `lookup` of templates: what a chart may learn of the cluster that it is rendered for. Charts come from strangers, and
//! we read with more rights than theirs: they see their own namespace, and what every tenant may know of a cluster.

use adapters::PortError;
use adapters::helm::Lookup;
use adapters::release::HelmRevision;
use async_trait::async_trait;
use models::Name;
use serde_json::Value;

/// Looks on clusters, for planning.
#[async_trait]
pub trait Finder: Send + Sync {
    async fn find(&self, cluster: &Name, lookup: &Lookup) -> Result<Option<Value>, PortError>;
    /// Of those that are named, or all; as [`adapters::Discovery::releases`].
    async fn releases(&self, cluster: &Name, asked: (&str, Option<&[String]>)) -> Result<Vec<HelmRevision>, PortError>;
}

/// Kinds of the whole cluster that hold nothing of any tenant's.
const OPEN: &[&str] = &[
    "CSIDriver",
    "CustomResourceDefinition",
    "APIService",
    "IngressClass",
    "GatewayClass",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "VolumeSnapshotClass",
];

/// What is asked on the cluster for a lookup; `None`: nothing, it is answered as absent.
pub fn permitted(lookup: &Lookup, namespace: &str) -> Option<Lookup> {
    if OPEN.contains(&lookup.kind.as_str()) {
        // As with Helm, a namespace means nothing to them.
        return Some(Lookup { namespace: String::new(), ..lookup.clone() });
    }
    let own_name = lookup.api_version == "v1" && lookup.kind == "Namespace" && lookup.name == namespace;
    if own_name {
        return Some(Lookup { namespace: String::new(), ..lookup.clone() });
    }
    (lookup.namespace == namespace && lookup.kind != "Namespace").then(|| lookup.clone())
}

pub fn refusal(lookup: &Lookup) -> String {
    let Lookup { kind, namespace, name, .. } = lookup;
    let what = match (namespace.as_str(), name.as_str()) {
        ("", "") => format!("every {kind}"),
        ("", name) => format!("{kind} {name}"),
        (namespace, "") => format!("every {kind} of namespace {namespace}"),
        (namespace, name) => format!("{kind} {name} of namespace {namespace}"),
    };
    format!("the chart looked up {what}, outside of its slice: it was answered as absent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_sees_its_own_namespace_and_what_belongs_to_nobody() {
        let lookup = |api: &str, kind: &str, namespace: &str, name: &str| Lookup {
            api_version: api.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let asked = |l: Lookup| permitted(&l, "own").map(|l| format!("{}/{}/{}", l.kind, l.namespace, l.name));
        for (l, seen) in [
            (lookup("v1", "Secret", "own", "s"), Some("Secret/own/s")),
            (lookup("v1", "Secret", "own", ""), Some("Secret/own/")),
            (lookup("v1", "Secret", "kube-system", "s"), None),
            (lookup("v1", "Secret", "", ""), None),
            (lookup("v1", "Namespace", "", "own"), Some("Namespace//own")),
            (lookup("v1", "Namespace", "own", "kube-system"), None),
            (lookup("v1", "Namespace", "", ""), None),
            (lookup("v1", "Node", "", "n"), None),
            (lookup("storage.k8s.io/v1", "StorageClass", "own", "fast"), Some("StorageClass//fast")),
        ] {
            assert_eq!(asked(l.clone()).as_deref(), seen, "{l:?}");
        }
    }
}
