//! Placement against examples, and against brute force over small worlds.

use super::*;
use crate::request::Count;
use models::cluster::Node;
use models::labels::{Labels, Selector};
use proptest::prelude::*;
use std::collections::BTreeSet;

const GIB: u64 = 1 << 30;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn node(name: &str, cpu_milli: u64, requested_cpu_milli: u64) -> Node {
    Node {
        name: name.to_owned(),
        addresses: Vec::new(),
        pod_cidrs: Vec::new(),
        cpu_milli,
        memory_bytes: 8 * GIB,
        requested_cpu_milli,
        requested_memory_bytes: 0,
        usable: true,
    }
}

fn cluster(text: &str, nodes: Vec<Node>) -> Candidate {
    let labels = Labels::from([("region".to_owned(), "eu".to_owned())]);
    Candidate { name: name(text), labels, condition: Condition::Usable, nodes }
}

fn select(policy: Policy) -> Clause {
    let labels = Labels::from([("region".to_owned(), "eu".to_owned())]);
    Clause::Select { selector: Selector { labels }, policy }
}

fn demand(function: &str, site: &str, pods: &[(u64, u32)]) -> Demand {
    let pods = pods.iter().map(|(cpu_milli, count)| Pods {
        cpu_milli: *cpu_milli,
        memory_bytes: GIB / 8,
        count: Count::Replicas(*count),
    });
    Demand { function: name(function), site: name(site), pods: pods.collect(), there: BTreeMap::new() }
}

fn request(clause: Clause, demand: Demand, candidates: Vec<Candidate>) -> Request {
    Request {
        sites: BTreeMap::from([(demand.site.clone(), clause)]),
        demands: vec![demand],
        candidates,
        ..Request::default()
    }
}

/// `edge` has nodes of 2 and 4 cores, `cloud` one of 8.
fn two() -> Vec<Candidate> {
    vec![
        cluster("edge", vec![node("edge-1", 2_000, 200), node("edge-2", 4_000, 3_000)]),
        cluster("cloud", vec![node("cloud-1", 8_000, 1_000)]),
    ]
}

fn chosen(request: &Request) -> String {
    place(request).unwrap().sites[0].standing.cluster.to_string()
}

/// The choice, then the same request with that choice as what stands.
fn standing(request: &Request) -> (Choice, Request) {
    let choice = place(request).unwrap().sites.remove(0);
    let again = Request { standing: vec![choice.standing.clone()], ..request.clone() };
    (choice, again)
}

#[test]
fn worst_fit_takes_the_cluster_with_the_most_room_and_best_fit_the_one_with_the_least() {
    for (policy, expect) in [(Policy::WorstFit, "cloud"), (Policy::BestFit, "edge")] {
        assert_eq!(chosen(&request(select(policy), demand("store", "s", &[(500, 1)]), two())), expect);
    }
}

#[test]
fn a_sum_that_fits_is_refused_where_no_single_node_holds_the_pod() {
    let refused = place(&request(Clause::Cluster(name("edge")), demand("f", "s", &[(2_500, 1)]), two())).unwrap_err();
    let edge = refused.candidates.iter().find(|v| v.cluster == name("edge")).unwrap();
    assert_eq!(edge.reason, "needs 2.5 CPU on one node, largest free is 1.8 of 2 on edge-1");
    assert!(refused.passing);
}

#[test]
fn a_request_for_64_cores_is_refused_with_figures_for_each_candidate() {
    let refused = place(&request(select(Policy::WorstFit), demand("f", "s", &[(64_000, 1)]), two())).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no cluster can carry site s (f): cloud: needs 64 CPU on one node, largest free is 7 of 8 on cloud-1; \
         edge: needs 64 CPU on one node, largest free is 1.8 of 2 on edge-1"
    );
    assert!(refused.passing);
}

