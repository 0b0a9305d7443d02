//! The edge agent of a dynamic cluster, and the privileged helper of a Linux gateway that makes tunnels.
//!
//! It must run for ever without the cloud, and never restart a workload whose desired state did not change. The agent
//! comes with a later issue; what stands here is the first type that it shares with the server.

use models::Name;

/// A desired state that was published for one cluster. A higher version replaces a lower one; the same is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    pub cluster: Name,
    pub version: u64,
    /// Digests of the rendered bundles that must run.
    pub bundles: Vec<String>,
}

impl Desired {
    /// Whether this one takes the place of `current`.
    pub fn replaces(&self, current: &Desired) -> bool {
        self.cluster == current.cluster && self.version > current.version
    }
}
