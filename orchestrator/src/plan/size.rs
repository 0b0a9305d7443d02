//! How large each function is, and where: requests exist only after rendering, and a chart may render differently for
//! another version of Kubernetes. It must never decide where a function stands.

use super::bundle::Bundle;
use super::make::{Maker, Part, PlanError};
use super::world::ClusterView;
use models::{ClusterFacts, Name, Problem};
use std::collections::BTreeMap;
use topology::{Clause, Pods, There};

/// What one function is, by where it may stand.
pub(super) enum Sizes {
    Kept(Box<Bundle>),
    Rendered(BTreeMap<Name, Result<Bundle, String>>),
}

impl Sizes {
    pub(super) fn pods(&self) -> (Vec<Pods>, There) {
        match self {
            Self::Kept(bundle) => (bundle.pods.clone(), BTreeMap::new()),
            Self::Rendered(there) => {
                let each = |(name, size): (&Name, &Result<Bundle, String>)| {
                    (name.clone(), size.as_ref().map(|bundle| bundle.pods.clone()).map_err(Clone::clone))
                };
                (Vec::new(), there.iter().map(each).collect())
            }
        }
    }
}

impl Maker<'_> {
    /// What each function is on every cluster where it may stand: requests exist only after rendering. One render per
    /// distinct version and API list; where something is kept, that is its size everywhere.
    pub(super) async fn sizes(&self, parts: &[Part<'_>]) -> Result<BTreeMap<Name, Sizes>, PlanError> {
        let size = async |part: &Part<'_>| {
            let size = match &part.kept {
                Some(bundle) => Sizes::Kept(Box::new(bundle.clone())),
                None => Sizes::Rendered(self.rendered(part).await?),
            };
            Ok((part.workload.name.clone(), size))
        };
        let all = futures::future::join_all(parts.iter().map(size)).await;
        // In the order of the file, so that the same fault is told first each time.
        all.into_iter().collect()
    }

    /// Fails where the chart renders for no cluster; one that only some take is refused by those that do not.
    async fn rendered(&self, part: &Part<'_>) -> Result<BTreeMap<Name, Result<Bundle, String>>, PlanError> {
        let mut done: Vec<(&ClusterFacts, Result<Bundle, String>)> = Vec::new();
        let mut sizes = BTreeMap::new();
        let mut refused = None;
        for (name, facts) in self.candidates(part)? {
            let known = done.iter().find(|(other, size)| same_target(other, facts) && is_its_own(size));
            let known = known.map(|(_, size)| size.clone());
            let size = match known {
                Some(size) => size,
                None => match self.render(part, (name, facts)).await {
                    Ok(bundle) => Ok(bundle),
                    Err(PlanError::Unavailable { cause }) => return Err(PlanError::Unavailable { cause }),
                    Err(error) => {
                        let words = error.to_string();
                        refused.get_or_insert(error);
                        Err(words)
                    }
                },
            };
            done.push((facts, size.clone()));
            sizes.insert(name.clone(), size);
        }
        match refused {
            Some(error) if sizes.values().all(Result::is_err) => Err(error),
            _ => Ok(sizes),
        }
    }

    /// The clusters where the function may stand, as far as they were ever read.
    fn candidates(&self, part: &Part<'_>) -> Result<Vec<(&Name, &ClusterFacts)>, PlanError> {
        let site = self.slice.spec.sites.get(part.workload.site);
        let meant = |view: &ClusterView| match site.and_then(Clause::of) {
            Some(Clause::Cluster(name)) => view.cluster.name == name,
            Some(Clause::Select { selector, .. }) => selector.chooses(&view.cluster.labels),
            None => false,
        };
        // Where it stands already is one: a label that no longer matches must not move or refuse it.
        let standing = self.world.standing.iter().find(|standing| &standing.site == part.workload.site);
        let stands = |name: &Name| standing.is_some_and(|standing| &standing.cluster == name);
        let views: Vec<_> = self.world.clusters.iter().filter(|(name, view)| stands(name) || meant(view)).collect();
        if views.is_empty() {
            return Err(self.nowhere(part.workload.site));
        }
        Ok(views.into_iter().filter_map(|(name, view)| Some((name, view.facts()?))).collect())
    }

    fn nowhere(&self, site: &Name) -> PlanError {
        let names: Vec<&str> = self.world.clusters.keys().map(Name::as_str).collect();
        let list = if names.is_empty() { "none is registered".to_owned() } else { names.join(", ") };
        let problem = Problem::at(format!("spec.sites.{site}"), "it means no cluster that is registered".to_owned());
        PlanError::Problems(vec![problem.mend(format!("clusters: {list}; see: sliceway get clusters"))])
    }

    /// The bundle for the cluster that was chosen.
    pub(super) async fn bundles(
        &self,
        parts: &[Part<'_>],
        placed: &BTreeMap<Name, Name>,
        mut sizes: BTreeMap<Name, Sizes>,
    ) -> Result<BTreeMap<Name, Bundle>, PlanError> {
        let mut bundles = BTreeMap::new();
        for part in parts {
            let name = part.workload.name;
            let cluster = placed.get(name);
            let facts = cluster.and_then(|c| self.world.clusters.get(c)).and_then(|view| view.facts());
            let bundle = match (sizes.remove(name), cluster, facts) {
                // What is kept was rendered for the cluster that it leaves.
                (Some(Sizes::Kept(_)), Some(cluster), Some(facts)) if self.moves(part, Some(cluster)) => {
                    self.render(part, (cluster, facts)).await?
                }
                (Some(Sizes::Kept(bundle)), _, _) => *bundle,
                (Some(Sizes::Rendered(mut there)), Some(cluster), _) => match there.remove(cluster) {
                    Some(Ok(bundle)) => bundle,
                    Some(Err(cause)) => return Err(PlanError::Unavailable { cause }),
                    None => return Err(unread(cluster)),
                },
                (Some(Sizes::Rendered(_)) | None, _, _) => return Err(self.nowhere(part.workload.site)),
            };
            bundles.insert(name.clone(), bundle);
        }
        Ok(bundles)
    }
}

fn unread(cluster: &Name) -> PlanError {
    PlanError::Unavailable { cause: format!("cluster {cluster} was not read yet") }
}

/// What it holds does not come from the cluster that it was rendered for.
fn is_its_own(size: &Result<Bundle, String>) -> bool {
    size.as_ref().is_ok_and(|bundle| bundle.lookups == 0)
}

fn same_target(a: &ClusterFacts, b: &ClusterFacts) -> bool {
    a.version == b.version && a.apis == b.apis
}
