//! The lab's network: a namespace per cluster, one for the wide-area network, one for the field, and the links between them.
//! It touches namespaces and interfaces by the names that the lab's state recorded first, and nothing else.

use std::fs;
use std::path::Path;

use crate::command::{Run, run};
use crate::error::{LabError, Result};
use crate::file::{Cluster, Plan, Wan};
use crate::place::Place;
use crate::range::Range;

/// Names of the namespaces, in the order in which they are made.
pub(crate) fn namespaces(place: &Place, plan: &Plan) -> Vec<String> {
    let clusters = plan.clusters.iter().map(|cluster| cluster.name.as_str());
    let field = plan.field.iter().map(|_| "field");
    std::iter::once("wan").chain(clusters).chain(field).map(|member| place.label(member)).collect()
}

/// Ranges for the ways from the root namespace to each cluster, clear of every address that the computer has.
pub(crate) fn management(plan: &Plan) -> Result<Vec<Range>> {
    let seen = format!("{}\n{}", run("ip", "-4 -o address show")?, run("ip", "-4 route show")?);
    let mut taken: Vec<Range> = seen.split_whitespace().filter_map(covering).collect();
    taken.extend(plan.ranges().into_iter().map(|(_, range)| range));
    let mut free = Vec::new();
    for n in (10..=250).step_by(10) {
        let Ok(range) = format!("10.50.{n}.0/24").parse::<Range>() else {
            continue;
        };
        if free.len() < plan.clusters.len() && !taken.iter().any(|other| other.overlaps(range)) {
            free.push(range);
        }
    }
    if free.len() < plan.clusters.len() {
        return Err(LabError::refused("no range of 10.50.0.0/16 is free for the ways to the clusters", "ip route"));
    }
    Ok(free)
}

/// `10.50.10.1/24` -> `10.50.10.0/24`; words that are no addresses give nothing.
fn covering(word: &str) -> Option<Range> {
    let (address, prefix) = word.split_once('/')?;
    let (address, prefix): (std::net::Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
    let prefix = prefix.clamp(8, 28);
    let network = u32::from(address) & (u32::MAX << (32 - prefix));
    format!("{}/{prefix}", std::net::Ipv4Addr::from(network)).parse().ok()
}

/// Makes everything; what is there already under our names is an error.
pub(crate) fn create(place: &Place, plan: &Plan, management: &[Range]) -> Result<()> {
    for namespace in namespaces(place, plan) {
        run("ip", &format!("netns add {namespace}"))?;
        run("ip", &format!("-n {namespace} link set lo up"))?;
    }
    for (cluster, range) in plan.clusters.iter().zip(management) {
        connect(place, cluster, *range)?;
        shape(place, &cluster.name, &plan.wan)?;
    }
    forward(&place.label("wan"))?;
    connect_field(place, plan)
}

/// A link to the wide-area network, which knows node addresses only, and one to the root namespace.
fn connect(place: &Place, cluster: &Cluster, management: Range) -> Result<()> {
    let (wan, own, name) = (place.label("wan"), place.label(&cluster.name), &cluster.name);
    let gateway = cluster.nodes.host(1);
    for words in [
        format!("link add w-{name} netns {wan} type veth peer name wan0 netns {own}"),
        format!("-n {wan} address add {} dev w-{name}", cluster.nodes.host_with_prefix(1)),
        format!("-n {wan} link set w-{name} up"),
        format!("-n {own} address add {} dev wan0", cluster.nodes.host_with_prefix(2)),
        format!("-n {own} link set wan0 up"),
        format!("-n {own} route add default via {gateway}"),
        format!("link add {own} type veth peer name mgmt0 netns {own}"),
        format!("address add {} dev {own}", management.host_with_prefix(1)),
        format!("link set {own} up"),
        format!("-n {own} address add {} dev mgmt0", management.host_with_prefix(2)),
        format!("-n {own} link set mgmt0 up"),
    ] {
        run("ip", &words)?;
    }
    forward(&own)
}

/// The field has a way to one node address and no default route, and its cluster passes nothing of it on to the others.
fn connect_field(place: &Place, plan: &Plan) -> Result<()> {
    let Some(field) = &plan.field else {
        return Ok(());
    };
    let cluster = plan.cluster(&field.beside)?;
    let (own, beside) = (place.label("field"), place.label(&cluster.name));
    for words in [
        format!("link add field0 netns {beside} type veth peer name field0 netns {own}"),
        format!("-n {beside} address add {} dev field0", field.range.host_with_prefix(1)),
        format!("-n {beside} link set field0 up"),
        format!("-n {own} address add {} dev field0", field.range.host_with_prefix(2)),
        format!("-n {own} link set field0 up"),
        format!("-n {own} route add {}/32 via {}", cluster.node_address(), field.range.host(1)),
    ] {
        run("ip", &words)?;
    }
    inside(&beside, "iptables -w -A FORWARD -i field0 -o wan0 -j DROP")?;
    inside(&beside, "iptables -w -A FORWARD -i field0 -o mgmt0 -j DROP").map(drop)
}

/// Runs a program of the system in a network namespace.
pub(crate) fn inside(namespace: &str, words: &str) -> Result<String> {
    Run::new("nsenter").arg_net(namespace).args(words.split_whitespace()).output()
}

impl Run {
    pub(crate) fn arg_net(self, namespace: &str) -> Self {
        self.args([format!("--net=/run/netns/{namespace}"), "--".to_owned()])
    }
}

fn forward(namespace: &str) -> Result<()> {
    Run::new("nsenter")
        .arg_net(namespace)
        .args(["tee", "/proc/sys/net/ipv4/ip_forward"])
        .stdin("1\n")
        .output()
        .map(drop)
}

/// Limits what a cluster sends to and receives from the others.
pub(crate) fn shape(place: &Place, cluster: &str, wan: &Wan) -> Result<()> {
    let rate = format!("tbf rate {} burst 32kb latency {}", wan.rate, wan.buffer);
    for (namespace, interface) in ends(place, cluster) {
        let at = format!("-n {namespace} qdisc replace dev {interface}");
        run("tc", &format!("{at} root handle 1: {rate}"))?;
        if let Some(delay) = &wan.delay {
            run("tc", &format!("{at} parent 1:1 handle 10: netem delay {delay}")).map_err(|_| no_netem(delay))?;
        }
    }
    Ok(())
}

/// Whether this kernel can delay packets; asked before anything is made.
pub(crate) fn check_delay(wan: &Wan) -> Result<()> {
    let Some(delay) = &wan.delay else {
        return Ok(());
    };
    let probe = "--net -- tc qdisc add dev lo root netem delay";
    Run::new("unshare").args(probe.split_whitespace()).args([delay]).output().map(drop).map_err(|_| no_netem(delay))
}

fn no_netem(delay: &str) -> LabError {
    LabError::refused(
        format!("a delay of {delay} cannot be made: this kernel has no netem (sch_netem), or does not read the value"),
        "leave the delay out; rate and buffer work without netem (a full buffer delays packets by up to `buffer`)",
    )
}

/// Both ends of a cluster's link to the wide-area network.
fn ends(place: &Place, cluster: &str) -> [(String, String); 2] {
    [(place.label("wan"), format!("w-{cluster}")), (place.label(cluster), "wan0".to_owned())]
}

/// Whether a cluster is on the wide-area network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Cut,
    Whole,
}

