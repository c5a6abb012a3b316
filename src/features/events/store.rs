//! The SQL of what is kept beside events: the last lines of a container.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::model::KeptLine;
use crate::platform::db::DbError;

/// Keeps the lines that were written before an event.
pub(super) fn keep_lines(connection: &Connection, event: i64, lines: &[KeptLine]) -> Result<(), DbError> {
    let json = serde_json::to_string(lines).unwrap_or_default();
    // The event may be pruned already.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO event_logs (event_id, lines) SELECT id, ?2 FROM events WHERE id = ?1",
        )?
        .execute(params![event, json])?;
    Ok(())
}

/// The lines that were written before an event.
pub(super) fn kept_lines(connection: &Connection, event: i64) -> Result<Vec<KeptLine>, DbError> {
    let json: Option<String> = connection
        .prepare_cached("SELECT lines FROM event_logs WHERE event_id = ?1")?
        .query_row([event], |row| row.get(0))
        .optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

/// The lines that were written before some events.
pub(super) fn lines_of(connection: &Connection, ids: &[i64]) -> Result<HashMap<i64, Vec<KeptLine>>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT event_id, lines FROM event_logs WHERE event_id IN (SELECT value FROM json_each(?1))",
    )?;
    let ids = serde_json::to_string(ids).unwrap_or_default();
    let rows = statement.query_map([ids], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let lines = rows.map(|row| row.map(|(id, json)| (id, serde_json::from_str(&json).unwrap_or_default())));
    Ok(lines.collect::<Result<_, _>>()?)
}

/// What the database weighs: bytes in use, and bytes that could be given back.
pub(super) fn weight(connection: &Connection) -> Result<(i64, i64), DbError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (pages, free, size) = (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    Ok(((pages - free) * size, free * size))
}

/// Gives free pages back to the disk, at most so many.
pub(super) fn give_back(connection: &Connection, pages: u32) -> Result<(), DbError> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
