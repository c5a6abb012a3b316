//! Writes down what the engine said: events, how far its stream was followed, how each container was
//! left, and facts of containers.
//!
//! The mirror does not depend on it: while the database cannot be written (a full disk is the commonest
//! incident on a Docker host) events wait here, bounded, and pages go on being true. What is written
//! together is true together: events, the cursor that says they were seen, and what they left behind.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::waiting::{Item, Waiting};
use crate::docker::record::{self, Cursor, Dropped, Known, KnownContainer, Mark, Memory, Translator};
use crate::docker::types::Facts;
use crate::docker::wire::EngineEvent;
use crate::docker::{facts_store, known_store};
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError, Lane};
use crate::platform::ids::EngineId;
use crate::platform::journal::{self, NewEvent};

/// Events that wait for the database; beyond, the oldest are lost, and counted.
const MAX_WAITING: usize = 10_000;
/// Events that are written together.
const BATCH: usize = 256;
/// Containers and facts that are written together.
const ROWS: usize = 1_000;
/// Facts that wait for the database; what is beyond is asked again after a restart.
const MAX_FACTS: usize = 40_000;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A cursor that moved without anything to record is saved this often.
const SAVE_CURSOR_EVERY: Duration = Duration::from_secs(60);

type Writing = BoxFuture<'static, Result<(), DbError>>;

/// What is written in one transaction.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    dropped: Dropped,
    cursor: Option<Cursor>,
    state: Option<String>,
    known: Vec<(Arc<str>, Option<KnownContainer>)>,
    facts: Vec<(String, Option<Facts>)>,
}

/// What is kept besides the cursor.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Whether the journal's last word on the engine is that it is down.
    #[serde(default)]
    told_down: bool,
    /// Docker's id of the engine whose containers are known; `None` before the first full list.
    #[serde(default)]
    known_of: Option<String>,
    /// What the translator remembers.
    #[serde(default)]
    memory: Memory,
}

pub(super) struct Recorder {
    pub(super) engine: EngineId,
    db: Db,
    pub(super) clock: SharedClock,
    pub(super) cursor: Cursor,
    /// Whether the cursor comes from an earlier connection, this run's or another's.
    pub(super) has_history: bool,
    /// Whether the journal's last word on this engine is that it is down.
    pub(super) told_down: bool,
    pub(super) translator: Translator,
    /// Tells whether commands run inside of containers are recorded.
    pub(super) record_exec: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    pub(super) known: Known,
    /// Docker's id of the engine whose containers are known.
    pub(super) known_of: Option<String>,
    waiting: Waiting,
    facts: HashMap<String, Option<Facts>>,
    /// How far the events in the database go; behind `cursor` while some wait.
    written: Cursor,
    cursor_moved: bool,
    cursor_saved: Instant,
    under_way: Option<(Arc<Batch>, Writing)>,
    retry_at: Option<Instant>,
}

impl Recorder {
    /// A recorder that goes on where the last run of the product stopped.
    pub(super) async fn open(engine: EngineId, db: Db, clock: SharedClock) -> Self {
        let id = engine.clone();
        let stored = db
            .read(move |connection| {
                let cursor = journal::cursor::get(connection, &cursor_name(&id))?;
                let state = journal::cursor::get(connection, &state_name(&id))?;
                Ok::<_, DbError>((cursor, state, known_store::load(connection, &id)?))
            })
            .await;
        let (cursor, state, known) = stored.unwrap_or_else(|error| {
            tracing::error!(%engine, %error, "how far events were recorded cannot be read");
            Default::default()
        });
        let cursor: Option<Cursor> = cursor.and_then(|text| serde_json::from_str(&text).ok());
        let state: State = state.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self {
            translator: Translator::new(engine.clone(), state.memory),
            record_exec: None,
            engine,
            db,
            clock,
            has_history: cursor.is_some(),
            told_down: state.told_down,
            written: cursor.clone().unwrap_or_default(),
            cursor: cursor.unwrap_or_default(),
            known: Known::load(known, state.known_of.is_some()),
            known_of: state.known_of,
            waiting: Waiting::new(MAX_WAITING),
            facts: HashMap::new(),
            cursor_moved: false,
            cursor_saved: Instant::now(),
            under_way: None,
            retry_at: None,
        }
    }