#[test]
fn replicas_that_run_out_of_nodes_say_how_many_found_one() {
    let refused = place(&request(Clause::Cluster(name("edge")), demand("f", "s", &[(900, 4)]), two())).unwrap_err();
    let edge = refused.candidates.iter().find(|v| v.cluster == name("edge")).unwrap();
    assert!(edge.reason.starts_with("holds 3 of 4 pods; the next needs 0.9 CPU"), "{}", edge.reason);
}

#[test]
fn labels_that_are_missing_are_no_passing_cause_and_are_named() {
    let mut far = two();
    for cluster in &mut far {
        cluster.labels.insert("region".to_owned(), "us".to_owned());
    }
    let refused = place(&request(select(Policy::WorstFit), demand("f", "s", &[(1, 1)]), far)).unwrap_err();
    assert!(!refused.passing);
    assert_eq!(refused.candidates[0].reason, "the site wants region=eu, the cluster has region=us");
}

#[test]
fn a_cluster_that_is_away_is_a_passing_cause_and_one_that_refuses_us_is_not() {
    for (condition, passing) in [
        (Condition::Away { reason: "no answer for 5 s".into() }, true),
        (Condition::Unusable { reason: "certificate expired".into() }, false),
    ] {
        let mut one = cluster("edge", vec![node("edge-1", 2_000, 0)]);
        one.condition = condition;
        let refused = place(&request(select(Policy::WorstFit), demand("f", "s", &[(1, 1)]), vec![one])).unwrap_err();
        assert_eq!(refused.passing, passing);
    }
}

#[test]
fn a_cluster_that_does_not_exist_gets_the_nearest_name() {
    let refused = place(&request(Clause::Cluster(name("egde")), demand("f", "s", &[(1, 1)]), two())).unwrap_err();
    assert_eq!(refused.note.as_deref(), Some("no cluster is called egde, did you mean edge?"));
    assert!(!refused.passing);
}

#[test]
fn a_function_of_an_unknown_site_is_refused() {
    let lost = Request { demands: vec![demand("f", "s", &[(1, 1)])], candidates: two(), ..Request::default() };
    assert!(place(&lost).unwrap_err().to_string().ends_with("no site is called s"));
}

#[test]
fn nodes_that_are_not_ready_carry_nothing() {
    let mut one = cluster("edge", vec![node("edge-1", 2_000, 0)]);
    one.nodes[0].usable = false;
    let refused = place(&request(select(Policy::WorstFit), demand("f", "s", &[(1, 1)]), vec![one])).unwrap_err();
    assert_eq!(refused.candidates[0].reason, "none of its 1 nodes is ready and schedulable");
}

#[test]
fn a_daemon_needs_room_on_every_node() {
    let mut daemon = demand("f", "s", &[]);
    daemon.pods.push(Pods { cpu_milli: 1_500, memory_bytes: 0, count: Count::EveryNode });
    let refused = place(&request(Clause::Cluster(name("edge")), daemon, two())).unwrap_err();
    let edge = refused.candidates.iter().find(|v| v.cluster == name("edge")).unwrap();
    assert_eq!(edge.reason, "needs 1.5 CPU and 0 bytes on every node, edge-2 has 1 CPU and 8Gi free");
}

#[test]
fn sites_of_one_slice_take_their_room_one_after_another() {
    let mut both = request(select(Policy::BestFit), demand("a", "one", &[(1_700, 1)]), two());
    both.sites.insert(name("two"), select(Policy::BestFit));
    both.demands.push(demand("b", "two", &[(1_700, 1)]));
    let functions = place(&both).unwrap().functions();
    assert_eq!((functions[&name("a")].as_str(), functions[&name("b")].as_str()), ("edge", "cloud"));
}

