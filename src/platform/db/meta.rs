//! Single values of the product itself.

use rusqlite::{Connection, OptionalExtension};

use super::DbError;

/// A value, if it was ever set.
pub fn meta(connection: &Connection, key: &str) -> Result<Option<String>, DbError> {
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

/// Sets a value.
pub fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), DbError> {
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
