//! Subjects: what events, stats and health belong to, so that history outlives container ids.
//!
//! The key of a container is its Compose project/service/number, its Swarm service/slot, or its name.

use rusqlite::{Connection, OptionalExtension, params};

use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// The id of a subject, made when it is new.
pub fn resolve(connection: &Connection, engine: &EngineId, kind: &str, key: &str) -> Result<i64, DbError> {
    let found = connection
        .prepare_cached("SELECT id FROM subjects WHERE engine = ?1 AND kind = ?2 AND key = ?3")?
        .query_row(params![engine.as_str(), kind, key], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO subjects (engine, kind, key) VALUES (?1, ?2, ?3)")?
        .execute(params![engine.as_str(), kind, key])?;
    Ok(connection.last_insert_rowid())
}

/// The id of a subject that is known.
pub fn find(
    connection: &Connection,
    engine: &EngineId,
    kind: &str,
    key: &str,
) -> Result<Option<i64>, DbError> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM subjects WHERE engine = ?1 AND kind = ?2 AND key = ?3")?;
    Ok(statement.query_row(params![engine.as_str(), kind, key], |row| row.get(0)).optional()?)
}

/// Remembers which subject a container id belongs to.
pub fn bind_container(
    connection: &Connection,
    engine: &EngineId,
    container_id: &str,
    subject: i64,
) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO container_subjects (engine, container_id, subject_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (engine, container_id) DO UPDATE SET subject_id = excluded.subject_id
             WHERE subject_id <> excluded.subject_id",
        )?
        .execute(params![engine.as_str(), container_id, subject])?;
    Ok(())
}

/// The engine and key of what a container id, or the beginning of one, belonged to.
pub fn of_container(connection: &Connection, id: &str) -> Result<Vec<(String, String)>, DbError> {
    // Shorter ones, and names, mean too many.
    if id.len() < 12 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT s.engine, s.key FROM container_subjects c JOIN subjects s ON s.id = c.subject_id
         WHERE c.container_id >= ?1 AND c.container_id < ?1 || 'g' LIMIT 10",
    )?;
    let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
