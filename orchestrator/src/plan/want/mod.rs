//! What a slice is on its clusters (SLICE.md): every resource that must exist, and what must exist before it.
//!
//! Pure. Each file here makes one part; none of them knows what exists already but through [`Scene`].

mod access;
mod clash;
mod namespace;
pub(super) mod quota;
mod reach;
mod releases;
mod secrets;
#[cfg(test)]
mod tests;
mod workload;

pub use releases::next as next_release;
pub use workload::{hook_object, leans_on};

use super::bundle::Bundle;
use super::model::Recorded;
use super::names;
use super::release::Releases;
use super::world::ClusterView;
use models::quantity::Port;
use models::resource::{Body, Fill, Object, Owner, Resource, ResourceId};
use models::secret::{Material, SecretRef, SecretSpec};
use models::slice::Role;
use models::{Name, Problem, Slice};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The order of removal: everything of a higher tier goes first.
pub mod tier {
    pub const LOCAL: u8 = 0;
    pub const NAMESPACE: u8 = 1;
    /// Data goes after everything that could still be undone.
    pub const VOLUME: u8 = 2;
    pub const BASE: u8 = 3;
    pub const SERVER: u8 = 4;
    pub const GATEWAY: u8 = 5;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub resource: Resource,
    pub needs: Vec<ResourceId>,
    pub tier: u8,
    pub why: String,
}

pub type Want = BTreeMap<ResourceId, Wanted>;

/// Everything that is decided about a slice before its resources are written down.
pub struct Scene<'a> {
    pub slice: &'a Slice,
    pub namespace: String,
    /// Function to cluster.
    pub placed: &'a BTreeMap<Name, Name>,
    pub clusters: &'a BTreeMap<Name, ClusterView>,
    pub bundles: &'a BTreeMap<Name, Bundle>,
    pub recorded: &'a BTreeMap<ResourceId, Recorded>,
    /// Certificates that get a new version although nothing about them changed.
    pub renewed: &'a BTreeSet<ResourceId>,
    pub releases: &'a Releases,
    /// Who may speak to whom, on which container ports: the file's rules and what `servers:` and devices imply.
    pub rules: access::Rules,
}

impl<'a> Scene<'a> {
    pub fn new(slice: &'a Slice, decided: Decided<'a>) -> Self {
        let rules = access::rules(&slice.spec);
        let Decided { placed, clusters, bundles, recorded, renewed, releases } = decided;
        Self { slice, namespace: slice.namespace(), placed, clusters, bundles, recorded, renewed, releases, rules }
    }

    pub fn role(&self, function: &Name) -> Option<Role> {
        self.slice.spec.workload(function).map(|workload| workload.role)
    }

    fn cluster_of(&self, function: &Name) -> Option<&'a Name> {
        self.placed.get(function)
    }

    fn carrying(&self) -> BTreeSet<&'a Name> {
        self.placed.values().collect()
    }

    fn owner(&self, function: Option<&Name>) -> Owner {
        Owner {
            tenant: self.slice.tenant.clone(),
            slice: self.slice.name.clone(),
            uid: self.slice.uid.clone(),
            function: function.cloned(),
        }
    }

    fn namespace_id(&self, cluster: &Name) -> ResourceId {
        names::object(cluster, "v1/Namespace", "", self.namespace.clone())
    }

    /// A secret of ours: the recorded version while its material is the same and it is not renewed.
    fn secret(&self, name: String, material: Material) -> SecretSpec {
        let id = names::local(name);
        let version = match self.recorded.get(&id).map(|recorded| &recorded.resource) {
            Some(Resource::Secret(before)) if before.material == material && !self.renewed.contains(&id) => {
                before.version
            }
            Some(Resource::Secret(before)) => before.version + 1,
            _ => 1,
        };
        SecretSpec { id, version, material }
    }

    /// A namespaced object of ours on one cluster.
    fn object(&self, cluster: &Name, piece: Ours<'_>) -> Wanted {
        let id = names::object(cluster, piece.kind, &self.namespace, piece.name);
        let (api_version, kind) = id.api();
        let mut body = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": id.name, "namespace": self.namespace},
        });
        if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), piece.body) {
            body.extend(rest);
        }
        let mut needs = vec![self.namespace_id(cluster)];
        needs.extend(piece.needs);
        let owner = self.owner(piece.function);
        let object = Object { id, owner, body: Body::Plain(body), fills: piece.fills, keep: false };
        Wanted { resource: Resource::Object(object), needs, tier: tier::BASE, why: piece.why }
    }
}

