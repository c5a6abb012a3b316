//! Who used the most over a stretch of time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::rollup::{Metric, Rollup, Stat};
use super::service::Stats;
use super::store::{self, MINUTE, Peaks, QUARTER, Resolution};
use super::window::Window;
use crate::docker::Engine;
use crate::docker::types::Container;
use crate::platform::db::DbError;
use crate::platform::ids::EngineId;

/// Within this time before now everything is kept by minutes, ms.
const BY_MINUTES: i64 = 48 * 60 * MINUTE;
/// Up to this length a window is looked at by minutes, ms; a longer one by quarters, with minutes at its end.
const FINE: i64 = 6 * 60 * MINUTE;
/// Up to this length, by single measurements, ms.
const FINEST: i64 = 10 * MINUTE;

/// What one container used over a stretch of time.
#[derive(Debug)]
pub struct Consumer {
    /// Its key: project/service/number, or its name.
    pub key: String,
    /// The container that has the key now.
    pub container: Option<Arc<Container>>,
    /// All of it as one.
    pub sum: Rollup,
    /// When it used most.
    pub peaks: Peaks,
}

impl Consumer {
    /// The container's name, or what is left of it.
    pub fn name(&self) -> &str {
        self.container.as_ref().map_or(self.key.as_str(), |container| container.name.as_str())
    }

    /// One value.
    pub fn get(&self, metric: Metric) -> Option<Stat> {
        self.sum.get(metric)
    }
}

/// What the database says of a range, and when it was asked, ms.
pub(super) type Lately = (i64, Arc<Vec<(String, Rollup, Peaks)>>);

impl Stats {
    /// What every container of an engine used over a stretch of time, in no order.
    pub async fn consumers(&self, engine: &Engine, window: &Window) -> Result<Vec<Consumer>, DbError> {
        let now = self.clock.now_ms();
        let mut by_key: HashMap<String, (Rollup, Peaks)> = HashMap::new();
        // What lies in memory is the newest; the database has what came before it.
        let written = self.written_until.load(Ordering::Relaxed);
        let is_short = window.until - window.since <= FINEST;
        let border = if is_short { self.started } else { written }.max(now - 60 * MINUTE);
        for stretch in engine.stats.stretches(border.max(window.since), window.until) {
            let (sum, peaks) = by_key.entry(stretch.key.to_string()).or_default();
            for point in &stretch.points {
                let rollup = Rollup::of_point(point);
                peaks.see(&rollup);
                sum.merge(&rollup);
            }
        }
        let until = window.until.min(border);
        if until > window.since {
            for (key, sum, peaks) in self.kept(&engine.id, window, until, now).await?.iter() {
                let (all, highest) = by_key.entry(key.clone()).or_default();
                highest.merge(peaks);
                all.merge(sum);
            }
        }
        Ok(with_containers(engine, by_key))
    }

    /// What the database says of a window, up to `until` (ms).
    async fn kept(
        &self,
        engine: &EngineId,
        window: &Window,
        until: i64,
        now: i64,
    ) -> Result<Arc<Vec<(String, Rollup, Peaks)>>, DbError> {
        let (id, since) = (engine.clone(), window.since);
        let read = move |c: &rusqlite::Connection| {
            if until - since <= FINE && now - since < BY_MINUTES {
                return store::everybody(c, &id, Resolution::Minute, since, until);
            }
            // Of what is older than the minutes, the quarter that the window ends in counts as a whole.
            let by_minutes = now - until < BY_MINUTES - QUARTER;
            let edge = if by_minutes { until.div_euclid(QUARTER) * QUARTER } else { until };
            let mut rows = store::everybody(c, &id, Resolution::Quarter, since, edge)?;
            if by_minutes {
                rows.extend(store::everybody(c, &id, Resolution::Minute, edge, until)?);
            }
            Ok::<_, DbError>(rows)
        };
        let Some(range) = window.range.filter(|range| range.ms() > FINE) else {
            return Ok(Arc::new(self.db.read(read).await?));
        };
        // One at a time: who comes second takes what the first one found.
        let mut lately = self.lately.lock().await;
        let key = (engine.clone(), range.as_str());
        if let Some((at, found)) = lately.get(&key)
            && (0..MINUTE).contains(&(now - at))
        {
            return Ok(found.clone());
        }
        let found = Arc::new(self.db.read(read).await?);
        lately.insert(key, (now, found.clone()));
        Ok(found)
    }
}

/// Finds the containers that have the keys now.
fn with_containers(engine: &Engine, by_key: HashMap<String, (Rollup, Peaks)>) -> Vec<Consumer> {
    let snapshot = engine.mirror.snapshot();
    let mut now_there: HashMap<String, Arc<Container>> = HashMap::new();
    for container in snapshot.containers().iter() {
        let key = container.subject_key();
        // Of two with one key the one that runs counts.
        if by_key.contains_key(&key) && (container.is_up() || !now_there.contains_key(&key)) {
            now_there.insert(key, container.clone());
        }
    }
    let consumers = by_key.into_iter().map(|(key, (sum, peaks))| Consumer {
        container: now_there.remove(&key),
        key,
        sum,
        peaks,
    });
    consumers.collect()
}