    /// Takes an event of the product's own.
    pub(super) fn add(&mut self, event: NewEvent) {
        self.waiting.push((event, None));
    }

    /// Takes an event of the engine; one that was seen before is left out.
    pub(super) fn take_in(&mut self, event: &EngineEvent) {
        let mark = Mark::of(event);
        if self.cursor.has_seen(mark) {
            return;
        }
        self.cursor.note(mark);
        self.cursor_moved = true;
        self.follow(event);
        self.translator.record_exec = self.record_exec.as_ref().is_some_and(|wanted| wanted());
        let events = self.translator.translate(event, &self.known);
        let last = events.len().saturating_sub(1);
        for (number, event) in events.into_iter().enumerate() {
            self.waiting.push((event, (number == last).then_some(mark)));
        }
    }

    /// Takes what happened since the last event seen, and notes a gap when something may be missing.
    pub(super) fn catch_up(&mut self, replay: &[EngineEvent], now_ns: i64) {
        if !self.cursor.is_covered_by(replay) {
            let until = replay.first().map_or(now_ns, |event| event.time_nano);
            self.add(record::gap(&self.engine, self.cursor.last_ns.min(until), until));
            self.known.unsure = true;
        }
        for event in replay {
            self.take_in(event);
        }
        self.start_history(now_ns);
    }

    /// History begins here when nothing was ever seen, or when the engine's clock was set back.
    pub(super) fn start_history(&mut self, now_ns: i64) {
        if self.cursor.last_ns == 0 || self.cursor.last_ns > now_ns.saturating_add(60_000_000_000) {
            self.cursor.restart(now_ns);
            self.written.restart(now_ns);
            self.cursor_moved = true;
        }
        self.has_history = true;
    }

    /// Takes facts of a container that does not run.
    pub(super) fn learn(&mut self, id: &str, facts: &Facts) {
        self.keep_facts(id.to_owned(), Some(facts.clone()));
    }

    /// Forgets the facts of containers that are gone.
    pub(super) fn forget(&mut self, ids: impl IntoIterator<Item = String>) {
        ids.into_iter().for_each(|id| self.keep_facts(id, None));
    }

    fn keep_facts(&mut self, id: String, facts: Option<Facts>) {
        if self.facts.len() < MAX_FACTS || self.facts.contains_key(&id) {
            self.facts.insert(id, facts);
        }
    }

    /// Has the cursor and what goes with it saved soon.
    pub(super) fn save_soon(&mut self) {
        self.cursor_moved = true;
    }

