//! Writes down what the engine said: events, how far its stream was followed, and facts of containers.
//!
//! The mirror does not depend on it: while the database cannot be written (a full disk is the commonest
//! incident on a Docker host) events wait here, bounded, and pages go on being true.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::docker::facts_store;
use crate::docker::record::{self, Cursor};
use crate::docker::types::Facts;
use crate::docker::wire::EngineEvent;
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError, Lane};
use crate::platform::ids::EngineId;
use crate::platform::journal::{self, NewEvent};

/// Events that wait for the database; beyond, the oldest are lost and a gap is recorded.
const MAX_WAITING: usize = 10_000;
/// Events that are written together.
const BATCH: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A cursor that moved without anything to record is saved this often.
const SAVE_CURSOR_EVERY: Duration = Duration::from_secs(60);

type Writing = BoxFuture<'static, Result<(), DbError>>;

/// What is written in one transaction.
#[derive(Default)]
struct Batch {
    events: Vec<NewEvent>,
    cursor: Option<String>,
    learned: Vec<(String, Facts)>,
    forgotten: Vec<String>,
}

pub(super) struct Recorder {
    engine: EngineId,
    db: Db,
    clock: SharedClock,
    pub(super) cursor: Cursor,
    /// Whether the cursor comes from an earlier connection, this run's or another's.
    pub(super) has_history: bool,
    events: VecDeque<NewEvent>,
    learned: Vec<(String, Facts)>,
    forgotten: Vec<String>,
    cursor_moved: bool,
    cursor_saved: Instant,
    under_way: Option<(Arc<Batch>, Writing)>,
    retry_at: Option<Instant>,
}

impl Recorder {
    /// A recorder that goes on where the last run of the product stopped.
    pub(super) async fn open(engine: EngineId, db: Db, clock: SharedClock) -> Self {
        let name = cursor_name(&engine);
        let stored = db.read(move |connection| journal::cursor::get(connection, &name)).await;
        let stored = stored.unwrap_or_else(|error| {
            tracing::error!(%engine, %error, "how far events were recorded cannot be read");
            None
        });
        let cursor: Option<Cursor> = stored.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            engine,
            db,
            clock,
            has_history: cursor.is_some(),
            cursor: cursor.unwrap_or_default(),
            events: VecDeque::new(),
            learned: Vec::new(),
            forgotten: Vec::new(),
            cursor_moved: false,
            cursor_saved: Instant::now(),
            under_way: None,
            retry_at: None,
        }
    }

    /// Takes an event of the product's own.
    pub(super) fn add(&mut self, event: NewEvent) {
        self.events.push_back(event);
        if self.events.len() <= MAX_WAITING {
            return;
        }
        let lost = self.events.drain(..BATCH).next().and_then(|event| event.at).unwrap_or_default();
        let until = self.events.front().and_then(|event| event.at).unwrap_or(lost);
        self.events.push_front(record::gap(&self.engine, lost * 1_000_000, until * 1_000_000));
    }

    /// Takes an event of the engine; one that was seen before is left out.
    pub(super) fn take_in(&mut self, event: &EngineEvent) {
        if self.cursor.has_seen(event) {
            return;
        }
        self.cursor.note(event);
        self.cursor_moved = true;
        if let Some(event) = record::translate(&self.engine, event) {
            self.add(event);
        }
    }

    /// Takes what happened since the last event seen, and notes a gap when something may be missing.
    pub(super) fn catch_up(&mut self, replay: &[EngineEvent], now_ns: i64) {
        if !self.cursor.is_covered_by(replay) {
            let until = replay.first().map_or(now_ns, |event| event.time_nano);
            self.add(record::gap(&self.engine, self.cursor.last_ns, until));
        }
        for event in replay {
            self.take_in(event);
        }
        self.start_history(now_ns);
    }

    /// History begins here when nothing was ever seen, or when the engine's clock was set back.
    pub(super) fn start_history(&mut self, now_ns: i64) {
        if self.cursor.last_ns == 0 || self.cursor.last_ns > now_ns.saturating_add(60_000_000_000) {
            self.cursor.last_ns = now_ns;
            self.cursor_moved = true;
        }
        self.has_history = true;
    }

    /// Takes facts of a container that does not run.
    pub(super) fn learn(&mut self, id: &str, facts: &Facts) {
        self.learned.push((id.to_owned(), facts.clone()));
    }

    /// Forgets the facts of containers that are gone.
    pub(super) fn forget(&mut self, ids: impl IntoIterator<Item = String>) {
        self.forgotten.extend(ids);
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
        !(self.events.is_empty() && self.learned.is_empty() && self.forgotten.is_empty())
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
        let count = self.events.len().min(BATCH);
        let batch = Arc::new(Batch {
            events: self.events.drain(..count).collect(),
            // Only with the last event that waits is the cursor true.
            cursor: self.events.is_empty().then(|| serde_json::to_string(&self.cursor).unwrap_or_default()),
            learned: std::mem::take(&mut self.learned),
            forgotten: std::mem::take(&mut self.forgotten),
        });
        if batch.cursor.is_some() {
            self.cursor_moved = false;
            self.cursor_saved = Instant::now();
        }
        let (db, engine, now) = (self.db.clone(), self.engine.clone(), self.clock.now_ms());
        let shared = Arc::clone(&batch);
        let writing = Box::pin(async move {
            db.write_in(Lane::Bulk, move |connection| {
                for event in &shared.events {
                    journal::append(connection, event, now)?;
                }
                if let Some(cursor) = &shared.cursor {
                    journal::cursor::set(connection, &cursor_name(&engine), cursor, now)?;
                }
                facts_store::save(connection, &engine, &shared.learned)?;
                facts_store::forget(connection, &engine, &shared.forgotten)
            })
            .await
        });
        self.under_way = Some((batch, writing));
    }

    fn written(&mut self, batch: &Batch, written: Result<(), DbError>) {
        match written {
            Ok(()) => {
                self.retry_at = None;
                self.db.report_problem(None);
            }
            Err(error) => {
                tracing::error!(engine = %self.engine, %error, events = self.events.len(), "events cannot be written");
                self.db.report_problem(Some(error.to_string()));
                for event in batch.events.iter().rev() {
                    self.events.push_front(event.clone());
                }
                self.cursor_moved = true;
                self.learned.extend(batch.learned.iter().cloned());
                self.forgotten.extend(batch.forgotten.iter().cloned());
                self.retry_at = Some(Instant::now() + RETRY_AFTER);
            }
        }
    }
}

fn cursor_name(engine: &EngineId) -> String {
    format!("docker-events/{engine}")
}
