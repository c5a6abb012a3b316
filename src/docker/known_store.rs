//! How containers were left, kept in SQLite, so that a restart knows what changed meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::record::KnownContainer;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// Every container that is known of an engine.
pub(super) fn load(
    connection: &Connection,
    engine: &EngineId,
) -> Result<HashMap<Arc<str>, KnownContainer>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT container_id, name, key, running, started_at, exit_code FROM known_containers WHERE engine = ?1",
    )?;
    let rows = statement.query_map([engine.as_str()], |row| {
        let (id, name, key): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut known = KnownContainer::new(&name, &key);
        known.running = row.get(3)?;
        known.started_at = row.get(4)?;
        known.exit_code = row.get(5)?;
        Ok((Arc::from(id), known))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes what changed: a container, or that it is gone.
pub(super) fn save(
    connection: &Connection,
    engine: &EngineId,
    changes: &[(Arc<str>, Option<KnownContainer>)],
) -> Result<(), DbError> {
    let mut put = connection.prepare_cached(
        "INSERT INTO known_containers (engine, container_id, name, key, running, started_at, exit_code)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (engine, container_id) DO UPDATE SET name = excluded.name, key = excluded.key,
            running = excluded.running, started_at = excluded.started_at, exit_code = excluded.exit_code",
    )?;
    let mut remove =
        connection.prepare_cached("DELETE FROM known_containers WHERE engine = ?1 AND container_id = ?2")?;
    for (id, known) in changes {
        match known {
            Some(known) => put.execute(params![
                engine.as_str(),
                id.as_ref(),
                known.name(),
                known.key(),
                known.running,
                known.started_at,
                known.exit_code
            ])?,
            None => remove.execute(params![engine.as_str(), id.as_ref()])?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::db::Db;

    #[tokio::test]
    async fn what_is_known_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        let mut web = KnownContainer::new("shop-web-1", "shop/web/1");
        (web.running, web.started_at) = (true, Some(5));
        let gone = KnownContainer::new("gone", "gone");
        let changes = [(Arc::from("a"), Some(web.clone())), (Arc::from("b"), Some(gone))];
        let load = async || db.read(|c| load(c, &EngineId::local())).await.unwrap();
        db.write(move |c| save(c, &EngineId::local(), &changes)).await.unwrap();
        assert_eq!(load().await.len(), 2);
        db.write(|c| save(c, &EngineId::local(), &[(Arc::from("b"), None)])).await.unwrap();
        assert_eq!(load().await, HashMap::from([(Arc::from("a"), web)]));
    }
}
