//! The shape of the code (CONVENTIONS): each rule is a function from sources to findings, and each is shown to find a
//! planted violation.

mod arrows;
mod fuzzing;
mod suites;

use std::collections::BTreeSet;
use tests::{Source, sources};

/// May only tighten.
const LONGEST_FUNCTION: usize = 70;
/// The product's files; a file of tests may be longer, up to the second figure. May only tighten.
const LONGEST_FILE: usize = 500;
const LONGEST_TEST_FILE: usize = 700;

fn plant(path: &str, text: &str) -> Vec<Source> {
    vec![Source { path: path.into(), text: text.into() }]
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The lines that end up in the product, numbered from 1: without the items under `#[cfg(test)]`, wherever they stand.
fn code(source: &Source) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].trim() == "#[cfg(test)]" && !is_test(&source.path) {
            at = end_of_item(&lines, at + 1) + 1;
        } else {
            kept.push((at + 1, lines[at]));
            at += 1;
        }
    }
    kept
}

/// The last line of the item whose first attribute or line is `start`, as rustfmt lays it out.
fn end_of_item(lines: &[&str], start: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outer = lines.get(start).map_or(0, |line| indent(line));
    let ends = |line: &&str| indent(line) == outer && (line.ends_with(';') || line.ends_with('}'));
    let rest = lines.get(start..).unwrap_or_default();
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

#[test]
fn code_after_an_item_of_the_tests_is_still_code() {
    let text = "//! x\n#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod more {\n    fn b() {}\n}\nfn c() {}\n";
    let planted = plant("models/src/x.rs", text);
    let numbers: Vec<usize> = code(&planted[0]).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [1, 4, 9]);
}

fn holds(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

fn undescribed(sources: &[Source]) -> Vec<String> {
    let bare = sources.iter().filter(|source| !source.text.starts_with("//!"));
    bare.map(|source| format!("{}: does not begin with //!", source.path)).collect()
}

#[test]
fn every_file_says_why_it_exists() {
    holds(undescribed(&sources()));
    assert_eq!(undescribed(&plant("models/src/x.rs", "pub fn x() {}")).len(), 1);
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words = line.trim_start();
            let is_fn = [
                "fn ",
                "pub fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) async fn ",
                "pub(super) async fn ",
            ]
            .iter()
            .any(|begin| words.starts_with(begin));
            if !is_fn || line.trim_end().ends_with(';') {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let end = lines[start..].iter().position(|line| *line == close).unwrap_or(0);
            if end + 1 > LONGEST_FUNCTION {
                found.push(format!("{}:{}: a function of {} lines", source.path, start + 1, end + 1));
            }
        }
    }
    found
}

#[test]
fn a_function_fits_a_screen() {
    holds(long_functions(&sources()));
    let long = format!("//! x\nfn long() {{\n{}}}\n", "    work();\n".repeat(LONGEST_FUNCTION));
    assert_eq!(long_functions(&plant("models/src/x.rs", &long)).len(), 1);
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let limit = |path: &str| if is_test(path) { LONGEST_TEST_FILE } else { LONGEST_FILE };
    let long = sources.iter().filter(|source| source.text.lines().count() > limit(&source.path));
    long.map(|source| format!("{}: {} lines", source.path, source.text.lines().count())).collect()
}

#[test]
fn a_file_has_one_noun() {
    holds(long_files(&sources()));
    assert_eq!(long_files(&plant("models/src/x.rs", &"x\n".repeat(LONGEST_FILE + 1))).len(), 1);
}

