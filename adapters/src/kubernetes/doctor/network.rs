//! What makes the cluster's pod network, and whether it enforces network policies: a slice's isolation rests on it.
//!
//! It knows programs by their DaemonSets, their settings where they can be read, and never by a test packet. What it
//! does not know is unknown: an API server stores policies that nobody enforces.

use super::{Patient, listed};
use crate::kubernetes::seen::text;
use crate::port::PortError;
use models::checkup::{Check, Finding};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enforces {
    Yes,
    /// Only with a container, flag or setting of its own, which is looked for.
    With(&'static str),
    /// Unless it is told not to, by this flag.
    Unless(&'static str),
    No,
    /// Some of its versions.
    Some,
}

/// A program by a part of its image's or its DaemonSet's name, or of its conventional label.
const KNOWN: &[(&str, Enforces)] = &[
    ("calico-node", Enforces::Yes),
    ("calico/node", Enforces::Yes),
    ("cilium/cilium", Enforces::Yes),
    ("antrea", Enforces::Yes),
    ("kube-router", Enforces::Unless("--run-firewall=false")),
    ("kube-network-policies", Enforces::Yes),
    ("ovnkube", Enforces::Yes),
    ("kube-ovn", Enforces::Yes),
    ("weave-npc", Enforces::Yes),
    ("azure-npm", Enforces::Yes),
    ("anetd", Enforces::Yes),
    ("aws-node", Enforces::With("enable-network-policy=true")),
    ("kindnet", Enforces::Some),
    ("flannel", Enforces::No),
    ("weave-kube", Enforces::No),
    ("bridge-cni", Enforces::No),
];

/// One DaemonSet that is known.
struct Found<'a> {
    name: &'static str,
    set: &'a Value,
    enforces: Enforces,
}

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let sets = patient.some("/apis/apps/v1/daemonsets").await?;
    let mut found: Vec<Found<'_>> = sets.iter().filter_map(known).collect();
    for one in found.iter_mut().filter(|one| one.name.starts_with("cilium")) {
        if switched_off(patient, text(one.set, "/metadata/namespace")).await {
            one.enforces = Enforces::No;
        }
    }
    Ok(judged(&found, version_of(patient).await))
}

fn known(set: &Value) -> Option<Found<'_>> {
    let words = words(set);
    let (name, enforces) = KNOWN.iter().find(|(name, _)| words.iter().any(|word| word.contains(name)))?;
    Some(Found { name, set, enforces: *enforces })
}

/// Its name, its conventional labels, and its containers' images.
fn words(set: &Value) -> Vec<&str> {
    let containers = set.pointer("/spec/template/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let mut words: Vec<&str> = containers.map(|container| text(container, "/image")).collect();
    words.push(text(set, "/metadata/name"));
    for label in ["/metadata/labels/k8s-app", "/metadata/labels/app.kubernetes.io~1name"] {
        words.push(text(set, label));
    }
    words
}

/// Whether one of its containers has this in its arguments.
fn says(set: &Value, flag: &str) -> bool {
    let containers = set.pointer("/spec/template/spec/containers").and_then(Value::as_array).into_iter().flatten();
    containers
        .flat_map(|container| ["args", "command"].map(|list| container.get(list).map(Value::to_string)))
        .flatten()
        .any(|list| list.contains(flag))
}

/// Cilium can be told to enforce nothing.
async fn switched_off(patient: &Patient<'_>, namespace: &str) -> bool {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/cilium-config");
    match patient.wire.get(&path).await {
        Ok(answer) => text(&answer.json(), "/data/enable-policy") == "never",
        Err(_) => false,
    }
}

async fn version_of(patient: &Patient<'_>) -> String {
    let answer = patient.wire.get("/version").await;
    answer.map(|answer| text(&answer.json(), "/gitVersion").to_owned()).unwrap_or_default()
}

impl Found<'_> {
    fn place(&self) -> String {
        format!(
            "{} (DaemonSet {}/{})",
            self.name,
            text(self.set, "/metadata/namespace"),
            text(self.set, "/metadata/name")
        )
    }

    /// `None`: it cannot be known.
    fn enforces(&self) -> Option<bool> {
        match self.enforces {
            Enforces::Yes => Some(true),
            Enforces::No => Some(false),
            Enforces::Some => None,
            Enforces::With(flag) => Some(says(self.set, flag)),
            Enforces::Unless(flag) => Some(!says(self.set, flag)),
        }
    }

    /// Nodes that it runs on, of those that it is meant for.
    fn runs(&self) -> (u64, u64) {
        let number = |pointer: &str| self.set.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        (number("/status/numberReady"), number("/status/desiredNumberScheduled"))
    }
}

