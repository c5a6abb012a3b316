//! Joins what no container uses with what it takes and when it was used last. Never waits for Docker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::TabCount;
use super::known::LastTotals;
use super::last_use::{Key, LastUses};
use super::leaves::{Leaves, refusal};
use super::model::{Freed, Kind, Leftover, Total};
use super::usage::{Measurements, Standing as Measuring};
use crate::docker::leftovers::CacheEntry;
use crate::docker::objects::{Image, Network, Volume};
use crate::docker::{Engine, Engines};
use crate::features::containers::pending::PendingActions;
use crate::features::resources::service::Standing;
use crate::features::resources::{ListQuery, Resources};
use crate::platform::clock::SharedClock;
use crate::platform::db::Db;
use crate::platform::ids::EngineId;
use crate::platform::journal::Journal;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::live::Hub;
use crate::web::jobs::Jobs;

/// A reading that ended so soon after a removal may have begun before it.
const OVERLAP: SignedDuration = SignedDuration::from_millis(500);

/// What leftovers are made of.
pub struct Parts {
    /// The engines.
    pub engines: Engines,
    /// Who uses what.
    pub resources: Arc<Resources>,
    /// Tells the time.
    pub clock: SharedClock,
    /// Keeps last uses and events.
    pub db: Db,
    /// Runs what takes longer than a request.
    pub lifecycle: Lifecycle,
    /// Shows it.
    pub jobs: Jobs,
    /// Tells open pages.
    pub hub: Hub,
}

/// Counts of the tabs that belong to others: stale containers, and what was removed.
pub type OtherCounts = Arc<dyn Fn() -> (TabCount, TabCount) + Send + Sync>;

/// The leftovers of all engines.
pub struct Leftovers {
    pub(super) engines: Engines,
    pub(super) resources: Arc<Resources>,
    pub(super) clock: SharedClock,
    pub(super) lifecycle: Lifecycle,
    pub(super) jobs: Jobs,
    pub(super) journal: Journal,
    pub(super) hub: Hub,
    pub(super) measurements: Measurements,
    pub(super) last_uses: LastUses,
    /// What is being removed now, by id.
    pub(super) pending: PendingActions,
    /// What was removed after the last reading.
    gone: Mutex<HashMap<Key, Timestamp>>,
    /// How often something was added to it.
    gone_version: AtomicU64,
    pub(super) totals: LastTotals,
    others: OnceLock<OtherCounts>,
}

/// The leftovers of a kind, and what they were taken from.
pub(super) struct Listing {
    /// All of them, by name.
    pub leftovers: Vec<Leftover>,
    /// How far the list can be trusted.
    pub standing: Standing,
    /// When it was read; `None` = not yet.
    pub as_of: Option<Timestamp>,
    /// The host's name, where there is one engine.
    pub host: String,
    /// Whether a proxy hides which containers there are, so that nothing can be called unused.
    pub blind: bool,
}

impl Leftovers {
    /// The leftovers of these engines.
    pub fn new(parts: Parts) -> Self {
        let Parts { engines, resources, clock, db, lifecycle, jobs, hub } = parts;
        Self {
            measurements: Measurements::new(clock.clone(), lifecycle.clone(), hub.clone()),
            last_uses: LastUses::new(db.clone(), clock.clone()),
            journal: Journal::new(db, clock.clone()),
            pending: PendingActions::default(),
            gone: Mutex::default(),
            gone_version: AtomicU64::new(0),
            totals: LastTotals::default(),
            others: OnceLock::new(),
            engines,
            resources,
            clock,
            lifecycle,
            jobs,
            hub,
        }
    }

    /// Says where the counts of the other tabs come from; the first answer counts.
    pub fn count_others_by(&self, others: OtherCounts) {
        // A second call could only bring the same.
        let _already_told = self.others.set(others);
    }

    pub(super) fn others(&self) -> (TabCount, TabCount) {
        self.others.get().map(|others| others()).unwrap_or_default()
    }

    /// When things were used last; to be loaded at the start.
    pub fn last_uses(&self) -> LastUses {
        self.last_uses.clone()
    }

    /// Has the engines measured, if that was not done within the last minute. Never waits.
    pub fn measure(&self) {
        for engine in self.engines.iter() {
            self.measurements.want(engine);
        }
    }

    /// The first of the engines, which is what can be said of "the" measurement.
    pub(super) fn measuring(&self) -> Measuring {
        self.engines.iter().next().map(|engine| self.measurements.of(&engine.id)).unwrap_or_default()
    }

    /// The leftovers of a kind; none of the build cache, whose entries have no names.
    pub(super) fn list(&self, kind: Kind) -> Listing {
        match kind {
            Kind::Image => self.read::<Image>(true),
            Kind::Volume => self.read::<Volume>(true),
            Kind::Network | Kind::BuildCache => self.read::<Network>(true),
        }
    }

    /// All of a kind, used or not, each with the reason why it may not be removed.
    pub(super) fn all(&self, kind: Kind) -> Vec<Leftover> {
        match kind {
            Kind::Image => self.read::<Image>(false).leftovers,
            Kind::Volume => self.read::<Volume>(false).leftovers,
            Kind::Network => self.read::<Network>(false).leftovers,
            Kind::BuildCache => Vec::new(),
        }
    }

