//! What befalls a store on a real machine: killed processes, full and read-only disks, damaged files, strangers. Each
//! fault must give its own words and must lose nothing that was acknowledged.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use orchestrator::store::{Clock, Key, Kind, Options, Query, Revision, Sqlite, Store, StoreError, Txn};
use serde_json::json;
use tempfile::TempDir;

/// Tells a child process of these tests which data folder is meant.
const FOLDER: &str = "SLICEWAY_TEST_STORE_FOLDER";
/// What a child says last, so that one that never ran is not taken for one that passed.
const REACHED_THE_END: &str = "reached the end";

fn options() -> Options {
    Options::new(Clock::system())
}

fn data() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

fn key(id: &str) -> Key {
    Key::new(Kind::Slice, "acme", id)
}

fn refused(folder: &Path) -> StoreError {
    match Sqlite::open(folder, options()) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

/// A store with a few documents, closed again.
async fn closed_store(data: &Path) {
    let store = Sqlite::open(data, options()).unwrap();
    for n in 0..300 {
        store.commit(Txn::new().put(key(&format!("{n:03}")), json!("x".repeat(400)))).await.unwrap();
    }
}

async fn count(store: &dyn Store) -> usize {
    store.list(&Query::all(Kind::Slice)).await.unwrap().len()
}

/// This program again, running only that one test.
fn child(test: &str, folder: &Path, wrapper: &[&str]) -> Child {
    let me = std::env::current_exe().unwrap();
    let args = [me.to_str().unwrap(), "--exact", test, "--ignored", "--nocapture", "--test-threads", "1"];
    let words: Vec<&str> = wrapper.iter().copied().chain(args).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn folder_of_child() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("run by the test that it belongs to"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child process of other tests"]
async fn child_that_writes_until_it_is_killed() {
    let store = Arc::new(Sqlite::open(&folder_of_child(), options()).unwrap());
    let writers: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..100_000 {
                    let id = format!("{}-{task}-{n}", std::process::id());
                    let doc = json!({ "id": id, "fill": "x".repeat(n % 700) });
                    let left = Key::new(Kind::Operation, "left", id.as_str());
                    let right = Key::new(Kind::Operation, "right", id.as_str());
                    let txn = Txn::new().absent(left.clone()).put(left, doc.clone()).put(right, doc);
                    let rev = store.commit(txn).await.unwrap();
                    eprintln!("ack {id} {rev}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Reads acknowledgements until there are `enough`, kills the child with SIGKILL, and reads what was on its way.
fn acknowledged_before_kill(mut child: Child, enough: usize) -> HashMap<String, Revision> {
    let mut acknowledged = HashMap::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut killed = false;
    while let Some(line) = lines.next().transpose().unwrap() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ack", id, rev] = words[..] {
            acknowledged.insert(id.to_owned(), Revision(rev.parse().unwrap()));
        }
        if acknowledged.len() >= enough && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended before it had written enough");
    acknowledged
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_kill_9() {
    let (_folder, data) = data();
    let mut acknowledged = HashMap::new();
    for enough in [1, 2, 3, 10, 100, 500, 2000] {
        let child = child("child_that_writes_until_it_is_killed", &data, &[]);
        acknowledged.extend(acknowledged_before_kill(child, enough));
        // A write that the death of the machine cut in the middle.
        let mut log = std::fs::OpenOptions::new().append(true).open(data.join("sliceway.db-wal")).unwrap();
        log.write_all(&[0x5a; 1000]).unwrap();
        let store = Sqlite::open(&data, options()).unwrap();
        let halves = |tenant: &str| Query::of(Kind::Operation, tenant);
        let left = store.list(&halves("left")).await.unwrap();
        let right = store.list(&halves("right")).await.unwrap();
        let pairs = |list: &[_]| {
            list.iter()
                .map(|o: &orchestrator::store::Object| (o.key.id.clone(), o.rev, o.doc.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(pairs(&left), pairs(&right), "a transaction is there whole or not at all");
        let stored: HashMap<String, Revision> = left.into_iter().map(|o| (o.key.id, o.rev)).collect();
        for (id, rev) in &acknowledged {
            assert_eq!(stored.get(id), Some(rev), "{id} was acknowledged");
        }
        let newest = *store.changed().borrow();
        assert!(stored.values().all(|rev| *rev <= newest));
    }
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_is_first() {
    let (_folder, data) = data();
    let mut first = child("child_that_writes_until_it_is_killed", &data, &[]);
    let mut line = String::new();
    let mut words = BufReader::new(first.stderr.take().unwrap());
    words.read_line(&mut line).unwrap();
    assert!(line.starts_with("ack "), "{line}");
    // The child must not wait for a full pipe.
    let drain = std::thread::spawn(move || std::io::copy(&mut words, &mut std::io::sink()));
    let error = refused(&data);
    first.kill().unwrap();
    first.wait().unwrap();
    drain.join().unwrap().unwrap();
    assert!(matches!(&error, StoreError::InUse { pid: Some(pid), .. } if *pid == first.id()), "{error}");
    assert!(error.to_string().contains(&format!("{} is in use by process {}", data.display(), first.id())), "{error}");
    Sqlite::open(&data, options()).unwrap();
}

#[tokio::test]
async fn a_store_that_was_closed_opens_again_at_once() {
    let (_folder, data) = data();
    for n in 1..=5 {
        let store = Sqlite::open(&data, options()).unwrap();
        assert!(matches!(refused(&data), StoreError::InUse { .. }));
        assert_eq!(store.commit(Txn::new().put(key("a"), json!(n))).await.unwrap(), Revision(n));
    }
}

#[test]
fn the_data_folder_is_closed_to_others() {
    let (_folder, data) = data();
    let _store = Sqlite::open(&data, options()).unwrap();
    assert_eq!(std::fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    for file in ["sliceway.db", "sliceway.db-wal", "sliceway.db-shm", "lock"] {
        assert_eq!(std::fs::metadata(data.join(file)).unwrap().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let (_folder, data) = data();
    std::fs::create_dir(&data).unwrap();
    // Root gives the folder away; anyone else takes one of root's.
    let given = std::os::unix::fs::chown(&data, Some(65534), None);
    let (folder, owner) = if given.is_ok() { (data.as_path(), 65534) } else { (Path::new("/usr"), 0) };
    let error = refused(folder);
    assert!(matches!(&error, StoreError::WrongOwner { owner: found, .. } if *found == owner), "{error}");
    assert!(error.to_string().contains("run it as user"), "{error}");
    assert!(!folder.join("lock").exists());
}

/// Runs a child test in a mount namespace of its own; what it mounts goes with it.
fn in_own_mounts(test: &str) {
    let (_folder, data) = data();
    std::fs::create_dir(&data).unwrap();
    let wrapper: &[&str] = if rustix::process::geteuid().is_root() { &["unshare", "-m"] } else { &["unshare", "-rm"] };
    let output = child(test, &data, wrapper).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn mount(options: &str, folder: &Path) {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).status().unwrap();
    assert!(status.success(), "mount -o {options} {}", folder.display());
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    in_own_mounts("child_on_a_small_disk");
}

#[tokio::test]
#[ignore = "a child process of another test"]
async fn child_on_a_small_disk() {
    let disk = folder_of_child();
    mount("size=3m", &disk);
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 1024 * 1024]).unwrap();
    let data = disk.join("data");
    let store = Sqlite::open(&data, options()).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match store.commit(Txn::new().put(key(&format!("{acknowledged}")), json!("x".repeat(8000)))).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 20, "only {acknowledged} fitted");
    assert!(matches!(error, StoreError::Full { .. }) && error.retryable(), "{error}");
    assert!(error.to_string().contains("sliceway.db") && error.to_string().contains("free some"), "{error}");
    assert_eq!(count(&store).await, acknowledged, "what was refused is not there");
    let again = store.commit(Txn::new().put(key("again"), json!("x".repeat(8000)))).await.unwrap_err();
    assert!(matches!(again, StoreError::Full { .. }), "{again}");
    std::fs::remove_file(&ballast).unwrap();
    store.commit(Txn::new().put(key("after"), json!("x".repeat(8000)))).await.unwrap();
    drop(store);
    let store = Sqlite::open(&data, options()).unwrap();
    assert_eq!(count(&store).await, acknowledged + 1);
    eprintln!("{REACHED_THE_END}");
}

#[test]
fn a_read_only_folder_is_told() {
    in_own_mounts("child_on_a_read_only_disk");
}

#[tokio::test]
#[ignore = "a child process of another test"]
async fn child_on_a_read_only_disk() {
    let disk = folder_of_child();
    mount("size=8m", &disk);
    let data = disk.join("data");
    closed_store(&data).await;
    mount("remount,ro", &disk);
    for folder in [data.clone(), disk.join("new")] {
        let error = refused(&folder);
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains(disk.to_str().unwrap()) && words.contains("mount it read-write"), "{words}");
    }
    mount("remount,rw", &disk);
    assert_eq!(count(&Sqlite::open(&data, options()).unwrap()).await, 300);
    eprintln!("{REACHED_THE_END}");
}

#[tokio::test]
async fn what_is_too_much_for_the_disk_does_not_take_its_group_along() {
    let (_folder, data) = data();
    let small = Options { max_pages: Some(300), ..options() };
    let store = Arc::new(Sqlite::open(&data, small).unwrap());
    let commits = (0..40).map(|n| {
        let size = if n % 10 == 3 { 2_000_000 } else { 100 };
        let store = store.clone();
        tokio::spawn(
            async move { store.commit(Txn::new().put(key(&format!("{n:02}")), json!("x".repeat(size)))).await },
        )
    });
    let commits: Vec<_> = commits.collect();
    for (n, commit) in commits.into_iter().enumerate() {
        match commit.await.unwrap() {
            Ok(_) => assert_ne!(n % 10, 3),
            Err(error) => assert!(n % 10 == 3 && matches!(error, StoreError::Full { .. }), "{n}: {error}"),
        }
    }
    drop(store);
    assert_eq!(count(&Sqlite::open(&data, options()).unwrap()).await, 36);
}

#[tokio::test]
async fn writers_that_wait_together_share_a_flush() {
    let (_folder, data) = data();
    let store = Arc::new(Sqlite::open(&data, options()).unwrap());
    let writers: Vec<_> = (0..64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    store.commit(Txn::new().put(key(&format!("{task}-{n}")), json!(n))).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.transactions, 64 * 20);
    assert!(stats.flushes * 4 < stats.transactions, "{stats:?}");
    assert_eq!(*store.changed().borrow(), Revision(64 * 20));
}

#[tokio::test]
async fn a_snapshot_is_whole_while_others_write() {
    let (folder, data) = data();
    let store = Arc::new(Sqlite::open(&data, options()).unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopping) = (store.clone(), stop.clone());
    let writer = tokio::spawn(async move {
        let mut n = 0;
        while !stopping.load(Ordering::Relaxed) {
            let doc = json!(n);
            writing.commit(Txn::new().put(key("left"), doc.clone()).put(key("right"), doc)).await.unwrap();
            n += 1;
        }
    });
    let mut changed = store.changed();
    for copy in 0..5 {
        changed.changed().await.unwrap();
        let restored = folder.path().join(format!("restored-{copy}"));
        std::fs::create_dir(&restored).unwrap();
        let before = *changed.borrow_and_update();
        store.snapshot(&restored.join("sliceway.db")).await.unwrap();
        let copy = Sqlite::open(&restored, options()).unwrap();
        let pair = copy.list(&Query::all(Kind::Slice)).await.unwrap();
        assert_eq!((&pair[0].doc, pair[0].rev), (&pair[1].doc, pair[1].rev));
        assert!(pair[0].rev >= before && *copy.changed().borrow() == pair[0].rev);
        copy.commit(Txn::new().put(key("new"), json!(1))).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_snapshot_does_not_overwrite() {
    let (folder, data) = data();
    let store = Sqlite::open(&data, options()).unwrap();
    let to = folder.path().join("copy.db");
    store.snapshot(&to).await.unwrap();
    assert_eq!(std::fs::metadata(&to).unwrap().mode() & 0o777, 0o600);
    let error = store.snapshot(&to).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} exists already: give the snapshot another name", to.display()));
    let nowhere = store.snapshot(&folder.path().join("none/copy.db")).await.unwrap_err();
    assert!(matches!(nowhere, StoreError::Io { .. }), "{nowhere}");
}

/// The way of docs/operations/store.md to copy the database of a running server.
#[tokio::test]
async fn a_copy_by_vacuum_into_of_a_running_store_opens() {
    let (folder, data) = data();
    let store = Sqlite::open(&data, options()).unwrap();
    let rev = store.commit(Txn::new().put(key("a"), json!(1))).await.unwrap();
    let restored = folder.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let stranger = rusqlite::Connection::open_with_flags(data.join("sliceway.db"), flags).unwrap();
    stranger.execute("VACUUM INTO ?1", [restored.join("sliceway.db").to_str().unwrap()]).unwrap();
    store.commit(Txn::new().put(key("b"), json!(1))).await.unwrap();
    let copy = Sqlite::open(&restored, options()).unwrap();
    assert_eq!((count(&copy).await, *copy.changed().borrow()), (1, rev));
}

#[tokio::test]
async fn damaged_files_are_named_and_left_alone() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        ("is empty", |db| std::fs::write(db, b"").unwrap()),
        ("no SQLite file", |db| std::fs::write(db, vec![7; 8192]).unwrap()),
        ("is damaged", |db| truncate(db, std::fs::metadata(db).unwrap().len() / 2)),
        ("its check says", |db| overwrite(db, 3 * 4096)),
        ("not made by sliceway", |db| {
            std::fs::remove_file(db).unwrap();
            rusqlite::Connection::open(db).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        }),
        ("is missing, while its log", |db| std::fs::rename(db, db.with_extension("db-wal")).unwrap()),
    ];
    for (words, damage) in damages {
        let (_folder, data) = data();
        closed_store(&data).await;
        let db = data.join("sliceway.db");
        damage(&db);
        let before = std::fs::read(&db).ok();
        let error = refused(&data);
        assert!(matches!(error, StoreError::Corrupt(_)) && !error.retryable(), "{words}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(db.to_str().unwrap()) && text.contains("restore a snapshot"), "{words}: {text}");
        assert!(text.contains(words), "{words}: {text}");
        assert_eq!(std::fs::read(&db).ok(), before, "{words}");
    }
}

fn truncate(file: &Path, len: u64) {
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(len).unwrap();
}

/// Writes over two pages.
fn overwrite(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at..at + 8192].fill(0xa5);
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_newer_file_is_refused_and_not_touched() {
    let (_folder, data) = data();
    closed_store(&data).await;
    let db = data.join("sliceway.db");
    rusqlite::Connection::open(&db).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&db).unwrap();
    let error = refused(&data);
    let newest = u32::try_from(orchestrator::store::FORMAT).unwrap();
    assert!(matches!(error, StoreError::Newer { found: 99, known, .. } if known == newest), "{error}");
    assert!(error.to_string().contains("made by a newer sliceway"), "{error}");
    assert_eq!(std::fs::read(&db).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_another_program_locks_is_told_and_written_later() {
    let (_folder, data) = data();
    let store = Sqlite::open(&data, Options { busy_timeout: Duration::from_millis(50), ..options() }).unwrap();
    let stranger = rusqlite::Connection::open(data.join("sliceway.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(Txn::new().put(key("a"), json!(1))).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }) && error.retryable(), "{error}");
    stranger.execute_batch("ROLLBACK").unwrap();
    store.commit(Txn::new().put(key("a"), json!(1))).await.unwrap();
}

#[tokio::test]
async fn a_dead_writer_closes_the_store_for_writing() {
    let (_folder, data) = data();
    let broken = Arc::new(AtomicBool::new(false));
    let look = broken.clone();
    let clock = Clock::from_fn(move || {
        assert!(!look.load(Ordering::Relaxed), "this clock is broken on purpose");
        SystemTime::now()
    });
    let store = Sqlite::open(&data, Options::new(clock)).unwrap();
    store.commit(Txn::new().put(key("a"), json!(1))).await.unwrap();
    let mut changed = store.changed();
    changed.mark_unchanged();
    broken.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let error = store.commit(Txn::new().put(key("b"), json!(1))).await.unwrap_err();
        assert!(matches!(error, StoreError::Closed), "{error}");
    }
    assert!(changed.changed().await.is_err(), "who watches is told");
    assert_eq!(count(&store).await, 1);
}

/// The file as version 1 made it. Never change this text: files like this are out there.
const VERSION_1: &str = r#"
    PRAGMA application_id = 1397512025;
    CREATE TABLE object (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
      rev INTEGER NOT NULL, doc TEXT NOT NULL, UNIQUE (kind, tenant, id)) STRICT;
    CREATE TABLE event (seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
      tenant TEXT NOT NULL, id TEXT NOT NULL, op TEXT NOT NULL CHECK (op IN ('put', 'delete')), doc TEXT) STRICT;
    CREATE INDEX event_rev ON event (rev);
    CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), rev INTEGER NOT NULL, pruned INTEGER NOT NULL) STRICT;
    INSERT INTO head VALUES (1, 7, 5);
    INSERT INTO object VALUES (1, 'slice', 'acme', 'old', 6, '{"name":"factory-7"}');
    INSERT INTO event VALUES (9, 6, 4102444800000, 'slice', 'acme', 'old', 'put', '{"name":"factory-7"}');
    INSERT INTO event VALUES (10, 7, 4102444800000, 'claim', '', 'vlan/7', 'delete', NULL);
    PRAGMA user_version = 1;
    PRAGMA journal_mode = wal;
"#;

#[tokio::test]
async fn a_file_of_version_1_opens_with_all_that_is_in_it() {
    let (_folder, data) = data();
    std::fs::create_dir(&data).unwrap();
    rusqlite::Connection::open(data.join("sliceway.db")).unwrap().execute_batch(VERSION_1).unwrap();
    let store = Sqlite::open(&data, options()).unwrap();
    let old = store.get(&key("old")).await.unwrap().unwrap();
    assert_eq!((old.rev, old.doc), (Revision(6), json!({"name": "factory-7"})));
    assert_eq!(store.events(Revision(5), 10).await.unwrap().len(), 2);
    assert!(matches!(store.events(Revision(4), 10).await, Err(StoreError::Gone { oldest: Revision(5) })));
    assert_eq!(store.commit(Txn::new().put(key("new"), json!(1))).await.unwrap(), Revision(8));
}
