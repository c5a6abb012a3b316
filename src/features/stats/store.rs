//! The SQL of the history of statistics.

use std::collections::HashMap;
use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::rollup::{Metric, Rollup, Stat};
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;
use crate::platform::journal::{cursor, subjects};

/// A minute, ms.
pub const MINUTE: i64 = 60_000;
/// A quarter of an hour, ms.
pub const QUARTER: i64 = 15 * MINUTE;
/// How many minutes are kept.
const KEPT_MINUTES: i64 = 48 * 60;
/// How much is pruned at once: a login never waits for it.
const PRUNE_MINUTES: i64 = 15;
const PRUNE_QUARTERS: i64 = 4;
/// Up to where quarters are reckoned.
const CURSOR: &str = "stats-quarters";

/// How finely a history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// By minutes.
    Minute,
    /// By quarters of an hour.
    Quarter,
}

impl Resolution {
    /// The length of a step, ms.
    pub fn step(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Quarter => QUARTER,
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Minute => "stats_minute",
            Self::Quarter => "stats_quarter",
        }
    }
}

/// `cpu, cpu_max, memory, …`
static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> =
        Metric::ALL.iter().map(|m| m.column()).map(|name| format!("{name}, {name}_max")).collect();
    columns.join(", ")
});

static UPSERT: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=4 + 2 * Metric::ALL.len()).map(|n| format!("?{n}")).collect();
    // A minute that was cut by a restart: both halves count by their samples.
    let merge: Vec<String> = Metric::ALL
        .iter()
        .map(|m| m.column())
        .map(|c| {
            format!(
                "{c} = coalesce(({c} * samples + excluded.{c} * excluded.samples) / (samples + excluded.samples),
                     {c}, excluded.{c}),
                 {c}_max = coalesce(max({c}_max, excluded.{c}_max), {c}_max, excluded.{c}_max)"
            )
        })
        .collect();
    format!(
        "INSERT INTO stats_minute (at, subject, samples, memory_limit, {}) VALUES ({})
         ON CONFLICT DO UPDATE SET {}, samples = samples + excluded.samples,
             memory_limit = coalesce(excluded.memory_limit, memory_limit)",
        *COLUMNS,
        places.join(", "),
        merge.join(", ")
    )
});

static ROLL: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<String> = Metric::ALL
        .iter()
        .map(|m| m.column())
        .map(|c| {
            format!("sum({c} * samples) / sum(CASE WHEN {c} IS NOT NULL THEN samples END), max({c}_max)")
        })
        .collect();
    format!(
        "INSERT OR REPLACE INTO stats_quarter (at, subject, samples, memory_limit, {})
         SELECT at / 15, subject, sum(samples), max(memory_limit), {}
         FROM stats_minute WHERE at >= ?1 AND at < ?2 GROUP BY at / 15, subject",
        *COLUMNS,
        sums.join(", ")
    )
});

/// What history belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubjectKey {
    /// The engine.
    pub engine: EngineId,
    /// `container`, `host` or `disk`.
    pub kind: &'static str,
    /// Its key among those of its kind.
    pub key: String,
}

/// Adds rollups of whole minutes.
pub(super) fn write_minutes(
    connection: &Connection,
    rows: &[(SubjectKey, Vec<Rollup>)],
) -> Result<(), DbError> {
    let mut statement = connection.prepare_cached(&UPSERT)?;
    for (subject, rollups) in rows {
        let id = subjects::resolve(connection, &subject.engine, subject.kind, &subject.key)?;
        for rollup in rollups {
            let mut values = vec![
                Value::Integer(rollup.at.div_euclid(MINUTE)),
                Value::Integer(id),
                Value::Integer(i64::from(rollup.samples)),
                whole(rollup.memory_limit),
            ];
            for metric in Metric::ALL {
                let stat = rollup.get(metric);
                values.push(stored(metric, stat.map(|stat| stat.avg)));
                values.push(stored(metric, stat.map(|stat| stat.max)));
            }
            statement.execute(params_from_iter(values))?;
        }
    }
    Ok(())
}

/// Reckons the quarters of an hour that have ended before `now` (ms) and have not been reckoned yet.
pub(super) fn roll_quarters(connection: &Connection, now: i64) -> Result<(), DbError> {
    let until = now.div_euclid(QUARTER);
    let done: Option<i64> = cursor::get(connection, CURSOR)?.and_then(|text| text.parse().ok());
    let earliest = until - KEPT_MINUTES / 15;
    // One in the future is from a clock that was ahead.
    let from = done.filter(|done| *done <= until).unwrap_or(earliest).max(earliest);
    if from >= until {
        return Ok(());
    }
    connection.prepare_cached(&ROLL)?.execute(params![from * 15, until * 15])?;
    cursor::set(connection, CURSOR, &until.to_string(), now)
}