#[test]
fn functions_of_one_site_stand_together_and_are_refused_together() {
    let mut site = request(Clause::Cluster(name("edge")), demand("a", "s", &[(1_700, 1)]), two());
    site.demands.push(demand("b", "s", &[(900, 1)]));
    let functions = place(&site).unwrap().functions();
    assert_eq!((functions[&name("a")].as_str(), functions[&name("b")].as_str()), ("edge", "edge"));
    site.demands.push(demand("c", "s", &[(900, 1)]));
    assert_eq!(place(&site).unwrap_err().functions, [name("a"), name("b"), name("c")]);
}

#[test]
fn equal_clusters_are_told_apart_by_name() {
    for policy in [Policy::WorstFit, Policy::BestFit] {
        let equal = ["b", "a", "c"].map(|text| cluster(text, vec![node("n", 4_000, 0)])).to_vec();
        assert_eq!(chosen(&request(select(policy), demand("f", "s", &[(100, 1)]), equal)), "a");
    }
}

#[test]
fn a_site_stays_while_clause_and_demand_are_the_same_whatever_the_load() {
    let (first, mut again) = standing(&request(select(Policy::WorstFit), demand("f", "s", &[(500, 1)]), two()));
    assert_eq!(first.standing.cluster, name("cloud"));
    again.candidates[1].nodes[0].requested_cpu_milli = 8_000;
    assert_eq!(chosen(&again), "cloud");
}

#[test]
fn a_site_whose_label_no_longer_matches_stays_with_a_warning() {
    let (_, mut again) = standing(&request(select(Policy::WorstFit), demand("f", "s", &[(500, 1)]), two()));
    again.candidates[1].labels.clear();
    let choice = place(&again).unwrap().sites.remove(0);
    assert_eq!(choice.standing.cluster, name("cloud"));
    assert_eq!(
        choice.warning.as_deref(),
        Some("site s stays on cloud although the site wants region=eu, the cluster has no label region")
    );
}

#[test]
fn replace_lets_a_site_move_to_where_the_policy_wants_it_today() {
    let (_, mut again) = standing(&request(select(Policy::WorstFit), demand("f", "s", &[(500, 1)]), two()));
    again.candidates[1].nodes[0].requested_cpu_milli = 8_000;
    again.replace = BTreeSet::from([name("f")]);
    assert_eq!(chosen(&again), "edge");
}

#[test]
fn a_demand_that_grew_stays_where_it_fits_and_is_refused_with_the_way_out_where_it_does_not() {
    let (_, mut again) = standing(&request(select(Policy::BestFit), demand("f", "s", &[(500, 1)]), two()));
    again.candidates[0].nodes[0].requested_cpu_milli += 500;
    again.demands = vec![demand("f", "s", &[(1_800, 1)])];
    assert_eq!(chosen(&again), "edge", "its own 500m are given back");
    again.demands = vec![demand("f", "s", &[(1_900, 1)])];
    let refused = place(&again).unwrap_err();
    assert_eq!(refused.candidates[0].reason, "the site stands on edge; --replace f moves it");
    assert!(refused.passing);
}

#[test]
fn a_demand_that_changed_on_a_cluster_that_is_away_stays_there_with_a_warning() {
    let (_, mut again) = standing(&request(select(Policy::BestFit), demand("f", "s", &[(500, 1)]), two()));
    again.demands = vec![demand("f", "s", &[(600, 1)])];
    again.candidates[0].condition = Condition::Away { reason: "no answer for 5 s".into() };
    let choice = place(&again).unwrap().sites.remove(0);
    assert_eq!(choice.standing.cluster, name("edge"));
    assert_eq!(choice.warning.as_deref(), Some("site s stays on edge although no answer for 5 s"));
}

#[test]
fn a_clause_that_names_another_cluster_moves_the_site() {
    let (_, mut again) = standing(&request(Clause::Cluster(name("edge")), demand("f", "s", &[(500, 1)]), two()));
    again.sites.insert(name("s"), Clause::Cluster(name("cloud")));
    assert_eq!(chosen(&again), "cloud");
}

