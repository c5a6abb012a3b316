//! The host's part of a round.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::docker::Snapshot;
use crate::docker::stats::Board;
use crate::docker::stats::board::{HostNow, HostPoint};
use crate::docker::stats::cgroup::Roots;
use crate::docker::stats::host::{self, CpuTime, Disk, HostReading};
use crate::docker::stats::reading::Network;
use crate::docker::stats::sample::to_f64;

/// Disks fill slowly.
const DISKS_EVERY: Duration = Duration::from_secs(60);
/// A network file system that hangs must not hold up the rest.
const DISKS_WITHIN: Duration = Duration::from_secs(2);
/// How many directories are looked at for the disk they lie on.
const MOST_PATHS: usize = 1_000;

/// What the host's part of the next round needs from the one before.
#[derive(Default)]
pub(super) struct HostMeter {
    cpu: Option<CpuTime>,
    network: Option<(Network, Instant)>,
    /// How many there were, to two.
    readings: u8,
    disks: Vec<Disk>,
    disks_at: Option<Instant>,
    /// Still waiting for a disk.
    looking: Option<JoinHandle<Vec<Disk>>>,
    buffer: Vec<u8>,
}

/// Where we stand.
pub(super) struct Place<'a> {
    /// Whether the engine runs on this machine.
    pub here: bool,
    /// Whether we see the host's processes, and with them its network.
    pub sees_processes: bool,
    /// Whether we run in a container.
    pub in_container: bool,
    /// Where the host's `/proc` is.
    pub roots: Option<&'a Roots>,
}

impl HostMeter {
    /// Whether there is one reading, and another one would tell rates.
    pub(super) fn is_young(&self) -> bool {
        self.readings == 1
    }

    /// Measures the host and puts it on the board.
    pub(super) async fn measure(
        &mut self,
        board: &Board,
        snapshot: &Snapshot,
        place: Place<'_>,
        now: Timestamp,
    ) {
        if !place.here {
            let unknown = "Docker runs on another machine.".to_owned();
            board.record_host(HostNow { unknown, ..HostNow::default() });
            return;
        }
        let proc = place.roots.map_or(Path::new("/proc"), |roots| roots.proc.as_path());
        let hosts_network = !place.in_container || place.sees_processes;
        let reading = host::read(proc, hosts_network, &mut self.buffer);
        self.look_at_disks(proc, snapshot, place.in_container).await;
        board.record_host(self.now(reading, now));
    }

    fn now(&mut self, reading: HostReading, now: Timestamp) -> HostNow {
        self.readings = (self.readings + 1).min(2);
        let cores = reading.cores.unwrap_or_default();
        let cpu_percent = reading.cpu.zip(self.cpu).and_then(|(new, old)| {
            let total = new.total_ticks.checked_sub(old.total_ticks).filter(|ticks| *ticks > 0)?;
            let busy = new.busy_ticks.checked_sub(old.busy_ticks)?.min(total);
            Some(to_f64(busy) / to_f64(total) * 100.0 * f64::from(cores))
        });
        self.cpu = reading.cpu;
        let read_at = Instant::now();
        let network = reading.network.zip(self.network).and_then(|(new, (old, at))| {
            let seconds = read_at.duration_since(at).as_secs_f64();
            let rate = |new: u64, old: u64| Some(to_f64(new.checked_sub(old)?) / seconds);
            Some((rate(new.rx_bytes, old.rx_bytes)?, rate(new.tx_bytes, old.tx_bytes)?))
        });
        self.network = reading.network.map(|network| (network, read_at));
        let point = HostPoint {
            at: now.as_millisecond(),
            cpu_percent,
            load: reading.load.map(|[minute, ..]| minute),
            memory_bytes: reading.memory.map(|memory| memory.used_bytes),
            swap_bytes: reading.swap.map(|swap| swap.used_bytes),
            network: network.filter(|(rx, tx)| rx.is_finite() && tx.is_finite()),
        };
        let ticks_a_second = rustix::param::clock_ticks_per_second().max(1);
        HostNow {
            point: Some(point),
            cores,
            load: reading.load,
            memory_total: reading.memory.map(|memory| memory.total_bytes),
            swap_total: reading.swap.map(|swap| swap.total_bytes),
            cpu_seconds: reading.cpu.map(|cpu| to_f64(cpu.busy_ticks) / to_f64(ticks_a_second)),
            network_total: reading.network.map(|network| (network.rx_bytes, network.tx_bytes)),
            disks: self.disks.clone(),
            unknown: String::new(),
        }
    }

    async fn look_at_disks(&mut self, proc: &Path, snapshot: &Snapshot, in_container: bool) {
        if self.disks_at.is_some_and(|at| at.elapsed() < DISKS_EVERY) || !snapshot.is_up() {
            return;
        }
        self.disks_at = Some(Instant::now());
        let data_root = PathBuf::from(&snapshot.info.data_root);
        if self.looking.is_none() {
            let (proc, paths) = (proc.to_owned(), paths(snapshot, in_container));
            let root = data_root.clone();
            self.looking = Some(tokio::task::spawn_blocking(move || {
                let here = host::data_root_here(&root, in_container);
                let mut all: Vec<&Path> = here.iter().map(PathBuf::as_path).collect();
                all.extend(paths.iter().map(PathBuf::as_path));
                let mut disks = host::disks(&proc, &all);
                if in_container
                    && !root.as_os_str().is_empty()
                    && let Some(disk) = disks.first_mut()
                {
                    // What is mounted where inside of our container tells nobody anything.
                    disk.mount = root.to_string_lossy().into_owned();
                }
                disks
            }));
        }
        let Some(looking) = &mut self.looking else { return };
        if let Ok(done) = tokio::time::timeout(DISKS_WITHIN, looking).await {
            self.looking = None;
            self.disks = done.unwrap_or_default();
        } else {
            tracing::warn!("a disk that Docker uses does not answer");
        }
    }
}

/// Directories of the host that containers use.
fn paths(snapshot: &Snapshot, in_container: bool) -> Vec<PathBuf> {
    if in_container {
        return Vec::new();
    }
    let mounts = snapshot.containers().iter().flat_map(|container| &container.mounts);
    let sources: BTreeSet<&str> =
        mounts.filter(|mount| mount.kind == "bind").map(|mount| mount.source.as_str()).collect();
    sources.into_iter().take(MOST_PATHS).map(PathBuf::from).collect()
}
