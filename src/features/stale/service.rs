//! What is stale now, and what is known of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;

use super::led::LedTo;
use super::scan::Entry;
use super::sizes::Sizes;
use super::totals::LastTotals;
use crate::docker::Engines;
use crate::features::containers::Containers;
use crate::features::leftovers::Leftovers;
use crate::features::settings::SettingsService;
use crate::platform::clock::SharedClock;
use crate::platform::db::Db;
use crate::platform::journal::Journal;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::vault::Vault;
use crate::web::jobs::Jobs;

/// Stale containers of all engines, and their removal.
pub struct Stale {
    pub(super) engines: Engines,
    pub(super) containers: Arc<Containers>,
    pub(super) leftovers: Arc<Leftovers>,
    pub(super) settings: Arc<SettingsService>,
    pub(super) db: Db,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: SharedClock,
    pub(super) journal: Journal,
    pub(super) lifecycle: Lifecycle,
    pub(super) jobs: Jobs,
    pub(super) restoring: tokio::sync::Mutex<()>,
    pub(super) sizes: Sizes,
    pub(super) totals: LastTotals,
    found: ArcSwap<Found>,
    /// How many removals can be undone; negative: not known yet.
    restorable: AtomicI64,
    clock_doubtful: AtomicBool,
    pub(super) led: OnceLock<LedTo>,
    /// Rung when nobody knows what became of a removal.
    pub(super) unsettled: tokio::sync::Notify,
    changed: watch::Sender<u64>,
}

/// What [`Stale`] is made from.
pub struct Parts {
    /// The engines.
    pub engines: Engines,
    /// Their containers.
    pub containers: Arc<Containers>,
    /// What images and volumes take.
    pub leftovers: Arc<Leftovers>,
    /// Thresholds.
    pub settings: Arc<SettingsService>,
    /// Keeps what was removed.
    pub db: Db,
    /// Seals it.
    pub vault: Arc<Vault>,
    /// Tells the time.
    pub clock: SharedClock,
    /// Runs cleanups.
    pub lifecycle: Lifecycle,
    /// Shows them.
    pub jobs: Jobs,
}

/// What the last look has found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of names.
    pub entries: Vec<Arc<Entry>>,
    by_id: HashMap<Arc<str>, usize>,
    /// When it was looked; `None`: not yet.
    pub at: Option<Timestamp>,
}

impl Found {
    /// What was found.
    pub(super) fn new(entries: Vec<Arc<Entry>>, at: Timestamp) -> Self {
        let by_id = entries.iter().enumerate().map(|(at, entry)| (entry.container.id.clone(), at)).collect();
        Self { entries, by_id, at: Some(at) }
    }

    /// The entry of a container, by its full id.
    pub fn get(&self, id: &str) -> Option<&Arc<Entry>> {
        self.entries.get(*self.by_id.get(id)?)
    }
}

impl Stale {
    /// Nothing is known yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { engines, containers, leftovers, settings, db, vault, clock, lifecycle, jobs } = parts;
        Self {
            journal: Journal::new(db.clone(), clock.clone()),
            engines,
            containers,
            leftovers,
            settings,
            db,
            vault,
            clock,
            lifecycle,
            jobs,
            restoring: tokio::sync::Mutex::default(),
            sizes: Sizes::default(),
            totals: LastTotals::default(),
            found: ArcSwap::default(),
            restorable: AtomicI64::new(-1),
            clock_doubtful: AtomicBool::default(),
            led: OnceLock::new(),
            unsettled: tokio::sync::Notify::new(),
            changed: watch::channel(0).0,
        }
    }

    /// What is stale.
    pub fn found(&self) -> Arc<Found> {
        self.found.load_full()
    }

    /// Wakes when something else is stale, or a size is known.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes in what was found.
    pub(super) fn set_found(&self, found: Found) {
        let before = self.found();
        let is_same = before.at.is_some()
            && before.entries.len() == found.entries.len()
            && before.entries.iter().zip(&found.entries).all(|(a, b)| Arc::ptr_eq(a, b));
        let took = found.at.map(|at| self.clock.now().duration_since(at).as_millis()).unwrap_or_default();
        tracing::debug!(stale = found.entries.len(), is_same, ms = took, "looked for stale containers");
        if is_same {
            self.found.store(Arc::new(found));
            return;
        }
        let ids: HashSet<Arc<str>> = found.by_id.keys().cloned().collect();
        self.sizes.keep_only(|id| ids.contains(id));
        self.found.store(Arc::new(found));
        self.containers.set_stale(ids);
        self.tell();
    }

    /// What was removed is not stale until the next look, but gone.
    pub(super) fn forget(&self, ids: &HashSet<&str>) {
        let found = self.found();
        let Some(at) = found.at.filter(|_| !ids.is_empty()) else { return };
        let left = found.entries.iter().filter(|entry| !ids.contains(entry.container.id.as_ref()));
        self.set_found(Found::new(left.cloned().collect(), at));
    }

    /// Whether the clock was set ahead lately: then nothing happens by itself.
    pub fn is_clock_doubtful(&self) -> bool {
        self.clock_doubtful.load(Ordering::Relaxed)
    }

    pub(super) fn set_clock_doubtful(&self, doubtful: bool) {
        self.clock_doubtful.store(doubtful, Ordering::Relaxed);
    }

    pub(super) fn tell(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// How many removals can be undone, as it was counted last.
    pub fn restorable_now(&self) -> Option<usize> {
        usize::try_from(self.restorable.load(Ordering::Relaxed)).ok()
    }

    pub(super) fn set_restorable(&self, count: i64) {
        self.restorable.store(count, Ordering::Relaxed);
    }
}
