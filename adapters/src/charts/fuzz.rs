//! The parsers of what repositories and registries answer, for the fuzzer.

use super::http::join;
use super::index::Index;
use super::oci::{asked, tags_and_layer};
use super::origin::{Login, Origin, plain};
use super::sources::{is_digest, is_word};
use super::tree::Tree;
use std::collections::BTreeMap;

/// The copy that is kept of an index reads as the index.
pub fn chart_index(bytes: &[u8]) {
    let Ok(index) = Index::read(bytes) else { return };
    let copy = serde_json::to_vec(&index).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<Index>(&copy).ok().as_ref(), Some(&index));
    for chart in index.entries.keys() {
        let _ = index.versions(chart);
    }
}

/// A page of tags, or a manifest.
pub fn oci_answer(bytes: &[u8]) {
    tags_and_layer(bytes);
}

/// The first line is an address, the second a chart's name, the third a dependency's `file://` address.
pub fn repository_address(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (url, chart, file) = (next(), next(), next());
    let origin = Origin { name: "fuzz".into(), url: url.to_owned(), ca: None, login: Login::None };
    assert_eq!(plain(&plain(url)), plain(url), "{url:?}");
    if let Ok(address) = origin.address() {
        assert!(address.path().ends_with('/') || address.cannot_be_a_base(), "{address}");
        if let Ok(place) = join(&address, file) {
            assert!(matches!(place.scheme(), "http" | "https"), "{place}");
        }
    }
    if let Some(place) = asked(url, chart).filter(|_| is_word(chart)) {
        assert!(place.path().starts_with("/v2/") && place.path().contains(chart), "{place}");
    }
    let _ = is_digest(chart);
    let charts = BTreeMap::from([("web".to_owned(), Vec::new())]);
    let _ = Tree { base: "web", charts: &charts }.find(chart, file);
}
