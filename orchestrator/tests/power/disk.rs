//! A disk that forgets: what was flushed is there, of the rest anything may be.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// What the recorder noted.
#[derive(Debug, Clone)]
pub enum Note {
    Made { inode: u64, path: PathBuf },
    Folder { inode: u64, path: PathBuf },
    Written { inode: u64, at: usize, data: Vec<u8> },
    Cut { inode: u64, length: usize },
    Flushed { inode: u64 },
    Renamed { from: PathBuf, to: PathBuf },
    Gone { path: PathBuf },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made { path, .. } => write!(f, "{} was made", path.display()),
            Self::Folder { path, .. } => write!(f, "folder {} was made", path.display()),
            Self::Written { inode, at, data } => write!(f, "{} bytes were written at {at} of {inode}", data.len()),
            Self::Cut { inode, length } => write!(f, "{inode} was cut to {length} bytes"),
            Self::Flushed { inode } => write!(f, "{inode} was flushed"),
            Self::Renamed { from, to } => write!(f, "{} became {}", from.display(), to.display()),
            Self::Gone { path } => write!(f, "{} was removed", path.display()),
        }
    }
}

/// The form of `note` in recorder.c.
pub fn notes(log: &[u8]) -> Vec<Note> {
    let (mut rest, mut all) = (log, Vec::new());
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let size = |bytes: &[u8]| usize::try_from(number(bytes)).unwrap();
    while !rest.is_empty() {
        let (kind, inode, at) = (rest[0], number(&rest[1..9]), size(&rest[9..17]));
        let lengths = [17, 21, 25].map(|start| size(&rest[start..start + 4]));
        let (data, after) = rest[29..].split_at(lengths[0]);
        let (one, after) = after.split_at(lengths[1]);
        let (other, after) = after.split_at(lengths[2]);
        let path = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).unwrap());
        all.push(match kind {
            b'C' => Note::Made { inode, path: path(one) },
            b'M' => Note::Folder { inode, path: path(one) },
            b'W' => Note::Written { inode, at, data: data.to_vec() },
            b'T' => Note::Cut { inode, length: at },
            b'S' => Note::Flushed { inode },
            b'R' => Note::Renamed { from: path(one), to: path(other) },
            b'U' => Note::Gone { path: path(one) },
            _ => panic!("{} of a file of the store is not modelled", String::from_utf8_lossy(one)),
        });
        rest = after;
    }
    all
}

/// A file or folder, whatever it is called; an inode's number is used again.
type Node = usize;

/// What was done and not flushed.
#[derive(Debug, Clone)]
pub enum Pending {
    Written { node: Node, at: usize, data: Vec<u8> },
    Cut { node: Node, length: usize },
    Named { folder: PathBuf, gone: Option<PathBuf>, there: Option<(PathBuf, Node)> },
}

/// How much of one pending thing is there after the cut.
#[derive(Debug, Clone)]
pub enum Kept {
    Whole,
    Nothing,
    /// Of a write: sectors by their number in the write.
    Sectors(Vec<bool>),
}

pub struct Disk {
    root: PathBuf,
    /// Files of which nothing is kept, and nobody minds.
    left_out: fn(&Path) -> bool,
    inodes: HashMap<u64, Node>,
    folders: HashSet<Node>,
    /// What is flushed of each.
    flushed: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, Node>,
    flushed_names: BTreeMap<PathBuf, Node>,
    pub pending: Vec<Pending>,
    /// The number of each pending thing, in the order in which they were done.
    numbers: Vec<usize>,
    /// Of everything that was ever done: whether it is flushed.
    done: Vec<u8>,
}

/// Files by their path, folders as `None`.
pub type State = BTreeMap<PathBuf, Option<Vec<u8>>>;

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap().to_owned()
}

impl Disk {
    /// With a folder that was always there.
    pub fn new((root, inode): (&Path, u64), left_out: fn(&Path) -> bool) -> Self {
        let names = BTreeMap::from([(root.to_owned(), 0)]);
        Self {
            root: root.to_owned(),
            left_out,
            inodes: HashMap::from([(inode, 0)]),
            folders: HashSet::from([0]),
            flushed: vec![Vec::new()],
            flushed_names: names.clone(),
            names,
            pending: Vec::new(),
            numbers: Vec::new(),
            done: Vec::new(),
        }
    }

    fn pend(&mut self, pending: Pending) {
        self.pending.push(pending);
        self.numbers.push(self.done.len());
        self.done.push(0);
    }

    /// The same for the same state: what was done, flushed or kept, and how much of it.
    pub fn key(&self, kept: &[Kept]) -> Vec<u8> {
        let (mut key, mut torn) = (self.done.clone(), Vec::new());
        for (number, kept) in self.numbers.iter().zip(kept) {
            key[*number] = match kept {
                Kept::Nothing => 0,
                Kept::Whole => 1,
                Kept::Sectors(sectors) => {
                    torn.extend(sectors.iter().map(|there| u8::from(*there)));
                    2
                }
            };
        }
        key.truncate(key.iter().rposition(|done| *done > 0).map_or(0, |last| last + 1));
        key.extend(torn);
        key
    }

    fn node(&mut self, inode: u64) -> Node {
        self.flushed.push(Vec::new());
        self.inodes.insert(inode, self.flushed.len() - 1);
        self.flushed.len() - 1
    }

