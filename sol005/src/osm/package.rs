//! A package of OSM: one folder, one descriptor in it, its charts below, and the sums of all of them.

use crate::archive::Tar;
use md5::{Digest as _, Md5};
use models::yaml;
use serde_json::Value;

/// A chart that travels in the package.
pub struct Chart<'a> {
    /// By which the descriptor refers to it.
    pub name: &'a str,
    /// Its files, by their paths below the chart's folder.
    pub files: &'a [(String, Vec<u8>)],
}

/// The bytes of `NAME.tar.gz`: `NAME/DESCRIPTOR.yaml`, `NAME/helm-chart-v3s/…`, `NAME/checksums.txt`. The same input gives the
/// same bytes.
pub fn package(name: &str, (descriptor, document): (&str, &Value), charts: &[Chart<'_>]) -> std::io::Result<Vec<u8>> {
    let mut tar = Tar::default();
    let mut sums = String::new();
    let mut add = |path: String, bytes: &[u8]| {
        sums.push_str(&format!("{:x}\t{path}\n", Md5::digest(bytes)));
        tar.file(&path, bytes)
    };
    add(format!("{name}/{descriptor}.yaml"), yaml::block(document).as_bytes())?;
    for chart in charts {
        for (path, bytes) in chart.files {
            add(format!("{name}/helm-chart-v3s/{}/{path}", chart.name), bytes)?;
        }
    }
    let sums = sums.into_bytes();
    tar.file(&format!("{name}/checksums.txt"), &sums)?;
    tar.gzipped()
}
