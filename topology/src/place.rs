//! Placement: which cluster carries each site of a slice, and why.
//!
//! **Guarantees.** A choice rests on clause and demand, never on today's load: a site that stands somewhere stays there
//! while both are the same, and moves only where its clause no longer allows the place or `replace` names one of its
//! functions. Every candidate that the clause means is kept with its reason, and
//! some of the others. The order of candidates and demands does not matter.
//!
//! **Caveats.** Sites take their room one after another (those that stand, then those with a fixed cluster, then the
//! rest, each by name), pods by first fit: a tight fit that only another order finds is not found.
//!
//! It must never place something on a cluster that does not hold it or that its clause does not mean.

use crate::choice::{Choice, NoPlace, Placement, Verdict};
use crate::request::{Candidate, Clause, Condition, Demand, Pods, Request, Standing};
use crate::room::{Nodes, Room, words};
use models::Name;
use models::problem::nearest;
use models::slice::Policy;
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Of the clusters that a site does not mean, so many are told, the first by name: a fleet has a thousand.
const NOT_MEANT: usize = 20;

/// Places every site of the request that has a function; fails with the first site that has no place.
pub fn place(request: &Request) -> Result<Placement, NoPlace> {
    if let Some(lost) = request.demands.iter().find(|demand| !request.sites.contains_key(&demand.site)) {
        return Err(lost_site(lost));
    }
    let mut ground = Ground::of(request);
    let mut sites: Vec<Ask<'_>> = asks(request);
    sites.sort_by_key(|ask| (ask.turn(), ask.site.clone()));
    let mut chosen = Vec::with_capacity(sites.len());
    for ask in &sites {
        chosen.push(ground.settle(ask)?);
    }
    chosen.sort_by(|a, b| a.standing.site.cmp(&b.standing.site));
    Ok(Placement { sites: chosen })
}

/// The slice file's checks refuse it; a caller that skipped them gets words instead of a missing function.
fn lost_site(demand: &Demand) -> NoPlace {
    NoPlace {
        site: demand.site.clone(),
        functions: vec![demand.function.clone()],
        candidates: Vec::new(),
        passing: false,
        note: Some(format!("no site is called {}", demand.site)),
    }
}

/// One site with everything that is asked of it.
struct Ask<'a> {
    site: &'a Name,
    clause: &'a Clause,
    demands: Vec<Demand>,
    before: Option<&'a Standing>,
    /// Sites that are on other clusters.
    apart: Vec<&'a Name>,
    /// `replace` names one of its functions.
    may_move: bool,
}

impl Ask<'_> {
    fn turn(&self) -> u8 {
        match (&self.before, self.clause) {
            (Some(_), _) if !self.may_move => 0,
            (_, Clause::Cluster(_)) => 1,
            (_, Clause::Select { .. }) => 2,
        }
    }

    /// The pods that already run on a cluster for this site.
    fn running(&self, cluster: &Name) -> Vec<Pods> {
        let there = self.before.filter(|before| before.cluster == *cluster);
        there.map(|before| before.demands.iter().flat_map(|d| d.pods.clone()).collect()).unwrap_or_default()
    }

    fn is_unchanged(&self, before: &Standing) -> bool {
        before.clause == *self.clause && self.on(&before.cluster).is_ok_and(|demands| before.demands == demands)
    }

    /// What is asked on one cluster, or why that cannot be.
    fn on(&self, cluster: &Name) -> Result<Vec<Demand>, String> {
        self.demands.iter().map(|demand| demand.on(cluster)).collect()
    }

    fn pods(&self, cluster: &Name) -> Result<Vec<Pods>, String> {
        Ok(self.on(cluster)?.into_iter().flat_map(|demand| demand.pods).collect())
    }
}

fn asks(request: &Request) -> Vec<Ask<'_>> {
    request
        .sites
        .iter()
        .map(|(site, clause)| ask(request, site, clause))
        .filter(|ask| !ask.demands.is_empty())
        .collect()
}

fn ask<'a>(request: &'a Request, site: &'a Name, clause: &'a Clause) -> Ask<'a> {
    let mut demands: Vec<Demand> = request.demands.iter().filter(|d| d.site == *site).cloned().collect();
    demands.sort_by(|a, b| a.function.cmp(&b.function));
    Ask {
        site,
        clause,
        before: request.standing.iter().find(|standing| standing.site == *site),
        apart: request
            .apart
            .iter()
            .filter_map(|(one, other)| match (one == site, other == site) {
                (true, _) => Some(other),
                (false, true) => Some(one),
                (false, false) => None,
            })
            .collect(),
        may_move: demands.iter().any(|d| request.replace.contains(&d.function)),
        demands,
    }
}

