//! Finds events: by text, by facets, by time, in the order of their ids.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::facets::{Facet, expression, signs_in};
use super::model::{Audience, Event, Severity, Subject};
use crate::platform::db::DbError;

const COLUMNS: &str = "e.id, e.at, e.engine, e.source, e.kind, e.severity, e.subject_type, e.subject_id, \
                       e.subject_name, e.actor, e.message, e.data, e.admins_only";

/// How many events are looked through where the index cannot help.
const LOOKED_THROUGH: i64 = 50_000;

/// Which events are wanted.
#[derive(Debug, Clone)]
pub struct Find<'a> {
    /// Who asks.
    pub audience: Audience,
    /// What is searched.
    pub text: &'a str,
    /// Filters: any of each list.
    pub facets: Vec<Vec<Facet<'a>>>,
    /// Ids below this one only (for pages backwards).
    pub before: Option<i64>,
    /// Ids above this one only (for what is new).
    pub after: Option<i64>,
    /// From this time on, ms.
    pub since: Option<i64>,
    /// Up to this time, ms.
    pub until: Option<i64>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// How many at most.
    pub limit: usize,
}

impl Find<'_> {
    /// Everything an audience may see, newest first.
    pub fn all(audience: Audience, limit: usize) -> Self {
        Self {
            audience,
            text: "",
            facets: Vec::new(),
            before: None,
            after: None,
            since: None,
            until: None,
            ascending: false,
            limit,
        }
    }
}

/// Finds events. A time becomes a range of ids by the counts of the minutes, since ids follow time closely; the
/// exact time is checked as well.
pub fn find(connection: &Connection, find: &Find<'_>) -> Result<Vec<Event>, DbError> {
    let Some((low, high)) = ids(connection, find)? else { return Ok(Vec::new()) };
    let mut values: Vec<Value> = vec![
        low.into(),
        high.into(),
        i64::from(find.audience == Audience::Admins).into(),
        find.since.unwrap_or(i64::MIN).into(),
        find.until.unwrap_or(i64::MAX).into(),
        i64::try_from(find.limit).unwrap_or(i64::MAX).into(),
    ];
    let order = if find.ascending { "ASC" } else { "DESC" };
    let (from, id, matching) = match expression(find.text, &find.facets) {
        Some(expression) => {
            values.push(expression.into());
            (
                "event_words CROSS JOIN events e ON e.id = event_words.rowid",
                "event_words.rowid",
                "event_words MATCH ?7 AND",
            )
        }
        None => ("events e", "e.id", ""),
    };
    let mut signs = String::new();
    let searched = signs_in(find.text);
    // The index has no words for them: only so much is looked through.
    if !searched.is_empty() && matching.is_empty() {
        let newest: i64 = connection
            .prepare_cached("SELECT coalesce(max(id), 0) FROM events")?
            .query_row([], |row| row.get(0))?;
        if let Some(Value::Integer(low)) = values.first_mut() {
            *low = (*low).max(high.min(newest).saturating_sub(LOOKED_THROUGH));
        }
    }
    for sign in searched {
        values.push(sign.to_owned().into());
        signs.push_str(&format!(" AND instr(e.message, ?{}) > 0", values.len()));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {from}
         WHERE {matching} {id} >= ?1 AND {id} <= ?2 AND e.admins_only <= ?3 AND e.at >= ?4 AND e.at <= ?5{signs}
         ORDER BY {id} {order} LIMIT ?6"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), event)?;
    rows.map(|row| row.map_err(DbError::from)).collect()
}

/// The first and last id that can be wanted; `None` when there is none.
fn ids(connection: &Connection, find: &Find<'_>) -> Result<Option<(i64, i64)>, DbError> {
    let mut low = find.after.map_or(1, |after| after.saturating_add(1));
    let mut high = find.before.map_or(i64::MAX, |before| before.saturating_sub(1));
    if find.since.is_some() || find.until.is_some() {
        let minute = |at: Option<i64>, otherwise| at.map_or(otherwise, |at: i64| at.div_euclid(60_000));
        let found: (Option<i64>, Option<i64>) = connection
            .prepare_cached(
                "SELECT min(first_id), max(last_id) FROM event_minutes WHERE minute BETWEEN ?1 AND ?2",
            )?
            .query_row([minute(find.since, i64::MIN), minute(find.until, i64::MAX)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let (Some(first), Some(last)) = found else { return Ok(None) };
        low = low.max(first);
        high = high.min(last);
    }
    Ok((low <= high).then_some((low, high)))
}

/// One event, if the audience may see it.
pub fn one(connection: &Connection, audience: Audience, id: i64) -> Result<Option<Event>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM events e WHERE e.id = ?1 AND e.admins_only <= ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params![id, audience == Audience::Admins], event).optional()?)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        at: row.get(1)?,
        engine: row.get(2)?,
        source: row.get(3)?,
        kind: row.get(4)?,
        severity: Severity::from_code(row.get(5)?),
        subject: Subject { kind: row.get(6)?, id: row.get(7)?, name: row.get(8)?, key: None },
        actor: row.get(9)?,
        message: row.get(10)?,
        data: row.get(11)?,
        admins_only: row.get(12)?,
    })
}

