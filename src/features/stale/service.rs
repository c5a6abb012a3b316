//! What is stale now, and what is known of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::watch;

use super::scan::Entry;
use crate::docker::Engines;
use crate::features::containers::Containers;
use crate::features::settings::SettingsService;
use crate::platform::clock::SharedClock;
use crate::platform::db::Db;
use crate::platform::journal::Journal;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::vault::Vault;
use crate::web::jobs::Jobs;

/// How many sizes are remembered.
const SIZES: usize = 5_000;
/// How many sizes Docker is asked for at once, and how long all of them may take.
const MEASURED_AT_ONCE: usize = 4;
const MEASURED_WITHIN: Duration = Duration::from_secs(25);

/// Stale containers of all engines, and their removal.
pub struct Stale {
    pub(super) engines: Engines,
    pub(super) containers: Arc<Containers>,
    pub(super) settings: Arc<SettingsService>,
    pub(super) db: Db,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: SharedClock,
    pub(super) journal: Journal,
    pub(super) lifecycle: Lifecycle,
    pub(super) jobs: Jobs,
    pub(super) restoring: tokio::sync::Mutex<()>,
    found: ArcSwap<Found>,
    sizes: Mutex<HashMap<Arc<str>, u64>>,
    /// How many removals can be undone; negative: not known yet.
    restorable: AtomicI64,
    measuring: tokio::sync::Mutex<()>,
    clock_doubtful: AtomicBool,
    changed: watch::Sender<u64>,
}

/// What [`Stale`] is made from.
pub struct Parts {
    /// The engines.
    pub engines: Engines,
    /// Their containers.
    pub containers: Arc<Containers>,
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
        let Parts { engines, containers, settings, db, vault, clock, lifecycle, jobs } = parts;
        Self {
            journal: Journal::new(db.clone(), clock.clone()),
            engines,
            containers,
            settings,
            db,
            vault,
            clock,
            lifecycle,
            jobs,
            restoring: tokio::sync::Mutex::default(),
            found: ArcSwap::default(),
            sizes: Mutex::default(),
            restorable: AtomicI64::new(-1),
            measuring: tokio::sync::Mutex::default(),
            clock_doubtful: AtomicBool::default(),
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
        let ids: HashSet<Arc<str>> = found.by_id.keys().cloned().collect();
        let before = self.found.swap(Arc::new(found));
        let now = self.found.load();
        let looks_alike = |a: &Entry, b: &Entry| {
            Arc::ptr_eq(&a.container, &b.container)
                && a.verdict == b.verdict
                && a.dependents == b.dependents
                && a.siblings == b.siblings
        };
        let is_same = before.at.is_some()
            && before.entries.len() == now.entries.len()
            && before.entries.iter().zip(&now.entries).all(|(a, b)| looks_alike(a, b));
        if !is_same {
            self.containers.set_stale(ids);
            self.tell();
        }
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

    /// What a container wrote outside of volumes, bytes, if it was measured.
    pub fn size_of(&self, id: &str) -> Option<u64> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Measures what these entries have written: Docker walks through their files. What takes too long stays
    /// unknown. Answers with how many are known.
    pub async fn measure(&self, entries: &[Arc<Entry>]) -> usize {
        // One after the other, whoever asks: Docker walks through files for it.
        let Ok(_turn) = tokio::time::timeout(MEASURED_WITHIN, self.measuring.lock()).await else { return 0 };
        let unknown: Vec<Arc<Entry>> =
            entries.iter().filter(|entry| self.size_of(&entry.container.id).is_none()).cloned().collect();
        let asked = futures_util::stream::iter(unknown)
            .map(|entry| async move {
                let engine = self.engines.get(entry.container.engine.as_str())?;
                let (own, _) = engine.client.size(&entry.container.id).await.ok()?;
                self.note_size(&entry.container.id, own);
                Some(())
            })
            .buffer_unordered(MEASURED_AT_ONCE)
            .for_each(|_| async {});
        // What came until then counts.
        let _in_time = tokio::time::timeout(MEASURED_WITHIN, asked).await;
        self.tell();
        entries.iter().filter(|entry| self.size_of(&entry.container.id).is_some()).count()
    }

    pub(super) fn note_size(&self, id: &Arc<str>, bytes: u64) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        if sizes.len() >= SIZES {
            sizes.clear();
        }
        sizes.insert(id.clone(), bytes);
    }

    /// How many that are stale a cleanup of all would take: not the protected, and not those that run.
    pub fn removable(&self) -> usize {
        self.found().entries.iter().filter(|entry| self.goes(entry)).count()
    }

    fn goes(&self, entry: &Entry) -> bool {
        let container = &entry.container;
        !container.is_up()
            && entry.dependents.is_empty()
            && self.containers.protection.of(container).is_none()
    }

    /// Bytes that are known to be freed when all that may go does, and of how many containers they are known.
    pub fn reclaimable(&self) -> (u64, usize) {
        let found = self.found();
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = found.entries.iter().filter(|entry| self.goes(entry));
        let known = goes.filter_map(|entry| sizes.get(&entry.container.id));
        known.fold((0, 0), |(sum, n), size| (sum + size, n + 1))
    }
}
