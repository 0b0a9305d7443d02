//! Claims on what belongs to a whole cluster (ENGINE.md 10): a thing has one holder, a definition any number of them, and
//! the last holder's removal removes it.

use models::Name;
use models::resource::{Resource, ResourceId, Target};
use serde::{Deserialize, Serialize};

/// Stored under `Kind::Claim`, of the installation, id `cluster/<cluster>/<group>/<kind>/<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub holders: Vec<Holder>,
    /// Its last holder is taking it away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub tenant: Name,
    pub slice: Name,
    pub uid: String,
}

/// What the ids of these claims begin with.
pub const PREFIX: &str = "cluster/";

impl Claim {
    pub fn others<'c>(&'c self, uid: &'c str) -> impl Iterator<Item = &'c Holder> {
        self.holders.iter().filter(move |holder| holder.uid != uid)
    }
}

impl Holder {
    /// What a tenant may know of it.
    pub fn words(&self, tenant: &Name) -> String {
        if &self.tenant == tenant { format!("slice {}", self.slice) } else { "another tenant's slice".into() }
    }
}

pub const DEFINITION: &str = "CustomResourceDefinition";

/// Whose objects a definition is: of no slice alone.
pub const SHARED: &str = "shared";

pub fn is_shared(id: &ResourceId) -> bool {
    id.api().1 == DEFINITION
}

/// The id of the claim; `None`: it stands in a namespace, or is one of ours.
pub fn id(resource: &ResourceId) -> Option<String> {
    let Target::Cluster(cluster) = &resource.target else { return None };
    let (version, kind) = resource.api();
    let ours = !resource.namespace.is_empty() || (version, kind) == ("v1", "Namespace");
    let group = super::refuse::group(version);
    (!ours).then(|| format!("{PREFIX}{cluster}/{group}/{kind}/{}", resource.name))
}

/// The claim that a resource in the world needs.
pub fn of(resource: &Resource) -> Option<(String, &ResourceId)> {
    let object = &resource.object()?.id;
    Some((id(object)?, object))
}
