//! A process under the recorder, and what it noted.

use super::disk::{Disk, Kept, Note, notes};
use super::work::{self, ACKS, Objects, ROOT, WORK};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    Birth,
    Commits,
    Blobs,
}

/// What was acknowledged up to some point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Acked {
    /// The newest revision.
    pub rev: u64,
    /// What is sealed can be opened.
    pub key: bool,
    pub blobs: BTreeSet<usize>,
}

pub struct Recording {
    pub notes: Vec<Note>,
    root: PathBuf,
    inode: u64,
    acks: BTreeSet<u64>,
    /// What the objects are after each revision, from nothing on.
    pub objects: BTreeMap<u64, Objects>,
    /// The name of each blob that was acknowledged at some time.
    pub digests: BTreeMap<usize, String>,
    _folder: TempDir,
}

/// The recorder, built once.
fn recorder() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/recorder.c");
        let path = folder.path().join("recorder.so");
        let built =
            Command::new("gcc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-ldl").output();
        let built = built.expect("gcc is there: make setup");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (folder, path)
    });
    path
}

/// Nobody waits for a disk here: what was flushed is known from the notes.
pub fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// One process; killed after so many notes, where a number is said.
fn run((root, log): (&Path, &Path), work: Work, die_at: Option<usize>) {
    let child = "work::child_that_works_until_the_power_is_cut";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", child, "--ignored", "--nocapture"]);
    command.env("LD_PRELOAD", recorder()).env(ROOT, root).env("POWER_LOG", log);
    command.env(WORK, serde_json::to_string(&work).unwrap());
    if let Some(point) = die_at {
        command.env("POWER_DIE_AT", point.to_string());
    }
    let output = command.output().unwrap();
    let wanted = if die_at.is_some() { Some(9) } else { Some(0) };
    assert_eq!(output.status.code(), wanted, "{work:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Recording {
    pub fn of(work: Work) -> Self {
        Self::made(&[(work, None)])
    }

    /// The same work twice, first by a process that is killed after so many notes.
    pub fn of_two(work: Work, point: usize) -> Self {
        Self::made(&[(work, Some(point)), (work, None)])
    }

    fn made(lives: &[(Work, Option<usize>)]) -> Self {
        let folder = quick_folder();
        let (root, log) = (folder.path().join("disk"), folder.path().join("notes"));
        std::fs::create_dir(&root).unwrap();
        for (work, die_at) in lives {
            run((&root, &log), *work, *die_at);
        }
        let inode = std::fs::metadata(&root).unwrap().ino();
        let notes = notes(&std::fs::read(&log).unwrap());
        let (objects, digests) = (BTreeMap::new(), BTreeMap::new());
        let mut recording = Self { notes, root, inode, acks: BTreeSet::new(), objects, digests, _folder: folder };
        recording.is_complete();
        recording.understand();
        recording
    }

    pub fn acks(&self) -> usize {
        self.objects.len() - 1 + self.digests.len()
    }

    /// Without what SQLite makes anew, and without the words about what was acknowledged.
    pub fn disk(&self) -> Disk {
        Disk::new((&self.root, self.inode), |path| is_shm(path) || path.ends_with(ACKS))
    }

    pub fn without_flushes(mut self) -> Self {
        self.notes.retain(|note| !matches!(note, Note::Flushed { .. }));
        self
    }

    /// Nothing was missed: the notes make exactly the files that are there.
    fn is_complete(&self) {
        let mut disk = Disk::new((&self.root, self.inode), |_| false);
        self.notes.iter().for_each(|note| disk.take(note));
        for (path, content) in disk.state(|_| Kept::Whole) {
            let there = std::fs::read(self.root.join(&path)).ok();
            assert!(is_shm(&path) || there == content, "{} is not what was noted", path.display());
        }
    }

    /// What each acknowledgement is about.
    fn understand(&mut self) {
        let path = self.root.join(ACKS);
        let is_acks = |note: &&Note| matches!(note, Note::Made { path: made, .. } if *made == path);
        let made = self.notes.iter().find(is_acks);
        self.acks = made.iter().map(|note| inode(note)).collect();
        let mut commits = BTreeMap::new();
        let said: Vec<Value> = self.notes.iter().flat_map(|note| self.said(note)).collect();
        for ack in said {
            if let Some(n) = ack["blob"].as_u64() {
                self.digests.insert(usize::try_from(n).unwrap(), ack["digest"].as_str().unwrap().to_owned());
            }
            if let (Some(n), Some(rev)) = (ack["commit"].as_u64(), ack["rev"].as_u64()) {
                commits.insert(rev, n);
            }
        }
        let mut now = Objects::new();
        self.objects.insert(0, now.clone());
        for (rev, n) in commits {
            work::carry_out(&mut now, n);
            self.objects.insert(rev, now.clone());
        }
    }

    /// The acknowledgements of one note.
    fn said(&self, note: &Note) -> Vec<Value> {
        match note {
            Note::Written { inode, data, .. } if self.acks.contains(inode) => {
                let text = std::str::from_utf8(data).unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
            _ => vec![],
        }
    }

    pub fn hear(&self, note: &Note, acked: &mut Acked) {
        for ack in self.said(note) {
            acked.key |= ack["key"] == true;
            acked.rev = acked.rev.max(ack["rev"].as_u64().unwrap_or(0));
            acked.blobs.extend(ack["blob"].as_u64().map(|n| usize::try_from(n).unwrap()));
        }
    }
}

fn is_shm(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}

fn inode(note: &Note) -> u64 {
    match note {
        Note::Made { inode, .. }
        | Note::Folder { inode, .. }
        | Note::Written { inode, .. }
        | Note::Cut { inode, .. }
        | Note::Flushed { inode } => *inode,
        Note::Renamed { .. } | Note::Gone { .. } => 0,
    }
}
