//! Opening and migrating the file.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use include_dir::{Dir, include_dir};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::Migrations;

use super::DbError;

static MIGRATIONS_DIR: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations");
static MIGRATIONS: LazyLock<Result<Migrations<'static>, String>> =
    LazyLock::new(|| Migrations::from_directory(&MIGRATIONS_DIR).map_err(|e| e.to_string()));

/// How long a write waits for another process (the command line) that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the writer's connection: sets the pragmas and brings the schema up to date.
pub(super) fn writer(file: &Path) -> Result<Connection, DbError> {
    let refused = |e: rusqlite::Error| DbError::Open { file: file.to_owned(), reason: e.to_string() };
    create_for_owner(file)?;
    let mut connection = Connection::open(file).map_err(refused)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
    refuse_newer(&connection, file)?;
    // auto_vacuum only takes effect while the file has no table.
    connection
        .execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -4096;
             PRAGMA journal_size_limit = 16777216;",
        )
        .map_err(refused)?;
    let failed = |reason: String| DbError::Migration { file: file.to_owned(), reason };
    let migrations = MIGRATIONS.as_ref().map_err(|e| failed(e.clone()))?;
    migrations.to_latest(&mut connection).map_err(|e| failed(e.to_string()))?;
    Ok(connection)
}

/// Opens a reader's connection: it cannot write, and keeps a small cache.
pub(super) fn prepare_reader(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -1024;",
    )
}

/// The flags of a reader: the writer has created the file.
pub(super) fn reader_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// The file holds hashes of passwords: it is its owner's alone, whatever the umask says.
fn create_for_owner(file: &Path) -> Result<(), DbError> {
    if file == Path::new(":memory:") {
        return Ok(());
    }
    let created = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file);
    created.map(|_| ()).map_err(|e| DbError::Open { file: file.to_owned(), reason: e.to_string() })
}

fn refuse_newer(connection: &Connection, file: &Path) -> Result<(), DbError> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|e| DbError::Open { file: file.to_owned(), reason: e.to_string() })?;
    let known = MIGRATIONS_DIR.dirs().count();
    if found > i64::try_from(known).unwrap_or(i64::MAX) {
        return Err(DbError::NewerVersion { file: file.to_owned(), found, known });
    }
    Ok(())
}
