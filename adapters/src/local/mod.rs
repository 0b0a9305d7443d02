//! The target `@local`: makes a slice's certificates, keys and passwords and keeps them in the sealed store.
//!
//! A version, once kept, never changes: `apply` of a version that exists reports it, and erases what nobody needs any more:
//! newer ones, whose change was undone, and all older ones but the last. It must never print, log or return
//! a secret's value; what it reports is public (the end of a certificate).

mod material;

use crate::deadline::within;
use crate::port::{Call, Port, PortError, Sealed};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use models::resource::{Object, Ready, Resource, ResourceId, Seen, Target};
use models::secret::{Material, SecretRef, SecretSpec};
use ring::rand::SecureRandom;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// When the first certificate of a PEM text ends.
pub(crate) fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    material::end(pem)
}

/// The output that says when a certificate ends, RFC 3339.
pub const NOT_AFTER: &str = "not_after";

/// The output that says when it begins, RFC 3339.
pub const NOT_BEFORE: &str = "not_before";

/// The life of a certificate where nobody says another.
pub const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

pub struct Local {
    life: SignedDuration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

type Fields = Vec<(String, Sealed)>;

impl Local {
    pub fn new(clock: Arc<dyn Fn() -> Timestamp + Send + Sync>, random: Arc<dyn SecureRandom + Send + Sync>) -> Self {
        Self { clock, random, life: LIFE }
    }

    /// Servers' and gateways' certificates live so long, unless their CA ends before.
    #[must_use]
    pub fn with_life(self, life: SignedDuration) -> Self {
        Self { life, ..self }
    }

    async fn make(&self, call: &Call, spec: &SecretSpec) -> Result<Seen, PortError> {
        let reference = spec.reference();
        if let Some(kept) = call.safe.read(&reference).await? {
            self.tidy(call, spec).await?;
            return told(spec, &kept);
        }
        let made = match &spec.material {
            Material::Ca { common_name } => self.forge().ca(common_name),
            Material::Certificate { ca, common_name, dns_names } => {
                let issuer = call.safe.read(ca).await?;
                let missing = || format!("version {} of CA {} does not exist", ca.version, ca.id);
                let issuer = issuer.ok_or_else(|| PortError::Sealed { cause: missing() })?;
                self.forge().certificate(&issuer, common_name, dns_names)
            }
            Material::Password => self.forge().password(),
        };
        let made = made.map_err(|cause| invalid(&spec.id, cause))?;
        call.safe.write(&reference, made).await?;
        // Somebody may have been first; theirs is the one that counts.
        let kept = call.safe.read(&reference).await?;
        let lost = || PortError::Sealed { cause: format!("{} was written and is not there", spec.id.name) };
        let kept = kept.ok_or_else(lost)?;
        self.tidy(call, spec).await?;
        told(spec, &kept)
    }

    /// A newer version is of a change that was undone; of the older ones an undo may need the last.
    async fn tidy(&self, call: &Call, spec: &SecretSpec) -> Result<(), PortError> {
        for version in call.safe.versions(&spec.id.name).await? {
            if version > spec.version || version + 1 < spec.version {
                call.safe.erase(&SecretRef { id: spec.id.name.clone(), version }).await?;
            }
        }
        Ok(())
    }

    fn forge(&self) -> material::Forge<'_> {
        material::Forge { now: (self.clock)(), life: self.life, random: self.random.as_ref() }
    }
}

fn invalid(id: &ResourceId, cause: impl Into<String>) -> PortError {
    PortError::Invalid { id: id.to_string(), cause: cause.into() }
}

/// What may be said of a kept version; refuses one that holds something else than was asked for.
fn told(spec: &SecretSpec, kept: &Fields) -> Result<Seen, PortError> {
    let needed: &[&str] = match spec.material {
        Material::Ca { .. } => &["ca.crt", "ca.key"],
        Material::Certificate { .. } => &["ca.crt", "tls.crt", "tls.key"],
        Material::Password => &["password", "mosquitto"],
    };
    if let Some(missing) = needed.iter().find(|name| !kept.iter().any(|(field, _)| field == *name)) {
        return Err(invalid(&spec.id, format!("version {} is kept already and has no {missing}", spec.version)));
    }
    seen(&spec.reference(), kept)
}

fn seen(reference: &SecretRef, kept: &Fields) -> Result<Seen, PortError> {
    let mut seen = Seen {
        uid: reference.id.clone(),
        version: reference.version.to_string(),
        ready: Ready::Yes,
        ..Seen::default()
    };
    let field = |name: &str| kept.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    if let Some(certificate) = field("tls.crt").or_else(|| field("ca.crt")) {
        let broken = || PortError::Sealed { cause: format!("{} holds no certificate", reference.id) };
        let (start, end) = material::life(certificate).ok_or_else(broken)?;
        seen.outputs.insert(NOT_BEFORE.to_owned(), start.to_string());
        seen.outputs.insert(NOT_AFTER.to_owned(), end.to_string());
        // A certificate is public; a digest of a password would not be.
        seen.digest = Sha256::digest(certificate.as_slice()).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    Ok(seen)
}

fn here(id: &ResourceId) -> Result<(), PortError> {
    if id.target == Target::Local { Ok(()) } else { Err(invalid(id, "its target is not @local")) }
}

#[async_trait]
impl Port for Local {
    async fn apply(&self, call: &Call, want: &Resource, _seen: Option<&Seen>) -> Result<Seen, PortError> {
        let Resource::Secret(spec) = want else {
            return Err(invalid(want.id(), "the target @local holds secrets only"));
        };
        here(&spec.id)?;
        within(call, "@local", self.make(call, spec)).await
    }

    async fn remove(&self, call: &Call, what: &Resource, _seen: Option<&Seen>) -> Result<(), PortError> {
        let Resource::Secret(spec) = what else {
            return Err(invalid(what.id(), "the target @local holds secrets only"));
        };
        here(&spec.id)?;
        let work = async {
            let mut versions = call.safe.versions(&spec.id.name).await?;
            versions.push(spec.version);
            for version in versions {
                call.safe.erase(&SecretRef { id: spec.id.name.clone(), version }).await?;
            }
            Ok(())
        };
        within(call, "@local", work).await
    }

    async fn disown(&self, _: &Call, object: &Object) -> Result<(), PortError> {
        Err(invalid(&object.id, "the target @local holds secrets only"))
    }

    async fn own(&self, _: &Call, object: &Object) -> Result<(), PortError> {
        Err(invalid(&object.id, "the target @local holds secrets only"))
    }

    /// The newest version that is kept; its number is `Seen::version`.
    async fn observe(&self, call: &Call, id: &ResourceId) -> Result<Option<Seen>, PortError> {
        here(id)?;
        let work = async {
            let Some(version) = call.safe.versions(&id.name).await?.into_iter().max() else { return Ok(None) };
            let reference = SecretRef { id: id.name.clone(), version };
            call.safe.read(&reference).await?.map(|kept| seen(&reference, &kept)).transpose()
        };
        within(call, "@local", work).await
    }
}
