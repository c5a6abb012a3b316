//! Looks for stale containers: now and then, soon after something has changed, and tells each once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::TOPIC;
use super::policy::store::{self as spells, Turned};
use super::scan::{Entry, Memory, stale};
use super::service::{Found, Stale};
use super::store::{self, Key};
use super::verdict::Rules;
use crate::docker::{Engine, Snapshot};
use crate::platform::db::{DbError, Lane};
use crate::platform::ids::EngineId;
use crate::platform::journal::{self, NewEvent, Severity, Source};
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;

/// Changes that come together are looked at together; a storm of them now and then.
const SOON: Duration = Duration::from_secs(2);
/// Between two orders to fetch a list.
const PAUSE: Duration = Duration::from_secs(1);
/// How many are told in one transaction.
const TOLD_AT_ONCE: usize = 200;
/// A clock that went further ahead than time has passed, by this much, was set, ms.
const JUMP: i64 = 3_600_000;
/// After that nothing new is called stale for this long.
const DISTRUST: Duration = Duration::from_secs(3_600);

/// Looks for stale containers of all engines until the product shuts down.
pub async fn scan(stale: Arc<Stale>, stopping: CancellationToken) -> Result<(), DbError> {
    let (alive, trouble, told) =
        stale.db.read(|c| Ok::<_, DbError>((store::alive(c)?, store::trouble(c)?, store::told(c)?))).await?;
    let mut scanner =
        Scanner { memory: Memory::load(alive, trouble), told, clock: None, distrusted_until: None };
    let mut settings = stale.settings.changes();
    let mirrors = stale.engines.iter().map(|engine| engine.mirror.changes());
    let mut mirrors: Vec<_> = mirrors.collect();
    let mut whole_at = Instant::now();
    let mut soon_at = Some(Instant::now());
    loop {
        let waits = mirrors.iter_mut().map(|mirror| Box::pin(mirror.changed()));
        let whole = tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep_until(whole_at) => true,
            () = at(soon_at) => false,
            changed = settings.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                whole_at = Instant::now();
                continue;
            }
            _ = futures_util::future::select_all(waits), if !stale.engines.is_empty() => {
                let soon = Instant::now() + SOON;
                soon_at = Some(soon_at.map_or(soon, |at| at.min(soon)));
                continue;
            }
        };
        if whole {
            whole_at = Instant::now() + settings.borrow_and_update().stale_scan_interval;
        }
        // What turns stale in the meantime, by time alone, is told in time.
        soon_at = scanner.look(&stale, whole).await?.map(|next| Instant::now() + next.max(SOON));
    }
}

