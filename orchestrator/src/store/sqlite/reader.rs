//! The reading side: a few read-only connections, each used by one blocking task at a time. Must never write.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::{self, Type};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::failure::{translate, within};
use super::folder::{Folder, io_error};
use super::{Options, schema};
use crate::store::{Event, Key, Kind, Object, Op, Query, Revision, StoreError, files};

/// The pool. A permit stands for a connection that is free.
pub(super) struct Readers {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
}

struct Shared {
    folder: Arc<Folder>,
    free: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn open(folder: Arc<Folder>, options: &Options) -> Result<Self, StoreError> {
        let count = options.readers.max(1);
        let connections = (0..count).map(|_| connect(&folder.file, options)).collect::<rusqlite::Result<Vec<_>>>();
        let free = Mutex::new(within(&folder.file, connections)?);
        Ok(Self { shared: Arc::new(Shared { folder, free }), permits: Arc::new(Semaphore::new(count)) })
    }

    /// Runs `read` on a free connection.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let shared = self.shared.clone();
        blocking(move || {
            let answer = shared.with(read);
            drop(permit);
            answer
        })
        .await
    }

    /// Runs a read of a few rows where it is asked for: it takes less time than to hand it to another thread, and next to
    /// always their pages are in memory. Where no connection is free it waits with the others.
    pub(super) async fn run_here<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        match self.permits.try_acquire() {
            Ok(_permit) => self.shared.with(read),
            Err(_) => self.run(read).await,
        }
    }

    /// Runs something that opens its own connection.
    pub(super) async fn run_whole<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = self.shared.clone();
        blocking(move || work(&shared.folder)).await
    }
}

impl Shared {
    fn with<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let taken = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut conn = taken.ok_or(StoreError::Closed)?;
        let answer = read(&mut conn);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        within(&self.folder.file, answer)?
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
}

fn connect(file: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(options.busy_timeout)?;
    conn.pragma_update(None, "mmap_size", schema::MMAP_BYTES)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

pub(super) fn get(conn: &mut Connection, key: Key) -> rusqlite::Result<Result<Option<Object>, StoreError>> {
    let mut statement =
        conn.prepare_cached("SELECT rev, doc FROM object WHERE kind = ?1 AND tenant = ?2 AND id = ?3")?;
    let found = statement
        .query_row(params![key.kind.name(), key.tenant, key.id], |row| Ok((revision(row, 0)?, document(row, 1)?)))
        .optional()?;
    Ok(Ok(found.map(|(rev, doc)| Object { key, rev, doc })))
}

pub(super) fn list(conn: &mut Connection, query: &Query) -> rusqlite::Result<Result<Vec<Object>, StoreError>> {
    let found = match (&query.tail, &query.tenant) {
        (Some(_), _) if !query.kind.has_tail() || query.tenant.is_some() || query.prefix.is_some() => {
            return Ok(Err(StoreError::Invalid(format!("{} objects are not listed by a tail like that", query.kind))));
        }
        (Some(tail), _) => list_tail(conn, query, tail),
        (None, Some(tenant)) => list_tenant(conn, query, tenant),
        (None, None) => list_every_tenant(conn, query),
    };
    found.map(Ok)
}

/// A range of the index: from the end of the page before to the end of the prefix.
fn list_tenant(conn: &Connection, query: &Query, tenant: &str) -> rusqlite::Result<Vec<Object>> {
    let prefix = query.prefix.as_deref().unwrap_or("");
    let after = match &query.after {
        Some((last, _)) if last.as_str() > tenant => return Ok(Vec::new()),
        Some((last, id)) if last == tenant => id.as_str(),
        _ => "",
    };
    conn.prepare_cached(
        "SELECT tenant, id, rev, doc FROM object
         WHERE kind = ?1 AND tenant = ?2 AND id >= ?3 AND id < ?4 AND id <> ?5 ORDER BY tenant, id LIMIT ?6",
    )?
    .query_map(
        params![query.kind.name(), tenant, after.max(prefix), past(prefix), after, sql_limit(query.limit)],
        |row| object(row, query.kind),
    )?
    .collect()
}

fn list_every_tenant(conn: &Connection, query: &Query) -> rusqlite::Result<Vec<Object>> {
    let prefix = query.prefix.as_deref().unwrap_or("");
    let (tenant, id) = match &query.after {
        Some((tenant, id)) => (tenant.as_str(), id.as_str()),
        None => ("", ""),
    };
    conn.prepare_cached(
        "SELECT tenant, id, rev, doc FROM object
         WHERE kind = ?1 AND (tenant, id) > (?2, ?3) AND id >= ?4 AND id < ?5 ORDER BY tenant, id LIMIT ?6",
    )?
    .query_map(params![query.kind.name(), tenant, id, prefix, past(prefix), sql_limit(query.limit)], |row| {
        object(row, query.kind)
    })?
    .collect()
}

/// A range of the index of tails: from the tail of the last object of the page before.
fn list_tail(conn: &Connection, query: &Query, tail: &str) -> rusqlite::Result<Vec<Object>> {
    let (tenant, id) = match &query.after {
        Some((tenant, id)) => (tenant.as_str(), id.as_str()),
        None => ("", ""),
    };
    let after = id.split_once('/').map_or(id, |(_, tail)| tail);
    conn.prepare_cached(
        "SELECT tenant, id, rev, doc FROM object
         WHERE kind IN ('resource', 'orphan', 'alarm') AND kind = ?1
           AND substr(id, instr(id, '/') + 1) >= ?2 AND substr(id, instr(id, '/') + 1) < ?3
           AND NOT (substr(id, instr(id, '/') + 1) = ?4 AND (tenant, id) <= (?5, ?6))
         ORDER BY substr(id, instr(id, '/') + 1), tenant, id LIMIT ?7",
    )?
    .query_map(
        params![query.kind.name(), after.max(tail), past(tail), after, tenant, id, sql_limit(query.limit)],
        |row| object(row, query.kind),
    )?
    .collect()
}

/// The first text after all that begin with `prefix`. Where there is none, an empty blob: every text is less than that.
fn past(prefix: &str) -> types::Value {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return types::Value::Text(chars.into_iter().collect());
        }
    }
    types::Value::Blob(Vec::new())
}

