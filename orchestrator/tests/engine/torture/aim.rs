//! Who is tormented and what they are to become: the goals of the other tests, for several slices at once.

use super::chance::Chance;
use crate::goal::{self, From, NAMESPACE, UID};
use crate::life::plain;
use adapters::sim::Sim;
use models::resource::ResourceId;
use models::{Name, Slice};
use orchestrator::ops::StartOptions;
use orchestrator::plan::want::{Want, Wanted};
use orchestrator::plan::{Observed, Plan, Recorded};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The slices that are worked on at one time.
pub const SLICES: u64 = 4;

/// What is written into the slice's labels, so that whoever finds it knows what it should be.
pub const GOALS: [&str; 3] = ["goal", "changed", "replaced"];
pub const LABEL: &str = "goal";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub name: Name,
    pub uid: String,
}

pub fn all() -> Vec<Who> {
    (1..=SLICES).map(|n| Who { name: format!("s{n}").parse().unwrap(), uid: format!("{n:08x}") }).collect()
}

/// A goal by its name; none is a slice that is gone.
fn want(name: Option<&str>) -> Want {
    match name {
        None => Want::new(),
        Some("goal") => goal::goal(),
        Some("changed") => goal::changed(),
        Some("replaced") => goal::replaced(),
        Some(other) => panic!("no goal {other}"),
    }
}

impl Who {
    pub fn namespace(&self) -> String {
        format!("sw-{}-{}", self.name, self.uid)
    }

    /// The same of this slice.
    fn own<T: Serialize + DeserializeOwned>(&self, value: &T) -> T {
        let text = serde_json::to_string(value).unwrap();
        let text = text.replace(NAMESPACE, &self.namespace()).replace(UID, &self.uid);
        serde_json::from_str(&text.replace("\"demo\"", &format!("\"{}\"", self.name))).unwrap()
    }

    pub fn want(&self, goal: Option<&str>) -> Want {
        let own = |wanted: Wanted| Wanted {
            resource: self.own(&wanted.resource),
            needs: self.own(&wanted.needs),
            tier: wanted.tier,
            why: wanted.why,
        };
        let all = want(goal).into_values().map(own);
        all.map(|wanted| (wanted.resource.id().clone(), wanted)).collect()
    }

    pub fn slice(&self, goal: &str) -> Slice {
        let labels = BTreeMap::from([(LABEL.to_owned(), goal.to_owned())]);
        Slice { name: self.name.clone(), uid: self.uid.clone(), labels, ..goal::slice() }
    }

    /// A plan towards a goal, drawn by chance.
    pub fn plan(&self, from: Known<'_>, chance: &mut Chance) -> Plan {
        let goal = match from.slice.is_some() && chance.one_in(4) {
            true => None,
            false => Some(*chance.pick(&GOALS)),
        };
        self.plan_to(goal, from)
    }

    pub fn plan_to(&self, goal: Option<&str>, from: Known<'_>) -> Plan {
        let Known { slice, recorded, observed } = from;
        let plan = goal::plan(&self.want(goal), &From { slice, recorded, observed });
        let after = goal.map(|goal| self.slice(goal));
        Plan { subject: self.name.clone(), uid: self.uid.clone(), after, ..plan }
    }

    /// The part of the world that is this slice's.
    pub fn world<'s>(&self, sims: impl Iterator<Item = &'s Sim>) -> BTreeMap<ResourceId, Value> {
        let home = self.namespace();
        let own = |id: &ResourceId| id.namespace == home || (id.namespace.is_empty() && id.name == home);
        plain(sims.flat_map(Sim::dump).filter(|(id, _)| own(id)).collect())
    }

    /// A world of the other tests' slice, as this slice's.
    pub fn reference(&self, world: &BTreeMap<ResourceId, Value>) -> BTreeMap<ResourceId, Value> {
        world.iter().map(|(id, value)| (self.own(id), self.own(value))).collect()
    }
}

/// What a plan starts from.
pub struct Known<'k> {
    pub slice: Option<Slice>,
    pub recorded: &'k BTreeMap<ResourceId, Recorded>,
    pub observed: &'k BTreeMap<ResourceId, Observed>,
}

/// The worlds that the goals make, by a life in which nothing goes wrong.
pub fn references() -> BTreeMap<&'static str, BTreeMap<ResourceId, Value>> {
    let made = |name: &'static str| {
        let ground = crate::life::Ground::new();
        let life = crate::life::Life::new(&ground, &crate::kill::Kill::never());
        for goal in ["goal", name] {
            let (plan, options) = (life.plan(&want(Some(goal))), life.options());
            let operation = life.run(life.engine.start(plan, StartOptions { ..options })).unwrap();
            assert_eq!(life.wait(&operation.id).operation.state, models::OperationState::Completed);
        }
        (name, ground.world())
    };
    GOALS.map(made).into()
}
