//! What Docker Watcher itself costs, and what it makes the engine cost: by minutes, over the last hour.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many minutes are kept.
const MINUTES: usize = 60;

/// One minute.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// When it ended, ms.
    pub at: i64,
    /// CPU of this process, percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident memory of this process, bytes.
    pub resident_bytes: Option<u64>,
    /// How often the database was written to.
    pub commits: Option<u64>,
    /// What this process wrote to disks, bytes.
    pub written_bytes: Option<u64>,
    /// CPU of dockerd, percent of one core.
    pub dockerd_percent: Option<f64>,
    /// CPU of containerd, percent of one core.
    pub containerd_percent: Option<f64>,
}

/// The last hour.
#[derive(Debug, Default)]
pub struct Costs(Mutex<VecDeque<Cost>>);

impl Costs {
    /// Adds a minute.
    pub(super) fn add(&self, cost: Cost) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.len() >= MINUTES {
            minutes.pop_front();
        }
        minutes.push_back(cost);
    }

    /// Every minute that is known, oldest first.
    pub fn minutes(&self) -> Vec<Cost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}
