//! The index of an HTTP repository (`index.yaml`), read as a stranger's text: bounded, and only what is needed of it.

use serde::{Deserialize, Serialize};
use serde_saphyr::{DuplicateKeyPolicy, Options};
use std::collections::BTreeMap;

/// More values than the largest public index has.
const MOST_VALUES: usize = 6_000_000;

/// Every chart with its versions, in the index's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub entries: BTreeMap<String, Vec<Entry>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    #[serde(default)]
    entries: Option<BTreeMap<String, Option<Vec<Option<RawEntry>>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry {
    version: Option<String>,
    app_version: Option<String>,
    description: Option<String>,
    deprecated: Option<bool>,
    digest: Option<String>,
    urls: Option<Vec<String>>,
}

impl Index {
    /// One odd entry does not make the others unusable; what is no index at all is told with its reason.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let raw: Raw = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| error.to_string())?,
            false => serde_saphyr::from_str_with_options(text, options()).map_err(|error| first_line(&error))?,
        };
        if raw.api_version.is_none() {
            return Err("it has no apiVersion".into());
        }
        let entries = raw.entries.unwrap_or_default().into_iter();
        let kept = |all: Option<Vec<Option<RawEntry>>>| all.into_iter().flatten().flatten().filter_map(entry).collect();
        Ok(Self { entries: entries.map(|(name, all)| (name, kept(all))).collect() })
    }

    /// The versions that can be fetched, in the index's order.
    pub fn versions(&self, chart: &str) -> Vec<String> {
        let all = self.entries.get(chart).into_iter().flatten();
        all.filter(|entry| !entry.urls.is_empty()).map(|entry| entry.version.clone()).collect()
    }
}

fn entry(raw: RawEntry) -> Option<Entry> {
    Some(Entry {
        version: raw.version.filter(|version| !version.is_empty())?,
        app_version: raw.app_version.unwrap_or_default(),
        description: raw.description.unwrap_or_default(),
        deprecated: raw.deprecated.unwrap_or_default(),
        digest: raw.digest.filter(|digest| !digest.is_empty()),
        urls: raw.urls.unwrap_or_default(),
    })
}

fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or("it is no YAML").chars().take(300).collect()
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 3 * MOST_VALUES,
            max_nodes: MOST_VALUES,
            max_depth: 24,
            flow_nesting_limit: 24,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1,
            max_total_scalar_bytes: 128 << 20,
            max_merge_keys: 1_000,
            max_recorded_anchor_events: 100_000,
            max_recorded_anchor_bytes: 1 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 1_000_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_quotes_are_the_text_that_they_stand_for() {
        let text = "apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.10.0, appVersion: 1.10, urls: [a.tgz], \
                    annotations: {x: {y: z}}}\n  - null\n  - {name: web}\n  none: null\n";
        let index = Index::read(text.as_bytes()).unwrap();
        assert_eq!(index.entries["web"].len(), 1);
        assert_eq!(index.entries["web"][0].app_version, "1.10");
        assert_eq!(index.versions("web"), ["1.10.0"]);
        assert!(index.versions("none").is_empty());
    }

    #[test]
    fn what_is_no_index_is_told() {
        let check = |text: &str| Index::read(text.as_bytes()).unwrap_err();
        assert!(!check("<html><body>").is_empty());
        assert_eq!(check("entries: {}"), "it has no apiVersion");
        let bomb = format!("apiVersion: v1\na: &a [x,x,x,x]\nb: [{}]\n", "*a,".repeat(5_000));
        assert!(!check(&bomb).is_empty());
        assert!(!check(&"[".repeat(100_000)).is_empty());
    }
}
