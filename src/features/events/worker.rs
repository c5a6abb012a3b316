//! Tells open pages and streams what is new, keeps the last lines of what crashed, prunes what is too old.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::model::KeptLine;
use super::service::{Batch, Events};
use super::{TOPIC, store};
use crate::docker::logs::{LogRequest, LogStream};
use crate::features::settings::SettingsService;
use crate::platform::clock::from_ms;
use crate::platform::db::{DbError, Lane};
use crate::platform::journal::facets::Facet;
use crate::platform::journal::search::{self, Find};
use crate::platform::journal::{Audience, Event, Severity, cursor};
use crate::platform::live::Hub;
use crate::platform::text;

/// The event that tells a page that there are new events.
const EVENTS_NEW: &str = "events-new";
/// Between two rounds of telling.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two words to open pages.
const PAGE_PAUSE: Duration = Duration::from_millis(500);
/// How many new events are read at once.
const CHUNK: usize = 1_000;

/// Tells streams and pages what is new, until the product shuts down.
pub async fn publish(events: Arc<Events>, hub: Hub, stopping: CancellationToken) -> Result<(), DbError> {
    let mut newest = events.newest();
    let mut last = *newest.borrow_and_update();
    // Streams of an earlier run of this worker may have missed something.
    events.publish(Batch { after: last, events: Vec::new() });
    let mut page_due: Option<Instant> = None;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = newest.changed() => if changed.is_err() { return Ok(()) },
            () = sleep_until(page_due) => {
                page_due = None;
                hub.event(TOPIC, EVENTS_NEW, &last.to_string());
                continue;
            }
        }
        let until = *newest.borrow_and_update();
        while events.has_subscribers() && last < until {
            let find = Find { after: Some(last), ascending: true, ..Find::all(Audience::Admins, CHUNK) };
            let found = events.db.read(move |connection| search::find(connection, &find)).await?;
            let Some(end) = found.last().map(|event| event.id) else { break };
            events.publish(Batch { after: last, events: found });
            last = end;
        }
        last = last.max(until);
        page_due.get_or_insert_with(|| Instant::now() + PAGE_PAUSE);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Where the keeper of lines stands.
const KEEPER: &str = "event-logs";
/// How many lines are kept with an event, and how long one may be.
const LINES: usize = 20;
const LINE_BYTES: usize = 2_000;
/// How many lines are asked for: some may have been written after the event.
const ASKED: usize = 300;
/// How many logs are read at once.
const AT_ONCE: usize = 8;
/// How long Docker may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An event that is older tells of a container whose log has gone on.
const TOO_OLD_MS: i64 = 10 * 60_000;

