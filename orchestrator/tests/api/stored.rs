//! Data folders as versions of every stored format left them: as text in `tests/stored`, and made folders again.
//!
//! A folder holds `sliceway.sql` (one row a line), `key.hex`, the tokens of its users, its blobs as files and the files of
//! its slices. It must never be changed once it is there: servers with such folders are out there.

use orchestrator::plan::{Bundle, Plan, Recorded};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Events are only there for who watches; so many of the newest say how they look.
const EVENTS: usize = 40;

pub fn all() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored");
    let mut all: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// The numbers of what is stored now. A new number needs a folder of its own: `make stored-format NAME=…`.
pub fn formats() -> Value {
    json!({
        "file": orchestrator::store::FORMAT,
        "operation": models::Operation::FORMAT,
        "change": models::ChangeRecord::FORMAT,
        "resource": Recorded::FORMAT,
        "plan": Plan::FORMAT,
        "bundle": Bundle::FORMAT,
    })
}

/// A folder for a server, with everything in `data`.
pub fn load(stored: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let read = |name: &str| std::fs::read_to_string(stored.join(name)).unwrap();
    let database = Connection::open(data.join("sliceway.db")).unwrap();
    database.execute_batch(&read("sliceway.sql")).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.close().unwrap();
    let key = read("key.hex");
    let digits = key.trim().as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let key: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    std::fs::write(data.join("key"), key).unwrap();
    std::fs::set_permissions(data.join("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(data.join("admin.token"), read("admin.token").trim()).unwrap();
    copy(&stored.join("blobs"), &data.join("blobs"));
    folder
}

/// Writes down a folder that a server left.
pub fn dump(data: &Path, stored: &Path) {
    std::fs::create_dir_all(stored).unwrap();
    std::fs::write(stored.join("sliceway.sql"), sql(&data.join("sliceway.db"))).unwrap();
    let key = std::fs::read(data.join("key")).unwrap();
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(stored.join("key.hex"), digits + "\n").unwrap();
    std::fs::copy(data.join("admin.token"), stored.join("admin.token")).unwrap();
    std::fs::write(stored.join("formats.json"), format!("{:#}\n", formats())).unwrap();
    for kind in ["sha256", "sealed"] {
        copy(&data.join("blobs").join(kind), &stored.join("blobs").join(kind));
    }
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries.map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &to) } else { std::fs::copy(&path, &to).map(drop).unwrap() }
    }
}

fn sql(file: &Path) -> String {
    let database = Connection::open(file).unwrap();
    let number = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let oldest = "SELECT coalesce(min(rev), 0) FROM (SELECT rev FROM event ORDER BY seq DESC LIMIT ?1)";
    let oldest: i64 = database.query_row(oldest, [i64::try_from(EVENTS).unwrap()], |row| row.get(0)).unwrap();
    database.execute("DELETE FROM event WHERE rev < ?1", [oldest]).unwrap();
    database.execute("UPDATE head SET pruned = ?1", [oldest - 1]).unwrap();
    let mut text = format!("PRAGMA application_id = {};\n", number("application_id"));
    let mut tables = database.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
    for table in tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap) {
        writeln!(text, "{table};").unwrap();
    }
    for (table, order) in [("head", "one"), ("object", "kind, tenant, id"), ("event", "seq")] {
        rows(&database, (table, order), &mut text);
    }
    writeln!(text, "PRAGMA user_version = {};", number("user_version")).unwrap();
    text
}

fn rows(database: &Connection, (table, order): (&str, &str), text: &mut String) {
    let mut all = database.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")).unwrap();
    let columns = all.column_count();
    let mut rows = all.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..columns).map(|column| literal(row.get_ref(column).unwrap())).collect();
        writeln!(text, "INSERT INTO {table} VALUES ({});", values.join(", ")).unwrap();
    }
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(bytes) => format!("'{}'", std::str::from_utf8(bytes).unwrap().replace('\'', "''")),
        ValueRef::Real(_) | ValueRef::Blob(_) => panic!("no table of ours holds such a value"),
    }
}
