//! Looking for what is not recorded: answers to charts, and what Helm made.

use super::Kubernetes;
use super::wire::WHOLE;
use crate::helm::Lookup;
use crate::port::PortError;
use crate::release::{self, HelmRevision};
use models::resource::{ResourceId, Target};
use serde_json::{Value, json};

impl Kubernetes {
    /// An object of a namespace is looked for in that namespace, one of the cluster without one; nothing else is found.
    pub(super) async fn look_up(&self, lookup: &Lookup) -> Result<Option<Value>, PortError> {
        let kind = format!("{}/{}", lookup.api_version, lookup.kind);
        let target = Target::Cluster(self.wire.target_name().clone());
        let name = if lookup.name.is_empty() { "all" } else { &lookup.name };
        let id = ResourceId { target, kind, namespace: lookup.namespace.clone(), name: name.to_owned() };
        let Ok(Some(path)) = self.place(&id).await else { return Ok(None) };
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

    /// What Helm made in a namespace with a revision of its own.
    pub(super) async fn made_by_helm(
        &self,
        namespace: &str,
        made: &HelmRevision,
    ) -> Result<Vec<(String, String)>, PortError> {
        let here = |kind: &str, name: String| ResourceId {
            target: Target::Cluster(self.wire.target_name().clone()),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name,
        };
        let secret = self.get(&here("v1/Secret", release::secret_name(&made.release, made.revision))).await?;
        let Some(release) = secret.as_ref().and_then(release::read) else { return Ok(vec![]) };
        let catalog = self.catalog().await?;
        let mut objects = release::objects(&release);
        objects.retain(|(kind, name, other)| {
            let stands = matches!(catalog.path(&here(kind, name.clone())), Some(Ok(_)));
            stands && other.as_ref().is_none_or(|other| other == namespace)
        });
        Ok(objects.into_iter().map(|(kind, name, _)| (kind, name)).collect())
    }
}
