//! What is true of a lab at this moment, for `status`: it looks and changes nothing.

use std::collections::BTreeMap;
use std::fs;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::lab::Lab;
use crate::network::{self, Wire};
use crate::state::State;
use crate::supervisor::{Request, Seen};

/// A lab.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    name: String,
    ready: bool,
    clusters: Vec<ClusterStatus>,
    field: Option<FieldStatus>,
}

/// The namespace of the devices.
#[derive(Debug, Serialize)]
struct FieldStatus {
    beside: String,
    namespace: String,
    address: String,
    reaches: String,
}

#[derive(Debug, Serialize)]
struct ClusterStatus {
    name: String,
    labels: BTreeMap<String, String>,
    machine_pid: Option<u32>,
    kubeconfig: String,
    api: String,
    node: NodeStatus,
    wan: WanStatus,
    processes: Vec<ProcessStatus>,
}

#[derive(Debug, Serialize)]
struct NodeStatus {
    name: String,
    address: String,
    /// Nothing when the API does not answer.
    ready: Option<bool>,
}

#[derive(Debug, Serialize)]
struct WanStatus {
    connected: bool,
    shape: String,
}

#[derive(Debug, Serialize)]
struct ProcessStatus {
    name: String,
    state: &'static str,
    pid: Option<u32>,
    since: Option<jiff::Timestamp>,
    restarts: u32,
    last_end: Option<String>,
    ports: &'static str,
    log: String,
}

/// The ports of a component on the node's addresses; those marked are on loopback only.
fn ports(component: &str) -> &'static str {
    match component {
        "etcd" => "2379 2380 (loopback)",
        "kube-apiserver" => "6443",
        "kubelet" => "10250",
        "kube-proxy" => "10249 (loopback), NodePorts",
        _ => "",
    }
}

/// Looks at everything.
pub(crate) fn look(lab: &Lab<'_>) -> Result<Status> {
    let state = State::existing(lab.place)?;
    let clusters =
        state.plan.clusters.iter().map(|cluster| cluster_status(lab, &state, &cluster.name)).collect::<Result<_>>()?;
    let field = match &state.plan.field {
        Some(field) => Some(FieldStatus {
            beside: field.beside.clone(),
            namespace: lab.place.label("field"),
            address: field.range.host(2).to_string(),
            reaches: state.plan.cluster(&field.beside)?.node_address().to_string(),
        }),
        None => None,
    };
    Ok(Status { name: lab.place.name.clone(), ready: state.ready, clusters, field })
}

fn cluster_status(lab: &Lab<'_>, state: &State, name: &str) -> Result<ClusterStatus> {
    let (plan, known) = (state.plan.cluster(name)?, state.cluster(name)?);
    let machine = lab.machine(name, known);
    let running = machine.running();
    let seen = if running.is_some() { machine.ask(&Request::Status)? } else { Vec::new() };
    let outside = running.map(|machine| outside_numbers(machine.pid)).unwrap_or_default();
    let (wire, shape) = network::seen(lab.place, name).unwrap_or((Wire::Cut, String::new()));
    let dir = lab.place.cluster(name);
    let process = |seen: Seen| ProcessStatus {
        state: if seen.pid.is_some() {
            "running"
        } else if seen.wanted {
            "waits to start"
        } else {
            "stopped"
        },
        pid: seen.pid.and_then(|pid| outside.get(&pid).copied()),
        ports: ports(&seen.name),
        log: dir.join(format!("log/{}.log", seen.name)).display().to_string(),
        name: seen.name,
        since: seen.since,
        restarts: seen.restarts,
        last_end: seen.last_end,
    };
    let node = plan.node_name();
    let connected = wire == Wire::Whole;
    let ready = if running.is_some() && connected { node_ready(lab, name, &node) } else { None };
    Ok(ClusterStatus {
        name: name.to_owned(),
        labels: plan.labels.clone(),
        machine_pid: running.map(|machine| machine.pid),
        kubeconfig: lab.place.kubeconfig(name).display().to_string(),
        api: format!("https://{}:6443", known.management.host(2)),
        node: NodeStatus { name: node, address: plan.node_address().to_string(), ready },
        wan: WanStatus { connected, shape },
        processes: seen.into_iter().map(process).collect(),
    })
}

fn node_ready(lab: &Lab<'_>, cluster: &str, node: &str) -> Option<bool> {
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    let words = ["get", "node", node, "-o", path, "--request-timeout=5s"];
    Kubectl::new(lab.place, cluster).run(&words).ok().map(|answer| answer.trim() == "True")
}

/// A machine's own process numbers -> those of the root namespace.
fn outside_numbers(machine: u32) -> BTreeMap<u32, u32> {
    let space = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = space(&machine.to_string());
    let mut numbers = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return numbers;
    };
    for name in entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()) {
        let Ok(outside) = name.parse::<u32>() else {
            continue;
        };
        if space(&name) == own
            && let Some(inside) = inside_number(&fs::read_to_string(format!("/proc/{name}/status")).unwrap_or_default())
        {
            numbers.insert(inside, outside);
        }
    }
    numbers
}

fn inside_number(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?.parse().ok()
}

impl Status {
    /// One table per cluster, with a line above it.
    pub(crate) fn table(&self) -> String {
        let mut parts =
            vec![format!("lab {}: {}", self.name, if self.ready { "up" } else { "not up (an `up` did not end)" })];
        for cluster in &self.clusters {
            let node = match cluster.node.ready {
                Some(true) => "Ready",
                Some(false) => "not Ready",
                None => "unknown",
            };
            let wan = if cluster.wan.connected { "connected" } else { "CUT" };
            let pid = cluster.machine_pid.map_or_else(|| "down".to_owned(), |pid| format!("pid {pid}"));
            parts.push(format!(
                "\n{}: machine {pid}, node {} {} {node}, WAN {wan} ({})\n  API {}  kubeconfig {}",
                cluster.name,
                cluster.node.name,
                cluster.node.address,
                cluster.wan.shape,
                cluster.api,
                cluster.kubeconfig
            ));
            parts.push(processes(&cluster.processes));
        }
        if let Some(field) = &self.field {
            let FieldStatus { beside, namespace, address, reaches } = field;
            parts
                .push(format!("\nfield: namespace {namespace}, address {address}, beside {beside}, reaches {reaches}"));
        }
        parts.join("\n")
    }
}

fn processes(processes: &[ProcessStatus]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["PROCESS", "STATE", "PID", "UP SINCE", "RESTARTS", "PORTS", "LOG"]);
    for process in processes {
        table.add_row([
            process.name.clone(),
            process.state.to_owned(),
            process.pid.map(|pid| pid.to_string()).unwrap_or_default(),
            process.since.map(|since| since.strftime("%H:%M:%S").to_string()).unwrap_or_default(),
            process.restarts.to_string(),
            process.ports.to_owned(),
            process.log.clone(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_process_is_the_one_that_its_machine_knows() {
        assert_eq!(inside_number("Name:\tetcd\nNSpid:\t4711\t23\n"), Some(23));
    }
}