/// How many events of each severity happened in a part of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins, ms.
    pub at: i64,
    /// Debug, info, warning, error.
    pub counts: [u64; 4],
}

/// Counts by equal parts of a time, at least a minute each; every part is there, also empty ones.
pub fn histogram(
    connection: &Connection,
    audience: Audience,
    since: i64,
    until: i64,
    parts: i64,
) -> Result<(i64, Vec<Bucket>), DbError> {
    let (first, last) = (since.div_euclid(60_000), until.div_euclid(60_000).max(since.div_euclid(60_000)));
    let width = ((last - first + 1) + parts - 1) / parts.max(1);
    let width = width.max(1);
    let count = (last - first) / width + 1;
    let mut buckets: Vec<Bucket> =
        (0..count).map(|n| Bucket { at: (first + n * width) * 60_000, counts: [0; 4] }).collect();
    let mut statement = connection.prepare_cached(
        "SELECT (minute - ?1) / ?3, severity, sum(count) FROM event_minutes
         WHERE minute BETWEEN ?1 AND ?2 AND admins_only <= ?4 GROUP BY 1, 2",
    )?;
    let rows = statement.query_map(params![first, last, width, audience == Audience::Admins], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    for row in rows {
        let (bucket, severity, n) = row?;
        let (Ok(bucket), Ok(severity)) = (usize::try_from(bucket), usize::try_from(severity)) else {
            continue;
        };
        if let Some(count) = buckets.get_mut(bucket).and_then(|bucket| bucket.counts.get_mut(severity)) {
            *count += u64::try_from(n).unwrap_or(0);
        }
    }
    Ok((width * 60_000, buckets))
}

/// The time of the oldest event, ms.
pub fn oldest(connection: &Connection) -> Result<Option<i64>, DbError> {
    let mut statement = connection.prepare_cached("SELECT at FROM events ORDER BY id LIMIT 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// How many events there are, by the counts of the minutes.
pub fn total(connection: &Connection) -> Result<i64, DbError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(sum(count), 0) FROM event_minutes")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Removes the oldest events, at most `limit` of them, and of those only what happened before `before` (ms).
/// Says how many went.
pub fn remove_oldest(connection: &Connection, before: i64, limit: usize) -> Result<usize, DbError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut last: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM (SELECT id, at FROM events ORDER BY id LIMIT ?1) WHERE at < ?2")?
        .query_row(params![limit, before], |row| row.get(0))?;
    if last.is_none() {
        // The first ones may be dated in the future, by a clock that was wrong then.
        last = connection
            .prepare_cached("SELECT last_id FROM event_minutes WHERE minute < ?1 ORDER BY minute LIMIT 1")?
            .query_row([before.div_euclid(60_000)], |row| row.get(0))
            .optional()?;
    }
    let Some(last) = last else { return Ok(0) };
    // What was told late has a later id than what is younger: the time counts as well.
    let going = params![last, before];
    connection
        .prepare_cached(
            "UPDATE event_minutes SET count = count - gone.n
             FROM (SELECT at / 60000 AS minute, severity, admins_only, count(*) AS n FROM events
                   WHERE id <= ?1 AND at < ?2 GROUP BY 1, 2, 3) AS gone
             WHERE event_minutes.minute = gone.minute AND event_minutes.severity = gone.severity
               AND event_minutes.admins_only = gone.admins_only",
        )?
        .execute(going)?;
    connection
        .prepare_cached(
            "DELETE FROM event_minutes WHERE count <= 0 AND minute BETWEEN
                 (SELECT min(at) / 60000 FROM events WHERE id <= ?1 AND at < ?2)
             AND (SELECT max(at) / 60000 FROM events WHERE id <= ?1 AND at < ?2)",
        )?
        .execute(going)?;
    connection
        .prepare_cached(
            "DELETE FROM event_words WHERE rowid IN (SELECT id FROM events WHERE id <= ?1 AND at < ?2)",
        )?
        .execute(going)?;
    Ok(connection.prepare_cached("DELETE FROM events WHERE id <= ?1 AND at < ?2")?.execute(going)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::db::Db;
    use crate::platform::journal::{NewEvent, Source, append};

    const MINUTE: i64 = 60_000;

    async fn filled() -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).unwrap();
        db.write(|connection| {
            for n in 0..200_i64 {
                let name = if n % 2 == 0 { "web-1" } else { "db" };
                let kind = if n % 10 == 0 { "container.die" } else { "container.start" };
                let mut event =
                    NewEvent::new(Source::Docker, kind, format!("{name} did thing {n} \"quoted\" 💥"))
                        .subject("container", format!("{n:064x}"), name)
                        .severity(if n % 10 == 0 { Severity::Warning } else { Severity::Info });
                event.at = Some(n * MINUTE);
                if n % 50 == 0 {
                    event = event.for_admins();
                }
                append(connection, &event, 0)?;
            }
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
        (dir, db)
    }

    async fn found(db: &Db, audience: Audience, make: impl Fn(&mut Find<'_>) + Send + 'static) -> Vec<i64> {
        db.read(move |connection| {
            let mut wanted = Find::all(audience, 1000);
            make(&mut wanted);
            find(connection, &wanted)
        })
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.id)
        .collect()
    }

    #[tokio::test]
    async fn text_facets_time_and_order_work_together() {
        let (_dir, db) = filled().await;
        assert_eq!(found(&db, Audience::Admins, |_| {}).await.len(), 200);
        assert_eq!(found(&db, Audience::Everyone, |_| {}).await.len(), 196, "some are for admins");
        let dies =
            found(&db, Audience::Admins, |find| find.facets = vec![vec![Facet::Kind("container.die")]]).await;
        assert_eq!((dies.len(), dies[0] > dies[1]), (20, true), "newest first");
        let web = found(&db, Audience::Admins, |find| {
            find.text = "WEB-1 thin";
            find.facets =
                vec![vec![Facet::Severity(2), Facet::Severity(3)], vec![Facet::SubjectName("Web-1")]];
        });
        assert_eq!(web.await.len(), 20);
        let some = found(&db, Audience::Admins, |find| {
            (find.since, find.until) = (Some(10 * MINUTE), Some(12 * MINUTE))
        });
        assert_eq!(some.await, [13, 12, 11]);
        let next = found(&db, Audience::Admins, |find| {
            (find.after, find.ascending, find.limit) = (Some(190), true, 3);
            find.text = "💥";
        });
        assert_eq!(next.await, [191, 192, 193]);
        assert!(found(&db, Audience::Admins, |find| find.text = "nothing\" OR \"thing").await.is_empty());
        assert_eq!(found(&db, Audience::Admins, |find| find.text = "quoted\"").await.len(), 200);
    }

    #[tokio::test]
    async fn a_histogram_has_every_part_and_counts_what_one_may_see() {
        let (_dir, db) = filled().await;
        let (width, buckets) = db
            .read(|connection| histogram(connection, Audience::Everyone, 0, 199 * MINUTE, 20))
            .await
            .unwrap();
        assert_eq!((width, buckets.len()), (10 * MINUTE, 20));
        assert_eq!(buckets[0].counts, [0, 9, 0, 0], "the first warning is for admins");
        assert_eq!(buckets[1].counts, [0, 9, 1, 0]);
    }

    #[tokio::test]
    async fn what_was_told_late_takes_nothing_younger_with_it() {
        let (_dir, db) = filled().await;
        let late = |connection: &Connection| {
            let mut event = NewEvent::new(Source::Docker, "container.start", "told late");
            event.at = Some(0);
            append(connection, &event, 0).map(drop)
        };
        db.write(late).await.unwrap();
        let gone = db.write(|connection| remove_oldest(connection, 2 * MINUTE, 500)).await.unwrap();
        assert_eq!(gone, 3, "two by their place, one by its time");
        assert_eq!(found(&db, Audience::Admins, |_| {}).await.len(), 198);
    }

    #[tokio::test]
    async fn what_is_pruned_is_gone_from_everywhere_and_the_rest_is_counted_right() {
        let (_dir, db) = filled().await;
        let gone = db.write(|connection| remove_oldest(connection, 25 * MINUTE, 500)).await.unwrap();
        assert_eq!(gone, 25);
        let left = db.write(|connection| remove_oldest(connection, i64::MAX, 5)).await.unwrap();
        assert_eq!(left, 5);
        assert_eq!(found(&db, Audience::Admins, |find| find.text = "thing").await.len(), 170);
        let (total, oldest) = db.read(|c| Ok::<_, DbError>((total(c)?, oldest(c)?))).await.unwrap();
        assert_eq!((total, oldest), (170, Some(30 * MINUTE)));
    }
}
