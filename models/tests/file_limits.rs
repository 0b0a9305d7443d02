//! What a stranger can send: every hostile text is refused soon and with words, and none makes the parser panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is a test, its helpers too")]

use models::file::{Source, parse};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const FACTORY: &str = include_str!("fixtures/factory-7.yaml");

fn refused(text: &str) -> String {
    let start = Instant::now();
    let problems = parse(&[Source { name: "f", text }]).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
    assert!(problems.len() <= 201, "{} problems", problems.len());
    problems[0].to_string()
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 9].join(", "));
    }
    assert!(refused(&bomb).ends_with("repeats too much by anchors and aliases"), "{}", refused(&bomb));
}

#[test]
fn an_alias_to_itself_is_refused() {
    assert_eq!(refused("a: &a [*a]"), "f:1:8: cannot be read: Recursive reference not allowed here");
}

#[test]
fn two_hundred_thousand_brackets_are_refused() {
    assert_eq!(refused(&"[".repeat(200_000)), "f:1:65: is nested deeper than 64 levels");
    assert_eq!(refused(&"{a: ".repeat(200_000)), "f:1:257: is nested deeper than 64 levels");
}

#[test]
fn deep_nesting_by_indentation_is_refused() {
    let deep: String = (0..300).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(refused(&deep).ends_with("is nested deeper than 64 levels"), "{}", refused(&deep));
    assert!(refused(&"- ".repeat(5_000)).ends_with("is nested deeper than 64 levels"));
}

#[test]
fn two_mebibytes_are_refused() {
    assert_eq!(refused(&"# x\n".repeat(1 << 19)), "f: is 2097152 bytes long; at most 1048576 are read");
}

#[test]
fn too_many_values_are_refused() {
    assert!(refused(&format!("a: [{}]", "1,".repeat(200_000))).ends_with("holds more than 100000 values"));
}

#[test]
fn very_many_problems_are_counted_and_not_all_told() {
    let unknown: String = (0..40_000).map(|i| format!("servres{i}: 1\n")).collect();
    let problems = parse(&[Source { name: "f", text: &unknown }]).unwrap_err();
    assert_eq!(problems.last().map(ToString::to_string).as_deref(), Some("f: and 39802 more problems"));
}

#[test]
fn a_long_name_and_many_dangling_references_are_refused_soon() {
    refused(&format!("? \"{}\"\n: 1\n", "k".repeat(900_000)));
    let mut text = String::from("apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: s}\nspec:\n  gateways:\n");
    for i in 0..1_000 {
        let _ = writeln!(text, "  - {{name: g{i}, site: s, chart: {{repository: r, name: n}}, server: x{i}}}");
    }
    text.push_str("  devices:\n");
    for i in 0..8_000 {
        let _ = writeln!(text, "  - {{name: d{i}, gateway: h{i}, protocol: mqtt}}");
    }
    refused(&text);
}

#[test]
fn a_message_does_not_repeat_a_long_text_or_control_characters() {
    let said = refused(&format!("apiVersion: \"\\e[31m{}\"\nkind: Slice\n", "x".repeat(10_000)));
    assert!(said.len() < 300 && !said.contains('\u{1b}'), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&[Source { name: "f", text: &text }]);
    }

    #[test]
    fn no_yaml_like_text_makes_the_parser_panic(text in "([a-c]: |- |\\[|\\]|\\{|\\}|, |\n|  |\"|'|&a |\\*a|!!?s |<<: |\\| |> |---\n|#|1|\\?| |\t|: ){0,60}") {
        let _ = parse(&[Source { name: "f", text: &text }]);
    }

    #[test]
    fn no_change_of_one_place_makes_the_parser_panic(at in 0..FACTORY.len(), cut in 0usize..30, put in "[ -~\n]{0,6}") {
        prop_assume!(FACTORY.is_char_boundary(at));
        let end = (at + cut).min(FACTORY.len());
        prop_assume!(FACTORY.is_char_boundary(end));
        let text = format!("{}{put}{}", &FACTORY[..at], &FACTORY[end..]);
        if let Err(problems) = parse(&[Source { name: "f", text: &text }]) {
            for problem in problems {
                prop_assert!(!problem.message.contains("does not become"), "{problem}\n{text}");
            }
        }
    }
}

#[test]
fn the_deepest_that_is_taken_fits_a_small_stack_of_the_caller() {
    let deep = |depth: usize| {
        let values = format!("{}1{}", "{a: ".repeat(depth), "}".repeat(depth));
        format!(
            "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: s}}\nspec:\n  sites: {{a: {{cluster: c}}}}\n  \
             functions: [{{name: f, site: a, chart: {{repository: r, name: n}}, values: {values}}}]\n"
        )
    };
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let read = move || {
        assert!(parse(&[Source { name: "f", text: &deep(60) }]).is_ok());
        assert!(refused(&deep(61)).ends_with("is nested deeper than 64 levels"));
    };
    small.spawn(read).unwrap().join().unwrap();
}
