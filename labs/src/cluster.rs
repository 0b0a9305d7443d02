//! Brings one cluster up, from certificates to a node that carries pods, names, volumes and policies.
//! Each step waits for the fact that the next one needs.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::{Run, wait_until};
use crate::components::{self, CONTAINERD, CONTROL, NODE};
use crate::error::Result;
use crate::file::Cluster;
use crate::images::{Archive, import};
use crate::kubectl::Kubectl;
use crate::machine::Machine;
use crate::network::inside;
use crate::pki::Pki;
use crate::place::Place;
use crate::range::Range;
use crate::state::ClusterState;
use crate::supervisor::Request;

/// Everything that bringing a cluster up needs.
pub(crate) struct Start<'a> {
    pub(crate) place: &'a Place,
    pub(crate) cluster: &'a Cluster,
    pub(crate) state: &'a ClusterState,
    pub(crate) images: &'a [Archive],
    pub(crate) tell: &'a (dyn Fn(&str) + Sync),
}

impl Start<'_> {
    pub(crate) fn run(&self) -> Result<()> {
        let began = Instant::now();
        let phase = |name: &str| {
            (self.tell)(&format!("{:5.1} s  {}: {name}", began.elapsed().as_secs_f32(), self.cluster.name))
        };
        let machine = self.machine();
        let dir = self.place.cluster(&self.cluster.name);
        let pki = Pki {
            cluster: self.cluster,
            management: self.management().ip(),
            today: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
            dir: dir.clone(),
        };
        pki.write()?;
        components::write(self.cluster, &self.place.cache, &dir)?;
        machine.start()?;
        phase("machine");
        for name in CONTROL.iter().chain(&[CONTAINERD]) {
            machine.ask(&Request::Start((*name).to_owned()))?;
        }
        let kubectl = Kubectl::new(self.place, &self.cluster.name);
        std::thread::scope(|scope| {
            let images = scope.spawn(|| self.import(&machine));
            self.wait_for_api(&kubectl)?;
            phase("API ready");
            kubectl.apply(&components::objects(self.cluster))?;
            images.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        phase("images");
        for name in NODE {
            machine.ask(&Request::Start(name.to_owned()))?;
        }
        kubectl.wait("", &format!("node/{}", self.cluster.node_name()), "condition=Ready")?;
        phase("node Ready");
        self.lay_policy_rules()?;
        wait_for_services(&kubectl)?;
        phase("policies, volumes, DNS");
        Ok(())
    }

    /// Brings what was stopped in a cluster that stands back, and waits until all is ready.
    pub(crate) fn settle(&self) -> Result<()> {
        let machine = self.machine();
        for name in CONTROL.iter().chain(&[CONTAINERD]).chain(&NODE) {
            machine.ask(&Request::Start((*name).to_owned()))?;
        }
        let kubectl = Kubectl::new(self.place, &self.cluster.name);
        self.wait_for_api(&kubectl)?;
        kubectl.wait("", &format!("node/{}", self.cluster.node_name()), "condition=Ready")?;
        wait_for_services(&kubectl)
    }

    fn machine(&self) -> Machine<'_> {
        Machine { place: self.place, cluster: &self.cluster.name, groups: &self.state.groups }
    }

    fn wait_for_api(&self, kubectl: &Kubectl) -> Result<()> {
        let management = self.management();
        let answers = || TcpStream::connect_timeout(&management, Duration::from_secs(1)).is_ok() && kubectl.ready();
        wait_until(&format!("an answer of {}'s API server", self.cluster.name), Duration::from_secs(90), answers)
    }

    fn management(&self) -> SocketAddr {
        (self.state.management.host(2), 6443).into()
    }

    fn import(&self, machine: &Machine<'_>) -> Result<()> {
        let socket = || inside_path(machine, "run/containerd/containerd.sock").is_some_and(|path| path.exists());
        wait_until(&format!("{}'s containerd", self.cluster.name), Duration::from_secs(30), socket)?;
        self.images.iter().try_for_each(|image| import(machine, &image.file))
    }

    /// Hands the first packet of each connection from or to a pod to the policy program. Without that program such connections
    /// fail, so the rules come when it listens. What the node's own programs send is exempt: probes must reach pods.
    fn lay_policy_rules(&self) -> Result<()> {
        let namespace = self.place.label(&self.cluster.name);
        let listens = || {
            let queues = inside(&namespace, "cat /proc/net/netfilter/nfnetlink_queue").unwrap_or_default();
            queues.lines().any(|line| line.split_whitespace().next() == Some(POLICY_QUEUE))
        };
        wait_until(&format!("{}'s policy program", self.cluster.name), Duration::from_secs(60), listens)?;
        let rules = policy_rules(self.cluster.pods);
        Run::new("nsenter")
            .arg_net(&namespace)
            .args(["iptables-restore", "--noflush", "-w"])
            .stdin(rules)
            .output()
            .map(drop)
    }
}

fn wait_for_services(kubectl: &Kubectl) -> Result<()> {
    kubectl.wait("local-path-storage", "deployment/local-path", "condition=Available")?;
    kubectl.wait("kube-system", "deployment/coredns", "condition=Available")
}

/// The queue that kube-network-policies listens on unless told otherwise.
const POLICY_QUEUE: &str = "100";

fn policy_rules(pods: Range) -> String {
    format!(
        "*mangle\n:LAB-POLICY - [0:0]\n-F LAB-POLICY\n-A POSTROUTING -j LAB-POLICY\n\
         -A LAB-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n\
         -A LAB-POLICY -m owner --uid-owner 0 -j RETURN\n\
         -A LAB-POLICY -s {pods} -j NFQUEUE --queue-num {POLICY_QUEUE}\n\
         -A LAB-POLICY -d {pods} -j NFQUEUE --queue-num {POLICY_QUEUE}\nCOMMIT\n"
    )
}

/// A path of the machine as seen from outside.
fn inside_path(machine: &Machine<'_>, path: &str) -> Option<std::path::PathBuf> {
    Some(Path::new("/proc").join(machine.running()?.pid.to_string()).join("root").join(path))
}
