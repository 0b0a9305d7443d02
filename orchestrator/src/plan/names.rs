//! The names of everything that a slice makes. Plan and apply agree because names are computed, never drawn.

use models::Name;
use models::resource::{ResourceId, Target};
use sha2::{Digest, Sha256};

/// Short hash of installation, tenant, name and incarnation: a name that is used again never meets its predecessor, nor the
/// slice of that name which another server made on the same cluster.
pub fn slice_uid(installation: &str, (tenant, name): (&Name, &Name), incarnation: u64) -> String {
    let hash = Sha256::digest(format!("{installation}/{tenant}/{name}/{incarnation}"));
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Names of our objects in a slice's namespace. A chart that wants one of them is refused. A dot parts them: the file's
/// own names have none, so that no two pairs make one name.
pub fn tls_secret(function: &Name) -> String {
    format!("sliceway-{function}.tls")
}

pub fn clients_secret(function: &Name) -> String {
    format!("sliceway-{function}.clients")
}

pub fn uplink_secret(gateway: &Name, server: &Name) -> String {
    format!("sliceway-{gateway}.uplink.{server}")
}

pub fn service_account(function: &Name) -> String {
    format!("sliceway-{function}")
}

/// Ids of secrets on the target `local`.
pub fn ca(uid: &str) -> String {
    format!("{uid}/ca")
}

pub fn certificate(uid: &str, function: &Name) -> String {
    format!("{uid}/certificate/{function}")
}

pub fn device_password(uid: &str, device: &Name) -> String {
    format!("{uid}/device/{device}")
}

pub fn uplink_password(uid: &str, gateway: &Name, server: &Name) -> String {
    format!("{uid}/uplink/{gateway}/{server}")
}

pub fn local(name: String) -> ResourceId {
    ResourceId { target: Target::Local, kind: "secret".into(), namespace: String::new(), name }
}

pub fn object(cluster: &Name, kind: &str, namespace: &str, name: impl Into<String>) -> ResourceId {
    ResourceId {
        target: Target::Cluster(cluster.clone()),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

pub fn readiness(cluster: &Name, namespace: &str, function: &Name) -> ResourceId {
    object(cluster, "readiness", namespace, function.as_str())
}

/// SHA-256 of the JSON form, in hexadecimal: what inputs and plans are compared by.
pub fn digest(value: &impl serde::Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_incarnation_has_another_uid() {
        let (tenant, name): (Name, Name) = ("acme".parse().unwrap(), "factory-7".parse().unwrap());
        assert_eq!(slice_uid("one", (&tenant, &name), 1), slice_uid("one", (&tenant, &name), 1));
        assert_ne!(slice_uid("one", (&tenant, &name), 1), slice_uid("one", (&tenant, &name), 2));
        assert_ne!(slice_uid("one", (&tenant, &name), 1), slice_uid("two", (&tenant, &name), 1));
        assert_eq!(slice_uid("one", (&tenant, &name), 1).len(), 8);
    }
}
