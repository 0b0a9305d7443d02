//! The only way in which a secret leaves: what one device needs to speak to its gateway. Each time is recorded.

use super::describe::endpoint;
use super::{AskError, Meant, Slices};
use crate::plan::{Recorded, names};
use crate::store::{Key, Kind, Txn};
use jiff::Timestamp;
use models::resource::{Resource, ResourceId};
use models::secret::SecretRef;
use models::slice::Device;
use models::{Name, Slice};
use serde_json::json;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A file name with its content.
pub type CredentialFile = (String, Zeroizing<Vec<u8>>);

impl Slices {
    pub async fn credentials(
        &self,
        tenant: &Name,
        slice: Option<&Name>,
        device: &Name,
    ) -> Result<Vec<CredentialFile>, AskError> {
        let (slice, device) = self.device(tenant, slice, device).await?;
        let recorded = self.recorded(tenant, &slice.uid).await?;
        let ca = self.field(&recorded, names::ca(&slice.uid), "ca.crt").await?;
        let password = self.field(&recorded, names::device_password(&slice.uid, &device.name), "password").await?;
        let clusters = self.clusters.snapshot(Timestamp::MIN, &Meant::standing(&slice)).await?;
        let (host, port) = endpoint(&slice, &device.gateway, (&recorded, &clusters))
            .ok_or_else(|| AskError::Unavailable { cause: format!("gateway {} has no address yet", device.gateway) })?;
        let about = json!({
            "host": host, "port": port, "username": device.name,
            "topics": device.resources.iter().map(|r| format!("sliceway/{}/{}", device.name, r.name)).collect::<Vec<_>>(),
        });
        self.record(tenant, &slice, &device.name).await?;
        Ok(vec![
            ("ca.crt".into(), ca),
            ("username".into(), Zeroizing::new(device.name.to_string().into_bytes())),
            ("password".into(), password),
            ("endpoint.json".into(), Zeroizing::new(about.to_string().into_bytes())),
        ])
    }

    /// Where the devices of a slice find their gateways, `host:port`; a gateway without an address is not in it.
    pub async fn endpoints(&self, tenant: &Name, slice: &Slice) -> Result<BTreeMap<Name, String>, AskError> {
        let recorded = self.recorded(tenant, &slice.uid).await?;
        let clusters = self.clusters.snapshot(Timestamp::MIN, &Meant::standing(slice)).await?;
        let gateways = slice.spec.gateways.iter().map(|gateway| &gateway.name);
        let found = gateways.filter_map(|name| Some((name, endpoint(slice, name, (&recorded, &clusters))?)));
        Ok(found.map(|(name, (host, port))| (name.clone(), format!("{host}:{port}"))).collect())
    }

    /// A device's name is its own within its slice; without the slice it must be the only one.
    async fn device(&self, tenant: &Name, slice: Option<&Name>, name: &Name) -> Result<(Slice, Device), AskError> {
        let slices = match slice {
            Some(slice) => vec![self.get(tenant, slice).await?.0],
            None => self.list(tenant).await?.into_iter().map(|(slice, _)| slice).collect(),
        };
        let having = |slice: Slice| {
            let device = slice.spec.devices.iter().find(|device| &device.name == name).cloned()?;
            Some((slice, device))
        };
        let mut found: Vec<(Slice, Device)> = slices.into_iter().filter_map(having).collect();
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (Some(_), _) => Err(AskError::Refused {
                reason: format!("several slices have a device called {name}"),
                mend: "say which one: --slice NAME".into(),
            }),
            (None, _) => Err(AskError::NotFound(format!("device {name}"))),
        }
    }

    async fn field(
        &self,
        recorded: &BTreeMap<ResourceId, Recorded>,
        secret: String,
        field: &str,
    ) -> Result<Zeroizing<Vec<u8>>, AskError> {
        let missing = || AskError::Unavailable { cause: "the slice's secrets are not made yet".into() };
        let version = match recorded.get(&names::local(secret.clone())).map(|recorded| &recorded.resource) {
            Some(Resource::Secret(spec)) => spec.version,
            Some(Resource::Object(_) | Resource::Readiness(_) | Resource::Hook(_)) | None => return Err(missing()),
        };
        let fields = self.engine.safe().read(&SecretRef { id: secret, version }).await;
        let fields = fields.map_err(|error| AskError::Unavailable { cause: error.to_string() })?.ok_or_else(missing)?;
        fields.into_iter().find(|(name, _)| name == field).map(|(_, value)| value).ok_or_else(missing)
    }

    async fn record(&self, tenant: &Name, slice: &Slice, device: &Name) -> Result<(), AskError> {
        let id = format!("disclosed/{}/{device}", slice.uid);
        let key = Key::new(Kind::Meta, tenant.as_str(), id);
        let before = self.store.get(&key).await?.and_then(|object| object.doc["times"].as_u64()).unwrap_or(0);
        let doc = json!({"slice": slice.name, "device": device, "times": before + 1, "last": self.engine.now()});
        self.engine.commit(Txn::new().put(key, doc)).await?;
        Ok(())
    }
}
