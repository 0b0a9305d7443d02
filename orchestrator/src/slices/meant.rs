//! Which clusters a question is about: only those are read anew for it, so that one that hangs delays nobody else.

use models::cluster::Cluster;
use models::labels::Selector;
use models::{Name, Slice, SliceSpec};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Default)]
pub struct Meant {
    names: BTreeSet<Name>,
    selectors: Vec<Selector>,
}

impl Meant {
    pub(super) fn cluster(name: &Name) -> Self {
        Self { names: BTreeSet::from([name.clone()]), selectors: vec![] }
    }

    /// Wherever its sites may stand.
    pub(super) fn sites(spec: &SliceSpec) -> Self {
        let sites = || spec.sites.values();
        Self {
            names: sites().filter_map(|site| site.cluster.clone()).collect(),
            selectors: sites().filter_map(|site| site.select.clone()).collect(),
        }
    }

    /// Where a slice stands.
    pub(super) fn standing(slice: &Slice) -> Self {
        Self::default().and_standing(slice)
    }

    pub(super) fn and_standing(mut self, slice: &Slice) -> Self {
        self.names.extend(slice.placed.values().filter_map(|cluster| cluster.parse::<Name>().ok()));
        self
    }

    pub fn has(&self, cluster: &Cluster) -> bool {
        let selects = |selector: &Selector| selector.missing(&cluster.labels).is_none();
        self.names.contains(&cluster.name) || self.selectors.iter().any(selects)
    }
}
