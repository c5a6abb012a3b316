//! Durable cursors: how far a reader has come, committed in the same transaction as its effect.

use rusqlite::{Connection, OptionalExtension, params};

use crate::platform::db::DbError;

/// The value of a cursor, if it was ever set.
pub fn get(connection: &Connection, name: &str) -> Result<Option<String>, DbError> {
    Ok(connection
        .prepare_cached("SELECT value FROM cursors WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Sets a cursor; `now` in ms since the epoch.
pub fn set(connection: &Connection, name: &str, value: &str, now: i64) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO cursors (name, value, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        )?
        .execute(params![name, value, now])?;
    Ok(())
}
