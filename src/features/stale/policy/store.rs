//! The SQL of the automatic cleanup, and of when what was stale.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// What the automatic cleanup did last.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The rules whose trial is made.
    pub tried: Option<String>,
    /// The time that the last run was for, ms.
    pub last_due: Option<i64>,
    /// When it ran last, ms.
    pub last_at: Option<i64>,
    /// What it did then.
    pub last_run: Option<LastRun>,
}

/// A run of the automatic cleanup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Whether it only said what it would do.
    pub trial: bool,
    /// How many it removed, or would have.
    pub removed: usize,
    /// How many it left alone.
    pub refused: usize,
    /// Why it did nothing at all; empty when it did.
    pub skipped: String,
}

/// A time during which a container was stale.
#[derive(Debug, Clone)]
pub(in super::super) struct Spell {
    pub container_id: String,
    pub name: String,
    pub image: String,
    pub project: String,
    /// ms
    pub since: i64,
    /// When that was over, ms.
    pub until: i64,
    /// Whether it ran again, or was of use otherwise; else it was removed.
    pub recovered: bool,
}

/// What is noted when a container turns stale.
#[derive(Debug, Clone)]
pub(in super::super) struct Turned {
    pub name: String,
    pub image: String,
    pub project: String,
    /// ms
    pub since: i64,
}

/// How many that are over are looked at, the newest first.
const MOST: usize = 20_000;

pub(super) fn state(connection: &Connection) -> Result<State, DbError> {
    let mut statement =
        connection.prepare_cached("SELECT tried, last_due, last_at, last_run FROM cleanup_policy")?;
    Ok(statement.query_row([], |row| {
        let last_run: Option<String> = row.get(3)?;
        Ok(State {
            tried: row.get(0)?,
            last_due: row.get(1)?,
            last_at: row.get(2)?,
            last_run: last_run.and_then(|json| serde_json::from_str(&json).ok()),
        })
    })?)
}

/// Notes a run.
pub(super) fn set_state(connection: &Connection, state: &State) -> Result<(), DbError> {
    let last_run = state.last_run.as_ref().and_then(|run| serde_json::to_string(run).ok());
    connection
        .prepare_cached("UPDATE cleanup_policy SET tried = ?1, last_due = ?2, last_at = ?3, last_run = ?4")?
        .execute(params![state.tried, state.last_due, state.last_at, last_run])?;
    Ok(())
}

/// Notes that a container is stale from now on.
pub(in super::super) fn begin_spell(
    connection: &Connection,
    engine: &EngineId,
    id: &str,
    turned: &Turned,
) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO stale_spells (engine, container_id, name, image, project, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![engine.as_str(), id, turned.name, turned.image, turned.project, turned.since])?;
    Ok(())
}

/// Notes that a container is stale no longer.
pub(in super::super) fn end_spell(
    connection: &Connection,
    engine: &EngineId,
    id: &str,
    recovered: bool,
    now: i64,
) -> Result<(), DbError> {
    let ended = if recovered { "recovered" } else { "gone" };
    connection
        .prepare_cached(
            "UPDATE stale_spells SET until = ?3, ended = ?4
             WHERE engine = ?1 AND container_id = ?2 AND until IS NULL",
        )?
        .execute(params![engine.as_str(), id, now, ended])?;
    Ok(())
}

/// What was stale, and is no longer so since `from` (ms) or later.
pub(super) fn spells(connection: &Connection, from: i64) -> Result<Vec<Spell>, DbError> {
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT container_id, name, image, project, since, until, ended = 'recovered' FROM stale_spells
         WHERE until >= ?1 ORDER BY until DESC LIMIT ?2",
    )?;
    let rows = statement.query_map([from, most], |row| {
        Ok(Spell {
            container_id: row.get(0)?,
            name: row.get(1)?,
            image: row.get(2)?,
            project: row.get(3)?,
            since: row.get(4)?,
            until: row.get(5)?,
            recovered: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets what was over before `before` (ms).
pub(in super::super) fn prune_spells(connection: &Connection, before: i64) -> Result<(), DbError> {
    connection.execute("DELETE FROM stale_spells WHERE until < ?1", [before])?;
    Ok(())
}