#[test]
fn a_clause_that_still_means_the_cluster_does_not_move_the_site() {
    let (_, mut again) = standing(&request(Clause::Cluster(name("edge")), demand("f", "s", &[(500, 1)]), two()));
    again.sites.insert(name("s"), select(Policy::WorstFit));
    assert_eq!(chosen(&again), "edge");
}

#[test]
fn a_site_whose_cluster_is_gone_is_refused_and_says_so() {
    let (_, mut again) = standing(&request(Clause::Cluster(name("edge")), demand("f", "s", &[(500, 1)]), two()));
    again.candidates.remove(0);
    let refused = place(&again).unwrap_err();
    assert_eq!(refused.note.as_deref(), Some("cluster edge, where the site stands, is not registered any more"));
}

#[test]
fn room_that_others_were_given_is_not_given_twice() {
    let mut late = request(select(Policy::WorstFit), demand("f", "s", &[(500, 1)]), two());
    assert_eq!(chosen(&late), "cloud");
    late.booked = vec![(name("cloud"), demand("g", "s", &[(6_500, 1)]).pods)];
    assert_eq!(chosen(&late), "edge");
}

#[test]
fn a_size_that_differs_on_a_cluster_counts_there_and_stands_with_the_choice() {
    let mut asked = demand("f", "s", &[(500, 1)]);
    asked.there.insert(name("cloud"), Ok(demand("f", "s", &[(9_000, 1)]).pods));
    let choice = place(&request(select(Policy::WorstFit), asked.clone(), two())).unwrap().sites.remove(0);
    assert_eq!(choice.standing.cluster, name("edge"), "what it is on cloud has no room there");
    asked.there = BTreeMap::from([(name("edge"), Ok(demand("f", "s", &[(700, 1)]).pods))]);
    let fixed = request(Clause::Cluster(name("edge")), asked, two());
    let (choice, again) = standing(&fixed);
    assert_eq!(choice.standing.demands, vec![demand("f", "s", &[(700, 1)])]);
    assert!(place(&again).unwrap().sites[0].candidates[1].reason.starts_with("stands here, and neither"));
}

#[test]
fn a_cluster_for_which_a_chart_does_not_render_is_refused_with_the_reason_and_the_others_carry_it() {
    let mut asked = demand("f", "s", &[(500, 1)]);
    asked.there.insert(name("cloud"), Err("chart needs Kubernetes >= 1.99".into()));
    let choice = place(&request(select(Policy::WorstFit), asked, two())).unwrap().sites.remove(0);
    assert_eq!(choice.standing.cluster, name("edge"));
    assert_eq!(choice.candidates[0].reason, "chart needs Kubernetes >= 1.99");
}

/// CPU, what is requested of it, memory, whether it is usable.
type Size = (u64, u64, u64, bool);

/// A world of up to five clusters of up to four nodes, some full, some closed.
fn world() -> impl Strategy<Value = Vec<Candidate>> {
    let size = (0u64..6_000, 0u64..4_000, 0u64..(4 * GIB), proptest::bool::weighted(0.9));
    let cluster = (proptest::collection::vec(size, 0..4), proptest::bool::weighted(0.8));
    proptest::collection::vec(cluster, 1..6).prop_map(|clusters| {
        let one = |(at, (nodes, europe)): (usize, (Vec<Size>, bool))| Candidate {
            name: name(&format!("c{at}")),
            labels: Labels::from([("region".to_owned(), if europe { "eu" } else { "us" }.to_owned())]),
            condition: Condition::Usable,
            nodes: nodes
                .into_iter()
                .enumerate()
                .map(|(i, (cpu, requested, memory, usable))| Node {
                    memory_bytes: memory,
                    usable,
                    ..node(&format!("n{i}"), cpu, requested)
                })
                .collect(),
        };
        clusters.into_iter().enumerate().map(one).collect()
    })
}

