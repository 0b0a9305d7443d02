//! Readings on disk and in memory: appended to one file and synced before they are acknowledged, kept sorted in memory for
//! queries. Both are bounded: beyond the bound the oldest reading goes. A line that was half written at a crash is dropped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::senml::Record;

const FILE: &str = "readings.jsonl";
/// More per answer are not given; the next question begins where this ended.
pub(crate) const MOST_PER_ANSWER: usize = 10_000;

/// One reading with its way here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) device: String,
    pub(crate) resource: String,
    #[serde(flatten)]
    pub(crate) record: Record,
}

/// The same device, resource, name and time is the same reading: what MQTT delivers twice is kept once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    micros: i64,
    device: String,
    resource: String,
    name: String,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    pub(crate) device: Option<String>,
    /// A resource, or the full name of a record.
    pub(crate) name: Option<String>,
    /// Seconds since 1970; readings from then on.
    pub(crate) since: Option<f64>,
    pub(crate) limit: Option<usize>,
}

/// The readings of one folder.
pub(crate) struct Readings {
    path: PathBuf,
    file: File,
    lines: usize,
    kept: BTreeMap<Key, Reading>,
    bound: usize,
}

impl Readings {
    /// Opens the folder's readings; at most `bound` are kept.
    pub(crate) fn open(folder: &Path, bound: usize) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let mut kept = BTreeMap::new();
        let (mut lines, mut whole) = (0, 0_u64);
        if path.exists() {
            let mut reader = BufReader::new(File::open(&path)?);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                if line.ends_with(b"\n") {
                    whole += line.len() as u64;
                    lines += 1;
                    if let Ok(reading) = serde_json::from_slice::<Reading>(&line) {
                        kept.insert(key(&reading), reading);
                    }
                }
                line.clear();
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(whole)?;
        let mut readings = Self { path, file, lines, kept, bound };
        readings.drop_oldest()?;
        Ok(readings)
    }

    /// Keeps readings for good: on return they survive a loss of power. Returns how many were new.
    pub(crate) fn keep(&mut self, readings: Vec<Reading>) -> std::io::Result<usize> {
        let mut text = Vec::new();
        let mut new = Vec::new();
        for reading in readings {
            let key = key(&reading);
            if !self.kept.contains_key(&key) {
                serde_json::to_writer(&mut text, &reading)?;
                text.push(b'\n');
                new.push((key, reading));
            }
        }
        if new.is_empty() {
            return Ok(0);
        }
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        let count = new.len();
        self.lines += count;
        self.kept.extend(new);
        self.drop_oldest()?;
        Ok(count)
    }

    /// Oldest first.
    pub(crate) fn find(&self, question: &Question) -> Vec<Reading> {
        let from = question.since.map_or(i64::MIN, micros);
        let matches = |reading: &&Reading| {
            question.device.as_ref().is_none_or(|device| *device == reading.device)
                && question.name.as_ref().is_none_or(|name| *name == reading.resource || *name == reading.record.name)
        };
        let limit = question.limit.unwrap_or(MOST_PER_ANSWER).min(MOST_PER_ANSWER);
        let start = Key { micros: from, device: String::new(), resource: String::new(), name: String::new() };
        self.kept.range(start..).map(|(_, reading)| reading).filter(matches).take(limit).cloned().collect()
    }

    /// The file is written anew when half of it is no longer kept.
    fn drop_oldest(&mut self) -> std::io::Result<()> {
        while self.kept.len() > self.bound {
            self.kept.pop_first();
        }
        if self.lines <= 2 * self.bound {
            return Ok(());
        }
        let partial = self.path.with_extension("new");
        let mut text = Vec::new();
        for reading in self.kept.values() {
            serde_json::to_writer(&mut text, reading)?;
            text.push(b'\n');
        }
        fs::write(&partial, text)?;
        File::open(&partial)?.sync_all()?;
        fs::rename(&partial, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = self.kept.len();
        Ok(())
    }
}

fn micros(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a time beyond the range of i64 microseconds saturates")]
    let micros = (seconds * 1e6).round() as i64;
    micros
}

fn key(reading: &Reading) -> Key {
    Key {
        micros: micros(reading.record.time),
        device: reading.device.clone(),
        resource: reading.resource.clone(),
        name: reading.record.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::senml::Value;

    fn reading(device: &str, time: f64) -> Reading {
        let value = Value { number: Some(time), ..Value::default() };
        let record = Record { name: format!("{device}/temperature"), unit: Some("Cel".into()), time, value, sum: None };
        Reading { device: device.into(), resource: "temperature".into(), record }
    }

    fn times(readings: &Readings, question: &Question) -> Vec<f64> {
        readings.find(question).into_iter().map(|reading| reading.record.time).collect()
    }

    #[test]
    fn readings_are_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let all = vec![reading("a", 2e9), reading("b", 2e9 + 1.5)];
        Readings::open(folder.path(), 10).unwrap().keep(all.clone()).unwrap();
        assert_eq!(Readings::open(folder.path(), 10).unwrap().find(&Question::default()), all);
    }

    #[test]
    fn what_comes_twice_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), 10).unwrap();
        assert_eq!(readings.keep(vec![reading("a", 2e9)]).unwrap(), 1);
        assert_eq!(readings.keep(vec![reading("a", 2e9)]).unwrap(), 0);
    }

    #[test]
    fn a_question_narrows_by_device_name_time_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), 10).unwrap();
        readings.keep(vec![reading("a", 30.0), reading("b", 20.0), reading("a", 10.0)]).unwrap();
        let device = Question { device: Some("a".into()), ..Question::default() };
        assert_eq!(times(&readings, &device), [10.0, 30.0]);
        assert_eq!(times(&readings, &Question { since: Some(20.0), ..Question::default() }), [20.0, 30.0]);
        assert_eq!(times(&readings, &Question { limit: Some(1), ..Question::default() }), [10.0]);
        for name in ["temperature", "a/temperature"] {
            assert_eq!(times(&readings, &Question { name: Some(name.into()), ..device.clone() }), [10.0, 30.0]);
        }
    }

    #[test]
    fn beyond_the_bound_the_oldest_goes_and_the_file_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), 3).unwrap();
        for time in 0..20 {
            readings.keep(vec![reading("a", f64::from(time))]).unwrap();
        }
        assert_eq!(times(&readings, &Question::default()), [17.0, 18.0, 19.0]);
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.lines().count() <= 6, "{text}");
    }

    #[test]
    fn a_line_cut_by_a_crash_is_dropped_and_the_next_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        Readings::open(folder.path(), 10).unwrap().keep(vec![reading("a", 1.0)]).unwrap();
        let path = folder.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"device\":\"a\",\"reso");
        fs::write(&path, text).unwrap();
        Readings::open(folder.path(), 10).unwrap().keep(vec![reading("a", 2.0)]).unwrap();
        assert_eq!(times(&Readings::open(folder.path(), 10).unwrap(), &Question::default()), [1.0, 2.0]);
    }
}