/// Cuts or mends a cluster's link to the others and the root namespace's way to it. The root namespace's own end stays up:
/// without it packets for the cluster would take the computer's default route and leave the computer.
pub(crate) fn wire(place: &Place, cluster: &str, wire: Wire) -> Result<()> {
    let to = match wire {
        Wire::Cut => "down",
        Wire::Whole => "up",
    };
    run("ip", &format!("-n {} link set w-{cluster} {to}", place.label("wan")))?;
    run("ip", &format!("-n {} link set mgmt0 {to}", place.label(cluster))).map(drop)
}

/// What is true now: whether the link is up, and how it is shaped in the words of `tc`.
pub(crate) fn seen(place: &Place, cluster: &str) -> Result<(Wire, String)> {
    let link = run("ip", &format!("-n {} -o link show w-{cluster}", place.label("wan")))?;
    let flags = link.split(['<', '>']).nth(1).unwrap_or_default();
    let wire = if flags.split(',').any(|flag| flag == "UP") { Wire::Whole } else { Wire::Cut };
    let shape = run("tc", &format!("-n {} qdisc show dev w-{cluster}", place.label("wan")))?;
    let words: Vec<&str> = shape.split_whitespace().collect();
    let after = |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1));
    let told = ["rate", "lat", "delay"].iter().filter_map(|key| after(key).map(|value| format!("{key} {value}")));
    Ok((wire, told.collect::<Vec<_>>().join(", ")))
}

/// Removes the namespaces and, with them, the links; what is gone already is fine.
pub(crate) fn remove(namespaces: &[String], links: &[String]) -> Result<()> {
    for link in links.iter().filter(|link| Path::new("/sys/class/net").join(link).exists()) {
        run("ip", &format!("link del {link}"))?;
    }
    for namespace in namespaces.iter().filter(|namespace| Path::new("/run/netns").join(namespace).exists()) {
        run("ip", &format!("netns del {namespace}"))?;
    }
    Ok(())
}

/// The processes in a namespace.
pub(crate) fn processes(namespace: &str) -> Result<Vec<u32>> {
    if fs::exists(Path::new("/run/netns").join(namespace)).unwrap_or(false) {
        let pids = run("ip", &format!("netns pids {namespace}"))?;
        return Ok(pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect());
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_ip_give_the_ranges_that_are_taken() {
        let words = "3: eth0    inet 10.50.20.7/24 brd 10.50.20.255 scope global eth0";
        let found: Vec<String> = words.split_whitespace().filter_map(covering).map(|range| range.to_string()).collect();
        assert_eq!(found, ["10.50.20.0/24"]);
    }
}
