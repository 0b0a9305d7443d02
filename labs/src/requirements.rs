//! What a computer must have before a lab can be made: the right user and a few Debian packages. It installs nothing.

use std::path::Path;

use crate::error::{LabError, Result};

/// A program and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 12] = [
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("iptables-restore", "iptables"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("busybox", "busybox"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
];
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Checks everything and tells all that is missing at once.
pub(crate) fn check() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::refused(
            "a lab makes namespaces and network interfaces, which only root may",
            "sudo sliceway-lab up",
        ));
    }
    let there = |program: &str| FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists());
    packages(there)
}

fn packages(there: impl Fn(&str) -> bool) -> Result<()> {
    let mut missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    Err(LabError::refused(
        format!("Debian packages are missing: {}", missing.join(", ")),
        format!("apt-get install -y --no-install-recommends {}", missing.join(" ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packages_are_named_once_with_the_command_that_installs_them() {
        let failure = packages(|program| !["ip", "tc", "runc"].contains(&program)).unwrap_err();
        assert_eq!(failure.to_string(), "Debian packages are missing: iproute2, runc");
        assert_eq!(failure.next(), Some("apt-get install -y --no-install-recommends iproute2 runc"));
        assert!(packages(|_| true).is_ok());
    }
}
