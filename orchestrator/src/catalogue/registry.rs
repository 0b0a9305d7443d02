//! The ports of all targets: made from what is stored when they are first needed, and kept.

use crate::ops::Ports;
use crate::ops::safe;
use crate::store::{Key, Kind, Store, Vault};
use adapters::kubernetes::{ExecPolicy, Kubernetes};
use adapters::sim::Sim;
use adapters::{Discovery, Port, PortError, Sealed};
use async_trait::async_trait;
use models::Name;
use models::cluster::Cluster;
use models::resource::Target;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;

pub struct Registry {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    local: Arc<dyn Port>,
    exec: ExecPolicy,
    made: Mutex<HashMap<Name, Handle>>,
}

/// One cluster, as a port and as something that tells about itself.
#[derive(Clone)]
pub struct Handle {
    port: Arc<dyn Port>,
    pub(super) discovery: Arc<dyn Discovery>,
}

pub(super) fn kubeconfig_key(name: &Name) -> Key {
    Key::installation(Kind::Secret, format!("cluster/{name}/kubeconfig"))
}

impl Registry {
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>, local: Arc<dyn Port>, exec: ExecPolicy) -> Self {
        Self { store, vault, local, exec, made: Mutex::default() }
    }

    /// After its credentials changed, or it is gone.
    pub(super) async fn forget(&self, name: &Name) {
        self.made.lock().await.remove(name);
    }

    pub(super) fn seal(&self, name: &Name, kubeconfig: Sealed) -> Result<serde_json::Value, PortError> {
        safe::seal(&self.vault, &kubeconfig_key(name), &[("kubeconfig".to_owned(), kubeconfig)])
    }

    pub(super) fn exec(&self) -> ExecPolicy {
        self.exec
    }

    pub(super) async fn handle(&self, name: &Name) -> Result<Handle, PortError> {
        let mut made = self.made.lock().await;
        if let Some(handle) = made.get(name) {
            return Ok(handle.clone());
        }
        let handle = self.make(name).await?;
        made.insert(name.clone(), handle.clone());
        Ok(handle)
    }

    async fn make(&self, name: &Name) -> Result<Handle, PortError> {
        let unreachable = |cause: String| PortError::Unreachable { target: name.to_string(), cause };
        let stored = self.store.get(&Key::installation(Kind::Cluster, name.as_str())).await;
        let object = stored.map_err(|error| unreachable(error.to_string()))?;
        let object = object.ok_or_else(|| unreachable("no cluster of this name is registered".into()))?;
        let cluster: Cluster = object.read().map_err(|error| unreachable(error.to_string()))?;
        if let Some(spec) = cluster.spec.sim {
            let sim = Arc::new(Sim::new(name.clone(), spec));
            return Ok(Handle { port: Arc::clone(&sim) as Arc<dyn Port>, discovery: sim });
        }
        let key = kubeconfig_key(name);
        let sealed = self.store.get(&key).await.map_err(|error| unreachable(error.to_string()))?;
        let sealed = sealed.ok_or_else(|| unreachable("it has no kubeconfig".into()))?;
        let fields = safe::open(&self.vault, &key, &sealed.doc)?;
        let text = fields.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
        let made = Kubernetes::connect(name.clone(), &text, self.exec).await;
        let real = Arc::new(made.map_err(|error| unreachable(error.to_string()))?);
        Ok(Handle { port: Arc::clone(&real) as Arc<dyn Port>, discovery: real })
    }
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
