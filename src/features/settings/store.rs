//! The SQL of settings, and of what the page about the event log tells.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::platform::db::DbError;

/// What was set: names and values.
pub(super) fn load(connection: &Connection) -> Result<Vec<(String, String)>, DbError> {
    let mut statement = connection.prepare_cached("SELECT name, value FROM settings")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sets one.
pub(super) fn set(
    connection: &Connection,
    name: &str,
    value: &str,
    actor: &str,
    now: i64,
) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO settings (name, value, actor, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, actor = excluded.actor, at = excluded.at",
        )?
        .execute(params![name, value, actor, now])?;
    Ok(())
}

/// What there is to know of the event log and the file it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogFacts {
    /// How many events are kept.
    pub events: u64,
    /// When the oldest of them happened, ms since the epoch.
    pub oldest: Option<i64>,
    /// The size of the database, bytes.
    pub file_bytes: u64,
    /// How much of it is free for what comes, bytes.
    pub free_bytes: u64,
}

/// Looks at the event log.
pub(super) fn log_facts(connection: &Connection) -> Result<LogFacts, DbError> {
    let events = connection.query_row("SELECT count(*) FROM events", [], |row| whole(row, 0))?;
    let oldest =
        connection.query_row("SELECT at FROM events ORDER BY id LIMIT 1", [], |row| row.get(0)).optional()?;
    let (file_bytes, free_bytes) = connection.query_row(
        "SELECT page_count * page_size, freelist_count * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [],
        |row| Ok((whole(row, 0)?, whole(row, 1)?)),
    )?;
    Ok(LogFacts { events, oldest, file_bytes, free_bytes })
}

/// A number that is never negative.
fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// Makes writing one setting fail.
#[cfg(test)]
pub(super) fn refuse(connection: &Connection, name: &str) -> Result<(), DbError> {
    Ok(connection.execute_batch(&format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON settings WHEN new.name = '{name}'
         BEGIN SELECT raise(ABORT, 'refused'); END;"
    ))?)
}
