//! Writes the history, a transaction a minute; judges thresholds; measures what all of this costs; tells streams.

mod costs;
mod judge;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use self::costs::CostMeter;
use self::judge::Judge;
use super::alerts_store;
use super::rollup::{Rollup, by_step};
use super::service::{Stats, host};
use super::store::{self, MINUTE, QUARTER, SubjectKey};
use crate::platform::db::{DbError, Lane};
use crate::platform::journal;

pub use super::stream::publish;

/// After the end of a minute its last samples are given this long.
const SLACK: i64 = 1_500;
/// How often the size of the history is looked at, minutes.
const SIZE_EVERY: u64 = 30;
/// How often the oldest is dropped at most, each time the size is looked at.
const DROPS: usize = 100;

/// Keeps the history until the product shuts down; then writes the minute that has begun.
pub async fn keep(stats: Arc<Stats>, stopping: CancellationToken) -> Result<(), DbError> {
    let mut judge = Judge::load(&stats).await?;
    let mut costs = CostMeter::new();
    let mut minutes = 1_u64;
    // Who prunes events waits for it.
    bound_size(&stats, &stopping).await?;
    stats.refresh_days().await?;
    loop {
        let now = stats.clock.now_ms();
        let wait = MINUTE - now.rem_euclid(MINUTE) + SLACK;
        tokio::select! {
            () = stopping.cancelled() => {
                write(&stats, stats.clock.now_ms(), &mut judge, true).await;
                return Ok(());
            }
            () = tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(1_000))) => {}
        }
        if let Some(cost) = costs.minute(&stats).await {
            stats.costs.add(cost);
        }
        write(&stats, stats.clock.now_ms(), &mut judge, false).await;
        if let Err(error) = stats.refresh_days().await {
            tracing::warn!(%error, "the history of the host cannot be read");
        }
        if minutes.is_multiple_of(SIZE_EVERY)
            && let Err(error) = bound_size(&stats, &stopping).await
        {
            tracing::warn!(%error, "the size of the history of statistics is not known");
        }
        minutes += 1;
    }
}

/// Writes the minutes that have ended, or with `all` the one that has begun as well.
async fn write(stats: &Arc<Stats>, now: i64, judge: &mut Judge, all: bool) {
    let until = if all { now } else { now.div_euclid(MINUTE) * MINUTE };
    let since = match stats.written_until.load(Ordering::Relaxed) {
        // What lies in the future was written before the clock was set back.
        written if written > now + MINUTE => until - MINUTE,
        written => written,
    };
    if until <= since {
        return;
    }
    let mut rows = Vec::new();
    for engine in stats.engines.iter() {
        let latest = engine.stats.latest();
        let mut by_key: HashMap<Arc<str>, Vec<Rollup>> = HashMap::new();
        for stretch in engine.stats.stretches(since, until) {
            let limit = latest.get(&stretch.id).and_then(|s| s.memory()).and_then(|m| m.limit_bytes);
            let points = stretch.points.iter().map(|p| Rollup::of_point(p).limited(limit));
            by_key.entry(stretch.key).or_default().extend(points);
        }
        for (key, mut points) in by_key {
            // Of what was recreated within the minute, and of two with one key.
            points.sort_by_key(|point| point.at);
            let subject = SubjectKey { engine: engine.id.clone(), kind: "container", key: key.to_string() };
            rows.push((subject, by_step(points, MINUTE)));
        }
        let total = engine.stats.host().memory_total;
        let points = engine.stats.host_points(since);
        let points = points.iter().filter(|p| p.at < until).map(|p| Rollup::of_host(p, total));
        let points = by_step(points, MINUTE);
        if !points.is_empty() {
            rows.push((host(&engine.id), points));
        }
    }
    let new_quarter = !all && now.div_euclid(QUARTER) != since.div_euclid(QUARTER);
    let judged = if all { Default::default() } else { judge.minute(stats, until, new_quarter, &rows).await };
    let quarters_kept = i64::from(stats.settings.current().stats_retention_days) * 96;
    let work = move |connection: &Connection| -> Result<(), DbError> {
        store::write_minutes(connection, &rows)?;
        if !all {
            store::roll_quarters(connection, until)?;
            store::prune(connection, until, quarters_kept)?;
        }
        for disk in &judged.disks {
            store::write_disk(connection, &disk.subject, until, disk.used, disk.total)?;
        }
        for change in &judged.changes {
            alerts_store::note_alert(connection, change)?;
            if let Some(event) = change.event(until) {
                journal::append(connection, &event, until)?;
            }
        }
        Ok(())
    };
    match stats.db.write_in(Lane::Bulk, work).await {
        Ok(()) => {
            stats.written_until.store(until, Ordering::Relaxed);
            stats.alerts.store(Arc::new(judge.alerts()));
        }
        // The points stay in memory for an hour: the next minute tries again.
        Err(error) => {
            // What cannot be written (a full disk, of all things) can be shown all the same.
            stats.alerts.store(Arc::new(judge.alerts()));
            judge.take_back();
            tracing::warn!(%error, "statistics cannot be written");
        }
    }
}

/// Looks how much the history takes, and drops the oldest of it when it is too much.
async fn bound_size(stats: &Stats, stopping: &CancellationToken) -> Result<(), DbError> {
    let most = stats.settings.current().stats_retention_bytes;
    for _ in 0..DROPS {
        let size = stats.db.read(store::size).await?;
        stats.size.store(size, Ordering::Relaxed);
        if size <= most || stopping.is_cancelled() {
            break;
        }
        if !stats.db.write_in(Lane::Bulk, store::drop_oldest).await? {
            break;
        }
    }
    Ok(())
}