/// What is left on every candidate while sites take their room.
struct Ground<'a> {
    clusters: BTreeMap<&'a Name, (&'a Candidate, Nodes)>,
    /// Where the sites are that were settled: site to cluster.
    taken: BTreeMap<Name, Name>,
}

/// A verdict in the making: what would be left if the site took its room here.
enum Trial {
    Fits(Nodes),
    /// The cause can pass.
    Lacks(String),
    Refuses(String),
}

impl<'a> Ground<'a> {
    fn of(request: &'a Request) -> Self {
        let mut clusters: BTreeMap<_, _> =
            request.candidates.iter().map(|c| (&c.name, (c, Nodes::of(&c.nodes)))).collect();
        for (cluster, pods) in &request.booked {
            if let Some((_, nodes)) = clusters.get_mut(cluster) {
                // What has no room any more takes none: its own operation waits for it.
                let _ = nodes.take(pods);
            }
        }
        Self { clusters, taken: BTreeMap::new() }
    }

    fn settle(&mut self, ask: &Ask<'_>) -> Result<Choice, NoPlace> {
        let mut choice = self.settled(ask)?;
        if let Some(together) = self.meets(ask, &choice.standing.cluster) {
            // Only what stands already: it moves when somebody says so.
            let more = format!("site {} stays although {together}", ask.site);
            choice.warning = Some(choice.warning.map_or(more.clone(), |before| format!("{before}; {more}")));
        }
        self.taken.insert(ask.site.clone(), choice.standing.cluster.clone());
        Ok(choice)
    }

    /// Why a site may not be there: one that is to be apart from it is.
    fn meets(&self, ask: &Ask<'_>, cluster: &Name) -> Option<String> {
        let other = ask.apart.iter().find(|site| self.taken.get(**site) == Some(cluster))?;
        Some(format!("site {other} is on {cluster}, and the two are to be apart"))
    }

    fn settled(&mut self, ask: &Ask<'_>) -> Result<Choice, NoPlace> {
        match ask.before.filter(|_| !ask.may_move) {
            Some(before) if ask.is_unchanged(before) => self.stay(ask, before),
            Some(before) if self.allowed(ask, &before.cluster) => self.keep(ask, before),
            Some(_) | None => self.choose(ask),
        }
    }

    /// The clause still means the cluster where the site stands, or is the one that once put it there.
    fn allowed(&self, ask: &Ask<'_>, cluster: &Name) -> bool {
        let same = ask.before.is_some_and(|before| before.clause == *ask.clause);
        let known = self.clusters.get(cluster);
        same || known.is_some_and(|(candidate, _)| ask.clause.objection(candidate).is_none())
    }

    /// Nothing changed: the site stays, whatever the load and the labels are today.
    fn stay(&self, ask: &Ask<'_>, before: &Standing) -> Result<Choice, NoPlace> {
        let Some((here, nodes)) = self.clusters.get(&before.cluster) else {
            return Err(self.gone(ask, before));
        };
        let others =
            |cluster: &Name| Verdict { cluster: cluster.clone(), accepted: false, reason: stands(before), room: None };
        let mine = Verdict {
            cluster: before.cluster.clone(),
            accepted: true,
            reason: "stands here, and neither its clause nor its demand changed".to_owned(),
            room: Some(nodes.free()),
        };
        let verdict = |name: &&Name| if **name == before.cluster { mine.clone() } else { others(name) };
        let candidates = self.near(&before.cluster).map(|(name, _)| verdict(name)).collect();
        Ok(Choice { standing: before.clone(), candidates, warning: warning(ask, here) })
    }

