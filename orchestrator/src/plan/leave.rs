//! What becomes of things on targets that cannot be reached, where they are to go: they are orphans until the target
//! returns, or are forgotten where that was asked for (ENGINE.md 14). Pure.

use super::diff::Step;
use super::world::World;
use models::Name;
use models::change::Verb;
use models::resource::{ResourceId, Target};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct Leave<'w> {
    /// Why each cluster cannot be reached.
    away: BTreeMap<&'w Name, String>,
    /// What is an orphan already.
    orphans: Option<&'w BTreeSet<ResourceId>>,
    forget: bool,
}

impl<'w> Leave<'w> {
    pub fn of(world: &'w World, forget: bool) -> Self {
        // One that refuses who we are may take new credentials: only who gives it up does not wait for them.
        let why = |name: &'w Name| {
            let target = Target::Cluster(name.clone());
            Some((name, if forget { world.lost(&target) } else { world.away(&target) }?))
        };
        Self { away: world.clusters.keys().filter_map(why).collect(), orphans: Some(&world.orphans), forget }
    }

    pub fn is_away(&self, cluster: &Name) -> bool {
        self.away.contains_key(cluster)
    }

    /// A removal, or what takes its place; `None`: it is waited for already.
    pub fn instead(&self, step: Step) -> Option<Step> {
        let Target::Cluster(cluster) = &step.id.target else { return Some(step) };
        let Some(why) = self.away.get(cluster) else { return Some(step) };
        let known = self.orphans.is_some_and(|orphans| orphans.contains(&step.id));
        let (verb, reason) = match (self.forget, known) {
            (true, _) => (Verb::Abandon, format!("{why}: forgotten, and left there for good")),
            (false, true) => return None,
            (false, false) => (Verb::Bury, format!("{why}: it goes when the cluster returns")),
        };
        // It is still there: nothing is lost yet.
        Some(Step { verb, reason, irreversible: step.irreversible.filter(|_| self.forget), ..step })
    }

    /// A warning for each cluster on which something stays.
    pub fn warnings(&self, steps: &[Step]) -> Vec<String> {
        let count = |cluster: &Name, verb: Verb| {
            steps.iter().filter(|s| s.verb == verb && s.id.target == Target::Cluster(cluster.clone())).count()
        };
        let mut warnings = Vec::new();
        for (cluster, why) in &self.away {
            if let left @ 1.. = count(cluster, Verb::Bury) {
                warnings.push(format!(
                    "{left} things stay on {cluster} until it can be reached again ({why}); see: sliceway orphans"
                ));
            }
            if let left @ 1.. = count(cluster, Verb::Abandon) {
                warnings.push(format!("{left} things are forgotten and stay on {cluster} for good ({why})"));
            }
        }
        warnings
    }
}