fn pods() -> impl Strategy<Value = Vec<Pods>> {
    let group = (1u64..3_000, 1u64..GIB, 1u32..4).prop_map(|(cpu_milli, memory_bytes, count)| Pods {
        cpu_milli,
        memory_bytes,
        count: Count::Replicas(count),
    });
    proptest::collection::vec(group, 1..3)
}

/// Every way to put the pods on the nodes, tried one by one: true if one of them works.
fn some_way(pods: &[(u64, u64)], free: &mut Vec<(u64, u64)>) -> bool {
    let Some(((cpu, memory), rest)) = pods.split_first() else { return true };
    (0..free.len()).any(|at| {
        if free[at].0 < *cpu || free[at].1 < *memory {
            return false;
        }
        free[at] = (free[at].0 - cpu, free[at].1 - memory);
        let works = some_way(rest, free);
        free[at] = (free[at].0 + cpu, free[at].1 + memory);
        works
    })
}

fn single(groups: &[Pods]) -> Vec<(u64, u64)> {
    let each = |group: &Pods| match group.count {
        Count::Replicas(count) => vec![(group.cpu_milli, group.memory_bytes); count as usize],
        Count::EveryNode => Vec::new(),
    };
    groups.iter().flat_map(each).collect()
}

fn free(cluster: &Candidate) -> Vec<(u64, u64)> {
    let left = |n: &Node| {
        (n.cpu_milli.saturating_sub(n.requested_cpu_milli), n.memory_bytes.saturating_sub(n.requested_memory_bytes))
    };
    cluster.nodes.iter().filter(|n| n.usable).map(left).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_is_accepted_can_be_put_on_the_nodes(world in world(), pods in pods()) {
        let asked = Demand { function: name("f"), site: name("s"), pods: pods.clone(), there: BTreeMap::new() };
        if let Ok(placement) = place(&request(select(Policy::WorstFit), asked, world.clone())) {
            for verdict in placement.sites[0].candidates.iter().filter(|v| v.accepted) {
                let cluster = world.iter().find(|c| c.name == verdict.cluster).unwrap();
                prop_assert!(some_way(&single(&pods), &mut free(cluster)), "{}", verdict.cluster);
            }
        }
    }

    #[test]
    fn a_single_pod_is_refused_only_where_no_node_holds_it(world in world(), cpu in 1u64..6_000, memory in 1u64..GIB) {
        let pod = Pods { cpu_milli: cpu, memory_bytes: memory, count: Count::Replicas(1) };
        let asked = Demand { function: name("f"), site: name("s"), pods: vec![pod], there: BTreeMap::new() };
        let europe = |c: &&Candidate| c.labels["region"] == "eu";
        let fits = world.iter().filter(europe).any(|c| some_way(&[(cpu, memory)], &mut free(c)));
        prop_assert_eq!(place(&request(select(Policy::BestFit), asked, world.clone())).is_ok(), fits);
    }

    #[test]
    fn the_order_of_candidates_and_demands_does_not_matter(world in world(), pods in pods(), turn in 0usize..6) {
        let mut one = request(select(Policy::WorstFit), Demand { function: name("f"), site: name("s"), pods, there: BTreeMap::new() }, world);
        one.demands.push(demand("g", "s", &[(100, 1)]));
        let mut other = one.clone();
        let by = turn % other.candidates.len();
        other.candidates.rotate_left(by);
        other.candidates.reverse();
        other.demands.reverse();
        prop_assert_eq!(place(&one), place(&other));
    }

    #[test]
    fn the_policy_is_right_against_brute_force(world in world(), pods in pods()) {
        let single = single(&pods);
        let (cpu, memory) = single.iter().fold((0, 0), |sum, pod| (sum.0 + pod.0, sum.1 + pod.1));
        for policy in [Policy::WorstFit, Policy::BestFit] {
            let asked = Demand { function: name("f"), site: name("s"), pods: pods.clone(), there: BTreeMap::new() };
            let Ok(placement) = place(&request(select(policy), asked, world.clone())) else { continue };
            let choice = &placement.sites[0];
            let accepted = choice.candidates.iter().filter(|v| v.accepted).map(|v| &v.cluster);
            let left = |cluster: &Name| {
                let free = free(world.iter().find(|c| c.name == *cluster).unwrap());
                let sum = free.iter().fold((0, 0), |sum, node| (sum.0 + node.0, sum.1 + node.1));
                u128::from((sum.0 - cpu) * 1_000 / cpu).min(u128::from(sum.1 - memory) * 1_000 / u128::from(memory))
            };
            let mine = left(&choice.standing.cluster);
            for other in accepted {
                match policy {
                    Policy::WorstFit => prop_assert!(left(other) <= mine),
                    Policy::BestFit => prop_assert!(left(other) >= mine),
                }
            }
        }
    }

    #[test]
    fn a_choice_that_is_handed_in_again_comes_back(world in world(), pods in pods()) {
        let asked = Demand { function: name("f"), site: name("s"), pods, there: BTreeMap::new() };
        let request = request(select(Policy::BestFit), asked, world);
        if let Ok(placement) = place(&request) {
            let again = Request { standing: vec![placement.sites[0].standing.clone()], ..request };
            prop_assert_eq!(place(&again).unwrap().functions(), placement.functions());
        }
    }

    #[test]
    fn two_sites_together_never_exceed_a_node(world in world(), first in pods(), second in pods()) {
        let mut both = request(select(Policy::BestFit), Demand { function: name("f"), site: name("s"), pods: first.clone(), there: BTreeMap::new() }, world.clone());
        both.sites.insert(name("t"), select(Policy::WorstFit));
        both.demands.push(Demand { function: name("g"), site: name("t"), pods: second.clone(), there: BTreeMap::new() });
        if let Ok(placement) = place(&both) {
            for cluster in &world {
                let here = placement.functions().into_iter().filter(|(_, c)| *c == cluster.name);
                let pods: Vec<Pods> = here.flat_map(|(f, _)| if f == name("f") { first.clone() } else { second.clone() }).collect();
                prop_assert!(some_way(&single(&pods), &mut free(cluster)));
            }
        }
    }
}

