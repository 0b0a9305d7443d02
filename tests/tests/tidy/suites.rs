//! Every test of the workspace runs in `make test`: a test that no suite runs is as good as none.
//!
//! It reads the recipes of the Makefile's suites. It must never run one.

use super::holds;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{metadata, root};

/// What a recipe line runs: (package, target), where the target is `lib`, `bins`, a test's name, or `*` for all.
fn run_by(line: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(start) = words.windows(2).position(|pair| pair == ["cargo", "test"]) else { return Vec::new() };
    let words: Vec<&str> = words[start + 2..].iter().copied().take_while(|word| *word != "--").collect();
    let after = |flag: &str| -> Vec<String> {
        words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].to_owned()).collect()
    };
    let mut targets = after("--test");
    targets.extend(words.iter().filter(|w| ["--lib", "--bins"].contains(*w)).map(|w| w.trim_start_matches('-').into()));
    if targets.is_empty() {
        targets.push("*".to_owned());
    }
    let packages = after("-p");
    packages.iter().flat_map(|package| targets.iter().map(|target| (package.clone(), target.clone()))).collect()
}

/// The recipes of the targets `test-NAME` for each NAME of `SUITES`.
fn suites(makefile: &str) -> BTreeSet<(String, String)> {
    let names = makefile.lines().find_map(|line| line.strip_prefix("SUITES :=")).unwrap_or_default();
    let names: Vec<String> = names.split_whitespace().map(|name| format!("test-{name}")).collect();
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in makefile.lines() {
        match line.strip_prefix('\t') {
            Some(recipe) if inside => found.extend(run_by(recipe)),
            Some(_) => {}
            None => inside = line.split(':').next().is_some_and(|target| names.iter().any(|name| name == target)),
        }
    }
    found
}

fn left_out(metadata: &Value, makefile: &str) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let runs = suites(makefile);
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = package["name"].as_str().unwrap_or_default();
        for target in list(&package["targets"]).iter().filter(|target| target["test"] == true) {
            let word = match target["kind"][0].as_str() {
                Some("test") => target["name"].as_str().unwrap_or_default(),
                Some("bin") => "bins",
                _ => "lib",
            };
            let has = |word: &str| runs.contains(&(name.to_owned(), word.to_owned()));
            if !has(word) && !has("*") {
                found.push(format!("{name}: no suite runs {word}"));
            }
        }
    }
    found
}

#[test]
fn every_test_is_run_by_a_suite() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    holds(left_out(&metadata(), &makefile));
    let planted = json!({"packages": [{"name": "a", "targets": [
        {"kind": ["lib"], "name": "a", "test": true},
        {"kind": ["test"], "name": "one", "test": true},
        {"kind": ["test"], "name": "two", "test": true},
    ]}]});
    let recipes =
        "SUITES := x\ntest-x: build\n\tcargo test -p a --lib --test one -- --nocapture\ntest-y:\n\tcargo test -p a\n";
    assert_eq!(left_out(&planted, recipes), ["a: no suite runs two"]);
}
