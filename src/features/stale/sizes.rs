//! What stale containers take, asked on demand: their writable layers, their anonymous volumes, and the image where
//! nothing else uses it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;

use super::scan::Entry;
use super::service::Stale;

/// How many sizes are remembered.
const MOST: usize = 50_000;
/// How many sizes Docker is asked for at once, and how long all of them may take.
const AT_ONCE: usize = 4;
const WITHIN: Duration = Duration::from_secs(25);

/// Writable layers that were measured, bytes by full id.
#[derive(Default)]
pub(super) struct Sizes {
    known: Mutex<HashMap<Arc<str>, u64>>,
    version: AtomicU64,
    measuring: tokio::sync::Mutex<()>,
}

/// What a stale container takes, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// What it wrote outside of volumes: a cleanup frees it. `None`: not measured.
    pub layer: Option<u64>,
    /// Its anonymous volumes that no other container has: they go when that is ticked. `None`: not measured.
    pub volumes: Option<u64>,
    /// Its image, where nothing else uses it, without the layers of other images: a cleanup keeps it. `None`: not
    /// measured, or used by others.
    pub image: Option<u64>,
}

impl Sizes {
    /// Grows when another size is known.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn of(&self, id: &str) -> Option<u64> {
        self.lock().get(id).copied()
    }

    fn note(&self, id: &Arc<str>, bytes: u64) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id.clone(), bytes);
        drop(known);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Forgets what is not stale any more: it may go on writing.
    pub(super) fn keep_only(&self, is_stale: impl Fn(&str) -> bool) {
        self.lock().retain(|id, _| is_stale(id));
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stale {
    /// What a container wrote outside of volumes, bytes, if it was measured.
    pub fn size_of(&self, id: &str) -> Option<u64> {
        self.sizes.of(id)
    }

    /// What a stale container takes, as far as it was measured.
    pub fn footprint(&self, entry: &Entry) -> Footprint {
        let container = &entry.container;
        let bytes = |name: &String| self.leftovers.volume_bytes(&container.engine, name);
        let image =
            entry.sole_image.then(|| self.leftovers.image_alone(&container.engine, &container.image_id));
        Footprint {
            layer: self.size_of(&container.id),
            volumes: entry.own_volumes.iter().map(bytes).sum(),
            image: image.flatten(),
        }
    }

    /// Measures what these entries take: Docker walks through their files. What takes too long stays unknown.
    /// Answers with how many layers are known.
    pub async fn measure(&self, entries: &[Arc<Entry>]) -> usize {
        // One after the other, whoever asks: Docker walks through files for it.
        let Ok(_turn) = tokio::time::timeout(WITHIN, self.sizes.measuring.lock()).await else { return 0 };
        let unknown: Vec<Arc<Entry>> =
            entries.iter().filter(|entry| self.size_of(&entry.container.id).is_none()).cloned().collect();
        let layers = futures_util::stream::iter(unknown)
            .map(|entry| async move {
                let engine = self.engines.get(entry.container.engine.as_str())?;
                let (own, _) = engine.client.size(&entry.container.id).await.ok()?;
                self.sizes.note(&entry.container.id, own);
                Some(())
            })
            .buffer_unordered(AT_ONCE)
            .for_each(|_| async {});
        // What came until then counts.
        let layers = tokio::time::timeout(WITHIN, layers);
        let (_in_time, ()) = tokio::join!(layers, self.measure_rest(entries));
        self.tell();
        entries.iter().filter(|entry| self.size_of(&entry.container.id).is_some()).count()
    }

    /// Volumes and images are measured by one call for all of them, which the other tabs have use for as well.
    async fn measure_rest(&self, entries: &[Arc<Entry>]) {
        if entries.iter().any(|entry| entry.sole_image || !entry.own_volumes.is_empty()) {
            self.leftovers.measured(WITHIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_forgotten_with_its_container_and_each_change_counts_anew() {
        let sizes = Sizes::default();
        let (web, db): (Arc<str>, Arc<str>) = (Arc::from("web"), Arc::from("db"));
        sizes.note(&web, 5);
        let before = sizes.version();
        sizes.note(&db, 7);
        assert!(sizes.version() > before);
        sizes.keep_only(|id| id == "db");
        assert_eq!((sizes.of("web"), sizes.of("db")), (None, Some(7)));
    }
}