    /// The demand changed, or the clause did and still allows the place: the site stays if it fits what was last read.
    /// That the cluster is away now is a warning: the operation waits for it, and the slice's other sites go on.
    fn keep(&mut self, ask: &Ask<'_>, before: &Standing) -> Result<Choice, NoPlace> {
        let Some((here, _)) = self.clusters.get(&before.cluster) else {
            return Err(self.gone(ask, before));
        };
        let warning = warning(ask, here);
        let trials = self.near(&before.cluster).map(|(name, (candidate, nodes))| {
            let trial = match **name == before.cluster {
                true => capacity(ask, candidate, nodes),
                false => Trial::Refuses(stands(before)),
            };
            (*name, trial)
        });
        let trials: BTreeMap<&Name, Trial> = trials.collect();
        let why = |_: &Name, room: Room| format!("stands here and fits; leaves {}", words(room));
        match trials.get(&before.cluster) {
            Some(Trial::Fits(_)) => {
                let choice = self.take(ask, &before.cluster, Verdicts { trials, why: &why });
                Ok(Choice { warning, ..choice })
            }
            Some(Trial::Lacks(_) | Trial::Refuses(_)) | None => Err(no_place(ask, trials)),
        }
    }

    /// Nothing holds the site anywhere: the policy decides among those that fit.
    fn choose(&mut self, ask: &Ask<'_>) -> Result<Choice, NoPlace> {
        let mut objected = 0;
        let mut trials: BTreeMap<&Name, Trial> = BTreeMap::new();
        for (name, (candidate, nodes)) in &self.clusters {
            let objection = ask.clause.objection(candidate).or_else(|| self.meets(ask, name));
            objected += usize::from(objection.is_some());
            match objection {
                Some(_) if objected > NOT_MEANT => {}
                Some(objection) => drop(trials.insert(*name, Trial::Refuses(objection))),
                None => drop(trials.insert(*name, room_for(ask, candidate, nodes))),
            }
        }
        let Some(best) = best(ask, &trials).cloned() else {
            let mut none = no_place(ask, trials);
            none.note = self.unknown(ask.clause);
            return Err(none);
        };
        let why = |name: &Name, room: Room| reason(ask.clause, (name, &best), room);
        Ok(self.take(ask, &best, Verdicts { trials, why: &why }))
    }

    /// Books the room on the chosen cluster and writes the choice down.
    fn take(&mut self, ask: &Ask<'_>, cluster: &Name, verdicts: Verdicts<'_>) -> Choice {
        let mut candidates = Vec::with_capacity(verdicts.trials.len());
        for (name, trial) in verdicts.trials {
            let free = match &trial {
                Trial::Fits(nodes) => Some(nodes.free()),
                Trial::Lacks(_) | Trial::Refuses(_) => None,
            };
            candidates.push(match trial {
                Trial::Fits(nodes) => {
                    let room = nodes.free();
                    if let Some((_, booked)) = self.clusters.get_mut(name).filter(|_| name == cluster) {
                        *booked = nodes;
                    }
                    Verdict { cluster: name.clone(), accepted: true, reason: (verdicts.why)(name, room), room: free }
                }
                Trial::Lacks(reason) | Trial::Refuses(reason) => {
                    Verdict { cluster: name.clone(), accepted: false, reason, room: free }
                }
            });
        }
        let standing = Standing {
            site: ask.site.clone(),
            cluster: cluster.clone(),
            clause: ask.clause.clone(),
            demands: ask.on(cluster).unwrap_or_default(),
        };
        Choice { standing, candidates, warning: None }
    }

    fn gone(&self, ask: &Ask<'_>, before: &Standing) -> NoPlace {
        let near = self.near(&before.cluster);
        let trials = near.map(|(name, _)| (*name, Trial::Refuses(stands(before)))).collect();
        let note = format!("cluster {}, where the site stands, is not registered any more", before.cluster);
        NoPlace { note: Some(note), ..no_place(ask, trials) }
    }

    /// The cluster where a site stands, and so many others as a person wants to read of.
    fn near<'s>(&'s self, here: &'s Name) -> impl Iterator<Item = (&'s &'a Name, &'s (&'a Candidate, Nodes))> {
        let mut others = 0;
        self.clusters.iter().filter(move |(name, _)| {
            let is_here = **name == here;
            others += usize::from(!is_here);
            is_here || others <= NOT_MEANT
        })
    }

    fn unknown(&self, clause: &Clause) -> Option<String> {
        match clause {
            Clause::Cluster(name) if !self.clusters.contains_key(name) => {
                let known = self.clusters.keys().map(|known| known.as_str());
                let hint = nearest(name.as_str(), known).map(|near| format!(", did you mean {near}?"));
                Some(format!("no cluster is called {name}{}", hint.unwrap_or_default()))
            }
            Clause::Cluster(_) | Clause::Select { .. } => None,
        }
    }
}