/// Deletes some of what is too old.
pub(super) fn prune(connection: &Connection, now: i64, quarters_kept: i64) -> Result<(), DbError> {
    prune_table(connection, "stats_minute", now.div_euclid(MINUTE) - KEPT_MINUTES, PRUNE_MINUTES)?;
    let before = now.div_euclid(QUARTER) - quarters_kept;
    prune_table(connection, "stats_quarter", before, PRUNE_QUARTERS)?;
    prune_table(connection, "stats_disk", before, PRUNE_QUARTERS * 10)
}

fn prune_table(connection: &Connection, table: &str, before: i64, step: i64) -> Result<(), DbError> {
    connection
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE at < min(?1, (SELECT min(at) FROM {table}) + ?2)"
        ))?
        .execute([before, step])?;
    Ok(())
}

/// Deletes the oldest part of what takes most: of the minutes, down to six hours, or of the quarters, down to a day.
/// Says whether there was anything to delete.
pub(super) fn drop_oldest(connection: &Connection) -> Result<bool, DbError> {
    let minutes = table_size(connection, "stats_minute")?;
    let quarters = table_size(connection, "stats_quarter")?;
    let in_order = [("stats_minute", 6 * 60), ("stats_quarter", 96)];
    let in_order = if minutes >= quarters { in_order } else { [in_order[1], in_order[0]] };
    for (table, least) in in_order {
        let (first, last): (Option<i64>, Option<i64>) = connection.query_row(
            &format!("SELECT (SELECT min(at) FROM {table}), (SELECT max(at) FROM {table})"),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if let (Some(first), Some(last)) = (first, last)
            && last - first > least
        {
            let before = first + ((last - first) / 50).max(1);
            connection.execute(&format!("DELETE FROM {table} WHERE at < ?1"), [before])?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn table_size(connection: &Connection, table: &str) -> Result<i64, DbError> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name = ?1")?;
    Ok(statement.query_row([table], |row| row.get(0))?)
}

/// How much the history takes, bytes.
pub(super) fn size(connection: &Connection) -> Result<u64, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(pgsize), 0) FROM dbstat
         WHERE aggregate = TRUE AND name IN ('stats_minute', 'stats_quarter', 'stats_disk')",
    )?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0)).map(|n| u64::try_from(n).unwrap_or_default())?)
}

/// The time of the oldest quarter and minute that is kept, ms.
pub(super) fn oldest(connection: &Connection) -> Result<Option<i64>, DbError> {
    let (quarter, minute): (Option<i64>, Option<i64>) = connection.query_row(
        "SELECT (SELECT min(at) FROM stats_quarter), (SELECT min(at) FROM stats_minute)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok([quarter.map(|at| at * QUARTER), minute.map(|at| at * MINUTE)].into_iter().flatten().min())
}

/// The history of a subject between two times (ms; the end is not part of it), oldest first.
pub(super) fn history(
    connection: &Connection,
    subject: &SubjectKey,
    resolution: Resolution,
    since: i64,
    until: i64,
) -> Result<Vec<Rollup>, DbError> {
    let Some(id) = subjects::find(connection, &subject.engine, subject.kind, &subject.key)? else {
        return Ok(Vec::new());
    };
    let step = resolution.step();
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE times (t) AS (SELECT ?1 UNION ALL SELECT t + 1 FROM times WHERE t + 1 < ?2)
         SELECT s.at, s.samples, s.memory_limit, {} FROM times CROSS JOIN {} s ON s.at = t AND s.subject = ?3",
        *COLUMNS,
        resolution.table()
    ))?;
    let (from, to) = (since.div_euclid(step), (until + step - 1).div_euclid(step));
    if from >= to {
        return Ok(Vec::new());
    }
    let rows = statement.query_map([from, to, id], |row| rollup(row, step))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// CPU and memory of each container between two times (ms): its key, the whole as one, and when it used most.
pub(super) fn everybody(
    connection: &Connection,
    engine: &EngineId,
    resolution: Resolution,
    since: i64,
    until: i64,
) -> Result<Vec<(String, Rollup, Peaks)>, DbError> {
    let step = resolution.step();
    // By number first: there are hundreds of thousands of rows, and a few hundred keys.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT at, subject, samples, cpu, cpu_max, memory, memory_max FROM {} WHERE at >= ?1 AND at < ?2",
        resolution.table()
    ))?;
    let (from, to) = (since.div_euclid(step), (until + step - 1).div_euclid(step));
    let mut found: HashMap<i64, (Rollup, Peaks)> = HashMap::new();
    let mut rows = statement.query([from, to])?;
    while let Some(row) = rows.next()? {
        let mut rollup = Rollup::empty(row.get::<_, i64>(0)? * step);
        rollup.samples = u32::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
        rollup.set(Metric::Cpu, stat(row, Metric::Cpu, 3)?);
        rollup.set(Metric::Memory, stat(row, Metric::Memory, 5)?);
        let (sum, peaks) = found.entry(row.get(1)?).or_default();
        peaks.see(&rollup);
        sum.merge(&rollup);
    }
    let mut key = connection
        .prepare_cached("SELECT key FROM subjects WHERE id = ?1 AND kind = 'container' AND engine = ?2")?;
    let mut named = Vec::with_capacity(found.len());
    for (subject, (sum, peaks)) in found {
        let key: Option<String> =
            key.query_row(params![subject, engine.as_str()], |row| row.get(0)).optional()?;
        named.extend(key.map(|key| (key, sum, peaks)));
    }
    Ok(named)
}

