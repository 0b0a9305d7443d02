//! Looking for what is not recorded: the answers to a chart's lookups.

use super::Kubernetes;
use super::wire::WHOLE;
use crate::helm::Lookup;
use crate::port::PortError;
use models::resource::{ResourceId, Target};
use serde_json::{Value, json};

impl Kubernetes {
    /// An object of a namespace is looked for in that namespace, one of the cluster without one; nothing else is found.
    pub(super) async fn look_up(&self, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        let kind = format!("{}/{}", lookup.api_version, lookup.kind);
        let target = Target::Cluster(self.wire.target_name().clone());
        let name = if lookup.name.is_empty() { "all" } else { &lookup.name };
        let id = ResourceId { target, kind, namespace: lookup.namespace.clone(), name: name.to_owned() };
        // A kind that is not served has no objects; a cluster that cannot be asked may have this one.
        let path = match self.place(&id).await {
            Ok(Some(path)) => path,
            Ok(None) | Err(PortError::Invalid { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !lookup.name.is_empty() {
            return self.get(&id).await;
        }
        let collection = path.rsplit_once('/').map_or(path.as_str(), |(all, _)| all);
        let mut items = self.wire.list(collection, ("", WHOLE)).await?;
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.insert("apiVersion".into(), json!(lookup.api_version));
            item.insert("kind".into(), json!(lookup.kind));
        }
        let kind = format!("{}List", lookup.kind);
        Ok(Some(json!({"apiVersion": lookup.api_version, "kind": kind, "items": items})))
    }
}