fn unfinished(sources: &[Source]) -> Vec<String> {
    let words = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let ignored = format!("#[{}", "ignore");
    // A test binary that starts itself again needs an entry that the ordinary run leaves out.
    let child = format!("{ignored} = \"a child process of");
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str()))
                || (line.trim_start().starts_with(&ignored) && !line.contains(&child))
            {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn nothing_is_unfinished_and_no_test_is_ignored() {
    holds(unfinished(&sources()));
    assert_eq!(unfinished(&plant("models/src/x.rs", &format!("{}!()", "todo"))).len(), 1);
    assert_eq!(unfinished(&plant("models/tests/x.rs", &format!("#[{}]", "ignore"))).len(), 1);
}

/// The harness keeps what a passing test prints to itself, and a test that only prints is green where nothing was tried.
fn silent_skips(sources: &[Source]) -> Vec<String> {
    let word = format!("\"{}:", "SKIPPED");
    let mut found = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(&word)) {
            let fails_in_ci = lines[at.saturating_sub(2)..at]
                .iter()
                .any(|line| line.contains("assert!(") && line.contains("std::env::var_os(\"CI\").is_none()"));
            if !fails_in_ci || !line.contains("writeln!(std::io::stderr(),") {
                found.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn a_test_without_ground_says_so_past_the_harness_and_fails_in_ci() {
    holds(silent_skips(&sources()));
    let word = "SKIPPED";
    let ci = "    assert!(std::env::var_os(\"CI\").is_none(), \"CI has it\");\n";
    let caught = format!("{ci}    eprintln!(\"{word}: x\");\n");
    let green = format!("    writeln!(std::io::stderr(), \"{word}: x\").unwrap();\n");
    for text in [&caught, &green] {
        assert_eq!(silent_skips(&plant("adapters/tests/x.rs", text)).len(), 1);
    }
    holds(silent_skips(&plant("adapters/tests/x.rs", &format!("{ci}{green}"))));
}

fn panics(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        for (number, line) in code(source) {
            let line = line.split("//").next().unwrap_or("");
            if line.contains(".unwrap()") || line.contains("panic!(") {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

#[test]
fn input_is_no_reason_to_panic() {
    holds(panics(&sources()));
    assert_eq!(panics(&plant("models/src/x.rs", "fn x() { y().unwrap(); }")).len(), 1);
}

/// Tests wait for a condition with a deadline; a loop that looks again is the one place where they sleep.
fn sleeping(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| is_test(&source.path)) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if !line.contains("sleep(") || line.trim_start().starts_with("//") {
                continue;
            }
            let before = lines[index.saturating_sub(25)..index].join("\n");
            let bounded = before.contains("deadline") || before.contains("Instant") || before.contains("until");
            if !bounded {
                found.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_test_sleeps_without_a_condition_and_a_deadline() {
    let own = |source: &Source| !source.path.ends_with("tidy.rs");
    holds(sleeping(&sources().into_iter().filter(own).collect::<Vec<_>>()));
    assert_eq!(sleeping(&plant("models/tests/x.rs", "fn x() {\n    sleep(1);\n}")).len(), 1);
}

/// Files that no `mod` names: they would never be compiled.
fn orphans(sources: &[Source]) -> Vec<String> {
    let mut named: BTreeSet<String> = BTreeSet::new();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        let (folder, file) = stem.rsplit_once('/').unwrap_or(("", stem));
        let is_root = matches!(file, "lib" | "main" | "mod") || folder.ends_with("/tests");
        let base = if is_root { folder.to_owned() } else { stem.to_owned() };
        for line in source.text.lines().map(str::trim) {
            if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
                // Shared by several test binaries; of `..` one step is enough.
                let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
                named.insert(match path.strip_prefix("../") {
                    Some(rest) => format!("{above}/{rest}"),
                    None => format!("{folder}/{path}"),
                });
            }
            let words =
                line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
            if let Some(name) = words.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                named.insert(format!("{base}/{name}.rs"));
                named.insert(format!("{base}/{name}/mod.rs"));
            }
        }
    }
    let root = |path: &str| {
        path.ends_with("src/lib.rs")
            || path.ends_with("src/main.rs")
            || path.ends_with("build.rs")
            || (path.contains("/tests/") && path.rsplit('/').nth(1) == Some("tests"))
            || path.ends_with("/main.rs")
    };
    let lost = sources.iter().filter(|source| !root(&source.path) && !named.contains(&source.path));
    lost.map(|source| format!("{}: no module names it", source.path)).collect()
}

#[test]
fn every_file_is_named_by_a_module() {
    holds(orphans(&sources()));
    let mut planted = plant("models/src/lib.rs", "//! x\nmod a;\n");
    planted.extend(plant("models/src/a.rs", "//! x"));
    planted.extend(plant("models/src/b.rs", "//! x"));
    assert_eq!(orphans(&planted), ["models/src/b.rs: no module names it"]);
}
