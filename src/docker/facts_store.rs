//! What inspect said of containers that do not run, kept in SQLite by id, so that a restart does not
//! inspect 30,000 of them again.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::types::Facts;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

pub(super) fn load(connection: &Connection, engine: &EngineId) -> Result<HashMap<String, Facts>, DbError> {
    let mut statement =
        connection.prepare_cached("SELECT container_id, facts FROM container_facts WHERE engine = ?1")?;
    let rows = statement.query_map([engine.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut known = HashMap::new();
    for row in rows {
        let (id, facts): (String, String) = row?;
        // Facts of an older format are as good as none.
        if let Ok(facts) = serde_json::from_str(&facts) {
            known.insert(id, facts);
        }
    }
    Ok(known)
}

pub(super) fn save(
    connection: &Connection,
    engine: &EngineId,
    learned: &[(String, Facts)],
) -> Result<(), DbError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO container_facts (engine, container_id, facts) VALUES (?1, ?2, ?3)
         ON CONFLICT (engine, container_id) DO UPDATE SET facts = excluded.facts",
    )?;
    for (id, facts) in learned {
        let facts = serde_json::to_string(facts).unwrap_or_default();
        statement.execute(params![engine.as_str(), id, facts])?;
    }
    Ok(())
}

pub(super) fn forget(connection: &Connection, engine: &EngineId, ids: &[String]) -> Result<(), DbError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM container_facts WHERE engine = ?1 AND container_id = ?2")?;
    for id in ids {
        statement.execute(params![engine.as_str(), id])?;
    }
    Ok(())
}
