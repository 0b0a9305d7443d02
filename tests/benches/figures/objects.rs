//! What a slice made, as a bare client sends it: read back from the API servers once, without what they added.

use crate::control_plane::Api;
use http::Method;
use serde_json::Value;

/// One object with the collection that it is posted to; `NS` stands for the namespace.
#[derive(Clone)]
pub struct Template {
    /// Which of the two clusters.
    pub cluster: usize,
    collection: String,
    text: String,
    pub is_namespace: bool,
}

const NS: &str = "NS-OF-THE-SLICE";

/// `clusters` in the order of `names`.
pub async fn templates(steps: &[Value], clusters: [(&str, &Api); 2]) -> Vec<Template> {
    let mut all = Vec::new();
    for step in steps {
        let id = &step["change"]["id"];
        let target = id["target"].as_str().unwrap();
        let cluster = clusters.iter().position(|(name, _)| *name == target).unwrap();
        let (kind, name) = (id["kind"].as_str().unwrap(), id["name"].as_str().unwrap());
        let namespace = id["namespace"].as_str().filter(|namespace| !namespace.is_empty());
        let collection = collection(kind, namespace);
        let mut live = clusters[cluster].1.must(Method::GET, &format!("{collection}/{name}"), None).await;
        strip(&mut live);
        let here = namespace.unwrap_or(name);
        all.push(Template {
            cluster,
            is_namespace: namespace.is_none(),
            collection: collection.replace(here, NS),
            text: live.to_string().replace(here, NS),
        });
    }
    all
}

impl Template {
    pub async fn send(&self, api: &Api, namespace: &str) {
        let body: Value = serde_json::from_str(&self.text.replace(NS, namespace)).unwrap();
        let (status, said) = api.call(Method::POST, &self.collection.replace(NS, namespace), Some(&body)).await;
        // The default account is made by the cluster itself, perhaps first.
        assert!(status == 201 || status == 409, "{status} {said}");
    }
}

/// `apps/v1/Deployment` in a namespace: `/apis/apps/v1/namespaces/N/deployments`.
fn collection(kind: &str, namespace: Option<&str>) -> String {
    let (version, kind) = kind.rsplit_once('/').unwrap();
    let base = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let lower = kind.to_lowercase();
    let plural = match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{lower}s"),
    };
    match namespace {
        Some(namespace) => format!("{base}/namespaces/{namespace}/{plural}"),
        None => format!("{base}/{plural}"),
    }
}

fn strip(live: &mut Value) {
    let Some(object) = live.as_object_mut() else { return };
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "finalizers"] {
            metadata.remove(key);
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        for key in ["clusterIP", "clusterIPs", "finalizers", "volumeName"] {
            spec.remove(key);
        }
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.remove("nodePort");
            }
        }
    }
}
