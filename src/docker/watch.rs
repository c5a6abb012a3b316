//! The owner task of one engine: connects, fills the mirror, follows the event stream, and starts
//! over when the connection is lost. Nobody else changes the mirror.
//!
//! On every (re)connect: the engine's clock, a full list, the replay of what happened since the last
//! event seen (*unfiltered*: a filter would hide that Docker's buffer of 256 events has overflowed),
//! then the live stream. An event names a container; what became of it is asked with inspect, a few at
//! a time, each container at most once at a time.

mod inspector;
mod session;

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::mirror::{Mirror, Owner};
use super::record::{self, Cursor};
use super::types::EngineStatus;
use super::{EngineError, facts_store};
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError, Lane};
use crate::platform::ids::EngineId;
use crate::platform::journal::{self, NewEvent, Severity, Source};

/// An engine that comes back is seen within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Watches one engine.
#[derive(Clone)]
pub struct Watcher {
    /// Our id of the engine.
    pub id: EngineId,
    /// Talks to it.
    pub client: Client,
    /// What it runs.
    pub mirror: Arc<Mirror>,
    /// Keeps events, cursors and facts.
    pub db: Db,
    /// Tells the time.
    pub clock: SharedClock,
    /// Cancelled when the product shuts down.
    pub stopping: CancellationToken,
}

impl Watcher {
    /// Watches until the product shuts down. Errs only when the database does.
    pub async fn run(self) -> Result<(), DbError> {
        let mut owner = Owner::new(Arc::clone(&self.mirror));
        let mut delays = waits();
        // Whether the journal's last word on this engine is that it is down.
        let mut told_down = false;
        loop {
            let ended = tokio::select! {
                ended = self.follow(&mut owner, &mut told_down) => ended,
                () = self.stopping_and_grace() => return Ok(()),
            };
            if self.stopping.is_cancelled() {
                return ended.map(|_| ());
            }
            let lost = match ended {
                Ok(session::Ended::AfterBeingUp(error)) => {
                    delays = waits();
                    error
                }
                Ok(session::Ended::BeforeBeingUp(error)) => error,
                Err(error) => return Err(error),
            };
            self.note_down(&owner, &lost, &mut told_down).await?;
            tokio::select! {
                () = tokio::time::sleep(delays.next().unwrap_or(LONGEST_WAIT)) => {}
                () = self.stopping.cancelled() => return Ok(()),
            }
        }
    }

    /// The session ends by itself and saves its cursor, unless it hangs.
    async fn stopping_and_grace(&self) {
        self.stopping.cancelled().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn note_down(
        &self,
        owner: &Owner,
        error: &EngineError,
        told_down: &mut bool,
    ) -> Result<(), DbError> {
        owner.set_status(EngineStatus::Down(error.to_string()), self.clock.now());
        if *told_down {
            return Ok(());
        }
        *told_down = true;
        tracing::warn!(engine = %self.id, %error, "the engine does not answer");
        let event =
            NewEvent::new(Source::System, "engine.down", format!("The Docker engine is down: {error}"))
                .engine(&self.id)
                .severity(Severity::Error)
                .subject("engine", self.id.as_str(), engine_name(owner));
        self.append(vec![event], None).await
    }

    async fn note_up(&self, owner: &Owner, told_down: &mut bool) -> Result<(), DbError> {
        owner.set_status(EngineStatus::Up, self.clock.now());
        let version = owner.snapshot().info.version.clone();
        tracing::info!(engine = %self.id, docker.version = version, containers = owner.len(), "the engine answers");
        if !*told_down {
            return Ok(());
        }
        *told_down = false;
        let event = NewEvent::new(Source::System, "engine.up", "The Docker engine answers again")
            .engine(&self.id)
            .subject("engine", self.id.as_str(), engine_name(owner));
        self.append(vec![event], None).await
    }

    /// Appends events, and moves the cursor in the same transaction.
    async fn append(&self, events: Vec<NewEvent>, cursor: Option<&Cursor>) -> Result<(), DbError> {
        let now = self.clock.now_ms();
        let cursor =
            cursor.map(|cursor| (self.cursor_name(), serde_json::to_string(cursor).unwrap_or_default()));
        self.db
            .write_in(Lane::Bulk, move |connection| {
                for event in &events {
                    journal::append(connection, event, now)?;
                }
                match cursor {
                    Some((name, value)) => journal::cursor::set(connection, &name, &value, now),
                    None => Ok(()),
                }
            })
            .await
    }

    async fn load_cursor(&self) -> Result<Option<Cursor>, DbError> {
        let name = self.cursor_name();
        let text = self.db.read(move |connection| journal::cursor::get(connection, &name)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn cursor_name(&self) -> String {
        format!("docker-events/{}", self.id)
    }
}

fn engine_name(owner: &Owner) -> String {
    let name = owner.snapshot().info.name.clone();
    if name.is_empty() { "Docker".to_owned() } else { name }
}

fn waits() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .build()
}
