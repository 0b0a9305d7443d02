//! What the recorded process does, and what must be there of it: everything is made of numbers, so that both sides know
//! it without a word.

use super::record::Work;
use orchestrator::store::{Blobs, Clock, Digest, Key, Kind, Options, Random, Secret, Sqlite, Store, Txn, Vault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Where the process works; its data folder is below.
pub const ROOT: &str = "POWER_ROOT";
pub const WORK: &str = "SLICEWAY_TEST_POWER_WORK";
/// The one file that is no part of the disk: what was acknowledged, in the order of everything else.
pub const ACKS: &str = "acks";

/// Tenant and name.
type Id = (String, String);
pub type Objects = BTreeMap<Id, Value>;

pub fn data(root: &Path) -> PathBuf {
    root.join("data")
}

/// Two halves that belong together, one object that stays, one that goes.
fn halves(n: u64) -> (Value, Vec<Id>, Option<Id>) {
    let doc = json!({"n": n, "fill": "x".repeat(usize::try_from(n * 531 % 2_900).unwrap())});
    let id = |tenant: &str, id: u64| (tenant.to_owned(), id.to_string());
    let puts = vec![id("left", n % 5), id("right", n % 5), id("one", n)];
    (doc, puts, (n > 3 && n.is_multiple_of(3)).then(|| id("one", n - 3)))
}

fn key((tenant, id): &Id) -> Key {
    Key::new(Kind::Slice, tenant.as_str(), id.as_str())
}

pub fn txn(n: u64) -> Txn {
    let (doc, puts, gone) = halves(n);
    let txn = puts.iter().fold(Txn::new(), |txn, id| txn.put(key(id), doc.clone()));
    gone.iter().fold(txn, |txn, id| txn.delete(key(id)))
}

pub fn carry_out(objects: &mut Objects, n: u64) {
    let (doc, puts, gone) = halves(n);
    objects.extend(puts.into_iter().map(|id| (id, doc.clone())));
    gone.iter().for_each(|id| drop(objects.remove(id)));
}

/// Some are sealed; the last two are of one folder of `blobs`.
pub fn blobs() -> &'static [(Vec<u8>, bool)] {
    static BLOBS: OnceLock<Vec<(Vec<u8>, bool)>> = OnceLock::new();
    BLOBS.get_or_init(made)
}

fn made() -> Vec<(Vec<u8>, bool)> {
    let bytes = |n: usize| (0..n * 700 + 10).map(|at| u8::try_from((at * 31 + n) % 251).unwrap()).collect::<Vec<u8>>();
    let mut all: Vec<_> = (0..4).map(|n| (bytes(n), n == 2)).collect();
    let first = b"one of a pair".to_vec();
    let group = |bytes: &[u8]| Digest::of(bytes).to_string()[.."sha256:00".len()].to_owned();
    let second = (0u32..).map(|n| format!("the other of a pair {n}").into_bytes()).find(|b| group(b) == group(&first));
    all.extend([(first, false), (second.unwrap(), false)]);
    all
}

/// Says what was acknowledged; it is not flushed, and need not be.
struct Acks(Mutex<std::fs::File>);

impl Acks {
    fn say(&self, what: &Value) {
        self.0.lock().unwrap().write_all(format!("{what}\n").as_bytes()).unwrap();
    }
}

struct Process {
    root: PathBuf,
    acks: Acks,
}

impl Process {
    fn open(&self) -> Sqlite {
        Sqlite::open(&data(&self.root), Options { readers: 1, ..Options::new(Clock::system()) }).unwrap()
    }

    async fn commit(&self, store: &dyn Store, n: u64) {
        let rev = store.commit(txn(n)).await.unwrap();
        self.acks.say(&json!({"commit": n, "rev": rev}));
    }

    async fn blobs(&self, store: &Sqlite) -> Blobs {
        let folder = data(&self.root);
        let vault = Arc::new(Vault::unlock(&folder, store, Random::system()).await.unwrap());
        self.acks.say(&json!({"key": true}));
        Blobs::open(&folder, vault, Clock::system()).unwrap()
    }

    async fn put(&self, blobs: &Blobs, (n, (bytes, sealed)): (usize, &(Vec<u8>, bool))) {
        let digest = match sealed {
            true => blobs.put_sealed(Secret::new(bytes.clone())).await,
            false => blobs.put(bytes.clone()).await,
        };
        self.acks.say(&json!({"blob": n, "digest": digest.unwrap()}));
    }

    async fn birth(&self) {
        let store = self.open();
        self.commit(&store, 1).await;
        let blobs = self.blobs(&store).await;
        self.put(&blobs, (0, &self::blobs()[0])).await;
        self.commit(&store, 2).await;
    }

    async fn commits(&self) {
        // The long round writes more, of other sizes.
        let more = if super::is_long() { 3 } else { 1 };
        let mut numbers = 1..;
        let mut next = |count: usize| numbers.by_ref().take(count * more).collect::<Vec<u64>>();
        let store = self.open();
        for n in next(4) {
            self.commit(&store, n).await;
        }
        futures::future::join_all(next(4).into_iter().map(|n| self.commit(&store, n))).await;
        // As the store does it by itself after four thousand pages.
        let stranger = rusqlite::Connection::open(data(&self.root).join("sliceway.db")).unwrap();
        let busy: i64 = stranger.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0);
        drop(stranger);
        for n in next(3) {
            self.commit(&store, n).await;
        }
        drop(store);
        let store = self.open();
        for n in next(2) {
            self.commit(&store, n).await;
        }
    }

    async fn keep_blobs(&self) {
        let store = self.open();
        let blobs = self.blobs(&store).await;
        let all = self::blobs();
        let (pair, rest) = all.split_at(4);
        for blob in pair.iter().enumerate() {
            self.put(&blobs, blob).await;
        }
        let rest = rest.iter().enumerate().map(|(n, blob)| self.put(&blobs, (n + 4, blob)));
        futures::future::join_all(rest).await;
        // What is there already is acknowledged at once.
        self.put(&blobs, (1, &all[1])).await;
        self.commit(&store, 1).await;
    }
}

#[test]
#[ignore = "a child process of other tests"]
fn child_that_works_until_the_power_is_cut() {
    let root = PathBuf::from(std::env::var_os(ROOT).expect("run by the test that it belongs to"));
    let work: Work = serde_json::from_str(&std::env::var(WORK).unwrap()).unwrap();
    let acks = std::fs::OpenOptions::new().create(true).append(true).open(root.join(ACKS)).unwrap();
    let process = Process { root, acks: Acks(Mutex::new(acks)) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match work {
            Work::Birth => process.birth().await,
            Work::Commits => process.commits().await,
            Work::Blobs => process.keep_blobs().await,
        }
    });
}
