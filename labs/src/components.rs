//! The programs of one cluster: their command lines and configuration files, in the paths that hold inside a machine.
//! Pure text; nothing is started here.

use std::fs;
use std::path::Path;

use crate::binaries::folder;
use crate::error::{Doing, LabError, Result};
use crate::file::Cluster;
use crate::inner::{MACHINE_FILE, MachineFile};
use crate::place::inside;
use crate::supervisor::Component;

/// The components that make the API work, in the order of their start.
pub(crate) const CONTROL: [&str; 4] = [ETCD, API, "kube-controller-manager", "kube-scheduler"];
/// Started when the API answers and the images are there.
pub(crate) const NODE: [&str; 2] = ["kubelet", "kube-proxy"];
pub(crate) const CONTAINERD: &str = "containerd";
const ETCD: &str = "etcd";
const API: &str = "kube-apiserver";

fn program(name: &str) -> String {
    format!("{}/{}", inside::CACHE, folder(name).display())
}

fn pki(file: &str) -> String {
    format!("{}/pki/{file}", inside::CLUSTER)
}

fn component(name: &str, flags: &[(&str, &str)]) -> Component {
    let flags = flags.iter().map(|(flag, value)| format!("--{flag}={value}"));
    let command = [format!("{}/kube", program("kube")), name.to_owned()].into_iter().chain(flags).collect();
    Component { name: name.to_owned(), command, log: format!("{}/log/{name}.log", inside::CLUSTER) }
}

fn etcd() -> Component {
    let data = format!("{}/etcd", inside::CLUSTER);
    component(
        ETCD,
        &[
            ("data-dir", &data),
            // A lab's data does not outlive its machine: no need to wait for the disk.
            ("unsafe-no-fsync", "true"),
            ("listen-client-urls", "http://127.0.0.1:2379"),
            ("advertise-client-urls", "http://127.0.0.1:2379"),
            ("listen-peer-urls", "http://127.0.0.1:2380"),
            ("log-level", "warn"),
        ],
    )
}

