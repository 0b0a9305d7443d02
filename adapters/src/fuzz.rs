//! What the fuzzer runs against the parsers of this crate: charts, registries and clusters say what they like. It is
//! compiled for tests, which replay the corpora, and for `fuzz/`; it must never be part of the product.

pub use crate::charts::fuzz::{chart_index, oci_answer, repository_address};
pub use crate::helm::fuzz::{chart_archive, helmignore, worker_answer};
pub use crate::kubernetes::fuzz::{api_server, kubeconfig, kubernetes_names, live_object};
use crate::release;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use models::resource::{ReleaseRecord, ReleaseStatus};
use serde_json::{Value, json};
use std::io::Write as _;

pub type Run = fn(&[u8]);

pub const TARGETS: &[(&str, Run)] = &[
    ("chart_archive", chart_archive),
    ("helmignore", helmignore),
    ("worker_answer", worker_answer),
    ("chart_index", chart_index),
    ("oci_answer", oci_answer),
    ("repository_address", repository_address),
    ("release_secret", release_secret),
    ("kubeconfig", kubeconfig),
    ("kubernetes_names", kubernetes_names),
    ("live_object", live_object),
    ("api_server", api_server),
];

/// The first byte says what the rest is: a release's JSON, its packed bytes, or a whole Secret.
pub fn release_secret(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else { return };
    let secret = |packed: &[u8]| {
        let labels = json!({"name": "gw", "owner": "helm", "status": "deployed", "version": "1"});
        let data = json!({"release": STANDARD.encode(STANDARD.encode(packed))});
        json!({"type": release::TYPE, "metadata": {"labels": labels}, "data": data})
    };
    let secret = match form % 3 {
        0 => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            let written = gzip.write_all(rest).and_then(|()| gzip.finish());
            secret(&written.unwrap_or_default())
        }
        1 => secret(rest),
        _ => serde_json::from_slice(rest).unwrap_or_default(),
    };
    withstood(&secret);
}

fn withstood(secret: &Value) {
    let _ = release::HelmRevision::of(secret);
    let _ = release::outputs(secret);
    if let Some(told) = release::told(secret) {
        for (kind, name, _) in release::objects(&told) {
            assert!(kind.contains('/'), "{kind} {name}");
        }
    }
    let Some(release) = release::read(secret) else { return };
    let _ = crate::helm::chart_of(&release);
    let record = ReleaseRecord {
        digest: "sha256:0".into(),
        name: "gw".into(),
        revision: 2,
        status: ReleaseStatus::Deployed,
        first: None,
        deployed: None,
    };
    // What Helm recorded is recorded again when it is put back; then it is the same but for what the record says.
    let again = release::manifest(&record, release.to_string().as_bytes(), None);
    let read = again.ok().and_then(|secret| release::read(&secret));
    assert_eq!(read.map(|read| read["version"].clone()), Some(json!(2)));
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_of_the_corpora_is_withstood() {
        replay::replay(TARGETS);
    }
}
