//! The SQL of what is stale: when containers were last alive, since when they are in trouble, what was told.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::platform::db::DbError;
use crate::platform::ids::EngineId;
use crate::platform::journal::subjects;

/// The engine's id, and a container's id or key.
pub(super) type Key = (String, String);

/// When each subject was last alive, ms.
pub(super) fn alive(connection: &Connection) -> Result<HashMap<Key, i64>, DbError> {
    let mut statement = connection.prepare(
        "SELECT s.engine, s.key, a.at FROM stale_alive a JOIN subjects s ON s.id = a.subject_id
         WHERE s.kind = 'container'",
    )?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that containers (by key) are alive.
pub(super) fn set_alive(
    connection: &Connection,
    engine: &EngineId,
    keys: &[String],
    now: i64,
) -> Result<(), DbError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO stale_alive (subject_id, at) VALUES (?1, ?2)
         ON CONFLICT (subject_id) DO UPDATE SET at = excluded.at",
    )?;
    for key in keys {
        statement.execute(params![subjects::resolve(connection, engine, "container", key)?, now])?;
    }
    Ok(())
}

/// Since when containers are in trouble: engine, id, kind, ms.
pub(super) fn trouble(connection: &Connection) -> Result<Vec<(Key, String, i64)>, DbError> {
    let mut statement = connection.prepare("SELECT engine, container_id, kind, since FROM stale_trouble")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces what is known of the troubles of an engine's containers: id, kind, ms.
pub(super) fn set_trouble(
    connection: &Connection,
    engine: &EngineId,
    all: &[(String, &'static str, i64)],
) -> Result<(), DbError> {
    connection.execute("DELETE FROM stale_trouble WHERE engine = ?1", [engine.as_str()])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO stale_trouble (engine, container_id, kind, since) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (id, kind, since) in all {
        statement.execute(params![engine.as_str(), id, kind, since])?;
    }
    Ok(())
}

/// What was told to be stale: its name.
pub(super) fn told(connection: &Connection) -> Result<HashMap<Key, String>, DbError> {
    let mut statement = connection.prepare("SELECT engine, container_id, name FROM stale_told")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that a container was told to be stale.
pub(super) fn tell(
    connection: &Connection,
    engine: &EngineId,
    id: &str,
    name: &str,
    since: i64,
) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO stale_told (engine, container_id, name, since) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![engine.as_str(), id, name, since])?;
    Ok(())
}

/// Notes that a container is no longer stale, or gone.
pub(super) fn forget(connection: &Connection, engine: &EngineId, id: &str) -> Result<(), DbError> {
    connection
        .prepare_cached("DELETE FROM stale_told WHERE engine = ?1 AND container_id = ?2")?
        .execute([engine.as_str(), id])?;
    Ok(())
}
