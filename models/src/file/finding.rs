//! Problems as they are found: where, on which path, and no more of them than a person reads.
//!
//! A path becomes text only for a problem that is kept, so that a hostile input cannot make checking slow.

use crate::Problem;
use std::fmt::{self, Write as _};

/// A place in a source, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The way from a document's root to a node, as a list on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub fn item(&'a self, index: usize) -> Path<'a> {
        Path::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    /// `spec.gateways[0].server`; a key that is no plain word stands as `["a.b"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => {
                let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
                match (plain, parent) {
                    (true, Path::Root) => f.write_str(key),
                    (true, _) => write!(f, "{parent}.{key}"),
                    (false, _) => write!(f, "{parent}[{}]", quoted(key)),
                }
            }
        }
    }
}

/// A text from the input, in quotes and cut to a length that fits a message.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out = String::from("\"");
    for c in text.chars().take(LONGEST) {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "{}", c.escape_debug());
            }
            c => out.push(c),
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out.push('"');
    out
}

/// Words for a message: `a, b or c`.
pub(crate) fn choice(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The problems of one source.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Problem>,
    left_out: usize,
}

impl Findings {
    /// Problems that are kept per source; the rest is counted.
    const MOST: usize = 200;

    /// `say` gives message and mend, and runs only where the problem is kept.
    pub fn add(&mut self, at: At, path: &Path<'_>, say: impl FnOnce() -> Problem) {
        if self.list.len() >= Self::MOST {
            self.left_out += 1;
            return;
        }
        let said = say();
        self.list.push(Problem { field: path.to_string(), line: Some(at.line), column: Some(at.column), ..said });
    }

    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    pub fn count(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// Every problem with its file, in the order of the file.
    pub fn finish(mut self, file: &str) -> Vec<Problem> {
        self.list.sort_by_key(|problem| (problem.line, problem.column));
        if self.left_out > 0 {
            self.list.push(Problem::at("", format!("and {} more problems", self.left_out)));
        }
        for problem in &mut self.list {
            problem.file = Some(file.to_owned());
        }
        self.list
    }
}
