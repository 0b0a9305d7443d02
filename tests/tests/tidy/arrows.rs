//! Who may use whom (ARCHITECTURE section 2): between the crates, between the rooms of the orchestrator, and which words
//! belong where. It must never know a crate or a room that is not on these lists: what is new must be put on one.

use super::{code, holds, is_test, plant};
use serde_json::{Value, json};
use tests::{Source, metadata, sources};

/// Who may depend on whom, of our own crates, in any kind of dependency.
const ARROWS: &[(&str, &[&str])] = &[
    ("models", &[]),
    ("sol005", &["models"]),
    ("topology", &["models"]),
    ("adapters", &["models"]),
    ("orchestrator", &["adapters", "models", "sol005", "topology"]),
    ("agent", &["adapters", "models"]),
    ("labs", &["models"]),
    ("tests", &["adapters", "models", "orchestrator", "sol005", "topology"]),
];

/// What `cargo metadata` says, so that a renamed or a target's own dependency counts as well.
fn wrong_arrows(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let packages = list(&metadata["packages"]);
    let ours: Vec<String> = packages.iter().map(name).collect();
    let mut found = Vec::new();
    for package in &packages {
        let from = name(package);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == from) else {
            found.push(format!("{from}: not on the list of crates"));
            continue;
        };
        let uses = list(&package["dependencies"]).iter().map(name).collect::<Vec<_>>();
        let wrong = uses.into_iter().filter(|to| ours.contains(to) && !allowed.contains(&to.as_str()));
        found.extend(wrong.map(|to| format!("{from} -> {to}")));
    }
    found
}

#[test]
fn arrows_between_crates_only_point_down() {
    holds(wrong_arrows(&metadata()));
    let planted = json!({"packages": [
        {"name": "models", "dependencies": [{"name": "adapters", "rename": "innocent"}, {"name": "serde"}]},
        {"name": "adapters", "dependencies": [{"name": "models"}]},
        {"name": "extra", "dependencies": []},
    ]});
    assert_eq!(wrong_arrows(&planted), ["models -> adapters", "extra: not on the list of crates"]);
}

/// Inside the orchestrator: what each module may use of its siblings.
const ROOMS: &[(&str, &[&str])] = &[
    ("store", &[]),
    ("bridge", &[]),
    ("plan", &["store"]),
    ("packages", &["plan"]),
    ("ops", &["plan", "store"]),
    ("slices", &["ops", "plan", "store"]),
    ("auth", &["ops", "store"]),
    ("assurance", &["ops", "plan", "slices", "store"]),
    ("catalogue", &["assurance", "auth", "ops", "packages", "slices", "store"]),
    ("notify", &["auth", "ops", "store"]),
    ("api", &["assurance", "auth", "catalogue", "notify", "ops", "plan", "slices", "store"]),
    ("config", &["api"]),
    ("housekeeping", &["ops", "slices", "store"]),
    (
        "server",
        &[
            "api",
            "assurance",
            "auth",
            "catalogue",
            "config",
            "housekeeping",
            "notify",
            "ops",
            "plan",
            "slices",
            "store",
        ],
    ),
    ("cli", &["bridge", "catalogue", "config", "packages", "server"]),
    ("fuzz", &["api", "auth", "bridge", "config", "ops", "plan", "store"]),
];

/// The siblings that a line names: `crate::x`, and each name of `use crate::{x, y}`.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, found_at) in line.match_indices("crate::") {
        let rest = &line[at + found_at.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list.split(',').map(|item| word(item.trim()))),
            None => found.push(word(rest)),
        }
    }
    found
}

fn wrong_rooms(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let Some(rest) = source.path.strip_prefix("orchestrator/src/") else { continue };
        let room = rest.split(['/', '.']).next().unwrap_or("");
        if ["lib", "main"].contains(&room) {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            found.push(format!("{}: {room} is not on the list of rooms", source.path));
            continue;
        };
        for (number, line) in code(source).into_iter().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let wrong = |other: &String| {
                ROOMS.iter().any(|(name, _)| name == other) && other != room && !allowed.contains(&other.as_str())
            };
            let others = named(line).into_iter().filter(wrong);
            found.extend(others.map(|other| format!("{}:{number}: {room} -> {other}", source.path)));
        }
    }
    found
}

#[test]
fn arrows_inside_the_orchestrator_only_point_down() {
    holds(wrong_rooms(&sources()));
    for line in ["use crate::ops::Engine;", "use crate::{ops, other};", "let x = crate::ops::start();"] {
        assert_eq!(
            wrong_rooms(&plant("orchestrator/src/store/x.rs", line)),
            ["orchestrator/src/store/x.rs:1: store -> ops"]
        );
    }
    assert_eq!(wrong_rooms(&plant("orchestrator/src/attic.rs", "//! x")).len(), 1);
}

/// Words that belong to one place. `http::` is also how the Kubernetes client is spoken to.
const WORDS: &[(&str, &[&str])] = &[
    ("rusqlite::", &["orchestrator/src/store/"]),
    ("SELECT ", &["orchestrator/src/store/"]),
    ("INSERT INTO ", &["orchestrator/src/store/"]),
    ("DELETE FROM ", &["orchestrator/src/store/"]),
    ("CREATE TABLE ", &["orchestrator/src/store/"]),
    ("axum::", &["orchestrator/src/api/", "orchestrator/src/bridge/"]),
    ("StatusCode", &["orchestrator/src/api/", "orchestrator/src/bridge/", "orchestrator/src/cli/"]),
    (
        "http::",
        &["orchestrator/src/api/", "orchestrator/src/bridge/", "orchestrator/src/cli/", "adapters/src/kubernetes/"],
    ),
];

fn wrong_places(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        for (number, line) in code(source).into_iter().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let away = |places: &[&str]| !places.iter().any(|place| source.path.starts_with(place));
            let wrong = WORDS.iter().filter(|(word, places)| away(places) && has_word(line, word));
            found.extend(wrong.map(|(word, _)| format!("{}:{number}: {word} does not belong here", source.path)));
        }
    }
    found
}

/// `word` stands in the line and does not continue another word or path (`bridge::http::` is a module of ours).
fn has_word(line: &str, word: &str) -> bool {
    let free = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    line.match_indices(word).any(|(at, _)| free(at) || word == "StatusCode")
}

#[test]
fn a_line_lives_in_its_room() {
    holds(wrong_places(&sources()));
    for line in
        ["use rusqlite::Connection;", "run(\"SELECT 1\");", "use axum::Router;", "fn x(s: reqwest::StatusCode) {}"]
    {
        assert_eq!(wrong_places(&plant("orchestrator/src/ops/x.rs", line)).len(), 1, "{line}");
    }
}