fn api_server(cluster: &Cluster) -> Component {
    let (address, services) = (cluster.node_address().to_string(), cluster.services.to_string());
    component(
        API,
        &[
            ("etcd-servers", "http://127.0.0.1:2379"),
            ("secure-port", "6443"),
            ("bind-address", "0.0.0.0"),
            ("advertise-address", &address),
            ("service-cluster-ip-range", &services),
            ("authorization-mode", "Node,RBAC"),
            ("allow-privileged", "true"),
            ("kubelet-preferred-address-types", "InternalIP"),
            ("cert-dir", "/run/lab/api"),
            ("tls-cert-file", &pki("api.crt")),
            ("tls-private-key-file", &pki("api.key")),
            ("client-ca-file", &pki("ca.crt")),
            ("kubelet-client-certificate", &pki("api-kubelet.crt")),
            ("kubelet-client-key", &pki("api-kubelet.key")),
            ("kubelet-certificate-authority", &pki("ca.crt")),
            ("service-account-key-file", &pki("sa.pub")),
            ("service-account-signing-key-file", &pki("sa.key")),
            ("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
            ("requestheader-client-ca-file", &pki("ca.crt")),
            ("requestheader-allowed-names", "front-proxy-client"),
            ("requestheader-username-headers", "X-Remote-User"),
            ("requestheader-group-headers", "X-Remote-Group"),
            ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
            ("proxy-client-cert-file", &pki("front-proxy.crt")),
            ("proxy-client-key-file", &pki("front-proxy.key")),
            ("enable-aggregator-routing", "true"),
        ],
    )
}

fn controllers(cluster: &Cluster) -> Component {
    let pods = cluster.pods.to_string();
    component(
        "kube-controller-manager",
        &[
            ("kubeconfig", "/run/lab/controllers.kubeconfig"),
            ("leader-elect", "false"),
            ("secure-port", "0"),
            ("authentication-skip-lookup", "true"),
            ("use-service-account-credentials", "true"),
            ("service-account-private-key-file", &pki("sa.key")),
            ("root-ca-file", &pki("ca.crt")),
            ("cluster-signing-cert-file", &pki("ca.crt")),
            ("cluster-signing-key-file", &pki("ca.key")),
            ("allocate-node-cidrs", "true"),
            ("cluster-cidr", &pods),
            ("node-cidr-mask-size", "24"),
        ],
    )
}

fn scheduler() -> Component {
    component(
        "kube-scheduler",
        &[
            ("kubeconfig", "/run/lab/scheduler.kubeconfig"),
            ("leader-elect", "false"),
            ("secure-port", "0"),
            ("authentication-skip-lookup", "true"),
        ],
    )
}

/// containerd looks for its shim, and the shim for runc, on the PATH.
fn containerd() -> Component {
    let own = program(CONTAINERD);
    let path = format!("PATH={own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let command = ["/usr/bin/env", &path, &format!("{own}/containerd"), "--config", "/run/lab/containerd.toml"];
    let log = format!("{}/log/{CONTAINERD}.log", inside::CLUSTER);
    Component { name: CONTAINERD.to_owned(), command: command.map(str::to_owned).to_vec(), log }
}

fn kubelet(cluster: &Cluster) -> Component {
    let (node, address) = (cluster.node_name(), cluster.node_address().to_string());
    let labels: Vec<String> = cluster.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    component(
        "kubelet",
        &[
            ("config", "/run/lab/kubelet.yaml"),
            ("kubeconfig", "/run/lab/kubelet.kubeconfig"),
            ("root-dir", "/var/lib/kubelet"),
            ("cert-dir", "/var/lib/kubelet/pki"),
            ("hostname-override", &node),
            ("node-ip", &address),
            ("node-labels", &labels.join(",")),
        ],
    )
}

/// Every component of a cluster.
pub(crate) fn all(cluster: &Cluster) -> Vec<Component> {
    let proxy = component("kube-proxy", &[("config", "/run/lab/proxy.yaml")]);
    vec![etcd(), api_server(cluster), controllers(cluster), scheduler(), containerd(), kubelet(cluster), proxy]
}

/// Pods have addresses of the node's part of the range, routed by a link each; the node's ports lead to them.
fn pod_network(cluster: &Cluster) -> serde_json::Value {
    let ipam = serde_json::json!({
        "type": "host-local", "dataDir": "/var/lib/cni/networks",
        "ranges": [[{"subnet": cluster.pods.first(24)}]], "routes": [{"dst": "0.0.0.0/0"}],
    });
    serde_json::json!({
        "cniVersion": "1.0.0", "name": "lab",
        "plugins": [
            {"type": "ptp", "ipMasq": true, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

/// Writes what the machine and its components read.
pub(crate) fn write(cluster: &Cluster, cache: &Path, dir: &Path) -> Result<()> {
    for made in ["log", "cni"] {
        fs::create_dir_all(dir.join(made)).doing("make", &dir.join(made))?;
    }
    let fill = |text: &str| {
        text.replace("{{DNS}}", &cluster.dns_address().to_string())
            .replace("{{PODS}}", &cluster.pods.to_string())
            .replace("{{NODE}}", &cluster.node_name())
            .replace("{{CNI}}", &program("cni"))
    };
    let machine = MachineFile {
        host_name: cluster.node_name(),
        address: cluster.node_address(),
        cache: cache.to_owned(),
        components: all(cluster),
    };
    let json = |source| LabError::Json { what: "the machine's file".to_owned(), source };
    for (name, text) in [
        ("containerd.toml", fill(include_str!("../assets/containerd.toml"))),
        ("kubelet.yaml", fill(include_str!("../assets/kubelet.yaml"))),
        ("proxy.yaml", fill(include_str!("../assets/proxy.yaml"))),
        ("cni/10-lab.conflist", pod_network(cluster).to_string()),
        (MACHINE_FILE, serde_json::to_string_pretty(&machine).map_err(json)?),
    ] {
        fs::write(dir.join(name), text).doing("write", &dir.join(name))?;
    }
    Ok(())
}

/// The objects that every cluster of the lab begins with.
pub(crate) fn objects(cluster: &Cluster) -> String {
    let parts = [
        include_str!("../assets/proxier.yaml"),
        include_str!("../assets/policies.yaml"),
        include_str!("../assets/dns.yaml"),
        include_str!("../assets/storage.yaml"),
    ];
    parts.join("---\n").replace("{{DNS}}", &cluster.dns_address().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{DEFAULT, Plan};

    #[test]
    fn every_component_that_is_started_is_there() {
        let plan = Plan::parse("lab.yaml", DEFAULT).unwrap();
        let names: Vec<String> = all(&plan.clusters[0]).into_iter().map(|component| component.name).collect();
        for name in CONTROL.iter().chain(&NODE).chain(&[CONTAINERD]) {
            assert!(names.contains(&(*name).to_owned()), "{name} is not among {names:?}");
        }
    }

    #[test]
    fn no_placeholder_is_left_in_the_objects() {
        let plan = Plan::parse("lab.yaml", DEFAULT).unwrap();
        let objects = objects(plan.cluster("cloud").unwrap());
        assert!(objects.contains("clusterIP: 10.72.0.10") && !objects.contains("{{"));
    }
}
