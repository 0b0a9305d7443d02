//! Objects that would be one in the world though several want them: ours and a chart's, or the charts' of two functions
//! that share a cluster. Without this one of them would be lost in silence. Pure.

use super::{Scene, Wanted};
use crate::plan::bundle::Piece;
use crate::plan::refuse::group;
use crate::plan::resolve;
use models::resource::Target;
use models::slice::Workload;
use models::{Name, Problem};
use std::collections::BTreeMap;

/// Cluster, group, kind and name: what a namespace can hold once, in whatever version it is written.
type Identity<'a> = (&'a Name, &'a str, &'a str, &'a str);

enum Holder<'a> {
    Us(&'a str),
    Chart(&'a Name, &'a str),
}

impl Holder<'_> {
    fn words(&self) -> String {
        match self {
            Holder::Us(why) => format!("made by Sliceway ({why})"),
            Holder::Chart(function, source) => format!("in {source} of {function}"),
        }
    }

    fn mend(&self) -> &'static str {
        match self {
            Holder::Us(_) => "rename it in the chart or its values; what an access rule reaches has a Service of ours",
            Holder::Chart(..) => {
                "name it after the release, switch one off in the values, or put the functions on different clusters"
            }
        }
    }
}

/// `base` is what is ours.
pub(super) fn clashes(scene: &Scene<'_>, base: &[Wanted]) -> Vec<Problem> {
    let mut holders: BTreeMap<Identity<'_>, Holder<'_>> = BTreeMap::new();
    let mut problems = Vec::new();
    for wanted in base {
        let id = wanted.resource.id();
        let Target::Cluster(cluster) = &id.target else { continue };
        let (version, kind) = id.api();
        if let Some(other) = holders.insert((cluster, group(version), kind, &id.name), Holder::Us(&wanted.why)) {
            let message = format!("{} ({}) is also {}", id.short(), wanted.why, other.words());
            problems.push(Problem::at("spec", message).mend("rename one of the functions that it is for"));
        }
    }
    let workloads = scene.slice.spec.workloads();
    for (workload, cluster, piece) in pieces(scene, &workloads) {
        let holder = Holder::Chart(workload.name, &piece.source);
        let Some(other) = holders.insert((cluster, group(&piece.api_version), &piece.kind, &piece.name), holder) else {
            continue;
        };
        let field = format!("{}.chart", resolve::field(&scene.slice.spec, workload.name));
        let message = format!("{}: {} {} is also {}", piece.source, piece.kind, piece.name, other.words());
        problems.push(Problem::at(field, message).mend(other.mend()));
    }
    problems
}

fn pieces<'a>(
    scene: &'a Scene<'_>,
    workloads: &'a [Workload<'_>],
) -> impl Iterator<Item = (&'a Workload<'a>, &'a Name, &'a Piece)> {
    workloads.iter().flat_map(|workload| {
        let placed = scene.cluster_of(workload.name).zip(scene.bundles.get(workload.name));
        placed
            .into_iter()
            .flat_map(move |(cluster, bundle)| bundle.objects.iter().map(move |piece| (workload, cluster, piece)))
    })
}
