//! The SQL of cleanups: what was removed, by whom, and everything it takes to bring it back.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::platform::db::DbError;

/// How far the removal of a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its specification is kept, and Docker is asked to remove it.
    Removing,
    /// It is gone.
    Removed,
    /// It was not removed after all.
    Kept,
    /// It was brought back.
    Restored,
}

impl Stage {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removing => "removing",
            Self::Removed => "removed",
            Self::Kept => "kept",
            Self::Restored => "restored",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "removing" => Self::Removing,
            "kept" => Self::Kept,
            "restored" => Self::Restored,
            _ => Self::Removed,
        }
    }
}

/// A removed container.
#[derive(Debug, Clone)]
pub struct Removal {
    /// Its number.
    pub id: i64,
    /// The cleanup it was part of.
    pub run: i64,
    /// Our id of the engine.
    pub engine: String,
    /// Its full id.
    pub container_id: String,
    /// What its history hangs on.
    pub subject_key: String,
    /// Its name.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// Why it was stale, in sentences.
    pub reasons: Vec<String>,
    /// When, ms.
    pub at: i64,
    /// Who removed it.
    pub actor: String,
    /// How far it is.
    pub stage: Stage,
    /// Whether its specification is still kept.
    pub can_restore: bool,
    /// Whether its anonymous volumes were removed as well.
    pub volumes: bool,
    /// The image of its writable layer, while there is one.
    pub layer_image: Option<String>,
    /// Until when that is kept, ms.
    pub layer_until: Option<i64>,
    /// Bytes freed, as far as known.
    pub bytes: Option<i64>,
    /// When it was restored, ms.
    pub restored_at: Option<i64>,
    /// Who restored it.
    pub restored_by: Option<String>,
    /// The full id it has since then.
    pub restored_id: Option<String>,
}

/// What is written before a container is removed.
pub(super) struct NewRemoval {
    pub run: i64,
    pub engine: String,
    pub container_id: String,
    pub subject_key: String,
    pub name: String,
    pub image: String,
    pub image_id: String,
    pub reasons: Vec<String>,
    pub actor: String,
    pub volumes: bool,
    pub bytes: Option<i64>,
}

const COLUMNS: &str = "id, run_id, engine, container_id, subject_key, name, image, image_id, reasons, at, actor, state,
                       spec IS NOT NULL, volumes, layer_image, layer_until, bytes, restored_at, restored_by, restored_id";

/// Begins a cleanup of so many containers; returns its number.
pub(super) fn begin(
    connection: &Connection,
    actor: &str,
    automatic: bool,
    items: usize,
    now: i64,
) -> Result<i64, DbError> {
    let items = i64::try_from(items).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO cleanup_runs (at, actor, automatic, items) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![now, actor, automatic, items])?;
    Ok(connection.last_insert_rowid())
}

/// Ends a cleanup.
pub(super) fn end(connection: &Connection, run: i64, now: i64) -> Result<(), DbError> {
    connection
        .prepare_cached("UPDATE cleanup_runs SET finished_at = ?2 WHERE id = ?1")?
        .execute([run, now])?;
    Ok(())
}

/// Marks the cleanups that a kill or a power cut has ended, and says how many there were.
pub(super) fn mark_cut_off(connection: &Connection) -> Result<usize, DbError> {
    Ok(connection
        .execute("UPDATE cleanup_runs SET cut_off = 1 WHERE finished_at IS NULL AND cut_off = 0", [])?)
}

/// Notes that a container is about to be removed; returns its number. The specification comes by [`keep_spec`]: it is
/// sealed for that number.
pub(super) fn insert(connection: &Connection, new: &NewRemoval, now: i64) -> Result<i64, DbError> {
    connection
        .prepare_cached(
            "INSERT INTO cleanups (run_id, engine, container_id, subject_key, name, image, image_id, reasons, at,
                                   actor, state, volumes, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'removing', ?11, ?12)",
        )?
        .execute(params![
            new.run,
            new.engine,
            new.container_id,
            new.subject_key,
            new.name,
            new.image,
            new.image_id,
            serde_json::to_string(&new.reasons).unwrap_or_default(),
            now,
            new.actor,
            new.volumes,
            new.bytes,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Keeps the sealed specification of a container that is about to be removed.
pub(super) fn keep_spec(connection: &Connection, id: i64, sealed: &str) -> Result<(), DbError> {
    connection.prepare_cached("UPDATE cleanups SET spec = ?2 WHERE id = ?1")?.execute(params![id, sealed])?;
    Ok(())
}

/// Notes the image of a writable layer.
pub(super) fn keep_layer(connection: &Connection, id: i64, image: &str, until: i64) -> Result<(), DbError> {
    connection
        .prepare_cached("UPDATE cleanups SET layer_image = ?2, layer_until = ?3 WHERE id = ?1")?
        .execute(params![id, image, until])?;
    Ok(())
}

/// Notes what became of a removal that is under way; answers whether it was.
pub(super) fn settle(connection: &Connection, id: i64, stage: Stage) -> Result<bool, DbError> {
    let changed = connection
        .prepare_cached("UPDATE cleanups SET state = ?2 WHERE id = ?1 AND state = 'removing'")?
        .execute(params![id, stage.as_str()])?;
    Ok(changed > 0)
}

/// Notes that a container was brought back.
pub(super) fn set_restored(
    connection: &Connection,
    id: i64,
    container_id: &str,
    actor: &str,
    now: i64,
) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "UPDATE cleanups SET state = 'restored', restored_at = ?2, restored_by = ?3, restored_id = ?4
             WHERE id = ?1",
        )?
        .execute(params![id, now, actor, container_id])?;
    Ok(())
}

