//! The file format: how a file is made, checked and brought to this version. A step of the migration table is never
//! changed once released; a file of a newer version is never touched.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction};

use super::failure::{damaged, within};
use super::folder::{Folder, io_error};
use super::{Options, Revision, StoreError};
use crate::store::files;

/// "SLWY", so that `file` and we can tell the file from other databases.
const APPLICATION_ID: i32 = 0x534c_5759;
pub(super) const MMAP_BYTES: i64 = 256 * 1024 * 1024;

/// Brings a file from one version to the next.
pub(super) type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// Entry n makes version n + 1 out of version n.
pub(super) const STEPS: &[Step] = &[two_tables, tails];

/// The version of the file.
pub const FORMAT: usize = STEPS.len();

/// Opens the database for the writer, brought to this version.
pub(super) fn open(folder: &Folder, options: &Options) -> Result<Connection, StoreError> {
    let file = &folder.file;
    if !file.exists() {
        make(folder)?;
    } else if std::fs::metadata(file).map_err(|e| io_error(file, "cannot be read", e))?.len() == 0 {
        return Err(damaged(file, "it is empty"));
    }
    let mut conn = within(file, Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    within(file, conn.busy_timeout(options.busy_timeout))?;
    migrate(&mut conn, file, STEPS)?;
    within(file, configure(&conn, options))?;
    if within(file, conn.is_readonly(rusqlite::MAIN_DB))? {
        return Err(StoreError::ReadOnly { path: file.clone() });
    }
    check_pages(&conn, file)?;
    Ok(conn)
}

/// The newest revision in the file.
pub(super) fn head(conn: &Connection) -> rusqlite::Result<Revision> {
    let rev: i64 = conn.query_row("SELECT rev FROM head", [], |row| row.get(0))?;
    Ok(Revision(rev.cast_unsigned()))
}

/// Checks whose file it is and runs the steps that it lacks.
pub(super) fn migrate(conn: &mut Connection, file: &Path, steps: &[Step]) -> Result<(), StoreError> {
    let application: i32 = within(file, conn.pragma_query_value(None, "application_id", |row| row.get(0)))?;
    if application != APPLICATION_ID {
        return Err(damaged(file, "it was not made by sliceway"));
    }
    let found: u32 = within(file, conn.pragma_query_value(None, "user_version", |row| row.get(0)))?;
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { file: file.to_owned(), found, known });
    }
    for version in found..known {
        within(file, migrate_one(conn, steps, version))?;
    }
    Ok(())
}

/// A step and the version that it makes are one transaction.
fn migrate_one(conn: &mut Connection, steps: &[Step], version: u32) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    if let Some(step) = steps.get(version as usize) {
        step(&tx)?;
    }
    tx.pragma_update(None, "user_version", version + 1)?;
    tx.commit()
}

/// Makes the file under another name and moves it when it is complete: an empty or half-made file of the real name is
/// then always damage and never a first start.
fn make(folder: &Folder) -> Result<(), StoreError> {
    if folder.beside("-wal").exists() {
        return Err(damaged(&folder.file, "it is missing, while its log is still there"));
    }
    let new = folder.beside(".new");
    for left_over in [new.clone(), folder.beside(".new-wal"), folder.beside(".new-shm"), folder.beside(".new-journal")]
    {
        match std::fs::remove_file(&left_over) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error(&left_over, "cannot be removed", e));
            }
            _ => {}
        }
    }
    files::create_private(&new).map_err(|e| io_error(&new, "cannot be made", e))?;
    let mut conn = within(&new, Connection::open_with_flags(&new, OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    within(&new, conn.pragma_update(None, "application_id", APPLICATION_ID))?;
    migrate(&mut conn, &new, STEPS)?;
    within(&new, conn.pragma_update(None, "journal_mode", "wal"))?;
    within(&new, conn.close().map_err(|(_, e)| e))?;
    std::fs::rename(&new, &folder.file).map_err(|e| io_error(&folder.file, "cannot be made", e))?;
    files::sync_parent(&folder.file).map_err(|e| io_error(&folder.path, "cannot be written", e))
}

fn configure(conn: &Connection, options: &Options) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", 4000)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    conn.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    if let Some(pages) = options.max_pages {
        conn.pragma_update(None, "max_page_count", pages)?;
    }
    conn.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// A torn or damaged file is found here and not by a user a week later.
fn check_pages(conn: &Connection, file: &Path) -> Result<(), StoreError> {
    let verdict: String = within(file, conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(file, &format!("its check says: {verdict}"))) }
}

/// Version 1: objects, the events of their changes, and the revision of the last commit. `head.pruned` is the newest
/// revision whose events are gone.
fn two_tables(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "CREATE TABLE object (
           seq INTEGER PRIMARY KEY,
           kind TEXT NOT NULL,
           tenant TEXT NOT NULL,
           id TEXT NOT NULL,
           rev INTEGER NOT NULL,
           doc TEXT NOT NULL,
           UNIQUE (kind, tenant, id)
         ) STRICT;
         CREATE TABLE event (
           seq INTEGER PRIMARY KEY,
           rev INTEGER NOT NULL,
           at_ms INTEGER NOT NULL,
           kind TEXT NOT NULL,
           tenant TEXT NOT NULL,
           id TEXT NOT NULL,
           op TEXT NOT NULL CHECK (op IN ('put', 'delete')),
           doc TEXT
         ) STRICT;
         CREATE INDEX event_rev ON event (rev);
         CREATE TABLE head (
           one INTEGER PRIMARY KEY CHECK (one = 1),
           rev INTEGER NOT NULL,
           pruned INTEGER NOT NULL
         ) STRICT;
         INSERT INTO head (one, rev, pruned) VALUES (1, 0, 0);",
    )
}

/// Version 2: what is recorded on one cluster is found without reading what is recorded on all others. Ids of these kinds
/// are `<uid>/<target>:...`.
fn tails(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "CREATE INDEX object_tail ON object (kind, substr(id, instr(id, '/') + 1), tenant, id)
           WHERE kind IN ('resource', 'orphan', 'alarm');",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    fn made() -> (tempfile::TempDir, Connection) {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::lock(data.path()).unwrap();
        let conn = open(&folder, &Options::new(Clock::system())).unwrap();
        (data, conn)
    }

    #[test]
    fn the_writer_flushes_every_commit() {
        let (_data, conn) = made();
        let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        assert_eq!(pragma("synchronous"), 2.into());
    }

    #[test]
    fn a_migration_runs_only_the_steps_that_are_missing() {
        let (data, mut conn) = made();
        let next: Step = |tx| tx.execute_batch("CREATE TABLE added (x INTEGER) STRICT");
        migrate(&mut conn, data.path(), &[STEPS, &[next]].concat()).unwrap();
        migrate(&mut conn, data.path(), &[STEPS, &[next]].concat()).unwrap();
        conn.execute("INSERT INTO added VALUES (1)", []).unwrap();
        let error = migrate(&mut conn, data.path(), STEPS).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 3, known: 2, .. }), "{error}");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before_it() {
        let (data, mut conn) = made();
        let broken: Step = |tx| tx.execute_batch("CREATE TABLE half (x INTEGER) STRICT; CREATE NONSENSE");
        migrate(&mut conn, data.path(), &[STEPS, &[broken]].concat()).unwrap_err();
        let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 2);
        assert!(conn.prepare("SELECT * FROM half").is_err());
    }
}
