//! A rendered chart as it is kept: reused for the same inputs, so that an unchanged file never changes the world.

use models::Name;
use models::repository::PinnedDependency;
use models::resource::{Body, DeletePolicy};
use serde::{Deserialize, Serialize};
use topology::Pods;

/// Stored under `Kind::Bundle`, tenant, id `<slice uid>/<function>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    #[serde(deserialize_with = "models::format::known::<_, 1>")]
    pub format: u32,
    /// Digest of what the user asked for: chart reference, values, contract, cluster.
    pub inputs: String,
    pub chart: ChartPin,
    pub objects: Vec<Piece>,
    /// In the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookPiece>,
    /// Definitions of custom kinds; they are on a cluster before anything else of the chart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<Piece>,
    /// The sealed JSON of what Helm records of it. Absent: rendered before releases were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    pub pods: Vec<Pods>,
    /// Names of the volumes that hold data: claims of the chart and claim templates.
    pub volumes: Vec<String>,
    /// Requested storage over all claims.
    pub storage_bytes: u64,
    /// How much of it rests on what the cluster held when it was rendered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lookups: usize,
    /// What a person should know: lookups that are not answered, random functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Bundle {
    pub const FORMAT: u32 = 1;

    /// The claims that are objects of the chart; those of templates are nobody's once their StatefulSet is gone.
    pub fn claims(&self) -> Vec<String> {
        self.objects.iter().filter(|piece| piece.is("PersistentVolumeClaim")).map(|piece| piece.name.clone()).collect()
    }

    /// Volumes that go when their function leaves its slice: all but the claims that the chart keeps.
    pub fn lost_volumes(&self) -> Vec<String> {
        let kept = |name: &String| {
            self.objects.iter().any(|piece| piece.keep && piece.is("PersistentVolumeClaim") && &piece.name == name)
        };
        self.volumes.iter().filter(|name| !kept(name)).cloned().collect()
    }

    /// The hooks of one moment, such as `pre-install`, in the order in which they run.
    pub fn hooks_of<'b>(&'b self, event: &'b str) -> impl Iterator<Item = &'b HookPiece> {
        self.hooks.iter().filter(move |hook| hook.events.iter().any(|known| known == event))
    }
}

/// One object that a chart makes at moments of its release's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPiece {
    pub events: Vec<String>,
    pub weight: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<DeletePolicy>,
    /// The chart wants to hear what its pods said when it succeeded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words: bool,
    pub piece: Piece,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Which chart it was, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChartPin {
    pub name: String,
    pub version: String,
    /// The blob that is rendered: the chart with its dependencies in it.
    pub digest: String,
    /// Absent: recorded before repositories had addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Name>,
    /// The package that has it, where it is not of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Name>,
    /// What the file said: a version, a range, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the repository knows it by: the archive's digest, or the manifest's in a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<PinnedDependency>,
}

/// One rendered object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    /// The chart's file that it came from.
    pub source: String,
    /// `helm.sh/resource-policy: keep`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    pub body: Body,
}

impl Piece {
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Its body, where that is not sealed.
    pub fn plain(&self) -> Option<&serde_json::Value> {
        match &self.body {
            Body::Plain(body) => Some(body),
            Body::Sealed { .. } | Body::Release(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_was_recorded_before_repositories_had_addresses_is_read() {
        let old = r#"{"name": "web", "version": "1.0.0", "digest": "sha256:00"}"#;
        let pin: ChartPin = serde_json::from_str(old).unwrap();
        assert_eq!((pin.repository.as_ref(), pin.asked.as_ref(), pin.dependencies.len()), (None, None, 0));
        assert_eq!(serde_json::to_string(&pin).unwrap(), old.replace(": ", ":").replace(", ", ","));
    }
}
