//! The records of Helm releases in a namespace, and what somebody's helm made there.

use super::wire::METADATA;
use super::{Kubernetes, catalog, fields};
use crate::port::PortError;
use crate::release::{self, HelmRevision};
use models::resource::{ResourceId, Target};

impl Kubernetes {
    pub(super) async fn revisions(
        &self,
        (namespace, of): (&str, Option<&[String]>),
    ) -> Result<Vec<HelmRevision>, PortError> {
        let path = format!("/api/v1/namespaces/{}/secrets", catalog::encoded(namespace));
        let mut revisions = Vec::new();
        for secret in self.wire.list(&path, (release::SELECTOR, METADATA)).await? {
            let Some(mut revision) = HelmRevision::of(&secret) else { continue };
            if of.is_some_and(|of| !of.contains(&revision.release)) {
                continue;
            }
            // Others' records in a namespace that is shared are not read one by one.
            if of.is_some() && fields::written_in(&secret).is_none() {
                revision.objects = self.made_by_helm(namespace, &revision).await?;
            }
            revisions.push(revision);
        }
        Ok(revisions)
    }

    /// What Helm made in a namespace with a revision of its own.
    async fn made_by_helm(&self, namespace: &str, made: &HelmRevision) -> Result<Vec<(String, String)>, PortError> {
        let here = |kind: &str, name: String| ResourceId {
            target: Target::Cluster(self.wire.target_name().clone()),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name,
        };
        let secret = self.get(&here("v1/Secret", release::secret_name(&made.release, made.revision))).await?;
        let Some(release) = secret.as_ref().and_then(release::told) else { return Ok(vec![]) };
        let catalog = self.catalog().await?;
        let mut objects = release::objects(&release);
        objects.retain(|(kind, name, other)| {
            let stands = matches!(catalog.path(&here(kind, name.clone())), Some(Ok(_)));
            stands && other.as_ref().is_none_or(|other| other == namespace)
        });
        Ok(objects.into_iter().map(|(kind, name, _)| (kind, name)).collect())
    }
}
