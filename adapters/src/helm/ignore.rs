//! `.helmignore`: which files of a chart folder are no part of the chart.
//!
//! Follows Helm's rules to the letter, also where they surprise: the first rule that matches decides, and a rule with `!`
//! leaves out everything that it does *not* match.

/// The name of the file that holds the rules.
pub(super) const FILE: &str = ".helmignore";
/// What is left out in any case.
const DEFAULT: &str = "templates/.?*";

pub(super) struct Rules(Vec<Rule>);

struct Rule {
    pattern: Vec<Token>,
    negated: bool,
    folders_only: bool,
    /// Against the whole path, else against the last part of it.
    whole: bool,
}

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Rules, String> {
        let lines = text.trim_start_matches('\u{feff}').lines().chain([DEFAULT]);
        let rules: Result<Vec<_>, _> = lines.map(Rule::parse).collect();
        Ok(Rules(rules?.into_iter().flatten().collect()))
    }

    /// `path` is relative to the chart and has `/` between its parts.
    pub(super) fn ignores(&self, path: &str, kind: Kind) -> bool {
        for rule in &self.0 {
            let wrong_kind = rule.folders_only && kind == Kind::File;
            match (rule.negated, wrong_kind) {
                (true, true) => return true,
                (true, false) if !rule.matches(path) => return true,
                (false, false) if rule.matches(path) => return true,
                _ => {}
            }
        }
        false
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Rule>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.contains("**") {
            return Err(format!("`{line}`: double-star (**) syntax is not supported"));
        }
        let (negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (folders_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        let whole = rest.contains('/');
        let pattern =
            tokens(rest.strip_prefix('/').unwrap_or(rest)).ok_or_else(|| format!("`{line}`: not a pattern"))?;
        Ok(Some(Rule { pattern, negated, folders_only, whole }))
    }

    fn matches(&self, path: &str) -> bool {
        let name = if self.whole { path } else { path.rsplit('/').next().unwrap_or(path) };
        matches(&self.pattern, &name.chars().collect::<Vec<_>>())
    }
}

enum Token {
    /// `*`: any run of characters within one part of a path.
    Any,
    /// `?`
    One,
    /// `[a-z]`, `[^a-z]`
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Char(char),
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut chars = pattern.chars().peekable();
    let mut out = Vec::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Char(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { low };
                    ranges.push((low, high));
                }
                Token::Class { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    Some(out)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Any => false,
            Token::One => c != '/',
            Token::Char(want) => c == *want,
            Token::Class { negated, ranges } => ranges.iter().any(|&(low, high)| (low..=high).contains(&c)) != *negated,
        }
    }
}

/// As Go's `filepath.Match`: of several stars only the last one takes more when the rest does not fit. A pattern comes
/// from a stranger; trying every share of every star would take for ever.
fn matches(pattern: &[Token], name: &[char]) -> bool {
    let (mut at, mut reached) = (0, 0);
    // What follows the last star, and where the star ends.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), name.get(reached)) {
            (Some(Token::Any), _) => {
                star = Some((at + 1, reached));
                at += 1;
                continue;
            }
            (Some(token), Some(c)) if token.takes(*c) => {
                (at, reached) = (at + 1, reached + 1);
                continue;
            }
            (None, None) => return true,
            (Some(_) | None, _) => {}
        }
        let Some((after, end)) = star.filter(|(_, end)| name.get(*end).is_some_and(|c| *c != '/')) else {
            return false;
        };
        star = Some((after, end + 1));
        (at, reached) = (after, end + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &str, path: &str, expect: bool) {
        let rules = Rules::parse(rules).unwrap();
        assert_eq!(rules.ignores(path, Kind::File), expect, "{path}");
    }

    #[test]
    fn a_rule_without_slash_looks_at_the_last_part() {
        check("*.bak", "templates/a.bak", true);
        check("*.bak", "templates/a.yaml", false);
        check("a?[0-9]", "x/ab7", true);
        check("a?[^0-9]", "x/ab7", false);
    }

    #[test]
    fn a_star_stays_within_one_part() {
        check("docs/*.md", "docs/a.md", true);
        check("docs/*.md", "docs/x/a.md", false);
        check("/a.md", "x/a.md", false);
    }

    #[test]
    fn a_folder_rule_does_not_match_a_file() {
        check("tmp/", "tmp", false);
        assert!(Rules::parse("tmp/").unwrap().ignores("x/tmp", Kind::Folder));
    }

    #[test]
    fn a_negated_rule_leaves_out_the_rest() {
        check("!*.yaml", "README.md", true);
        check("!*.yaml", "Chart.yaml", false);
    }

    #[test]
    fn hidden_templates_are_left_out() {
        check("", "templates/.swp", true);
        check("# nothing", "templates/a.yaml", false);
    }

    #[test]
    fn what_is_no_pattern_is_an_error() {
        for bad in ["a/**", "[", "[]", "[a-", "x\\"] {
            assert!(Rules::parse(bad).is_err(), "{bad}");
        }
    }
}