    pub fn take(&mut self, note: &Note) {
        match note {
            Note::Made { inode, path } | Note::Folder { inode, path } => {
                if (self.left_out)(path) {
                    self.inodes.remove(inode);
                    return;
                }
                let node = self.node(*inode);
                if matches!(note, Note::Folder { .. }) {
                    self.folders.insert(node);
                }
                self.names.insert(path.clone(), node);
                let there = Some((path.clone(), node));
                self.pend(Pending::Named { folder: parent(path), gone: None, there });
            }
            Note::Written { inode, at, data } => {
                let Some(node) = self.inodes.get(inode).copied() else { return };
                self.pend(Pending::Written { node, at: *at, data: data.clone() });
            }
            Note::Cut { inode, length } => {
                let Some(node) = self.inodes.get(inode).copied() else { return };
                self.pend(Pending::Cut { node, length: *length });
            }
            Note::Flushed { inode } => {
                let Some(node) = self.inodes.get(inode).copied() else { return };
                self.flush(node);
            }
            Note::Renamed { from, to } => self.rename(from, to),
            Note::Gone { path } if (self.left_out)(path) => {}
            Note::Gone { path } => {
                self.names.remove(path);
                let gone = Some(path.clone());
                self.pend(Pending::Named { folder: parent(path), gone, there: None });
            }
        }
    }

    /// Within one folder it is one step.
    fn rename(&mut self, from: &Path, to: &Path) {
        let node = self.names.remove(from).unwrap();
        self.names.insert(to.to_owned(), node);
        let (gone, there) = (Some(from.to_owned()), Some((to.to_owned(), node)));
        if parent(from) == parent(to) {
            self.pend(Pending::Named { folder: parent(to), gone, there });
        } else {
            self.pend(Pending::Named { folder: parent(to), gone: None, there });
            self.pend(Pending::Named { folder: parent(from), gone, there: None });
        }
    }

    fn flush(&mut self, flushed: Node) {
        let own = self.names.iter().find(|(_, node)| **node == flushed).map(|(path, _)| path.clone());
        let all = std::mem::take(&mut self.numbers).into_iter().zip(std::mem::take(&mut self.pending));
        for (number, pending) in all {
            let now = match &pending {
                Pending::Written { node, .. } | Pending::Cut { node, .. } => *node == flushed,
                Pending::Named { folder, .. } => own.as_ref() == Some(folder),
            };
            if now {
                apply(&mut self.flushed, &mut self.flushed_names, (&pending, &Kept::Whole));
                self.done[number] = 1;
            } else {
                self.numbers.push(number);
                self.pending.push(pending);
            }
        }
    }

    /// After a cut that keeps so much of each pending thing.
    pub fn state(&self, kept: impl Fn(usize) -> Kept) -> State {
        let (mut data, mut names) = (self.flushed.clone(), self.flushed_names.clone());
        for (n, pending) in self.pending.iter().enumerate() {
            apply(&mut data, &mut names, (pending, &kept(n)));
        }
        // Nobody finds what lies in a folder that has no name.
        let above = |path: &Path| {
            path.ancestors()
                .skip(1)
                .take_while(|above| above.starts_with(&self.root))
                .all(|above| names.contains_key(above))
        };
        let found = names.iter().filter(|(path, _)| **path != self.root && above(path));
        let content = |node: &Node| (!self.folders.contains(node)).then(|| data[*node].clone());
        found.map(|(path, node)| (path.strip_prefix(&self.root).unwrap().to_owned(), content(node))).collect()
    }
}

fn apply(data: &mut [Vec<u8>], names: &mut BTreeMap<PathBuf, Node>, (pending, kept): (&Pending, &Kept)) {
    match (pending, kept) {
        (_, Kept::Nothing) => {}
        (Pending::Written { node, at, data: new }, kept) => {
            for (n, (start, end)) in sectors(*at, new.len()).into_iter().enumerate() {
                let there = match kept {
                    Kept::Sectors(sectors) => sectors[n],
                    Kept::Whole | Kept::Nothing => true,
                };
                if there {
                    let file = &mut data[*node];
                    file.resize(file.len().max(end), 0);
                    file[start..end].copy_from_slice(&new[start - at..end - at]);
                }
            }
        }
        (Pending::Cut { node, length }, _) => data[*node].resize(*length, 0),
        (Pending::Named { gone, there, .. }, _) => {
            if let Some(gone) = gone {
                names.remove(gone);
            }
            if let Some((path, node)) = there {
                names.insert(path.clone(), *node);
            }
        }
    }
}

/// From where to where each sector of a write reaches, in the file.
pub fn sectors(at: usize, length: usize) -> Vec<(usize, usize)> {
    let (mut start, end, mut all) = (at, at + length, Vec::new());
    while start < end {
        let next = (start / 512 + 1) * 512;
        all.push((start, next.min(end)));
        start = next;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: usize, data: &[u8]) -> Note {
        Note::Written { inode: 2, at, data: data.to_vec() }
    }

    #[test]
    fn what_was_not_flushed_is_there_only_where_it_is_kept() {
        let root = Path::new("/r");
        let mut disk = Disk::new((root, 1), |_| false);
        let file = root.join("f");
        disk.take(&Note::Made { inode: 2, path: file.clone() });
        disk.take(&written(0, &[7; 600]));
        disk.take(&Note::Flushed { inode: 2 });
        let lost = disk.state(|_| Kept::Nothing);
        assert!(!lost.contains_key(Path::new("f")), "its name was not flushed");
        disk.take(&Note::Flushed { inode: 1 });
        disk.take(&written(500, &[8; 100]));
        assert_eq!(disk.state(|_| Kept::Nothing)[Path::new("f")].as_ref().unwrap()[500..], [7; 100]);
        let torn = disk.state(|_| Kept::Sectors(vec![true, false]));
        let torn = torn[Path::new("f")].as_ref().unwrap();
        assert_eq!((&torn[500..512], &torn[512..]), ([8; 12].as_slice(), [7; 88].as_slice()));
    }
}