/// When something was highest.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peaks {
    memory: Option<(f64, i64)>,
    cpu: Option<(f64, i64)>,
}

impl Peaks {
    /// Takes a stretch of time into account.
    pub fn see(&mut self, rollup: &Rollup) {
        let higher = |peak: &mut Option<(f64, i64)>, stat: Option<Stat>| {
            if let Some(stat) = stat
                && peak.is_none_or(|(max, _)| stat.max > max)
            {
                *peak = Some((stat.max, rollup.at));
            }
        };
        higher(&mut self.memory, rollup.get(Metric::Memory));
        higher(&mut self.cpu, rollup.get(Metric::Cpu));
    }

    /// Takes those of another stretch into account.
    pub fn merge(&mut self, other: &Self) {
        let higher = |mine: &mut Option<(f64, i64)>, theirs: Option<(f64, i64)>| {
            if let Some(theirs) = theirs
                && mine.is_none_or(|(max, _)| theirs.0 > max)
            {
                *mine = Some(theirs);
            }
        };
        higher(&mut self.memory, other.memory);
        higher(&mut self.cpu, other.cpu);
    }

    /// When the memory was highest, ms.
    pub fn memory_at(&self) -> Option<i64> {
        self.memory.map(|(_, at)| at)
    }

    /// When the CPU was highest, ms.
    pub fn cpu_at(&self) -> Option<i64> {
        self.cpu.map(|(_, at)| at)
    }
}

/// Adds how full a disk is in the quarter of an hour of `now` (ms).
pub(super) fn write_disk(
    connection: &Connection,
    subject: &SubjectKey,
    now: i64,
    used: u64,
    total: u64,
) -> Result<(), DbError> {
    let id = subjects::resolve(connection, &subject.engine, subject.kind, &subject.key)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO stats_disk (at, subject, used, total) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![now.div_euclid(QUARTER), id, signed(used), signed(total)])?;
    Ok(())
}

/// How full a disk was since a time (ms): when (ms) and bytes in use, oldest first.
pub(super) fn disk_history(
    connection: &Connection,
    subject: &SubjectKey,
    since: i64,
) -> Result<Vec<(i64, u64)>, DbError> {
    let Some(id) = subjects::find(connection, &subject.engine, subject.kind, &subject.key)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection
        .prepare_cached("SELECT at, used FROM stats_disk WHERE at >= ?1 AND subject = ?2 ORDER BY at")?;
    let rows = statement.query_map([since.div_euclid(QUARTER), id], |row| {
        Ok((row.get::<_, i64>(0)? * QUARTER, u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default()))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn rollup(row: &Row<'_>, step: i64) -> rusqlite::Result<Rollup> {
    let mut rollup = Rollup::empty(row.get::<_, i64>(0)? * step);
    rollup.samples = u32::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
    rollup.memory_limit = row.get::<_, Option<i64>>(2)?.and_then(|n| u64::try_from(n).ok());
    for (at, metric) in Metric::ALL.into_iter().enumerate() {
        rollup.set(metric, stat(row, metric, 3 + 2 * at)?);
    }
    Ok(rollup)
}

/// An average, and the maximum in the column behind it.
fn stat(row: &Row<'_>, metric: Metric, column: usize) -> rusqlite::Result<Option<Stat>> {
    let read = |column: usize| -> rusqlite::Result<Option<f64>> {
        let stored: Option<i64> = row.get(column)?;
        #[expect(clippy::cast_precision_loss, reason = "bytes below 2^53")]
        Ok(stored.map(|n| n as f64 / metric.factor()))
    };
    Ok(read(column)?.zip(read(column + 1)?).map(|(avg, max)| Stat { avg, max }))
}

fn stored(metric: Metric, value: Option<f64>) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "`as` ends at the highest number")]
    let whole = value.filter(|value| value.is_finite()).map(|value| (value * metric.factor()).round() as i64);
    whole.map_or(Value::Null, Value::Integer)
}

fn whole(n: Option<u64>) -> Value {
    n.map_or(Value::Null, |n| Value::Integer(signed(n)))
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
