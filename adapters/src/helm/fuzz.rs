//! The parsers of charts and of the worker's answers, for the fuzzer.

use super::files::ChartFiles;
use super::ignore::{Kind, Rules};
use super::wire::Answer;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// A packed archive, or the bytes of one that are packed first: no mutation gets through a checksum. What is read is
/// packed and read again as the same, and never leads out of its folder.
pub fn chart_archive(bytes: &[u8]) {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => bytes.to_vec(),
        false => gzip.write_all(bytes).and_then(|()| gzip.finish()).unwrap_or_default(),
    };
    let Ok(files) = ChartFiles::read(&packed) else { return };
    for (name, _) in files.all() {
        let inside = |part: &str| !matches!(part, "" | "." | "..");
        assert!(name.split('/').all(inside), "{name:?}");
    }
    let again = files.pack().and_then(|packed| ChartFiles::read(&packed));
    assert!(again.as_ref().is_ok_and(|again| again.all() == files.all()), "{again:?} of {files:?}");
    if let Some(below) = files.below("charts/x") {
        assert!(below.all().len() <= files.all().len());
    }
}

/// The last line is the path that is asked for.
pub fn helmignore(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (rules, path) = text.rsplit_once('\n').unwrap_or((text, "templates/a.yaml"));
    if let Ok(rules) = Rules::parse(rules) {
        let _ = rules.ignores(path, Kind::File);
        let _ = rules.ignores(path, Kind::Folder);
    }
}

pub fn worker_answer(bytes: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else { return };
    for problem in answer.problems {
        let _ = problem.to_string();
    }
    let _ = answer.rendered.map(|rendered| format!("{rendered:?}"));
}
