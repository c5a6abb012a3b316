//! The owner task of one engine: connects, fills the mirror, follows the event stream, and starts
//! over when the connection is lost. Nobody else changes the mirror.
//!
//! On every (re)connect: the engine's clock, the replay of what happened since the last event seen
//! (*unfiltered*: a filter would hide that Docker's buffer of 256 events has overflowed), the live
//! stream, and a full list. An event names a container; what became of it is asked with inspect, a few
//! at a time, each container at most once at a time. What is to be kept goes through [`recorder`], so
//! that a database that cannot be written stops no page. What changed while nobody watched, and no event
//! tells, is found by [`reconcile`].

mod inspector;
mod reconcile;
mod recorder;
mod session;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::recorder::Recorder;
use self::session::Ended;
use super::client::Client;
use super::mirror::{Mirror, Owner};
use super::objects::ObjectCache;
use super::types::EngineStatus;
use super::{EngineError, facts_store};
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError};
use crate::platform::ids::EngineId;
use crate::platform::journal::{NewEvent, Severity, Source};

/// An engine that comes back is seen within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A connection that lasted this long was a good one: waiting starts anew.
const GOOD_SESSION: Duration = Duration::from_secs(30);
/// What the last events have to be written when the product ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Watches one engine.
#[derive(Clone)]
pub struct Watcher {
    /// Our id of the engine.
    pub id: EngineId,
    /// Talks to it.
    pub client: Client,
    /// What it runs.
    pub mirror: Arc<Mirror>,
    /// Is told when images, networks or volumes may have changed.
    pub objects: Arc<ObjectCache>,
    /// Keeps events, cursors and facts.
    pub db: Db,
    /// Tells the time.
    pub clock: SharedClock,
    /// Whether commands that are run inside of containers are recorded as well; asked at each event.
    pub record_exec: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Cancelled when the product shuts down.
    pub stopping: CancellationToken,
}

impl Watcher {
    /// Watches until the product shuts down.
    pub async fn run(self) -> Result<(), DbError> {
        let mut owner = Owner::new(Arc::clone(&self.mirror));
        let mut recorder = Recorder::open(self.id.clone(), self.db.clone(), self.clock.clone()).await;
        recorder.record_exec = Some(self.record_exec.clone());
        let mut delays = waits();
        while !self.stopping.is_cancelled() {
            let started = Instant::now();
            let ended = tokio::select! {
                ended = self.follow(&mut owner, &mut recorder) => ended,
                () = self.stopping.cancelled() => break,
            };
            let good = started.elapsed() >= GOOD_SESSION;
            if good {
                delays = waits();
            }
            match ended {
                // Proxies cut quiet streams, and dockerd ends them when it stops: the next attempt tells which.
                Ended::AfterBeingUp(EngineError::Lost(why)) => {
                    tracing::debug!(engine = %self.id, why, "the event stream ended");
                    if good {
                        continue;
                    }
                }
                Ended::AfterBeingUp(error) | Ended::BeforeBeingUp(error) => {
                    self.note_down(&owner, &mut recorder, &error);
                }
            }
            let wait = delays.next().unwrap_or(LONGEST_WAIT);
            let pause = async {
                let mut pause = std::pin::pin!(tokio::time::sleep(wait));
                loop {
                    tokio::select! {
                        () = &mut pause => return,
                        () = recorder.work() => {}
                    }
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.stopping.cancelled() => {}
            }
        }
        recorder.finish(LAST_WORDS).await;
        Ok(())
    }

    fn note_down(&self, owner: &Owner, recorder: &mut Recorder, error: &EngineError) {
        owner.set_status(EngineStatus::Down(error.to_string()), self.clock.now());
        if std::mem::replace(&mut recorder.told_down, true) {
            return;
        }
        tracing::warn!(engine = %self.id, %error, "the engine does not answer");
        let event =
            NewEvent::new(Source::System, "engine.down", format!("The Docker engine is down: {error}"));
        recorder.add(self.about_engine(event, owner).severity(Severity::Error));
    }

    fn note_up(&self, owner: &Owner, recorder: &mut Recorder) {
        if !owner.snapshot().is_up() {
            let version = owner.snapshot().info.version.clone();
            tracing::info!(engine = %self.id, docker.version = version, containers = owner.len(), "the engine answers");
        }
        owner.set_status(EngineStatus::Up, self.clock.now());
        if std::mem::take(&mut recorder.told_down) {
            let event = NewEvent::new(Source::System, "engine.up", "The Docker engine answers again");
            recorder.add(self.about_engine(event, owner));
        }
    }

    fn about_engine(&self, mut event: NewEvent, owner: &Owner) -> NewEvent {
        let name = owner.snapshot().info.name.clone();
        let name = if name.is_empty() { "Docker".to_owned() } else { name };
        // It may wait for the database: it happened now.
        event.at = Some(self.clock.now_ms());
        event.engine(&self.id).subject("engine", self.id.as_str(), name)
    }
}

fn waits() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .build()
}