/// What a scene rests on.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    pub placed: &'a BTreeMap<Name, Name>,
    pub clusters: &'a BTreeMap<Name, ClusterView>,
    pub bundles: &'a BTreeMap<Name, Bundle>,
    pub recorded: &'a BTreeMap<ResourceId, Recorded>,
    /// Certificates that get a new version although nothing about them changed.
    pub renewed: &'a BTreeSet<ResourceId>,
    pub releases: &'a Releases,
}

/// One of our objects before it has its envelope.
struct Ours<'a> {
    kind: &'static str,
    name: String,
    function: Option<&'a Name>,
    body: Value,
    fills: Vec<Fill>,
    needs: Vec<ResourceId>,
    why: String,
}

impl<'a> Ours<'a> {
    fn new(kind: &'static str, name: impl Into<String>, body: Value) -> Self {
        Self { kind, name: name.into(), function: None, body, fills: vec![], needs: vec![], why: String::new() }
    }

    fn of(mut self, function: &'a Name) -> Self {
        self.function = Some(function);
        self
    }

    fn fills(mut self, fills: Vec<Fill>, needs: Vec<ResourceId>) -> Self {
        self.fills = fills;
        self.needs.extend(needs);
        self
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }
}

/// Where the removal of a function's own objects stands.
pub fn tier_of(role: Role) -> u8 {
    match role {
        Role::Server => tier::SERVER,
        Role::Gateway | Role::Function => tier::GATEWAY,
    }
}

/// Everything, by id.
pub fn want(scene: &Scene<'_>) -> Want {
    let base: BTreeMap<_, _> = base(scene).into_iter().map(|wanted| (wanted.resource.id().clone(), wanted)).collect();
    let workloads = workload::wanted(scene, &base);
    base.into_iter().chain(workloads.into_iter().map(|w| (w.resource.id().clone(), w))).collect()
}

/// What several want to be one object; see [`clash`].
pub fn clashes(scene: &Scene<'_>) -> Vec<Problem> {
    clash::clashes(scene, &base(scene))
}

/// What is ours, without the charts.
fn base(scene: &Scene<'_>) -> Vec<Wanted> {
    if scene.slice.adopted.is_some() {
        // Others live in its namespace: nothing there but its releases is its own.
        return releases::wanted(scene);
    }
    let mut all = namespace::wanted(scene);
    all.extend(quota::wanted(scene));
    all.extend(secrets::wanted(scene));
    all.extend(reach::wanted(scene));
    all.extend(access::wanted(scene));
    all.extend(releases::wanted(scene));
    all
}

/// Warnings that come from what cannot be enforced as asked.
pub fn warnings(scene: &Scene<'_>) -> Vec<String> {
    let mut warnings = access::warnings(scene);
    if scene.slice.adopted.is_some() {
        let namespace = &scene.namespace;
        warnings.push(format!(
            "namespace {namespace} is not the slice's own: no quota, no network rule and no identity of its own are set in it"
        ));
    }
    if let Some(quality) = &scene.slice.spec.quality {
        let asked = [
            ("latency", quality.latency.is_some()),
            ("uplink", quality.uplink.is_some()),
            ("downlink", quality.downlink.is_some()),
            ("availability", quality.availability.is_some()),
        ];
        let asked: Vec<&str> = asked.iter().filter(|(_, asked)| *asked).map(|(name, _)| *name).collect();
        if !asked.is_empty() {
            warnings.push(format!("quality ({}) is asked, not enforced", asked.join(", ")));
        }
        if quality.isolation.is_some() {
            warnings.push("isolation: network policy, quota and own credentials are set; a node or link of its own is asked, not enforced".into());
        }
    }
    warnings
}

/// Names a port in a Service, so that its node port can be found again.
fn port_name(port: Port) -> String {
    format!("p{}", port.to_string().replace('/', "-"))
}

/// The version of every secret in one word, to roll pods by.
fn versions(secrets: &[SecretRef]) -> String {
    secrets.iter().map(|s| s.version.to_string()).collect::<Vec<_>>().join(".")
}