const PROVE: &str = "to be sure, try a connection that a policy forbids";

fn judged(found: &[Found<'_>], version: String) -> Check {
    let check = |state, words: String| Check::new("network policy", state, words);
    if let Some(one) = found.iter().find(|one| one.enforces() == Some(true)) {
        let (ready, meant) = one.runs();
        let words = format!("{} is known to enforce policies, and runs on {ready} of {meant} nodes", one.place());
        return match ready >= meant && meant > 0 {
            true => check(Finding::Ok, format!("{words}; no packet was sent to prove it")),
            false => check(Finding::Warning, words).next("mend its pods: slices are not isolated on the other nodes"),
        };
    }
    if let Some(one) = found.iter().find(|one| one.enforces().is_none()) {
        let words =
            format!("{}: only newer versions of it enforce policies, and which it is cannot be known", one.place());
        return check(Finding::Unknown, words).next(PROVE);
    }
    if version.contains("+k3s") || version.contains("+rke2") {
        let words = format!("{version} has an enforcer inside unless it was started with --disable-network-policy");
        return check(Finding::Unknown, words).next(PROVE);
    }
    if found.is_empty() {
        let words = "no DaemonSet of a network that is known; whether policies are enforced cannot be known from here";
        return check(Finding::Unknown, words.into()).next(PROVE);
    }
    let names: Vec<String> = found.iter().map(Found::place).collect();
    let words = format!("{} does not enforce policies: slices are not isolated from others here", listed(&names));
    check(Finding::Failed, words).next("add one that does (Calico, Cilium, kube-router, kube-network-policies)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(name: &str, container: Value, ready: u64) -> Value {
        json!({"metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": [container]}}},
            "status": {"numberReady": ready, "desiredNumberScheduled": 2}})
    }

    fn check(sets: &[Value], version: &str, expect: (Finding, &str)) {
        let found: Vec<Found<'_>> = sets.iter().filter_map(known).collect();
        let check = judged(&found, version.into());
        assert_eq!(check.state, expect.0, "{check:?}");
        assert!(check.found.contains(expect.1), "{check:?}");
    }

    #[test]
    fn an_enforcer_is_known_by_what_runs_and_nothing_is_claimed_beyond_that() {
        let image = |image: &str| json!({"image": image});
        let flannel = set("kube-flannel-ds", image("ghcr.io/flannel-io/flannel:v1"), 2);
        let calico = set("calico-node", image("quay.io/calico/node:v3"), 2);
        check(&[], "v1.36.0", (Finding::Unknown, "cannot be known"));
        check(&[], "v1.36.0+k3s1", (Finding::Unknown, "--disable-network-policy"));
        check(std::slice::from_ref(&flannel), "", (Finding::Failed, "does not enforce"));
        check(&[flannel, calico.clone()], "", (Finding::Ok, "calico-node (DaemonSet kube-system/calico-node)"));
        check(&[set("calico-node", image("x"), 1)], "", (Finding::Warning, "1 of 2 nodes"));
        check(&[set("kindnet", image("kindest/kindnetd:v1"), 2)], "", (Finding::Unknown, "newer versions"));
        let off = json!({"image": "kube-router:v2", "args": ["--run-firewall=false"]});
        check(&[set("kube-router", off, 2)], "", (Finding::Failed, "does not enforce"));
        let aws = json!({"image": "aws-network-policy-agent", "args": ["--enable-network-policy=true"]});
        check(&[set("aws-node", aws, 2)], "", (Finding::Ok, "aws-node"));
        check(&[set("aws-node", image("amazon-k8s-cni"), 2)], "", (Finding::Failed, "aws-node"));
    }
}