#[test]
fn sites_that_keep_apart_are_on_different_clusters() {
    let site = |text: &str| (name(text), select(Policy::BestFit));
    let of = |candidates: Vec<Candidate>| Request {
        sites: BTreeMap::from([site("one"), site("other")]),
        demands: vec![demand("a", "one", &[(100, 1)]), demand("b", "other", &[(100, 1)])],
        candidates,
        apart: vec![(name("other"), name("one"))],
        ..Request::default()
    };
    let clusters = |placement: &Placement| -> BTreeSet<String> {
        placement.sites.iter().map(|choice| choice.standing.cluster.to_string()).collect()
    };
    let request = of(two());
    let placed = place(&request).unwrap();
    assert_eq!(clusters(&placed).len(), 2, "{placed:?}");
    // Without that the policy packs both into one.
    let together = place(&Request { apart: vec![], ..request.clone() }).unwrap();
    assert_eq!(clusters(&together).len(), 1, "{together:?}");
    // What stands together already moves only when somebody says so, and that is told.
    let standing: Vec<Standing> = together.sites.iter().map(|choice| choice.standing.clone()).collect();
    let stays = place(&Request { standing: standing.clone(), ..request.clone() }).unwrap();
    assert_eq!(clusters(&stays).len(), 1);
    assert!(stays.sites.iter().any(|choice| choice.warning.as_ref().is_some_and(|w| w.contains("are to be apart"))));
    let moved = place(&Request { standing, replace: BTreeSet::from([name("b")]), ..request }).unwrap();
    assert_eq!(clusters(&moved).len(), 2);
    // Of one cluster alone there is no place for both.
    let none = place(&of(vec![two().remove(0)])).unwrap_err();
    assert!(none.candidates[0].reason.contains("site one is on edge, and the two are to be apart"), "{none:?}");
}