struct Verdicts<'a> {
    trials: BTreeMap<&'a Name, Trial>,
    /// The reason of an accepted candidate, from its name and what it has left.
    why: &'a dyn Fn(&Name, Room) -> String,
}

fn room_for(ask: &Ask<'_>, candidate: &Candidate, nodes: &Nodes) -> Trial {
    match &candidate.condition {
        Condition::Away { reason } => Trial::Lacks(reason.clone()),
        Condition::Unusable { reason } => Trial::Refuses(reason.clone()),
        Condition::Usable => capacity(ask, candidate, nodes),
    }
}

fn capacity(ask: &Ask<'_>, candidate: &Candidate, nodes: &Nodes) -> Trial {
    let (mut nodes, old) = (nodes.clone(), ask.running(&candidate.name));
    let pods = match ask.pods(&candidate.name) {
        Ok(pods) => pods,
        Err(reason) => return Trial::Refuses(reason),
    };
    let taken = if old.is_empty() { nodes.take(&pods) } else { nodes.retake(&pods, &old) };
    match taken {
        Ok(()) => Trial::Fits(nodes),
        Err(reason) => Trial::Lacks(reason),
    }
}

/// The cluster that the clause prefers among those that fit; of equals the first by name.
fn best<'t>(ask: &Ask<'_>, trials: &BTreeMap<&'t Name, Trial>) -> Option<&'t Name> {
    let fitting = trials.iter().filter_map(|(name, trial)| match trial {
        Trial::Fits(nodes) => {
            let pods = ask.pods(name).unwrap_or_default();
            Some((nodes.free().holds_more(nodes.total(&pods)), *name))
        }
        Trial::Lacks(_) | Trial::Refuses(_) => None,
    });
    let packs = match ask.clause {
        Clause::Cluster(_) => true,
        Clause::Select { policy, .. } => match policy {
            Policy::BestFit => true,
            Policy::WorstFit => false,
        },
    };
    let preferred =
        if packs { fitting.min() } else { fitting.min_by_key(|(left, name)| (std::cmp::Reverse(*left), *name)) };
    preferred.map(|(_, name)| name)
}

fn reason(clause: &Clause, (name, best): (&Name, &Name), room: Room) -> String {
    let (most, rule) = match clause {
        Clause::Cluster(_) => return format!("the site names it, and it fits; leaves {}", words(room)),
        Clause::Select { policy: Policy::WorstFit, .. } => ("most", "worst-fit"),
        Clause::Select { policy: Policy::BestFit, .. } => ("least", "best-fit"),
    };
    match name == best {
        true => format!("fits and leaves the {most} room ({rule}): {}", words(room)),
        false => format!("fits and leaves {}, but {rule} prefers {best}", words(room)),
    }
}

fn stands(before: &Standing) -> String {
    let names: Vec<&str> = before.demands.iter().map(|d| d.function.as_str()).collect();
    format!("the site stands on {}; --replace {} moves it", before.cluster, names.first().unwrap_or(&"NAME"))
}

/// What a person should know about the place where a site stays.
fn warning(ask: &Ask<'_>, here: &Candidate) -> Option<String> {
    let away = match &here.condition {
        Condition::Usable => None,
        Condition::Away { reason } | Condition::Unusable { reason } => Some(reason.clone()),
    };
    let wrong = ask.clause.objection(here);
    let all: Vec<String> = wrong.into_iter().chain(away).collect();
    (!all.is_empty()).then(|| format!("site {} stays on {} although {}", ask.site, here.name, all.join(", and ")))
}

fn no_place(ask: &Ask<'_>, trials: BTreeMap<&Name, Trial>) -> NoPlace {
    let passing = trials.values().any(|trial| matches!(trial, Trial::Lacks(_)));
    let verdict = |(name, trial): (&Name, Trial)| match trial {
        Trial::Fits(nodes) => {
            Verdict { cluster: name.clone(), accepted: true, reason: "fits".to_owned(), room: Some(nodes.free()) }
        }
        Trial::Lacks(reason) | Trial::Refuses(reason) => {
            Verdict { cluster: name.clone(), accepted: false, reason, room: None }
        }
    };
    NoPlace {
        site: ask.site.clone(),
        functions: ask.demands.iter().map(|d| d.function.clone()).collect(),
        candidates: trials.into_iter().map(verdict).collect(),
        passing,
        note: None,
    }
}
