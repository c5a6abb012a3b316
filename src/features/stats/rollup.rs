//! Averages and maxima over a stretch of time.

use crate::docker::stats::Point;
use crate::docker::stats::board::HostPoint;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Percent of one core.
    Cpu,
    /// Bytes in use.
    Memory,
    /// Bytes a second received.
    Rx,
    /// Bytes a second sent.
    Tx,
    /// Bytes a second read from disks.
    Read,
    /// Bytes a second written to disks.
    Written,
    /// Processes and threads.
    Pids,
    /// Load over a minute; of a host.
    Load,
    /// Bytes of swap in use; of a host.
    Swap,
}

/// How many metrics there are.
const METRICS: usize = 9;

impl Metric {
    /// Every metric, in the order of their columns.
    pub const ALL: [Self; METRICS] = [
        Self::Cpu,
        Self::Memory,
        Self::Rx,
        Self::Tx,
        Self::Read,
        Self::Written,
        Self::Pids,
        Self::Load,
        Self::Swap,
    ];

    /// Its column; that of its maximum ends in `_max`.
    pub fn column(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Rx => "rx",
            Self::Tx => "tx",
            Self::Read => "read",
            Self::Written => "written",
            Self::Pids => "pids",
            Self::Load => "load",
            Self::Swap => "swap",
        }
    }

    /// What its values are multiplied by in the database.
    pub fn factor(self) -> f64 {
        match self {
            Self::Cpu | Self::Load => 100.0,
            _ => 1.0,
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|metric| *metric == self).unwrap_or_default()
    }
}

/// An average and a maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// The average.
    pub avg: f64,
    /// The maximum.
    pub max: f64,
}

/// What something used over a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rollup {
    /// When it begins, ms.
    pub at: i64,
    /// How many measurements it is the average of.
    pub samples: u32,
    /// Bytes it might use.
    pub memory_limit: Option<u64>,
    values: [Option<Stat>; METRICS],
}

impl Rollup {
    /// Nothing, from a time on.
    pub fn empty(at: i64) -> Self {
        Self { at, ..Self::default() }
    }

    /// One value, where it is known.
    pub fn get(&self, metric: Metric) -> Option<Stat> {
        self.values.get(metric.index()).copied().flatten()
    }

    /// Sets a value.
    pub fn set(&mut self, metric: Metric, stat: Option<Stat>) {
        if let Some(value) = self.values.get_mut(metric.index()) {
            *value = stat;
        }
    }

    /// Takes another one in; each counts as often as it was measured.
    pub fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (f64::from(self.samples), f64::from(other.samples));
        for (value, new) in self.values.iter_mut().zip(&other.values) {
            *value = match (*value, *new) {
                (Some(a), Some(b)) => Some(Stat {
                    avg: (a.avg * mine + b.avg * theirs) / (mine + theirs).max(1.0),
                    max: a.max.max(b.max),
                }),
                (a, b) => a.or(b),
            };
        }
        self.samples = self.samples.saturating_add(other.samples);
        self.memory_limit = other.memory_limit.or(self.memory_limit);
    }

    /// A single measurement of a container.
    pub fn of_point(point: &Point) -> Self {
        let mut rollup = Self { at: point.at_ms(), samples: 1, ..Self::default() };
        #[expect(clippy::cast_precision_loss, reason = "bytes below 2^53")]
        let whole = |n: Option<u64>| n.map(|n| n as f64);
        for (metric, value) in [
            (Metric::Cpu, point.cpu_percent()),
            (Metric::Memory, whole(point.memory_bytes())),
            (Metric::Rx, point.rx()),
            (Metric::Tx, point.tx()),
            (Metric::Read, point.read()),
            (Metric::Written, point.written()),
            (Metric::Pids, whole(point.pids())),
        ] {
            rollup.set(metric, value.map(|value| Stat { avg: value, max: value }));
        }
        rollup
    }

    /// With the memory that might be used, bytes.
    #[must_use]
    pub fn limited(mut self, memory_limit: Option<u64>) -> Self {
        self.memory_limit = memory_limit;
        self
    }

    /// A single measurement of a host.
    pub fn of_host(point: &HostPoint, memory_total: Option<u64>) -> Self {
        let mut rollup = Self { at: point.at, samples: 1, memory_limit: memory_total, ..Self::default() };
        #[expect(clippy::cast_precision_loss, reason = "bytes below 2^53")]
        let whole = |n: Option<u64>| n.map(|n| n as f64);
        for (metric, value) in [
            (Metric::Cpu, point.cpu_percent),
            (Metric::Memory, whole(point.memory_bytes)),
            (Metric::Rx, point.network.map(|(rx, _)| rx)),
            (Metric::Tx, point.network.map(|(_, tx)| tx)),
            (Metric::Load, point.load),
            (Metric::Swap, whole(point.swap_bytes)),
        ] {
            rollup.set(metric, value.map(|value| Stat { avg: value, max: value }));
        }
        rollup
    }
}

/// Merges what lies in the same step of `step` ms, in the order of time.
pub fn by_step(rollups: impl IntoIterator<Item = Rollup>, step: i64) -> Vec<Rollup> {
    let mut merged: Vec<Rollup> = Vec::new();
    for rollup in rollups {
        let at = rollup.at.div_euclid(step) * step;
        match merged.last_mut() {
            Some(last) if last.at == at => last.merge(&rollup),
            _ => merged.push(Rollup { at, ..rollup }),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(at: i64, samples: u32, avg: f64, max: f64) -> Rollup {
        let mut rollup = Rollup { at, samples, ..Rollup::default() };
        rollup.set(Metric::Cpu, Some(Stat { avg, max }));
        rollup
    }

    #[test]
    fn averages_count_by_their_samples_and_maxima_stay() {
        let merged =
            by_step([cpu(0, 1, 100.0, 100.0), cpu(500, 3, 20.0, 30.0), cpu(1_000, 1, 7.0, 7.0)], 1_000);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].get(Metric::Cpu), Some(Stat { avg: 40.0, max: 100.0 }));
        assert_eq!((merged[0].samples, merged[1].at), (4, 1_000));
    }

    #[test]
    fn what_was_never_known_stays_unknown() {
        let mut rollup = cpu(0, 1, 1.0, 1.0);
        rollup.merge(&cpu(1, 1, 3.0, 3.0));
        assert_eq!(rollup.get(Metric::Memory), None);
    }
}
