//! The fuzzer's targets, their corpora and what the unit tests replay are one list: a target that is not replayed, or a
//! corpus that nobody reads, is as good as none.

use super::holds;
use std::collections::BTreeSet;
use std::path::Path;
use tests::root;

/// The crates that have targets.
const CRATES: [&str; 4] = ["models", "adapters", "sol005", "orchestrator"];

fn names(folder: &Path, trim: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().trim_end_matches(trim).to_owned()).collect()
}

/// `("slice_file", slice_file)` in a list of targets.
fn replayed(text: &str) -> BTreeSet<String> {
    let quoted = text.split("(\"").skip(1).filter_map(|rest| rest.split_once("\", "));
    quoted.filter(|(name, rest)| rest.starts_with(&format!("{name})"))).map(|(name, _)| name.to_owned()).collect()
}

fn bins(manifest: &str) -> BTreeSet<String> {
    let after = manifest.split("[[bin]]\nname = \"").skip(1);
    after.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

fn differences(lists: &[(&str, BTreeSet<String>)]) -> Vec<String> {
    let all: BTreeSet<&String> = lists.iter().flat_map(|(_, names)| names).collect();
    let lacks = |name: &&String| {
        let without = lists.iter().filter(|(_, names)| !names.contains(*name)).map(|(list, _)| *list);
        let without: Vec<&str> = without.collect();
        (!without.is_empty()).then(|| format!("{name} is not among {}", without.join(", ")))
    };
    all.iter().filter_map(lacks).collect()
}

#[test]
fn every_target_of_the_fuzzer_has_a_corpus_and_is_replayed() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let tested = CRATES.iter().flat_map(|name| replayed(&read(&format!("{name}/src/fuzz.rs")))).collect();
    let lists = [
        ("what the unit tests replay", tested),
        ("fuzz/fuzz_targets", names(&root().join("fuzz/fuzz_targets"), ".rs")),
        ("fuzz/corpus", names(&root().join("fuzz/corpus"), "")),
        ("the targets of fuzz/Cargo.toml", bins(&read("fuzz/Cargo.toml"))),
    ];
    assert!(lists[0].1.len() > 20, "{:?}", lists[0].1);
    holds(differences(&lists));
    let planted = [("a", BTreeSet::from(["x".to_owned()])), ("b", replayed("&[(\"x\", x), (\"y\", y)]"))];
    assert_eq!(differences(&planted), ["y is not among a"]);
}
