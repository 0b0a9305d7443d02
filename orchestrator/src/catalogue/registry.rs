//! The ports of all targets: made from what is stored when they are first needed, and kept. What stood on a simulated
//! cluster is put back before anybody meets it.

use super::remembered::Memory;
use crate::ops::Ports;
use crate::ops::safe;
use crate::store::{Key, Kind, Store, Vault};
use adapters::kubernetes::{ExecPolicy, Holder, Kubernetes};
use adapters::sim::Sim;
use adapters::{Discovery, Port, PortError, Safe, Sealed};
use async_trait::async_trait;
use models::Name;
use models::cluster::{Cluster, SimSpec};
use models::resource::Target;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

pub struct Registry {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    local: Arc<dyn Port>,
    exec: ExecPolicy,
    /// As whom real clusters are written on; nobody is asked where it is not said.
    holder: Option<Holder>,
    /// Opens what simulated clusters hold; there is none before the engine is.
    safe: OnceLock<Arc<dyn Safe>>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    handles: HashMap<Name, Handle>,
    /// Read when the first simulated cluster is needed.
    memory: Option<Memory>,
}

/// One cluster, as a port and as something that tells about itself.
#[derive(Clone)]
pub struct Handle {
    port: Arc<dyn Port>,
    pub(super) discovery: Arc<dyn Discovery>,
    /// Where it is simulated.
    sim: Option<Arc<Sim>>,
}

pub(super) fn kubeconfig_key(name: &Name) -> Key {
    Key::installation(Kind::Secret, format!("cluster/{name}/kubeconfig"))
}

impl Registry {
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>, local: Arc<dyn Port>, exec: ExecPolicy) -> Self {
        Self { store, vault, local, exec, holder: None, safe: OnceLock::new(), made: Mutex::default() }
    }

    /// Real clusters are written on only where they are this server's.
    #[must_use]
    pub fn held_by(self, holder: Holder) -> Self {
        Self { holder: Some(holder), ..self }
    }

    /// Once, before a cluster is used: opens what simulated clusters hold.
    pub fn lend(&self, safe: Arc<dyn Safe>) {
        let _ = self.safe.set(safe);
    }

    /// After its credentials changed, or it is gone.
    pub(super) async fn forget(&self, name: &Name) {
        self.made.lock().await.handles.remove(name);
    }

    /// After the spec of a simulated cluster changed. One that was not used yet is made from what is stored.
    pub(super) async fn reshape(&self, name: &Name, spec: &SimSpec) {
        if let Some(sim) = self.made.lock().await.handles.get(name).and_then(|handle| handle.sim.as_ref()) {
            sim.reshape(spec.clone());
        }
    }

    /// Requests sent to each cluster since its port was made.
    pub(super) async fn calls(&self) -> Vec<(Name, u64)> {
        let made = self.made.lock().await;
        made.handles.iter().map(|(name, handle)| (name.clone(), handle.discovery.calls())).collect()
    }

    pub(super) fn seal(&self, name: &Name, kubeconfig: Sealed) -> Result<serde_json::Value, PortError> {
        safe::seal(&self.vault, &kubeconfig_key(name), &[("kubeconfig".to_owned(), kubeconfig)])
    }

    pub(super) fn exec(&self) -> ExecPolicy {
        self.exec
    }

    pub(super) async fn handle(&self, name: &Name) -> Result<Handle, PortError> {
        let mut made = self.made.lock().await;
        if let Some(handle) = made.handles.get(name) {
            return Ok(handle.clone());
        }
        let handle = self.make(name, &mut made.memory).await?;
        made.handles.insert(name.clone(), handle.clone());
        Ok(handle)
    }

    async fn make(&self, name: &Name, memory: &mut Option<Memory>) -> Result<Handle, PortError> {
        let unreachable = |cause: String| unreachable(name, cause);
        let stored = self.store.get(&Key::installation(Kind::Cluster, name.as_str())).await;
        let object = stored.map_err(|error| unreachable(error.to_string()))?;
        let object = object.ok_or_else(|| unreachable("no cluster of this name is registered".into()))?;
        let cluster: Cluster = object.read().map_err(|error| unreachable(error.to_string()))?;
        if let Some(spec) = cluster.spec.sim {
            let sim = Arc::new(self.simulated(name, spec, memory).await?);
            let (port, discovery) = (Arc::clone(&sim), Arc::clone(&sim));
            return Ok(Handle { port, discovery, sim: Some(sim) });
        }
        let key = kubeconfig_key(name);
        let sealed = self.store.get(&key).await.map_err(|error| unreachable(error.to_string()))?;
        let sealed = sealed.ok_or_else(|| unreachable("it has no kubeconfig".into()))?;
        let fields = safe::open(&self.vault, &key, &sealed.doc)?;
        let text = fields.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
        let made = Kubernetes::connect(name.clone(), &text, self.exec).await;
        let real = made.map_err(|error| unreachable(error.to_string()))?;
        let real = Arc::new(match &self.holder {
            Some(holder) => real.held_by(holder.clone()),
            None => real,
        });
        Ok(Handle { port: Arc::clone(&real) as Arc<dyn Port>, discovery: real, sim: None })
    }

    /// A simulated cluster with what an earlier process left on it.
    async fn simulated(&self, name: &Name, spec: SimSpec, memory: &mut Option<Memory>) -> Result<Sim, PortError> {
        let safe = self.safe.get().ok_or_else(|| unreachable(name, "the server is starting".into()))?;
        let memory = match memory {
            Some(memory) => memory,
            None => {
                let read = Memory::read(&self.store).await;
                memory.insert(read.map_err(|error| unreachable(name, error.to_string()))?)
            }
        };
        let sim = Sim::new(name.clone(), spec);
        memory.put_back(name, (&sim, Arc::clone(safe))).await;
        Ok(sim)
    }
}

fn unreachable(name: &Name, cause: String) -> PortError {
    PortError::Unreachable { target: name.to_string(), cause }
}

#[async_trait]
impl Ports for Registry {
    async fn port(&self, target: &Target) -> Result<Arc<dyn Port>, PortError> {
        match target {
            Target::Local => Ok(Arc::clone(&self.local)),
            Target::Cluster(name) => Ok(self.handle(name).await?.port),
        }
    }
}
