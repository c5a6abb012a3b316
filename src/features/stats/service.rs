//! What containers and hosts used: the last hour from memory, everything else from the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use super::alerts::Alert;
use super::consumers::Lately;
use super::cost::Costs;
use super::rollup::{Rollup, by_step};
use super::store::{self, QUARTER, Resolution, SubjectKey};
use super::window::{Range, Window};
use crate::docker::types::Container;
use crate::docker::{Engine, Engines};
use crate::features::settings::SettingsService;
use crate::platform::clock::SharedClock;
use crate::platform::db::{Db, DbError};
use crate::platform::ids::EngineId;

/// The size before it was measured.
const UNMEASURED: u64 = u64::MAX;
/// How many batches of samples a slow stream may lag behind.
const BACKLOG: usize = 8;

/// Statistics of all engines.
pub struct Stats {
    pub(super) engines: Engines,
    pub(super) db: Db,
    pub(super) clock: SharedClock,
    pub(super) settings: Arc<SettingsService>,
    /// Own cost, and that of the engine.
    pub costs: Costs,
    /// When it began, ms: what is older is in the database alone.
    pub(super) started: i64,
    /// What containers used over the long ranges, for a minute: it is a look at hundreds of thousands of rows.
    pub(super) lately: tokio::sync::Mutex<HashMap<(EngineId, &'static str), Lately>>,
    /// Up to where minutes are written, ms. Of what is older nothing is in memory alone.
    pub(super) written_until: AtomicI64,
    pub(super) alerts: ArcSwap<Vec<Alert>>,
    pub(super) forecasts: ArcSwap<HashMap<SubjectKey, f64>>,
    /// The last 24 hours of each host, by quarters of an hour.
    pub(super) days: ArcSwap<HashMap<EngineId, Arc<Vec<Rollup>>>>,
    pub(super) size: AtomicU64,
    pub(super) batches: broadcast::Sender<bytes::Bytes>,
    pub(super) streams: Arc<std::sync::atomic::AtomicUsize>,
    pub(super) stopping: tokio_util::sync::CancellationToken,
}

/// A stretch of history.
#[derive(Debug, Default)]
pub struct Series {
    /// The distance between two points where nothing is missing, ms.
    pub step: i64,
    /// Oldest first.
    pub points: Vec<Rollup>,
}

/// The key of the host's own history, which belongs to the engine's id.
pub const HOST: &str = "host";

impl Stats {
    /// Statistics of these engines.
    pub fn new(
        engines: Engines,
        db: Db,
        clock: SharedClock,
        settings: Arc<SettingsService>,
        stopping: tokio_util::sync::CancellationToken,
    ) -> Self {
        let now = clock.now_ms();
        Self {
            engines,
            db,
            clock,
            settings,
            costs: Costs::default(),
            started: now,
            lately: tokio::sync::Mutex::default(),
            written_until: AtomicI64::new(now),
            alerts: ArcSwap::default(),
            forecasts: ArcSwap::default(),
            days: ArcSwap::default(),
            size: AtomicU64::new(UNMEASURED),
            batches: broadcast::channel(BACKLOG).0,
            streams: Arc::default(),
            stopping,
        }
    }

    /// The engines.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Tells the time.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The thresholds that are crossed now.
    pub fn alerts(&self) -> Arc<Vec<Alert>> {
        self.alerts.load_full()
    }

    /// How much the history takes, bytes; measured now and then, `None` until it was.
    pub fn size(&self) -> Option<u64> {
        Some(self.size.load(Ordering::Relaxed)).filter(|size| *size != UNMEASURED)
    }

    /// In how many days a disk will be full if it goes on like this; `None` when it does not grow, or too little is
    /// known.
    pub fn days_until_full(&self, engine: &EngineId, mount: &str) -> Option<f64> {
        self.forecasts.load().get(&disk(engine, mount)).copied()
    }

    /// The last 24 hours of an engine's host, by quarters of an hour; refreshed every minute.
    pub fn day_of(&self, engine: &EngineId) -> Arc<Vec<Rollup>> {
        self.days.load().get(engine).cloned().unwrap_or_default()
    }

    /// Reads the last 24 hours of each host anew.
    pub(super) async fn refresh_days(&self) -> Result<(), DbError> {
        let window = Window::of(Range::Day, self.clock.now());
        let mut days = HashMap::new();
        for engine in self.engines.iter() {
            let minutes = self.of_host(engine, &window).await?.points;
            days.insert(engine.id.clone(), Arc::new(by_step(minutes, QUARTER)));
        }
        self.days.store(Arc::new(days));
        Ok(())
    }

    /// The time of the oldest history, ms.
    pub async fn oldest(&self) -> Result<Option<i64>, DbError> {
        self.db.read(store::oldest).await
    }

    /// What a container used, and those before it in its place.
    pub async fn of_container(&self, container: &Container, window: &Window) -> Result<Series, DbError> {
        let key = container.subject_key();
        let engine = self.engines.get(container.engine.as_str()).cloned();
        let points = |since: i64| {
            let Some(engine) = &engine else { return Vec::new() };
            let limit = engine.stats.of(&container.id).and_then(|s| s.memory()).and_then(|m| m.limit_bytes);
            let points = engine.stats.points_of_key(&key, since).into_iter();
            points.map(|point| Rollup::of_point(&point).limited(limit)).collect()
        };
        let slowest = engine.as_ref().map(|engine| engine.stats.slowest()).unwrap_or_default();
        let subject = SubjectKey { engine: container.engine.clone(), kind: "container", key: key.clone() };
        self.series(subject, window, slowest, points).await
    }

    /// What a host used.
    pub async fn of_host(&self, engine: &Engine, window: &Window) -> Result<Series, DbError> {
        let points = |since: i64| {
            let total = engine.stats.host().memory_total;
            engine.stats.host_points(since).iter().map(|point| Rollup::of_host(point, total)).collect()
        };
        self.series(host(&engine.id), window, engine.stats.slowest(), points).await
    }

    pub(super) async fn stored(
        &self,
        subject: SubjectKey,
        resolution: Resolution,
        since: i64,
        until: i64,
    ) -> Result<Vec<Rollup>, DbError> {
        self.db.read(move |connection| store::history(connection, &subject, resolution, since, until)).await
    }

    /// Batches of samples, as frames of a stream, from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<bytes::Bytes> {
        self.batches.subscribe()
    }
}

/// The subject of a host.
pub fn host(engine: &EngineId) -> SubjectKey {
    SubjectKey { engine: engine.clone(), kind: HOST, key: engine.to_string() }
}

/// The subject of a disk.
pub fn disk(engine: &EngineId, mount: &str) -> SubjectKey {
    SubjectKey { engine: engine.clone(), kind: "disk", key: mount.to_owned() }
}

pub(super) fn in_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