    fn read<T: Leaves>(&self, only_unused: bool) -> Listing {
        let used = only_unused.then_some(false);
        let listed = self.resources.list::<T>(&ListQuery { used, ..ListQuery::default() });
        let measured: HashMap<EngineId, Measuring> =
            self.engines.iter().map(|engine| (engine.id.clone(), self.measurements.of(&engine.id))).collect();
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        // What was read after a removal needs no memory of it.
        let outlived = |at: &Timestamp| listed.as_of.is_some_and(|read| read.duration_since(*at) > OVERLAP);
        gone.retain(|(_, kind, _), at| *kind != T::KIND || !outlived(at));
        let rows = listed.rows.iter().filter(|row| {
            gone.is_empty() || !gone.contains_key(&(row.engine.clone(), T::KIND, row.item.id()))
        });
        let leftovers = rows.map(|row| {
            let measured = measured.get(&row.engine).and_then(|standing| standing.measured.as_ref());
            let last_use = self.last_uses.of(&row.engine, T::KIND, &row.item.id());
            let refusal = refusal(row);
            Leftover { last_use, refusal, ..T::leftover(row, measured.map(|measured| &measured.usage)) }
        });
        let blind = self.engines.iter().any(|engine| engine.mirror.snapshot().is_blind());
        Listing {
            leftovers: leftovers.collect(),
            standing: listed.standing,
            as_of: listed.as_of,
            host: listed.host,
            blind,
        }
    }

    /// Notes that something is removed, so that no list shows it until the engine is read again.
    pub(super) fn note_gone(&self, leftover: &Leftover) {
        let key = (leftover.engine.clone(), leftover.kind, Arc::clone(&leftover.id));
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(key, self.clock.now());
        self.gone_version.fetch_add(1, Ordering::Release);
    }

    /// Grows with [`Leftovers::note_gone`].
    pub(super) fn gone_version(&self) -> u64 {
        self.gone_version.load(Ordering::Acquire)
    }

    /// Whether something was removed since the engine was read.
    pub(super) fn is_gone(&self, leftover: &Leftover) -> bool {
        let key = (leftover.engine.clone(), leftover.kind, Arc::clone(&leftover.id));
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key)
    }

    /// The build cache of all engines, largest first; `None` = not measured yet.
    pub(super) fn cache(&self) -> Option<Vec<CacheEntry>> {
        let mut entries: Option<Vec<CacheEntry>> = None;
        for engine in self.engines.iter() {
            if let Some(measured) = self.measurements.of(&engine.id).measured {
                entries.get_or_insert_default().extend(measured.usage.build_cache.iter().cloned());
            }
        }
        entries
    }

    /// How many leftovers of a kind can be removed, and what that frees; `None` = not known yet.
    pub fn total(&self, kind: Kind) -> Option<Total> {
        if kind == Kind::BuildCache {
            return self.cache().map(|entries| reclaimable(&entries, |_| true));
        }
        self.list_total(kind)
    }

    /// What removing all leftovers frees, of what is known.
    pub fn reclaimable(&self) -> Freed {
        let kinds = [Kind::Image, Kind::Volume, Kind::BuildCache];
        kinds.into_iter().filter_map(|kind| self.total(kind)).map(|total| total.freed).sum()
    }

    /// Waits, shortly, for what is read and measured for the first time after a start.
    pub(super) async fn first_reading(&self, within: Duration) {
        self.resources.first_reading::<Image>().await;
        self.resources.first_reading::<Volume>().await;
        self.resources.first_reading::<Network>().await;
        if self.measuring().measured.is_none() {
            self.measure();
            self.measurements.settled(within).await;
        }
    }

    /// Measures, if that was not done within the last minute, and waits for it at most so long.
    pub async fn measured(&self, within: Duration) {
        self.measure();
        self.measurements.settled(within).await;
    }

    /// What lies in a volume, bytes; `None`: not measured, or not measurable.
    pub fn volume_bytes(&self, engine: &EngineId, name: &str) -> Option<u64> {
        self.measurements.of(engine).measured?.usage.volumes.get(name).copied()
    }

    /// What the removal of an image would free at least, bytes, if one tag at most leads to it; `None`: more do, or it
    /// is not measured. Whether containers use it is for the caller to know.
    pub fn image_alone(&self, engine: &EngineId, id: &str) -> Option<u64> {
        let measured = self.measurements.of(engine).measured?;
        let objects = self.engine(engine)?.objects.snapshot();
        let image = objects.image(id).filter(|image| image.tags.len() <= 1)?;
        let shared = measured.usage.shared.get(&image.id)?;
        image.size_bytes.checked_sub(*shared)
    }

    pub(super) fn engine(&self, id: &EngineId) -> Option<&Arc<Engine>> {
        self.engines.get(id.as_str())
    }
}

/// The entries of the build cache that pruning removes, of those that `fits` takes.
pub(super) fn reclaimable(entries: &[CacheEntry], fits: impl Fn(&CacheEntry) -> bool) -> Total {
    let unused: Vec<&CacheEntry> = entries.iter().filter(|entry| !entry.in_use && fits(entry)).collect();
    // A layer that an image has as well stays where it is.
    let bytes = unused.iter().filter(|entry| !entry.shared).map(|entry| entry.size_bytes).sum();
    Total { count: unused.len(), freed: Freed::exactly(bytes) }
}