pub(super) fn events(
    conn: &mut Connection,
    after: Revision,
    limit: usize,
) -> rusqlite::Result<Result<Vec<Event>, StoreError>> {
    let tx = conn.transaction()?;
    let (head, pruned) =
        tx.query_row("SELECT rev, pruned FROM head", [], |row| Ok((revision(row, 0)?, revision(row, 1)?)))?;
    if after < pruned || after > head {
        return Ok(Err(StoreError::Gone { oldest: pruned }));
    }
    let after = after.0.cast_signed();
    // The revision of the last row that the limit lets in; all rows of that revision come along.
    let last: Option<i64> = tx
        .prepare_cached("SELECT rev FROM event WHERE rev > ?1 ORDER BY rev, seq LIMIT 1 OFFSET ?2")?
        .query_row(params![after, sql_limit(limit).saturating_sub(1)], |row| row.get(0))
        .optional()?;
    if limit == 0 {
        return Ok(Ok(Vec::new()));
    }
    let found = tx
        .prepare_cached(
            "SELECT rev, kind, tenant, id, op, doc FROM event WHERE rev > ?1 AND rev <= ?2 ORDER BY rev, seq",
        )?
        .query_map(params![after, last.unwrap_or(i64::MAX)], event)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Ok(found))
}

/// One step of SQLite's backup copies everything from one read snapshot: the writer goes on meanwhile, and a busy store
/// cannot make the copy start again for ever.
pub(super) fn snapshot(folder: &Folder, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::Invalid(format!("{} exists already: give the snapshot another name", to.display())));
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    files::create_private(part).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::Invalid(format!(
            "{} exists: another snapshot is being made, or one was cut off; then remove that file",
            part.display()
        )),
        _ => io_error(part, "cannot be made", e),
    })?;
    let copied = copy(folder, part).and_then(|()| {
        std::fs::rename(part, to).and_then(|()| files::sync_parent(to)).map_err(|e| io_error(to, "cannot be made", e))
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(part);
    }
    copied
}

fn copy(folder: &Folder, part: &Path) -> Result<(), StoreError> {
    let source = within(
        &folder.file,
        Connection::open_with_flags(&folder.file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX),
    )?;
    let mut target = within(part, Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    let backup = within(part, rusqlite::backup::Backup::new(&source, &mut target))?;
    match backup.step(-1).map_err(|e| translate(part, e))? {
        rusqlite::backup::StepResult::Done => {}
        _ => {
            return Err(StoreError::Busy { file: folder.file.clone() });
        }
    }
    drop(backup);
    within(part, target.close().map_err(|(_, e)| e))?;
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(|e| io_error(part, "cannot be written", e))
}

/// SQLite counts in signed numbers.
fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn object(row: &Row<'_>, kind: Kind) -> rusqlite::Result<Object> {
    let key = Key { kind, tenant: row.get(0)?, id: row.get(1)? };
    Ok(Object { key, rev: revision(row, 2)?, doc: document(row, 3)? })
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let kind = row.get_ref(1)?.as_str()?.parse::<Kind>().map_err(|e| unreadable(1, e))?;
    let key = Key { kind, tenant: row.get(2)?, id: row.get(3)? };
    let rev = revision(row, 0)?;
    match row.get_ref(4)?.as_str()? {
        "delete" => Ok(Event { rev, key, op: Op::Delete, doc: None }),
        _ => Ok(Event { rev, key, op: Op::Put, doc: Some(document(row, 5)?) }),
    }
}

fn revision(row: &Row<'_>, column: usize) -> rusqlite::Result<Revision> {
    Ok(Revision(row.get::<_, i64>(column)?.cast_unsigned()))
}

fn document(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|e| unreadable(column, e))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