/// Tells open pages that something else is stale, was removed or is back, until the product shuts down.
pub async fn publish(stale: Arc<Stale>, hub: Hub, stopping: CancellationToken) -> Result<(), DbError> {
    let mut changes = stale.changes();
    loop {
        changes.borrow_and_update();
        stale.set_restorable(stale.restorable().await?);
        hub.event(TOPIC, LIST_CHANGED, "");
        let again = async {
            tokio::time::sleep(PAUSE).await;
            changes.changed().await
        };
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = again => if changed.is_err() { return Ok(()) },
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

struct Scanner {
    memory: Memory,
    told: HashMap<Key, String>,
    /// The last look, by both clocks: ms, and the one that is never set.
    clock: Option<(i64, Instant)>,
    distrusted_until: Option<Instant>,
}

impl Scanner {
    /// Looks once; returns in what time the next container turns stale.
    async fn look(&mut self, stale_service: &Stale, whole: bool) -> Result<Option<Duration>, DbError> {
        let now = stale_service.clock.now();
        let now_ms = now.as_millisecond();
        self.watch_clock(now_ms);
        let doubtful = self.distrusted_until.is_some_and(|until| Instant::now() < until);
        stale_service.set_clock_doubtful(doubtful);
        let settings = stale_service.settings.current();
        let rules = Rules::of(&settings);
        let until = now_ms + i64::try_from(settings.stale_scan_interval.as_millis()).unwrap_or(i64::MAX / 2);
        let mut next: Option<i64> = None;
        let before = stale_service.found();
        let mut all: Vec<Arc<Entry>> = Vec::new();
        for engine in stale_service.engines.iter() {
            let snapshot = engine.mirror.snapshot();
            if !snapshot.is_up() || snapshot.is_blind() {
                // What was stale before is so now, as far as anybody knows.
                let kept = before.entries.iter().filter(|entry| entry.container.engine == engine.id);
                all.extend(kept.cloned());
                continue;
            }
            self.memory.look(&snapshot, now_ms);
            if whole {
                self.keep(stale_service, engine, &snapshot, now_ms).await?;
            }
            let (mut entries, soonest) = stale(&snapshot, &self.memory, &rules, (now_ms, until), &before);
            next = next.into_iter().chain(soonest).min();
            if doubtful {
                entries.retain(|entry| self.told.contains_key(&key(&engine.id, &entry.container.id)));
            }
            // What is being asked about is what it was.
            let unknown = before.entries.iter().filter(|entry| {
                let known = snapshot.by_id(&entry.container.id);
                entry.container.engine == engine.id && known.is_some_and(|now| !now.facts.inspected)
            });
            entries.extend(unknown.cloned());
            entries.sort_by(|a, b| a.container.name.cmp(&b.container.name));
            self.tell(stale_service, engine, &snapshot, &entries, now_ms).await?;
            all.extend(entries);
        }
        stale_service.set_found(Found::new(all, now));
        Ok(next.map(|at| Duration::from_millis(u64::try_from(at - now_ms).unwrap_or(0))))
    }

    /// A clock that is set ahead by a month would make everything stale.
    fn watch_clock(&mut self, now: i64) {
        let at = Instant::now();
        if let Some((before, then)) = self.clock.replace((now, at)) {
            let passed = i64::try_from((at - then).as_millis()).unwrap_or(i64::MAX);
            if now - before > passed.saturating_add(JUMP) {
                tracing::warn!(
                    seconds = (now - before - passed) / 1000,
                    "the clock was set ahead: nothing new is called stale for an hour"
                );
                self.distrusted_until = Some(at + DISTRUST);
            }
        }
    }

    /// Keeps who is alive, and since when who is in trouble.
    async fn keep(
        &mut self,
        stale_service: &Stale,
        engine: &Engine,
        snapshot: &Snapshot,
        now: i64,
    ) -> Result<(), DbError> {
        let alive: Vec<String> = snapshot
            .containers()
            .iter()
            .filter(|container| container.is_up())
            .map(|container| container.subject_key())
            .collect();
        for key in &alive {
            self.memory.alive.insert((engine.id.to_string(), key.clone()), now);
        }
        let (id, trouble) = (engine.id.clone(), self.memory.trouble());
        let work = move |c: &Connection| {
            store::set_alive(c, &id, &alive, now)?;
            store::set_trouble(c, &id, &trouble)
        };
        stale_service.db.write_in(Lane::Bulk, work).await
    }

    /// Tells what turned stale, and what is no longer so, once.
    async fn tell(
        &mut self,
        stale_service: &Stale,
        engine: &Engine,
        snapshot: &Snapshot,
        entries: &[Arc<Entry>],
        now: i64,
    ) -> Result<(), DbError> {
        let new: Vec<&Arc<Entry>> = entries
            .iter()
            .filter(|entry| !self.told.contains_key(&key(&engine.id, &entry.container.id)))
            .collect();
        let mut over = Vec::new();
        let still: std::collections::HashSet<&str> =
            entries.iter().map(|entry| entry.container.id.as_ref()).collect();
        for ((engine_id, id), name) in &self.told {
            let is_known = snapshot.by_id(id).is_none_or(|container| container.facts.inspected);
            if engine_id == engine.id.as_str() && !still.contains(id.as_str()) && is_known {
                over.push(Change::over(engine, snapshot, id, name));
            }
        }
        // Made as they are told: 30,000 events at once would need 30 MB.
        let mut changes = new.into_iter().map(|entry| Change::stale(entry, now)).chain(over);
        loop {
            let some: Vec<Change> = changes.by_ref().take(TOLD_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            let work = move |c: &Connection| {
                for change in &some {
                    change.write(c, now)?;
                }
                Ok::<_, DbError>(some)
            };
            for change in stale_service.db.write_in(Lane::Bulk, work).await? {
                let key = key(&change.engine, &change.id);
                match change.since {
                    Some(_) => drop(self.told.insert(key, change.name)),
                    None => drop(self.told.remove(&key)),
                }
            }
        }
    }
}

fn key(engine: &EngineId, id: &str) -> Key {
    (engine.to_string(), id.to_owned())
}

/// Something that turned stale (`since`, ms), or is so no longer.
#[derive(Clone)]
struct Change {
    engine: EngineId,
    id: String,
    name: String,
    since: Option<i64>,
    /// What a policy would go by; `None` for what is up, which it never takes.
    turned: Option<Turned>,
    /// Nothing to say of what is gone: its removal has an event of its own.
    event: Option<NewEvent>,
}

impl Change {
    fn stale(entry: &Entry, now: i64) -> Self {
        let container = &entry.container;
        let sentences: Vec<String> =
            entry.verdict.reasons.iter().map(|reason| reason.sentence(now)).collect();
        let message = format!("{} is stale: {}", container.name, lower(&sentences.join(" ")));
        let mut event = NewEvent::new(Source::Stale, "container.stale", message.trim_end_matches('.'))
            .engine(&container.engine)
            .severity(Severity::Warning)
            .subject("container", container.id.to_string(), container.name.clone())
            .data(json!({
                "reasons": entry.verdict.reasons.iter().map(|reason| reason.kind).collect::<Vec<_>>(),
                "since": entry.verdict.since,
            }));
        event.subject.key = Some(container.subject_key());
        Self {
            engine: container.engine.clone(),
            id: container.id.to_string(),
            name: container.name.clone(),
            since: Some(entry.verdict.since),
            turned: (!container.is_up()).then(|| Turned {
                name: container.name.clone(),
                image: container.image.to_string(),
                project: container.project.as_deref().unwrap_or_default().to_owned(),
                since: entry.verdict.since,
            }),
            event: Some(event),
        }
    }

    fn over(engine: &Engine, snapshot: &Snapshot, id: &str, name: &str) -> Self {
        let event = snapshot.by_id(id).map(|container| {
            let why = if container.is_up() { "it runs" } else { "none of its reasons holds any more" };
            let message = format!("{} is no longer stale: {why}", container.name);
            let mut event = NewEvent::new(Source::Stale, "container.stale_resolved", message)
                .engine(&engine.id)
                .subject("container", id, container.name.clone());
            event.subject.key = Some(container.subject_key());
            event
        });
        let (engine, id, name) = (engine.id.clone(), id.to_owned(), name.to_owned());
        Self { engine, id, name, since: None, turned: None, event }
    }

    fn write(&self, connection: &Connection, now: i64) -> Result<(), DbError> {
        match self.since {
            Some(since) => store::tell(connection, &self.engine, &self.id, &self.name, since)?,
            None => {
                store::forget(connection, &self.engine, &self.id)?;
                spells::end_spell(connection, &self.engine, &self.id, self.event.is_some(), now)?;
            }
        }
        if let Some(turned) = &self.turned {
            spells::begin_spell(connection, &self.engine, &self.id, turned)?;
        }
        if let Some(event) = &self.event {
            journal::append(connection, event, now)?;
        }
        Ok(())
    }
}

/// With a small first letter, in the middle of a sentence.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
