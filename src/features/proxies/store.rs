//! The SQL of proxies.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::model::ProxySpec;
use crate::platform::db::DbError;

/// How many versions of a proxy are kept.
const VERSIONS: i64 = 100;

/// A proxy with its specification sealed.
pub(super) struct SealedProxy {
    pub id: i64,
    pub spec: String,
    pub enabled: bool,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub updated_by: String,
}

/// A version of a proxy with its specification sealed.
pub(super) struct SealedVersion {
    pub version: i64,
    pub spec: String,
    pub at: i64,
    pub actor: String,
}

const COLUMNS: &str = "id, spec, enabled, version, created_at, updated_at, updated_by";

pub(super) fn all(connection: &Connection) -> Result<Vec<SealedProxy>, DbError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM proxies ORDER BY id"))?;
    let rows = statement.query_map([], sealed)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn one(connection: &Connection, id: i64) -> Result<Option<SealedProxy>, DbError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM proxies WHERE id = ?1"))?;
    Ok(statement.query_row([id], sealed).optional()?)
}

fn sealed(row: &Row<'_>) -> rusqlite::Result<SealedProxy> {
    Ok(SealedProxy {
        id: row.get(0)?,
        spec: row.get(1)?,
        enabled: row.get(2)?,
        version: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        updated_by: row.get(6)?,
    })
}

/// Makes room for a proxy; its specification comes by [`keep`], as it is sealed for its number.
pub(super) fn insert(connection: &Connection, enabled: bool, actor: &str, now: i64) -> Result<i64, DbError> {
    connection
        .prepare_cached(
            "INSERT INTO proxies (spec, enabled, version, created_at, updated_at, updated_by)
             VALUES ('', ?1, 0, ?2, ?2, ?3)",
        )?
        .execute(params![enabled, now, actor])?;
    Ok(connection.last_insert_rowid())
}

/// Keeps a new version of a proxy; returns its number.
pub(super) fn keep(
    connection: &Connection,
    id: i64,
    sealed: &str,
    actor: &str,
    now: i64,
) -> Result<i64, DbError> {
    let version: i64 = connection
        .prepare_cached(
            "UPDATE proxies SET spec = ?2, version = version + 1, updated_at = ?3, updated_by = ?4
             WHERE id = ?1 RETURNING version",
        )?
        .query_row(params![id, sealed, now, actor], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO proxy_versions (proxy_id, version, spec, at, actor) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id, version, sealed, now, actor])?;
    connection
        .prepare_cached("DELETE FROM proxy_versions WHERE proxy_id = ?1 AND version <= ?2")?
        .execute([id, version - VERSIONS])?;
    Ok(version)
}

/// Another proxy that has one of the domains under the same path: its number and the domain.
pub(super) fn conflict(
    connection: &Connection,
    spec: &ProxySpec,
    not: Option<i64>,
) -> Result<Option<(i64, String)>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT proxy_id FROM proxy_claims WHERE domain = ?1 AND path = ?2 AND proxy_id IS NOT ?3",
    )?;
    for domain in &spec.domains {
        let found: Option<i64> = statement
            .query_row(params![domain, spec.path.as_deref().unwrap_or_default(), not], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(Some((id, domain.clone())));
        }
    }
    Ok(None)
}

/// Claims the domains of a proxy, and no others.
pub(super) fn claim(connection: &Connection, id: i64, spec: &ProxySpec) -> Result<(), DbError> {
    connection.prepare_cached("DELETE FROM proxy_claims WHERE proxy_id = ?1")?.execute([id])?;
    let mut statement =
        connection.prepare_cached("INSERT INTO proxy_claims (domain, path, proxy_id) VALUES (?1, ?2, ?3)")?;
    for domain in &spec.domains {
        statement.execute(params![domain, spec.path.as_deref().unwrap_or_default(), id])?;
    }
    Ok(())
}

pub(super) fn set_enabled(
    connection: &Connection,
    id: i64,
    enabled: bool,
    actor: &str,
    now: i64,
) -> Result<bool, DbError> {
    let changed = connection
        .prepare_cached(
            "UPDATE proxies SET enabled = ?2, updated_at = ?3, updated_by = ?4 WHERE id = ?1 AND enabled <> ?2",
        )?
        .execute(params![id, enabled, now, actor])?;
    Ok(changed > 0)
}

pub(super) fn delete(connection: &Connection, id: i64) -> Result<bool, DbError> {
    Ok(connection.prepare_cached("DELETE FROM proxies WHERE id = ?1")?.execute([id])? > 0)
}

/// The newest versions of a proxy.
pub(super) fn versions(connection: &Connection, id: i64, most: usize) -> Result<Vec<SealedVersion>, DbError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT version, spec, at, actor FROM proxy_versions WHERE proxy_id = ?1 ORDER BY version DESC LIMIT ?2",
    )?;
    let rows = statement.query_map([id, most], |row| {
        Ok(SealedVersion { version: row.get(0)?, spec: row.get(1)?, at: row.get(2)?, actor: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
