//! How much room things take: measured in the background when somebody looks, at most every minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::TOPIC;
use crate::docker::leftovers::DiskUsage;
use crate::docker::{Engine, EngineError};
use crate::platform::clock::SharedClock;
use crate::platform::ids::EngineId;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::live::Hub;
use crate::web::live::LIST_CHANGED;

/// How long Docker may take to measure.
const DEADLINE: Duration = Duration::from_secs(120);
/// How old a measurement may be when somebody looks.
const FRESH: Duration = Duration::from_secs(60);

/// What was measured of one engine.
#[derive(Debug, Clone)]
pub struct Measured {
    /// When.
    pub at: Timestamp,
    /// What it takes.
    pub usage: DiskUsage,
}

/// What is known of one engine's sizes.
#[derive(Clone, Default)]
pub struct Standing {
    /// What was measured last.
    pub measured: Option<Arc<Measured>>,
    /// Whether it is measured now.
    pub running: bool,
    /// Why the last attempt failed, when it did.
    pub failed: Option<EngineError>,
    /// When the last attempt began; a measurement that is told to be out of date has none.
    began: Option<Instant>,
}

/// The measurements of all engines. Cheap to clone.
#[derive(Clone)]
pub struct Measurements {
    standings: Arc<Mutex<HashMap<EngineId, Standing>>>,
    changed: Arc<tokio::sync::watch::Sender<u64>>,
    clock: SharedClock,
    lifecycle: Lifecycle,
    hub: Hub,
}

impl Measurements {
    /// Nothing is measured yet.
    pub fn new(clock: SharedClock, lifecycle: Lifecycle, hub: Hub) -> Self {
        let changed = Arc::new(tokio::sync::watch::channel(0).0);
        Self { standings: Arc::default(), changed, clock, lifecycle, hub }
    }

    /// What is known of an engine.
    pub fn of(&self, engine: &EngineId) -> Standing {
        self.lock().get(engine).cloned().unwrap_or_default()
    }

    /// Measures an engine unless that was done a moment ago or is being done. Never waits.
    pub fn want(&self, engine: &Arc<Engine>) {
        if !engine.mirror.snapshot().is_up() {
            return;
        }
        {
            let mut standings = self.lock();
            let standing = standings.entry(engine.id.clone()).or_default();
            let fresh = standing.began.is_some_and(|began| began.elapsed() < FRESH);
            if standing.running || fresh {
                return;
            }
            standing.running = true;
            standing.began = Some(Instant::now());
        }
        let (this, engine, stopping) = (self.clone(), Arc::clone(engine), self.lifecycle.stopping());
        self.lifecycle.spawn(async move {
            // However this ends, it can be begun again.
            let guard = Running { all: &this, engine: &engine.id };
            tokio::select! {
                () = stopping.cancelled() => {}
                read = engine.client.disk_usage(DEADLINE) => this.take_in(&engine.id, read),
            }
            drop(guard);
        });
    }

    /// What was measured is out of date: the next who looks has it measured again.
    pub fn forget(&self, engine: &Arc<Engine>) {
        if let Some(standing) = self.lock().get_mut(&engine.id) {
            standing.began = None;
        }
    }

    /// Waits until no engine is being measured any more, at most so long.
    pub async fn settled(&self, within: Duration) {
        let mut changes = self.changed.subscribe();
        let settled = async {
            while self.lock().values().any(|standing| standing.running) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is not known by then is told as unknown.
        let _in_time = tokio::time::timeout(within, settled).await;
    }

    fn take_in(&self, engine: &EngineId, read: Result<DiskUsage, EngineError>) {
        let at = self.clock.now();
        let mut standings = self.lock();
        let standing = standings.entry(engine.clone()).or_default();
        match read {
            Ok(usage) => {
                standing.measured = Some(Arc::new(Measured { at, usage }));
                standing.failed = None;
            }
            Err(error) => {
                tracing::info!(%error, %engine, "disk usage could not be measured");
                standing.failed = Some(error);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EngineId, Standing>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held while an engine is measured.
struct Running<'a> {
    all: &'a Measurements,
    engine: &'a EngineId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(standing) = self.all.lock().get_mut(self.engine) {
            standing.running = false;
        }
        self.all.changed.send_modify(|n| *n += 1);
        self.all.hub.event(TOPIC, LIST_CHANGED, "");
    }
}
