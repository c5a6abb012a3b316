//! How many a cleanup of all would take, and what it would free: counted once, and again only after a change.

use std::sync::{Arc, Mutex, PoisonError};

use super::scan::Entry;
use super::service::{Found, Stale};

/// What a cleanup of all stale containers comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many it would take: not the protected, not what others need, and not those that run.
    pub removable: usize,
    /// How many of them were measured.
    pub measured: usize,
    /// Bytes those have written outside of volumes.
    pub bytes: u64,
}

/// The totals that were counted last, and what they were counted from.
#[derive(Default)]
pub(super) struct LastTotals(Mutex<Option<(Stamp, Totals)>>);

/// What totals are counted from: protections and sizes change without a new look.
struct Stamp {
    found: Arc<Found>,
    protections: u64,
    proxies: u64,
    sizes: u64,
}

impl Stamp {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.found, &other.found)
            && (self.protections, self.proxies, self.sizes) == (other.protections, other.proxies, other.sizes)
    }
}

impl Stale {
    /// What a cleanup of all would come to, as far as it is known.
    pub fn totals(&self) -> Totals {
        // Taken before anything is counted: what changes on the way is counted again by the next.
        let stamp = Stamp {
            found: self.found(),
            protections: self.containers.protection.version(),
            proxies: self.led_version(),
            sizes: self.sizes.version(),
        };
        let mut last = self.totals.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, totals)) if known.is(&stamp) => *totals,
            _ => {
                let totals = self.count(&stamp.found);
                *last = Some((stamp, totals));
                totals
            }
        }
    }

    fn count(&self, found: &Found) -> Totals {
        let mut totals = Totals::default();
        for entry in found.entries.iter().filter(|entry| self.goes(entry)) {
            totals.removable += 1;
            if let Some(bytes) = self.size_of(&entry.container.id) {
                totals.measured += 1;
                totals.bytes += bytes;
            }
        }
        totals
    }

    fn goes(&self, entry: &Entry) -> bool {
        let container = &entry.container;
        !container.is_up()
            && entry.dependents.is_empty()
            && self.containers.protection.of(container).is_none()
            && self.led_to(container).is_empty()
    }

    /// How many that are stale a cleanup of all would take: not the protected, and not those that run.
    pub fn removable(&self) -> usize {
        self.totals().removable
    }

    /// Bytes that are known to be freed when all that may go does, and of how many containers they are known.
    pub fn reclaimable(&self) -> (u64, usize) {
        let totals = self.totals();
        (totals.bytes, totals.measured)
    }
}
