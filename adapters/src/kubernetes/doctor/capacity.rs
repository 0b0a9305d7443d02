//! What the nodes have, what is asked for already, what is free; and which nodes take nothing, and why.

use super::Patient;
use crate::kubernetes::facts::{self, Room};
use crate::kubernetes::node;
use crate::kubernetes::quantity;
use crate::kubernetes::seen::text;
use crate::kubernetes::wire::WHOLE;
use crate::port::PortError;
use models::checkup::{Check, Finding};
use serde_json::Value;
use std::collections::BTreeMap;

/// Less than this part of a cluster is little.
const LITTLE: u64 = 10;

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let nodes = patient.wire.list("/api/v1/nodes", ("", WHOLE)).await?;
    let pods = patient.wire.list("/api/v1/pods", ("", WHOLE)).await?;
    let mut asked: BTreeMap<&str, Room> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")) {
        let (cpu, memory) = facts::requests(pod);
        let sum = asked.entry(text(pod, "/spec/nodeName")).or_default();
        *sum = (sum.0.saturating_add(cpu), sum.1.saturating_add(memory));
    }
    let rooms: Vec<Place> = nodes.iter().map(|node| place(node, &asked)).collect();
    Ok(judged(&rooms))
}

struct Place {
    name: String,
    has: Room,
    asked: Room,
    /// Why it takes no pods; empty: it does.
    closed: Vec<String>,
}

fn place(node: &Value, asked: &BTreeMap<&str, Room>) -> Place {
    let name = text(node, "/metadata/name");
    let mut closed = node::barriers(node);
    closed.extend(node::taints(node).map(|(_, words)| format!("taint {words}")));
    let cpu = quantity::milli(text(node, "/status/allocatable/cpu")).unwrap_or(0);
    let memory = quantity::whole(text(node, "/status/allocatable/memory")).unwrap_or(0);
    Place { name: name.to_owned(), has: (cpu, memory), asked: asked.get(name).copied().unwrap_or_default(), closed }
}

fn free(place: &Place) -> Room {
    (place.has.0.saturating_sub(place.asked.0), place.has.1.saturating_sub(place.asked.1))
}

fn words((cpu, memory): Room) -> String {
    format!("{}.{:02} CPU and {} MiB", cpu / 1000, cpu % 1000 / 10, memory >> 20)
}

fn judged(places: &[Place]) -> Check {
    let details = places.iter().map(|place| {
        let room = format!(
            "{}: {} allocatable, {} requested, {} free",
            place.name,
            words(place.has),
            words(place.asked),
            words(free(place))
        );
        if place.closed.is_empty() { room } else { format!("{room}; takes no pods: {}", place.closed.join(", ")) }
    });
    let details: Vec<String> = details.collect();
    let check = |state, found: String| Check::new("capacity", state, found).details(details.clone());
    let open: Vec<&Place> = places.iter().filter(|place| place.closed.is_empty()).collect();
    let closed = places.len() - open.len();
    if open.is_empty() {
        let found = format!("none of {} nodes takes pods", places.len());
        return check(Finding::Failed, found).next("mend a node, or add one");
    }
    let sum = |of: fn(&Place) -> Room| {
        open.iter().map(|place| of(place)).fold((0, 0), |sum: Room, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let (has, left) = (sum(|place| place.has), sum(free));
    let found = format!("{} free of {} on {} of {} nodes", words(left), words(has), open.len(), places.len());
    let little = left.0 * LITTLE < has.0 || left.1 * LITTLE < has.1;
    match (closed, little) {
        (_, true) => {
            check(Finding::Warning, format!("{found}: little is left")).next("add a node, or end what is not needed")
        }
        (0, false) => check(Finding::Ok, found),
        (_, false) => check(Finding::Warning, found).next("mend the nodes that take no pods, where that is not meant"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(asked: Room, closed: &[&str]) -> Place {
        let closed = closed.iter().map(|word| (*word).to_owned()).collect();
        Place { name: "n".into(), has: (2_000, 1 << 30), asked, closed }
    }

    #[test]
    fn what_is_free_counts_on_nodes_that_take_pods() {
        assert_eq!(judged(&[]).state, Finding::Failed);
        assert_eq!(judged(&[node((0, 0), &["it is cordoned"])]).state, Finding::Failed);
        let one = judged(&[node((500, 512 << 20), &[])]);
        assert_eq!(
            (one.state, one.found.as_str()),
            (Finding::Ok, "1.50 CPU and 512 MiB free of 2.00 CPU and 1024 MiB on 1 of 1 nodes")
        );
        assert_eq!(judged(&[node((1_900, 0), &[])]).state, Finding::Warning);
        let two = judged(&[node((0, 0), &[]), node((0, 0), &["it is not ready: no network"])]);
        assert_eq!(two.state, Finding::Warning);
        assert!(two.details[1].ends_with("takes no pods: it is not ready: no network"), "{:?}", two.details);
    }
}
