//! The SQL of last uses.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::last_use::{Key, LastUse};
use super::model::Kind;
use crate::platform::clock::from_ms;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// All of them.
pub(super) fn load(connection: &Connection) -> Result<HashMap<Key, LastUse>, DbError> {
    let mut statement = connection.prepare("SELECT engine, kind, id, at, user FROM last_uses")?;
    let rows = statement.query_map([], |row| {
        let (engine, kind, id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = match kind.as_str() {
            "image" => Kind::Image,
            "volume" => Kind::Volume,
            _ => Kind::Network,
        };
        let key = (EngineId::from(engine.as_str()), kind, Arc::from(id));
        Ok((key, LastUse { at: from_ms(row.get(3)?), by: row.get(4)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that these were in use at a time (ms), by these containers.
pub(super) fn note(connection: &Connection, used: &[(Key, String)], at: i64) -> Result<(), DbError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO last_uses (engine, kind, id, at, user) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (engine, kind, id) DO UPDATE SET at = excluded.at, user = excluded.user",
    )?;
    for ((engine, kind, id), by) in used {
        statement.execute(params![engine.as_str(), kind.noun(), id.as_ref(), at, by])?;
    }
    Ok(())
}

/// Forgets these.
pub(super) fn forget(connection: &Connection, gone: &[Key]) -> Result<(), DbError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM last_uses WHERE engine = ?1 AND kind = ?2 AND id = ?3")?;
    for (engine, kind, id) in gone {
        statement.execute(params![engine.as_str(), kind.noun(), id.as_ref()])?;
    }
    Ok(())
}
