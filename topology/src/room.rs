//! Room on the nodes of one cluster, and whether pods fit into it.
//!
//! A pod runs on one node: that the sums fit says nothing. It must never let a node hold more than it can. What a
//! scheduler also looks at (taints, affinity, the number of pods) is not known here, so a fit is no promise.

use crate::request::{Count, Pods};
use models::cluster::Node;
use serde::{Deserialize, Serialize};

/// Processor and memory that nobody requests, on one node or summed over several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
}

impl Room {
    fn plus(self, other: Room) -> Room {
        Room {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
        }
    }

    fn minus(self, other: Room) -> Room {
        Room {
            cpu_milli: self.cpu_milli.saturating_sub(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
        }
    }

    fn least(self, other: Room) -> Room {
        Room { cpu_milli: self.cpu_milli.min(other.cpu_milli), memory_bytes: self.memory_bytes.min(other.memory_bytes) }
    }

    fn times(self, count: u64) -> Room {
        Room { cpu_milli: self.cpu_milli.saturating_mul(count), memory_bytes: self.memory_bytes.saturating_mul(count) }
    }

    /// How many more demands of this size it would hold, in thousandths: the scarcer of the two decides. A demand of
    /// nothing is measured in cores.
    pub(crate) fn holds_more(self, demand: Room) -> u128 {
        let per = |have: u64, want: u64| (want > 0).then(|| u128::from(have) * 1_000 / u128::from(want));
        let shares = [per(self.cpu_milli, demand.cpu_milli), per(self.memory_bytes, demand.memory_bytes)];
        shares.into_iter().flatten().min().unwrap_or(u128::from(self.cpu_milli))
    }
}

/// A usable node.
#[derive(Debug, Clone)]
struct Place {
    name: String,
    size: Room,
    free: Room,
}

/// The usable nodes of one cluster, by name.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    places: Vec<Place>,
    /// How many nodes are not ready or not schedulable.
    closed: usize,
}

impl Nodes {
    pub(crate) fn of(nodes: &[Node]) -> Self {
        let place = |node: &Node| {
            let size = Room { cpu_milli: node.cpu_milli, memory_bytes: node.memory_bytes };
            let held = Room { cpu_milli: node.requested_cpu_milli, memory_bytes: node.requested_memory_bytes };
            Place { name: node.name.clone(), size, free: size.minus(held) }
        };
        let mut places: Vec<Place> = nodes.iter().filter(|node| node.usable).map(place).collect();
        places.sort_by(|a, b| a.name.cmp(&b.name));
        Self { closed: nodes.len() - places.len(), places }
    }

    pub(crate) fn free(&self) -> Room {
        self.places.iter().fold(Room::default(), |sum, place| sum.plus(place.free))
    }

    /// What these pods request together.
    pub(crate) fn total(&self, pods: &[Pods]) -> Room {
        let nodes = self.places.len() as u64;
        pods.iter().fold(Room::default(), |sum, group| {
            let count = match group.count {
                Count::Replicas(count) => u64::from(count),
                Count::EveryNode => nodes,
            };
            sum.plus(one(group).times(count))
        })
    }

    /// Takes the room for the pods, or says what is missing and takes nothing. The daemons first, then first fit,
    /// largest first.
    pub(crate) fn take(&mut self, pods: &[Pods]) -> Result<(), String> {
        if self.places.is_empty() {
            return Err(match self.closed {
                0 => "has no nodes".to_owned(),
                closed => format!("none of its {closed} nodes is ready and schedulable"),
            });
        }
        let mut places = self.places.clone();
        for daemon in pods.iter().filter(|group| group.count == Count::EveryNode) {
            for place in &mut places {
                if put(place, one(daemon), 1) == 0 {
                    return Err(shortage_on(place, one(daemon)));
                }
            }
        }
        let mut groups: Vec<(Room, u32)> = pods.iter().filter_map(replicas).collect();
        groups.sort_by_key(|(pod, _)| std::cmp::Reverse((pod.cpu_milli, pod.memory_bytes)));
        for (pod, count) in groups {
            let left = places.iter_mut().fold(count, |left, place| left - put(place, pod, left));
            if left > 0 {
                return Err(shortage(&places, pod, (count - left, count)));
            }
        }
        self.places = places;
        Ok(())
    }

