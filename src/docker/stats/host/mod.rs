//! The host itself: cores, load, memory, network ([`read`]), and the file systems that matter ([`disks()`]).

pub mod disks;
mod mounts;

use std::path::Path;

pub use disks::{Disk, data_root_here, disks};

use super::reading::Network;
use super::{file, network};

/// What the host has and uses, read at one moment. What cannot be read is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HostReading {
    /// CPU time of all cores together: counters.
    pub cpu: Option<CpuTime>,
    /// Cores that are online.
    pub cores: Option<u32>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Main memory.
    pub memory: Option<Space>,
    /// Swap; a total of 0 when there is none.
    pub swap: Option<Space>,
    /// Bytes through the physical interfaces: counters. `None` also when the host's network is not visible.
    pub network: Option<Network>,
}

/// CPU time in clock ticks since the start of the host. Only ratios of differences are of use:
/// Δbusy / Δtotal is the part of all cores that was busy. Either may go back a little (proc_stat(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTime {
    /// Neither idle nor waiting for a disk. Time that the hypervisor took away ("steal") counts: it was not free.
    pub busy_ticks: u64,
    /// Busy or not.
    pub total_ticks: u64,
}

/// Some of something is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Space {
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes that there are.
    pub total_bytes: u64,
}

/// Reads the host whose `/proc` this is. The network is read only where the namespace of process 1 there is the
/// host's, which it is not when we run in a container with its own pid namespace.
pub fn read(proc: &Path, network_is_the_hosts: bool, buffer: &mut Vec<u8>) -> HostReading {
    let mut reading = HostReading::default();
    if let Ok(text) = file::read(&proc.join("stat"), buffer) {
        (reading.cpu, reading.cores) = cpu(text);
    }
    if let Ok(text) = file::read(&proc.join("loadavg"), buffer) {
        reading.load = load(text);
    }
    if let Ok(text) = file::read(&proc.join("meminfo"), buffer) {
        (reading.memory, reading.swap) = memory(text);
    }
    if network_is_the_hosts {
        reading.network = ["1/net/dev", "net/dev"]
            .iter()
            .find_map(|name| network::sum(file::read(&proc.join(name), buffer).ok()?, network::is_physical));
    }
    reading
}

/// The first line is `cpu user nice system idle iowait irq softirq steal guest guest_nice`, the next ones `cpu0 …`
/// of each core that is online. Guests' time is part of user and nice already.
fn cpu(text: &[u8]) -> (Option<CpuTime>, Option<u32>) {
    let mut time = None;
    let mut cores = 0;
    for line in file::lines(text).take_while(|line| line.starts_with(b"cpu")) {
        let mut words = file::words(line);
        if words.next() != Some(b"cpu") {
            cores += 1;
            continue;
        }
        let (mut busy, mut total) = (0_u64, 0_u64);
        for (position, ticks) in words.take(8).enumerate() {
            let ticks = file::number(ticks).unwrap_or_default();
            total = total.saturating_add(ticks);
            if position != 3 && position != 4 {
                busy = busy.saturating_add(ticks);
            }
        }
        time = Some(CpuTime { busy_ticks: busy, total_ticks: total });
    }
    (time, Some(cores).filter(|cores| *cores > 0))
}

/// `0.47 0.97 0.69 1/108 17250`.
fn load(text: &[u8]) -> Option<[f64; 3]> {
    let mut averages = file::words(text).map_while(|word| std::str::from_utf8(word).ok()?.parse().ok());
    Some([averages.next()?, averages.next()?, averages.next()?])
}