    /// Writes what waits, a batch at a time; returns after each, and waits for ever while there is
    /// nothing to write. May be dropped and called again at any time.
    pub(super) async fn work(&mut self) {
        loop {
            if let Some((batch, writing)) = &mut self.under_way {
                let written = writing.await;
                let batch = Arc::clone(batch);
                self.under_way = None;
                return self.written(&batch, written);
            }
            match self.due() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending::<()>().await,
            }
            self.start();
        }
    }

    /// Writes everything that waits, for at most `patience`.
    pub(super) async fn finish(&mut self, patience: Duration) {
        let all = async {
            while self.under_way.is_some() || self.has_work() || self.cursor_moved {
                self.cursor_saved -= SAVE_CURSOR_EVERY;
                self.work().await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("some events of the engine could not be written before the end");
        }
    }

    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || !self.facts.is_empty() || self.known.has_changes()
    }

    /// When the next batch is to be written; `None` when there is nothing to write.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = if self.has_work() {
            now
        } else if self.cursor_moved {
            self.cursor_saved + SAVE_CURSOR_EVERY
        } else {
            return None;
        };
        Some(self.retry_at.map_or(due, |retry| retry.max(due)))
    }

    fn start(&mut self) {
        let now = self.clock.now_ms();
        let batch = Arc::new(self.next_batch(now));
        let (db, engine, shared) = (self.db.clone(), self.engine.clone(), Arc::clone(&batch));
        let writing = Box::pin(async move {
            db.write_in(Lane::Bulk, move |connection| write(connection, &engine, &shared, now)).await
        });
        self.under_way = Some((batch, writing));
    }

    fn next_batch(&mut self, now: i64) -> Batch {
        let items = self.waiting.take(BATCH);
        let known = self.known.take_changes(ROWS);
        let ids: Vec<String> = self.facts.keys().take(ROWS).cloned().collect();
        let facts = ids.into_iter().filter_map(|id| self.facts.remove_entry(&id)).collect();
        // With the last event that waits, everything that was seen is written, and what goes with it.
        let is_last = self.waiting.is_drained() && !self.known.has_changes();
        let cursor = if is_last {
            self.cursor_moved = false;
            self.cursor_saved = Instant::now();
            Some(self.cursor.clone())
        } else {
            let mut cursor = self.written.clone();
            items.iter().filter_map(|(_, mark)| *mark).for_each(|mark| cursor.note(mark));
            (cursor != self.written).then_some(cursor)
        };
        let state = is_last.then(|| {
            self.translator.memory.prune(now);
            let memory = self.translator.memory.clone();
            let state = State { told_down: self.told_down, known_of: self.known_of.clone(), memory };
            serde_json::to_string(&state).unwrap_or_default()
        });
        Batch { items, dropped: self.waiting.dropped, cursor, state, known, facts }
    }

    fn written(&mut self, batch: &Batch, written: Result<(), DbError>) {
        match written {
            Ok(()) => {
                self.retry_at = None;
                self.waiting.told(batch.dropped);
                if let Some(cursor) = &batch.cursor {
                    self.written = cursor.clone();
                }
                self.db.report_problem(None);
            }
            Err(error) => {
                tracing::error!(engine = %self.engine, %error, events = self.waiting.len(), "events cannot be written");
                self.db.report_problem(Some(error.to_string()));
                self.waiting.put_back(&batch.items);
                self.known.put_back(batch.known.iter().map(|(id, _)| id.clone()));
                for (id, facts) in &batch.facts {
                    // What was learned meanwhile is newer.
                    self.facts.entry(id.clone()).or_insert_with(|| facts.clone());
                }
                self.cursor_moved = true;
                self.retry_at = Some(Instant::now() + RETRY_AFTER);
            }
        }
    }
}

fn write(
    connection: &rusqlite::Connection,
    engine: &EngineId,
    batch: &Batch,
    now: i64,
) -> Result<(), DbError> {
    if batch.dropped.count > 0 {
        journal::append(connection, &record::dropped(engine, batch.dropped), now)?;
    }
    for (event, _) in &batch.items {
        journal::append(connection, event, now)?;
    }
    if let Some(cursor) = &batch.cursor {
        let cursor = serde_json::to_string(cursor).unwrap_or_default();
        journal::cursor::set(connection, &cursor_name(engine), &cursor, now)?;
    }
    if let Some(state) = &batch.state {
        journal::cursor::set(connection, &state_name(engine), state, now)?;
    }
    known_store::save(connection, engine, &batch.known)?;
    let (mut learned, mut forgotten) = (Vec::new(), Vec::new());
    for (id, facts) in &batch.facts {
        match facts {
            Some(facts) => learned.push((id.clone(), facts.clone())),
            None => forgotten.push(id.clone()),
        }
    }
    facts_store::save(connection, engine, &learned)?;
    facts_store::forget(connection, engine, &forgotten)
}

fn cursor_name(engine: &EngineId) -> String {
    format!("docker-events/{engine}")
}

fn state_name(engine: &EngineId) -> String {
    format!("docker-state/{engine}")
}

#[cfg(test)]
mod tests;
