//! What the fuzzer runs against the parsers of this crate: one function per parser, from a stranger's bytes to an
//! assertion. It is compiled for tests, which replay the corpora, and for `fuzz/`; it must never be part of the product.

use crate::file::{Document, Source, parse, read_as};
use crate::quantity::{Bandwidth, Cpu, Latency, Memory, Port, Share};
use crate::resource::{ResourceId, Target};
use crate::{Name, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;

pub type Run = fn(&[u8]);

pub const TARGETS: &[(&str, Run)] =
    &[("slice_file", slice_file), ("api_body", api_body), ("quantity", quantity), ("name", name)];

/// More problems than a person reads are counted, not kept.
const MOST_PROBLEMS: usize = 300;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn worded(problems: &[Problem]) {
    assert!(!problems.is_empty() && problems.len() < MOST_PROBLEMS, "{} problems", problems.len());
    for problem in problems {
        assert!(!problem.message.is_empty() && problem.message.len() < 4_096, "{problem:?}");
        assert!(!problem.to_string().is_empty());
    }
}

/// What was taken is taken again from its own writing, and is the same.
pub fn slice_file(bytes: &[u8]) {
    match parse(&[Source { name: "body", text: text(bytes) }]) {
        Err(problems) => worded(&problems),
        Ok(all) => {
            for parsed in all {
                let again = parsed.document.json().to_string();
                let read = parse(&[Source { name: "again", text: &again }]);
                let read = read.map(|all| all.into_iter().map(|parsed| parsed.document).collect::<Vec<_>>());
                assert_eq!(read.as_deref(), Ok(std::slice::from_ref(&parsed.document)), "{again}");
                stored(&parsed.document);
            }
        }
    }
}

fn stored(document: &Document) {
    match document {
        Document::Slice { meta, spec } => {
            same(meta);
            same(&**spec);
        }
        Document::Cluster { meta, spec, .. } => {
            same(meta);
            same(spec);
        }
        Document::Repository { spec, files, .. } => {
            same(spec);
            same(files);
        }
        Document::Template { spec, .. } => same(&**spec),
        Document::Tenant { spec, .. } => same(spec),
    }
}

/// Its stored form reads back.
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = serde_json::to_string(value);
    let read = written.as_ref().map(|written| serde_json::from_str::<T>(written));
    assert!(matches!(&read, Ok(Ok(read)) if read == value), "{written:?} of {value:?}");
}

/// The first byte chooses the body's form; what is refused says what and where.
pub fn api_body(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let form = crate::file::FORMS[usize::from(*which) % crate::file::FORMS.len()];
    match read_as::<serde_json::Value>(form, text(rest)) {
        Ok(value) => assert!(value.is_object()),
        Err(problems) => worded(&problems),
    }
}

/// What is printed parses to the same.
pub fn quantity(bytes: &[u8]) {
    let text = text(bytes);
    round_trip::<Bandwidth>(text);
    round_trip::<Latency>(text);
    round_trip::<Share>(text);
    round_trip::<Memory>(text);
    round_trip::<Cpu>(text);
    round_trip::<Port>(text);
}

fn round_trip<T>(text: &str)
where
    T: FromStr + Display + Debug + PartialEq,
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(&value), "{text:?}"),
        Err(error) => assert!(error.to_string().len() < 1_024, "{text:?}"),
    }
}

pub fn name(bytes: &[u8]) {
    let text = text(bytes);
    round_trip::<Name>(text);
    if let Ok(target) = Target::try_from(text.to_owned()) {
        assert_eq!(Target::try_from(target.to_string()), Ok(target));
    }
    if let Ok(id) = serde_json::from_str::<ResourceId>(text) {
        same(&id);
        assert!(!id.to_string().is_empty() && !id.short().is_empty());
    }
    let (word, known) = text.split_once('\n').unwrap_or((text, ""));
    let known: Vec<&str> = known.lines().collect();
    let near = crate::problem::nearest(word, known.iter().copied());
    assert!(near.is_none_or(|near| known.contains(&near)));
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_of_the_corpora_is_withstood() {
        replay::replay(TARGETS);
    }
}
