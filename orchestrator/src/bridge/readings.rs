//! Readings on disk and in memory: appended to one file and synced before they are acknowledged, kept sorted in memory for
//! queries. Both are bounded in bytes, because a device chooses how long its texts are: beyond the bound the oldest reading
//! goes. A line that was half written at a crash is dropped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::senml::Record;

const FILE: &str = "readings.jsonl";
/// More per answer are not given; the next question begins where this ended.
pub(crate) const MOST_PER_ANSWER: usize = 10_000;
/// Nor more bytes, as they stand in the file; the first reading is given however long it is.
const LONGEST_ANSWER: usize = 4 << 20;
/// What a reading takes in memory beside its texts, which stand there twice.
const OVERHEAD: usize = 500;

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

/// A reading and the length of its line.
struct Kept {
    reading: Reading,
    line: usize,
}

impl Kept {
    fn weight(&self) -> usize {
        2 * self.line + OVERHEAD
    }
}

/// The readings of one folder.
pub(crate) struct Readings {
    path: PathBuf,
    file: File,
    /// The length of the file, which holds readings that are no longer kept too.
    written: usize,
    kept: BTreeMap<Key, Kept>,
    /// What is kept weighs so much.
    weight: usize,
    bound: usize,
}

impl Readings {
    /// Opens the folder's readings; they take about `bound` bytes of memory at most.
    pub(crate) fn open(folder: &Path, bound: usize) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut readings = Self { path, file, written: 0, kept: BTreeMap::new(), weight: 0, bound };
        let mut reader = BufReader::new(File::open(&readings.path)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if line.ends_with(b"\n") {
                readings.written += line.len();
                if let Ok(reading) = serde_json::from_slice(&line) {
                    readings.insert(key(&reading), Kept { reading, line: line.len() });
                    readings.forget_oldest();
                }
            }
            line.clear();
        }
        readings.file.set_len(readings.written as u64)?;
        readings.write_anew_if_long()?;
        Ok(readings)
    }

    /// Keeps readings for good: on return they survive a loss of power. Returns how many were new.
    pub(crate) fn keep(&mut self, readings: Vec<Reading>) -> std::io::Result<usize> {
        let mut text = Vec::new();
        let mut new = BTreeMap::new();
        for reading in readings {
            let key = key(&reading);
            if !self.kept.contains_key(&key) && !new.contains_key(&key) {
                let before = text.len();
                serde_json::to_writer(&mut text, &reading)?;
                text.push(b'\n');
                new.insert(key, Kept { reading, line: text.len() - before });
            }
        }
        if new.is_empty() {
            return Ok(0);
        }
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.written += text.len();
        let count = new.len();
        for (key, kept) in new {
            self.insert(key, kept);
        }
        self.forget_oldest();
        self.write_anew_if_long()?;
        Ok(count)
    }

    /// Oldest first.
    pub(crate) fn find(&self, question: &Question) -> Vec<Reading> {
        let from = question.since.map_or(i64::MIN, micros);
        let matches = |kept: &&Kept| {
            let reading = &kept.reading;
            question.device.as_ref().is_none_or(|device| *device == reading.device)
                && question.name.as_ref().is_none_or(|name| *name == reading.resource || *name == reading.record.name)
        };
        let limit = question.limit.unwrap_or(MOST_PER_ANSWER).min(MOST_PER_ANSWER);
        let start = Key { micros: from, device: String::new(), resource: String::new(), name: String::new() };
        let (mut found, mut length) = (Vec::new(), 0);
        for kept in self.kept.range(start..).map(|(_, kept)| kept).filter(matches).take(limit) {
            length += kept.line;
            if length > LONGEST_ANSWER && !found.is_empty() {
                break;
            }
            found.push(kept.reading.clone());
        }
        found
    }

    fn insert(&mut self, key: Key, kept: Kept) {
        self.weight += kept.weight();
        let before = self.kept.insert(key, kept);
        self.weight -= before.map_or(0, |before| before.weight());
    }

    fn forget_oldest(&mut self) {
        while self.weight > self.bound
            && let Some((_, gone)) = self.kept.pop_first()
        {
            self.weight -= gone.weight();
        }
    }

    /// What is kept has less than half of `bound` in lines, so a file of `bound` is mostly readings that went.
    fn write_anew_if_long(&mut self) -> std::io::Result<()> {
        if self.written <= self.bound {
            return Ok(());
        }
        let partial = self.path.with_extension("new");
        let mut writer = BufWriter::new(File::create(&partial)?);
        let mut written = 0;
        for kept in self.kept.values() {
            serde_json::to_writer(&mut writer, &kept.reading)?;
            writer.write_all(b"\n")?;
            written += kept.line;
        }
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.written = written;
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

    const ROOM: usize = 1 << 20;

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
        Readings::open(folder.path(), ROOM).unwrap().keep(all.clone()).unwrap();
        assert_eq!(Readings::open(folder.path(), ROOM).unwrap().find(&Question::default()), all);
    }

    #[test]
    fn what_comes_twice_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), ROOM).unwrap();
        assert_eq!(readings.keep(vec![reading("a", 2e9)]).unwrap(), 1);
        assert_eq!(readings.keep(vec![reading("a", 2e9)]).unwrap(), 0);
    }

    #[test]
    fn a_question_narrows_by_device_name_time_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), ROOM).unwrap();
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
        let bound = 5000;
        let mut readings = Readings::open(folder.path(), bound).unwrap();
        for time in 0..200 {
            readings.keep(vec![reading("a", f64::from(time))]).unwrap();
            assert!(fs::metadata(folder.path().join(FILE)).unwrap().len() <= bound as u64);
        }
        let last = times(&readings, &Question::default());
        assert!((3..10).contains(&last.len()) && last.ends_with(&[198.0, 199.0]), "{last:?}");
        drop(readings);
        assert_eq!(times(&Readings::open(folder.path(), bound).unwrap(), &Question::default()), last);
    }

    #[test]
    fn long_texts_push_out_as_many_readings_as_they_take_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), ROOM).unwrap();
        readings.keep((0..100).map(|time| reading("a", f64::from(time))).collect()).unwrap();
        let mut long = reading("a", 200.0);
        long.record.value = Value { text: Some("x".repeat(ROOM / 2 - 10_000)), ..Value::default() };
        readings.keep(vec![long]).unwrap();
        let left = times(&readings, &Question::default());
        assert!((10..100).contains(&left.len()) && left.ends_with(&[99.0, 200.0]), "{left:?}");
    }

    #[test]
    fn an_answer_ends_before_it_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), 64 << 20).unwrap();
        let text = Value { text: Some("x".repeat(LONGEST_ANSWER / 3)), ..Value::default() };
        for time in 0..5 {
            let mut long = reading("a", f64::from(time));
            long.record.value = text.clone();
            readings.keep(vec![long]).unwrap();
        }
        assert_eq!(times(&readings, &Question::default()), [0.0, 1.0]);
        assert_eq!(times(&readings, &Question { since: Some(2.0), ..Question::default() }), [2.0, 3.0]);
    }

    #[test]
    fn a_reading_twice_in_one_pack_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut readings = Readings::open(folder.path(), ROOM).unwrap();
        assert_eq!(readings.keep(vec![reading("a", 2e9), reading("a", 2e9)]).unwrap(), 1);
    }

    #[test]
    fn a_line_cut_by_a_crash_is_dropped_and_the_next_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        Readings::open(folder.path(), ROOM).unwrap().keep(vec![reading("a", 1.0)]).unwrap();
        let path = folder.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"device\":\"a\",\"reso");
        fs::write(&path, text).unwrap();
        Readings::open(folder.path(), ROOM).unwrap().keep(vec![reading("a", 2.0)]).unwrap();
        assert_eq!(times(&Readings::open(folder.path(), ROOM).unwrap(), &Question::default()), [1.0, 2.0]);
    }
}