/// Lines are `MemTotal: 24684084 kB`. Kernels before 3.14 do not say what is available.
fn memory(text: &[u8]) -> (Option<Space>, Option<Space>) {
    let bytes = |key: &[u8]| {
        let line = file::lines(text).find_map(|line| line.strip_prefix(key)?.strip_prefix(b":"))?;
        Some(file::number(line.strip_suffix(b"kB")?)?.saturating_mul(1024))
    };
    let available = || {
        bytes(b"MemAvailable").or_else(|| {
            Some(bytes(b"MemFree")?.saturating_add(bytes(b"Buffers")?).saturating_add(bytes(b"Cached")?))
        })
    };
    let space = |total: Option<u64>, free: Option<u64>| {
        let (total, free) = (total?, free?);
        Some(Space { used_bytes: total.saturating_sub(free), total_bytes: total })
    };
    (space(bytes(b"MemTotal"), available()), space(bytes(b"SwapTotal"), bytes(b"SwapFree")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::docker::stats::network::tests::net_dev;

    const STAT: &str = "cpu  71733 10 11508 56175 2424 5 123 154 900 90\n\
        cpu0 34252 0 4750 31614 386 0 19 65 0 0\ncpu1 37481 10 6758 24560 2038 5 104 89 0 0\n\
        intr 667380 0 0 0\nctxt 12\nbtime 1700000000\n";
    const MEMINFO: &str = "MemTotal:       24684084 kB\nMemFree:        18761984 kB\nMemAvailable:   24132152 kB\n\
        Buffers:           19368 kB\nCached:          5426300 kB\nSwapCached:          100 kB\n\
        SwapTotal:       2097148 kB\nSwapFree:        2000000 kB\n";

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn waiting_for_a_disk_is_not_work_and_guests_count_once() {
        let dir = host(&[("stat", STAT)]);
        let reading = read(dir.path(), false, &mut Vec::new());
        let busy = 71_733 + 10 + 11_508 + 5 + 123 + 154;
        assert_eq!(reading.cpu, Some(CpuTime { busy_ticks: busy, total_ticks: busy + 56_175 + 2_424 }));
        assert_eq!(reading.cores, Some(2));
    }

    #[test]
    fn memory_that_can_be_had_is_not_in_use() {
        let dir = host(&[("meminfo", MEMINFO), ("loadavg", "0.47 0.97 12.69 1/108 17250\n")]);
        let reading = read(dir.path(), false, &mut Vec::new());
        let kib = |used: u64, total: u64| Some(Space { used_bytes: used * 1024, total_bytes: total * 1024 });
        assert_eq!(reading.memory, kib(24_684_084 - 24_132_152, 24_684_084));
        assert_eq!(reading.swap, kib(97_148, 2_097_148));
        assert_eq!(reading.load, Some([0.47, 0.97, 12.69]));

        let old = MEMINFO.replace("MemAvailable:   24132152 kB\n", "");
        let dir = host(&[("meminfo", &old)]);
        let reading = read(dir.path(), false, &mut Vec::new());
        assert_eq!(reading.memory, kib(24_684_084 - 18_761_984 - 19_368 - 5_426_300, 24_684_084));
    }

    #[test]
    fn the_network_is_that_of_the_first_process_and_only_where_it_is_the_hosts() {
        let host_network = net_dev(&[("lo", 5, 5), ("eth0", 100, 10), ("wlan0", 1, 2), ("docker0", 7, 7)]);
        let (ours, buffer) = (net_dev(&[("eth0", 3, 4)]), &mut Vec::new());
        let dir = host(&[("1/net/dev", &host_network), ("net/dev", &ours)]);
        let expected = Some(Network { rx_bytes: 101, tx_bytes: 12 });
        assert_eq!(read(dir.path(), true, buffer).network, expected);
        assert_eq!(read(dir.path(), false, buffer).network, None);

        let dir = host(&[("net/dev", &ours)]);
        assert_eq!(read(dir.path(), true, buffer).network, Some(Network { rx_bytes: 3, tx_bytes: 4 }));
    }

    #[test]
    fn what_cannot_be_read_is_none_not_0() {
        let dir = host(&[("stat", ""), ("loadavg", "0.47"), ("meminfo", "MemTotal: much\n")]);
        assert_eq!(read(dir.path(), true, &mut Vec::new()), HostReading::default());
    }
}