/// Keeps the last lines that a container wrote before it crashed, ran out of memory or became unhealthy.
pub async fn keep_lines(events: Arc<Events>, stopping: CancellationToken) -> Result<(), DbError> {
    let mut newest = events.newest();
    let start: Option<String> = events.db.read(|connection| cursor::get(connection, KEEPER)).await?;
    let mut first = start.is_none();
    let mut last = start.and_then(|last| last.parse().ok()).unwrap_or(*newest.borrow());
    loop {
        let find = Find {
            facets: vec![vec![
                Facet::Kind("container.die"),
                Facet::Kind("container.oom"),
                Facet::Kind("container.health_status"),
            ]],
            after: Some(last),
            ascending: true,
            ..Find::all(Audience::Admins, 50)
        };
        let until = *newest.borrow_and_update();
        let found = events.db.read(move |connection| search::find(connection, &find)).await?;
        let now = events.clock.now_ms();
        let recent =
            found.iter().filter(|event| tells_trouble(event) && now - event.at < TOO_OLD_MS).cloned();
        let recent: Vec<Event> = recent.collect();
        let reading = futures_util::stream::iter(recent)
            .map(|event| {
                let events = events.clone();
                async move { (event.id, last_lines(&events, &event).await) }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let kept = tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            kept = reading => kept,
        };
        let all_seen = found.len() < 50;
        let seen = found.last().map_or(last, |event| event.id).max(if all_seen { until } else { 0 });
        if !found.is_empty() || first {
            first = false;
            let write = move |c: &rusqlite::Connection| {
                for (id, lines) in kept.iter().filter(|(_, lines)| !lines.is_empty()) {
                    store::keep_lines(c, *id, lines)?;
                }
                cursor::set(c, KEEPER, &seen.to_string(), now)
            };
            events.db.write_in(Lane::Bulk, write).await?;
        }
        last = seen.max(last);
        if all_seen {
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                changed = newest.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }
}

fn tells_trouble(event: &Event) -> bool {
    event.source == "docker" && event.severity >= Severity::Warning
}

/// The last lines before an event; none when the container or its log is gone.
async fn last_lines(events: &Events, event: &Event) -> Vec<KeptLine> {
    let Some(engine) = events.engines.get(&event.engine) else { return Vec::new() };
    let until = event.at.saturating_add(500).saturating_mul(1_000_000);
    let request = LogRequest { tail: Some(ASKED), until: Some(until), ..LogRequest::default() };
    let mut lines = std::collections::VecDeque::new();
    let read = async {
        let mut batches = engine.client.logs(&event.subject.id, &request, LINE_BYTES).await.ok()?;
        while let Some(Ok(batch)) = batches.next().await {
            lines.extend(batch);
            lines.drain(..lines.len().saturating_sub(LINES));
        }
        Some(())
    };
    // What came until then counts.
    let _in_time = tokio::time::timeout(PATIENCE, read).await;
    lines
        .into_iter()
        .map(|line| KeptLine {
            at: line.at.map(|at| at / 1_000_000),
            stderr: line.stream == LogStream::Stderr,
            text: text::cut(&String::from_utf8_lossy(&line.bytes), LINE_BYTES).into_owned(),
        })
        .collect()
}

/// How often it is looked whether something is to be pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How many events go in one transaction: a login never waits for it.
const PRUNE_STEP: usize = 500;
/// Between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// How many steps a round has at most.
const PRUNE_STEPS: usize = 2_000;
/// Pages given back to the disk in one transaction.
const GIVE_BACK: u32 = 500;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// How many bytes of the database have a limit of their own, and do not count as the log's; `None`: not known yet, so
/// that nothing can be too large.
pub type OthersBytes = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// Prunes the log by age and by size, in small steps, and gives the space back.
pub async fn prune(
    events: Arc<Events>,
    settings: Arc<SettingsService>,
    others: OthersBytes,
    stopping: CancellationToken,
) -> Result<(), DbError> {
    let mut changed = settings.changes();
    loop {
        let others = others().map_or(i64::MAX, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        prune_once(&events, &settings, others, &stopping).await?;
        let next = events.clock.now_ms().saturating_add(i64::try_from(PRUNE_EVERY.as_millis()).unwrap_or(0));
        settings.next_prune.set(Some(from_ms(next)));
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            // A new limit holds at once.
            changed = changed.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

async fn prune_once(
    events: &Events,
    settings: &SettingsService,
    others: i64,
    stopping: &CancellationToken,
) -> Result<(), DbError> {
    let limits = settings.current();
    let before = events.clock.now_ms() - i64::from(limits.event_retention_days) * DAY_MS;
    // However little room there is, what happened just now is kept.
    let spared = events.clock.now_ms() - HOUR_MS;
    let most = i64::try_from(limits.event_retention_bytes).unwrap_or(i64::MAX);
    let mut gone = 0;
    for _ in 0..PRUNE_STEPS {
        let (used, _) = events.db.read(store::weight).await?;
        let too_large = used.saturating_sub(others) > most;
        let step = events
            .db
            .write_in(Lane::Bulk, move |c| {
                search::remove_oldest(c, if too_large { spared } else { before }, PRUNE_STEP)
            })
            .await?;
        gone += step;
        if step == 0 || stopping.is_cancelled() {
            break;
        }
        tokio::time::sleep(STEP_PAUSE).await;
    }
    if gone > 0 {
        tracing::info!(events = gone, "the event log was pruned");
    }
    for _ in 0..PRUNE_STEPS {
        let (used, free) = events.db.read(store::weight).await?;
        // A little room is kept: it is used again soon.
        if free < used / 20 + 1_000_000 || stopping.is_cancelled() {
            break;
        }
        events.db.write_in(Lane::Bulk, |c| store::give_back(c, GIVE_BACK)).await?;
        tokio::time::sleep(STEP_PAUSE).await;
    }
    Ok(())
}
