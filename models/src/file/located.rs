//! A text of any form as its value, with where each part of it stands: for readers of forms that are not ours.

use super::finding::Findings;
use super::locate::locate;
use super::node::{self, Node};
use crate::Problem;
use serde_json::Value;

/// One YAML or JSON document.
#[derive(Debug, Clone)]
pub struct Located {
    root: Node,
    file: String,
}

impl Located {
    /// Every document of a text that is not empty; all problems of its form at once.
    pub fn read(file: &str, text: &str) -> Result<Vec<Self>, Vec<Problem>> {
        let mut findings = Findings::default();
        let documents = node::read(text, &mut findings);
        if findings.count() > 0 {
            return Err(findings.finish(file));
        }
        Ok(documents.into_iter().map(|root| Self { root, file: file.to_owned() }).collect())
    }

    /// Numbers that are written as no JSON number reads them back, such as `1.10`, are their spelling.
    pub fn json(&self) -> Value {
        self.root.spelled()
    }

    /// With its file, and line and column of its field or of the nearest part above it.
    pub fn place(&self, problem: Problem) -> Problem {
        let at = locate(&self.root, &problem.field);
        let known = (at.line > 0).then_some((at.line, at.column));
        Problem {
            file: Some(self.file.clone()),
            line: known.map(|(line, _)| line),
            column: known.map(|(_, column)| column),
            ..problem
        }
    }
}