    /// As [`Nodes::take`] where the pods replace `old` ones that run somewhere on these nodes. On which of them is not
    /// known, so each node is given the benefit of the doubt; what was not needed of it is nobody's room.
    pub(crate) fn retake(&mut self, pods: &[Pods], old: &[Pods]) -> Result<(), String> {
        let back = self.total(old);
        let mut trial = self.clone();
        for place in &mut trial.places {
            place.free = place.free.plus(back).least(place.size);
        }
        trial.take(pods)?;
        for (place, tried) in self.places.iter_mut().zip(&trial.places) {
            place.free = place.free.least(tried.free);
        }
        Ok(())
    }
}

fn one(group: &Pods) -> Room {
    Room { cpu_milli: group.cpu_milli, memory_bytes: group.memory_bytes }
}

fn replicas(group: &Pods) -> Option<(Room, u32)> {
    match group.count {
        Count::Replicas(count) => Some((one(group), count)),
        Count::EveryNode => None,
    }
}

/// Puts as many of at most `count` such pods as the place holds, and says how many.
fn put(place: &mut Place, pod: Room, count: u32) -> u32 {
    let per = |have: u64, want: u64| have.checked_div(want).map_or(count, |n| u32::try_from(n).unwrap_or(u32::MAX));
    let fits = count.min(per(place.free.cpu_milli, pod.cpu_milli)).min(per(place.free.memory_bytes, pod.memory_bytes));
    place.free = place.free.minus(pod.times(u64::from(fits)));
    fits
}

/// Names the dimension that is missing, with figures.
fn shortage(places: &[Place], pod: Room, (done, count): (u32, u32)) -> String {
    let most = |key: fn(&Place) -> u64| places.iter().rev().max_by_key(|place| key(place));
    let before = match (done, count) {
        (0, _) => String::new(),
        _ => format!("holds {done} of {count} pods; the next "),
    };
    if let Some(place) = most(|place| place.free.cpu_milli).filter(|place| place.free.cpu_milli < pod.cpu_milli) {
        return format!(
            "{before}needs {} CPU on one node, largest free is {} of {} on {}",
            cores(pod.cpu_milli),
            cores(place.free.cpu_milli),
            cores(place.size.cpu_milli),
            place.name
        );
    }
    if let Some(place) = most(|place| place.free.memory_bytes).filter(|p| p.free.memory_bytes < pod.memory_bytes) {
        return format!(
            "{before}needs {} of memory on one node, largest free is {} of {} on {}",
            bytes(pod.memory_bytes),
            bytes(place.free.memory_bytes),
            bytes(place.size.memory_bytes),
            place.name
        );
    }
    format!(
        "{before}needs {} CPU and {} of memory on one node, no node has both",
        cores(pod.cpu_milli),
        bytes(pod.memory_bytes)
    )
}

fn shortage_on(place: &Place, pod: Room) -> String {
    format!("needs {} on every node, {} has {} free", words(pod), place.name, words(place.free))
}

/// `1.8 CPU and 2.5Gi`
pub(crate) fn words(room: Room) -> String {
    format!("{} CPU and {}", cores(room.cpu_milli), bytes(room.memory_bytes))
}

/// Cores, as few digits as are true: `64`, `1.8`, `0.025`.
fn cores(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The largest unit that leaves a number before the point, with one digit after it, rounded down.
fn bytes(bytes: u64) -> String {
    let units = [("Gi", 1u64 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    let Some((unit, size)) = units.into_iter().find(|(_, size)| bytes >= *size) else {
        return format!("{bytes} bytes");
    };
    let tenths = u128::from(bytes) * 10 / u128::from(size);
    let text = format!("{}.{}", tenths / 10, tenths % 10);
    format!("{}{unit}", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_round_up() {
        assert_eq!([cores(64_000), cores(1_800), cores(25), cores(0)], ["64", "1.8", "0.025", "0"]);
        assert_eq!([bytes(1 << 30), bytes((5 << 30) / 2), bytes((1 << 30) - 1)], ["1Gi", "2.5Gi", "1023.9Mi"]);
        assert_eq!([bytes(0), bytes(1023)], ["0 bytes", "1023 bytes"]);
    }
}
