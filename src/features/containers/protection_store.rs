//! The SQL of protected containers.

use rusqlite::{Connection, params};

use crate::platform::db::DbError;
use crate::platform::ids::EngineId;
use crate::platform::journal::subjects;

/// A container that a user has protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protected {
    pub engine: String,
    pub key: String,
    pub actor: String,
    /// ms since the epoch.
    pub at: i64,
}

/// All of them.
pub(super) fn load(connection: &Connection) -> Result<Vec<Protected>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.engine, s.key, p.actor, p.at FROM protections p JOIN subjects s ON s.id = p.subject_id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Protected { engine: row.get(0)?, key: row.get(1)?, actor: row.get(2)?, at: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Protects the container of a subject key, or no longer.
pub(super) fn set(
    connection: &Connection,
    engine: &EngineId,
    key: &str,
    by: Option<&str>,
    now: i64,
) -> Result<(), DbError> {
    let subject = subjects::resolve(connection, engine, "container", key)?;
    match by {
        Some(actor) => connection
            .prepare_cached("INSERT OR IGNORE INTO protections (subject_id, actor, at) VALUES (?1, ?2, ?3)")?
            .execute(params![subject, actor, now])?,
        None => {
            connection.prepare_cached("DELETE FROM protections WHERE subject_id = ?1")?.execute([subject])?
        }
    };
    Ok(())
}