/// One removal.
pub(super) fn one(connection: &Connection, id: i64) -> Result<Option<Removal>, DbError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM cleanups WHERE id = ?1"))?;
    Ok(statement.query_row([id], removal).optional()?)
}

/// The sealed specification of a removal.
pub(super) fn spec(connection: &Connection, id: i64) -> Result<Option<String>, DbError> {
    let mut statement = connection.prepare_cached("SELECT spec FROM cleanups WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?.flatten())
}

/// Removals below a number, newest first; only those that can be or were undone, or are under way.
pub(super) fn list(connection: &Connection, before: i64, limit: usize) -> Result<Vec<Removal>, DbError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM cleanups WHERE id < ?1 AND state <> 'kept' ORDER BY id DESC LIMIT ?2"
    ))?;
    let rows = statement.query_map([before, limit], removal)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removals that were under way when the product ended.
pub(super) fn under_way(connection: &Connection) -> Result<Vec<Removal>, DbError> {
    let mut statement = connection
        .prepare(&format!("SELECT {COLUMNS} FROM cleanups WHERE state = 'removing' ORDER BY id"))?;
    let rows = statement.query_map([], removal)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets specifications that are older than `before` (ms), and what is older than a year altogether.
pub(super) fn prune(connection: &Connection, before: i64, year: i64) -> Result<(), DbError> {
    connection.execute(
        "UPDATE cleanups SET spec = NULL WHERE spec IS NOT NULL AND at < ?1 AND state <> 'removing'",
        [before],
    )?;
    connection.execute("DELETE FROM cleanup_runs WHERE at < ?1", [year])?;
    Ok(())
}

/// Images of writable layers whose time is over: number, engine, image.
pub(super) fn old_layers(connection: &Connection, now: i64) -> Result<Vec<(i64, String, String)>, DbError> {
    let mut statement = connection.prepare(
        "SELECT id, engine, layer_image FROM cleanups
         WHERE layer_image IS NOT NULL AND layer_until < ?1 ORDER BY layer_until DESC LIMIT 1000",
    )?;
    let rows = statement.query_map([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that the image of a layer is gone.
pub(super) fn forget_layer(connection: &Connection, id: i64) -> Result<(), DbError> {
    connection.execute("UPDATE cleanups SET layer_image = NULL, layer_until = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// The id that a container (by its old full id) has since it was restored.
pub(super) fn restored_as(connection: &Connection, gone: &str) -> Result<Option<String>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT restored_id FROM cleanups WHERE container_id = ?1 AND restored_id IS NOT NULL ORDER BY id DESC LIMIT 1",
    )?;
    Ok(statement.query_row([gone], |row| row.get(0)).optional()?)
}

/// How many removals can be undone.
pub(super) fn count(connection: &Connection) -> Result<i64, DbError> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM cleanups WHERE state = 'removed' AND spec IS NOT NULL")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn removal(row: &Row<'_>) -> rusqlite::Result<Removal> {
    let reasons: String = row.get(8)?;
    let stage: String = row.get(11)?;
    Ok(Removal {
        id: row.get(0)?,
        run: row.get(1)?,
        engine: row.get(2)?,
        container_id: row.get(3)?,
        subject_key: row.get(4)?,
        name: row.get(5)?,
        image: row.get(6)?,
        image_id: row.get(7)?,
        reasons: serde_json::from_str(&reasons).unwrap_or_default(),
        at: row.get(9)?,
        actor: row.get(10)?,
        stage: Stage::parse(&stage),
        can_restore: row.get(12)?,
        volumes: row.get(13)?,
        layer_image: row.get(14)?,
        layer_until: row.get(15)?,
        bytes: row.get(16)?,
        restored_at: row.get(17)?,
        restored_by: row.get(18)?,
        restored_id: row.get(19)?,
    })
}
