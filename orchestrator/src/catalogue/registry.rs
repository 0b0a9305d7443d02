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
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub struct Registry {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    local: Arc<dyn Port>,
    exec: ExecPolicy,
    /// As whom real clusters are written on; nobody is asked where it is not said.
    holder: Option<Holder>,
    /// Opens what simulated clusters hold; there is none before the engine is.
    safe: OnceLock<Arc<dyn Safe>>,
    /// Whoever needs a cluster waits for that one only: a kubeconfig may run a program that hangs.
    made: Mutex<HashMap<Name, Arc<OnceCell<Handle>>>>,
    /// Read when the first simulated cluster is needed.
    memory: tokio::sync::Mutex<Option<Memory>>,
}

/// One cluster, as a port and as something that tells about itself.
#[derive(Clone)]
pub struct Handle {
    port: Arc<dyn Port>,
    pub(super) discovery: Arc<dyn Discovery>,
    /// The cluster is reached in another way by now, or gone.
    pub(super) forgotten: CancellationToken,
    /// Where it is simulated.
    sim: Option<Arc<Sim>>,
}

pub(super) fn kubeconfig_key(name: &Name) -> Key {
    Key::installation(Kind::Secret, format!("cluster/{name}/kubeconfig"))
}

impl Registry {
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>, local: Arc<dyn Port>, exec: ExecPolicy) -> Self {
        Self {
            store,
            vault,
            local,
            exec,
            holder: None,
            safe: OnceLock::new(),
            made: Mutex::default(),
            memory: tokio::sync::Mutex::default(),
        }
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
    pub(super) fn forget(&self, name: &Name) {
        let cell = self.made().remove(name);
        if let Some(handle) = cell.as_ref().and_then(|cell| cell.get()) {
            handle.forgotten.cancel();
        }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<Name, Arc<OnceCell<Handle>>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> Vec<(Name, Handle)> {
        self.made().iter().filter_map(|(name, cell)| Some((name.clone(), cell.get()?.clone()))).collect()
    }

    /// After the spec of a simulated cluster changed. One that was not used yet is made from what is stored.
    pub(super) async fn reshape(&self, name: &Name, spec: &SimSpec) {
        if !self.made().contains_key(name) {
            return;
        }
        // One that is being made may be made of what was stored before.
        if let Ok(Handle { sim: Some(sim), .. }) = self.handle(name).await {
            sim.reshape(spec.clone());
        }
    }

    /// Requests sent to each cluster since its port was made.
    pub(super) fn calls(&self) -> Vec<(Name, u64)> {
        self.used().into_iter().map(|(name, handle)| (name, handle.discovery.calls())).collect()
    }

    pub(super) fn seal(&self, name: &Name, kubeconfig: Sealed) -> Result<serde_json::Value, PortError> {
        safe::seal(&self.vault, &kubeconfig_key(name), &[("kubeconfig".to_owned(), kubeconfig)])
    }

    pub(super) fn exec(&self) -> ExecPolicy {
        self.exec
    }

    pub(super) async fn handle(&self, name: &Name) -> Result<Handle, PortError> {
        let cell = Arc::clone(self.made().entry(name.clone()).or_default());
        let made = cell.get_or_try_init(|| self.make(name)).await.cloned();
        if made.is_err() {
            self.let_go(name, &cell);
        }
        made
    }

    /// Nothing is kept of a cluster that cannot be made, or is not there, where nobody else is at it.
    fn let_go(&self, name: &Name, cell: &Arc<OnceCell<Handle>>) {
        let mut made = self.made();
        // The table's and the caller's.
        if made.get(name).is_some_and(|kept| Arc::ptr_eq(kept, cell) && Arc::strong_count(cell) == 2) {
            made.remove(name);
        }
    }

    async fn make(&self, name: &Name) -> Result<Handle, PortError> {
        let unreachable = |cause: String| unreachable(name, cause);
        let stored = self.store.get(&Key::installation(Kind::Cluster, name.as_str())).await;
        let object = stored.map_err(|error| unreachable(error.to_string()))?;
        let object = object.ok_or_else(|| unreachable("no cluster of this name is registered".into()))?;
        let cluster: Cluster = object.read().map_err(|error| unreachable(error.to_string()))?;
        if let Some(spec) = cluster.spec.sim {
            let sim = Arc::new(self.simulated(name, spec).await?);
            let (port, discovery) = (Arc::clone(&sim), Arc::clone(&sim));
            return Ok(Handle { port, discovery, forgotten: CancellationToken::new(), sim: Some(sim) });
        }
        let key = kubeconfig_key(name);
        let sealed = self.store.get(&key).await.map_err(|error| unreachable(error.to_string()))?;
        let sealed = sealed.ok_or_else(|| unreachable("it has no kubeconfig".into()))?;
        let fields = safe::open(&self.vault, &key, &sealed.doc)?;
        let text = fields.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
        let made = Kubernetes::connect(name.clone(), &text, self.exec).await;
        let real = made.map_err(|error| unreachable(error.to_string()))?;
        let real = real.of_uid(cluster.identity);
        let real = Arc::new(match &self.holder {
            Some(holder) => real.held_by(holder.clone()),
            None => real,
        });
        let (port, forgotten) = (Arc::clone(&real) as Arc<dyn Port>, CancellationToken::new());
        Ok(Handle { port, discovery: real, forgotten, sim: None })
    }

    /// A simulated cluster with what an earlier process left on it.
    async fn simulated(&self, name: &Name, spec: SimSpec) -> Result<Sim, PortError> {
        let safe = self.safe.get().ok_or_else(|| unreachable(name, "the server is starting".into()))?;
        let mut memory = self.memory.lock().await;
        let memory = match &mut *memory {
            Some(memory) => memory,
            None => {
                let read = Memory::read(&self.store).await;
                memory.insert(read.map_err(|error| unreachable(name, error.to_string()))?)
            }
        };
        let sim = Sim::new(name.clone(), spec).without_journal();
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
