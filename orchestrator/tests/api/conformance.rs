//! What of SOL005 is not served is on a list, which may only get shorter. Where the standard's surface is not beside this
//! folder, the list is held against what is served alone.

use orchestrator::api::SURFACE;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// `METHOD /path/{}/…`, one in a line.
const MISSING: &str = include_str!("openapi/not-served.txt");

/// The second segments that are resources: the tables of others also have the paths of callbacks.
const RESOURCES: [&str; 13] = [
    "ns_descriptors",
    "pnf_descriptors",
    "subscriptions",
    "vnf_packages",
    "ns_instances",
    "ns_lcm_op_occs",
    "vnf_snapshots",
    "alarms",
    "pm_jobs",
    "thresholds",
    "nfvi_capacity_infos",
    "capacity_thresholds",
    "vnf_snapshot_packages",
];

/// Names of parts of a path are everybody's own.
fn plain(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') || part == "**" { "{}".to_owned() } else { part.to_owned() };
    path.trim_end_matches('/').split('/').map(part).collect::<Vec<_>>().join("/")
}

fn served() -> BTreeSet<String> {
    SURFACE.iter().map(|endpoint| format!("{} {}", endpoint.method.as_str(), plain(endpoint.path))).collect()
}

/// Seen also where the test passes.
fn told(words: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{words}").unwrap();
}

fn standard() -> Option<BTreeSet<String>> {
    let named = std::env::var_os("SLICEWAY_SCHEMAS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let Ok(text) = std::fs::read_to_string(folder.join("reference/sol005-surface.tsv")) else {
        told("SKIPPED for want of the standard's surface: only the list is looked at");
        return None;
    };
    let row = |line: &str| {
        let mut columns = line.split('\t').skip(2);
        let (method, path) = (columns.next()?.to_owned(), columns.next()?.replace("application/json", ""));
        let mut parts = path.split('/').skip(1);
        let (root, resource) = (parts.next()?.to_owned(), parts.nth(1)?.to_owned());
        let ours = !["lcmcoord", "vnffm"].contains(&root.as_str()) && RESOURCES.contains(&resource.as_str());
        // Two paths of callbacks, and one that is written twice.
        let odd = path.ends_with("Notification") || path.ends_with("pm_jobs/pm_jobs");
        (ours && !odd).then(|| format!("{method} {}", plain(&path)))
    };
    Some(text.lines().skip(1).filter_map(row).collect())
}

#[test]
fn what_is_not_served_is_listed_and_nothing_else_is() {
    let listed: BTreeSet<String> = MISSING.lines().map(str::to_owned).collect();
    let served = served();
    let both: Vec<&String> = listed.intersection(&served).collect();
    assert!(both.is_empty(), "served now, take them off the list: {both:?}");
    told(&format!("{} of SOL005 are served, {} are not:\n{MISSING}", served.len(), listed.len()));
    if let Some(standard) = standard() {
        let missing: BTreeSet<String> = standard.difference(&served).cloned().collect();
        assert_eq!(
            missing.difference(&listed).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "missing, and not on the list"
        );
        assert_eq!(listed.difference(&missing).collect::<Vec<_>>(), Vec::<&String>::new(), "not the standard's");
    }
}
